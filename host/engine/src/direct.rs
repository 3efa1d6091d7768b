use crate::adapter::step_scope;
use crate::hosts::peers::{self, PeerCounts, to_error};
use crate::scope::{RunScope, Scope};
use async_trait::async_trait;
use seaworthy_cache::{Backend, Blob, CacheError, Capability, Entry, Operation};
use seaworthy_model::Tier;
use seaworthy_p2p::CacheClient;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::RwLock;

/// The label of the secret that a tier without one uses, as the p2p adapter has it.
const DEFAULT_SECRET: &str = "p2p";

/// The peers of a tier without the adapter in between: what is left when this is
/// compared with the tier itself is the cost of the component.
///
/// *Behaviour*: the tier's own addresses, secret and grants; operations run at once
/// instead of one after the other. Values without a life keep none.
pub(crate) struct Direct {
    scope: Scope,
    tier: Tier,
    client: RwLock<Option<Arc<CacheClient>>>,
}

impl Direct {
    pub(crate) fn new(run: &Arc<RunScope>, tier: &Tier) -> Self {
        let scope = Scope { run: run.clone(), step: Arc::new(step_scope(&run.plan, tier)) };
        Self { scope, tier: tier.clone(), client: RwLock::new(None) }
    }

    pub(crate) async fn peers(&self) -> Result<Option<PeerCounts>, CacheError> {
        match self.client.read().await.clone() {
            Some(client) => peers::counts(&client, &self.scope).await.map(Some),
            None => Ok(None),
        }
    }

    async fn client(&self, operation: &str) -> Result<Arc<CacheClient>, CacheError> {
        let client = self.client.read().await.clone();
        client.ok_or_else(|| CacheError::configuration(operation, format!("tier `{}` is not open", self.tier.label)))
    }
}

#[async_trait]
impl Backend for Direct {
    async fn open(&self) -> Result<Capability, CacheError> {
        let Some(addresses) = self.tier.config.get("addresses").and_then(Value::as_array) else {
            let message = format!("tier `{}` has no peers to be reached directly", self.tier.label);
            return Err(CacheError::unsupported("open", message));
        };
        let addresses: Vec<String> = addresses
            .iter()
            .filter_map(Value::as_str)
            .map(str::trim)
            .filter(|a| !a.is_empty())
            .map(Into::into)
            .collect();
        let secret = self.tier.config.get("secret").and_then(Value::as_str).unwrap_or(DEFAULT_SECRET);
        let client = peers::open(&self.scope, &addresses, secret).await?;
        let mut capability = Capability::of([Operation::Get, Operation::Put, Operation::Stat, Operation::Invalidate]);
        capability.limits.insert("usable-peers".into(), client.usable().to_string());
        *self.client.write().await = Some(Arc::new(client));
        Ok(capability)
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        let found = self.client("get").await?.get(key, &self.scope).await.map_err(to_error)?;
        Ok(found.map(|blob| Blob {
            bytes: blob.bytes,
            created_ms: blob.created_ms,
            ttl_ms: blob.ttl_ms,
            metadata: blob.metadata,
        }))
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        let blob = seaworthy_p2p::Blob {
            bytes: value.bytes,
            created_ms: value.created_ms,
            ttl_ms: value.ttl_ms,
            metadata: value.metadata,
        };
        self.client("put").await?.put(key, &blob, &self.scope).await.map_err(to_error)
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        let found = self.client("stat").await?.has(key, &self.scope).await.map_err(to_error)?;
        Ok(found.map(|summary| Entry {
            key: key.to_owned(),
            size: Some(summary.size),
            details: BTreeMap::from([("created-ms".to_owned(), summary.created_ms.to_string())]),
        }))
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.client("invalidate").await?.invalidate(key, &self.scope).await.map_err(to_error)
    }

    async fn list(&self, _prefix: &str, _limit: u32) -> Result<Vec<Entry>, CacheError> {
        Err(CacheError::unsupported("list", "the cache protocol cannot enumerate keys"))
    }
}

use crate::adapter::from_error;
use crate::bindings::adapter::seaworthy::cache::peers;
use crate::bindings::wit_cache::types::{Blob, CacheError as WitError, Entry};
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use seaworthy_cache::{CacheError, Retry};
use seaworthy_model::Failure;
use seaworthy_p2p::{CacheClient, CacheFailure, PeerStats};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Time for one operation over all peers.
const OPERATION: Duration = Duration::from_secs(4);

type Answer<T> = wasmtime::Result<Result<T, WitError>>;

/// The peers that an adapter opened, and how.
pub(crate) struct OpenPeers {
    addresses: Vec<String>,
    secret: String,
    pub(crate) client: CacheClient,
}

/// What the peers of a tier say of themselves.
#[derive(Clone, Debug)]
pub struct PeerCounts {
    /// The counters of those that answered, by address.
    pub counts: BTreeMap<String, PeerStats>,
    /// Those that could not be used when the tier was opened, and why.
    pub unusable: BTreeMap<String, Failure>,
}

/// Asks every peer of `client` for its counters.
///
/// # Errors
/// No peer answered.
pub(crate) async fn counts(client: &CacheClient, scope: &Scope) -> Result<PeerCounts, CacheError> {
    let counts = client.stats(scope).await.map_err(to_error)?;
    Ok(PeerCounts { counts, unusable: client.unusable().iter().cloned().collect() })
}

impl peers::Host for State {
    async fn open(&mut self, addresses: Vec<String>, secret: String) -> Answer<u32> {
        through!(self, "cache/peers.open", [addresses, secret], {
            let scope = self.scope.clone();
            let same = |known: &&Arc<OpenPeers>| known.addresses == addresses && known.secret == secret;
            if let Some(known) = self.peers.as_ref().filter(same) {
                return Ok(Ok(usable(&known.client)));
            }
            Ok(match open(&scope, &addresses, &secret).await {
                Ok(client) => {
                    let usable = usable(&client);
                    self.peers = Some(Arc::new(OpenPeers { addresses, secret, client }));
                    Ok(usable)
                }
                Err(error) => Err(from_error(error)),
            })
        })
    }

    async fn get(&mut self, key: String) -> Answer<Option<Blob>> {
        through!(self, "cache/peers.get", [key], {
            let scope = self.scope.clone();
            Ok(match self.client("get") {
                Ok(client) => client.get(&key, &scope).await.map(|blob| blob.map(to_wit)).map_err(failed),
                Err(error) => Err(error),
            })
        })
    }

    async fn put(&mut self, key: String, value: Blob) -> Answer<()> {
        through!(self, "cache/peers.put", [key, value], {
            let scope = self.scope.clone();
            Ok(match self.client("put") {
                Ok(client) => client.put(&key, &from_wit(value), &scope).await.map_err(failed),
                Err(error) => Err(error),
            })
        })
    }

    async fn has(&mut self, key: String) -> Answer<Option<Entry>> {
        through!(self, "cache/peers.has", [key], {
            let scope = self.scope.clone();
            Ok(match self.client("stat") {
                Ok(client) => client.has(&key, &scope).await.map_err(failed).map(|summary| {
                    summary.map(|summary| Entry {
                        key: key.clone(),
                        size: Some(summary.size),
                        details: std::iter::once(("created-ms".into(), summary.created_ms.to_string()))
                            .chain(summary.ttl_ms.map(|ttl| ("ttl-ms".into(), ttl.to_string())))
                            .collect(),
                    })
                }),
                Err(error) => Err(error),
            })
        })
    }

    async fn invalidate(&mut self, key: String) -> Answer<()> {
        through!(self, "cache/peers.invalidate", [key], {
            let scope = self.scope.clone();
            Ok(match self.client("invalidate") {
                Ok(client) => client.invalidate(&key, &scope).await.map_err(failed),
                Err(error) => Err(error),
            })
        })
    }
}

impl State {
    fn client(&self, operation: &str) -> Result<&CacheClient, WitError> {
        self.peers.as_ref().map(|peers| &peers.client).ok_or_else(|| {
            from_error(CacheError::configuration(operation, "the adapter used its peers before opening them"))
        })
    }
}

fn usable(client: &CacheClient) -> u32 {
    u32::try_from(client.usable()).unwrap_or(u32::MAX)
}

pub(crate) async fn open(scope: &Scope, addresses: &[String], label: &str) -> Result<CacheClient, CacheError> {
    if !scope.step.grants.secret.iter().any(|grant| grant == label) {
        return Err(CacheError::denied("open", scope.step.deny("secret", label).message));
    }
    if addresses.is_empty() {
        return Err(CacheError::configuration("open", "no peer is configured; set CACHE_BOOTSTRAP_PEERS")
            .with("reason", "no-peers"));
    }
    let (_, secret) = scope.run.secret(label).await.ok_or_else(|| {
        CacheError::configuration("open", "no shared secret is configured; set CACHE_P2P_SHARED_SECRET")
            .with("reason", "no-secret")
    })?;
    let node =
        scope.run.node().await.map_err(|failure| CacheError::other("open", Retry::Temporary, failure.message))?;
    CacheClient::open(&node, addresses, secret, OPERATION, scope).await.map_err(to_error)
}

pub(crate) fn to_error(failure: CacheFailure) -> CacheError {
    CacheError {
        kind: failure.kind,
        retry: failure.retry.parse().unwrap_or(Retry::Permanent),
        operation: failure.operation,
        message: failure.message,
        context: failure.context,
        retry_after: None,
    }
}

fn failed(failure: CacheFailure) -> WitError {
    from_error(to_error(failure))
}

fn to_wit(blob: seaworthy_p2p::Blob) -> Blob {
    Blob {
        bytes: blob.bytes,
        created: blob.created_ms,
        ttl: blob.ttl_ms,
        metadata: blob.metadata.into_iter().collect(),
    }
}

fn from_wit(blob: Blob) -> seaworthy_p2p::Blob {
    seaworthy_p2p::Blob {
        bytes: blob.bytes,
        created_ms: blob.created,
        ttl_ms: blob.ttl,
        metadata: blob.metadata.into_iter().collect(),
    }
}

//! The cache seen from a client: several peers, one secret.

use crate::cache_failure::CacheFailure;
use crate::envelope::{Blob, Entry, now_ms};
use crate::link::{self, Agreement, Link, unexpected};
use crate::sharing::compatibility;
use crate::wire::{Bytes, MAX_KEY, PeerStats, Request, Response};
use crate::{Node, SharedSecret, address};
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use seaworthy_model::{Failure, Permit};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Proves, without showing it, whether the peer at `address` holds the same secret.
///
/// *Behaviour*: false when it holds another one or none. A peer that speaks only
/// the Python cache's protocol is sent an encrypted entry that expired long ago,
/// and says whether it can read it.
///
/// # Errors
/// Those of a dial; kind `unsupported` when the peer speaks no cache protocol, and
/// `never-acknowledged` when it took that entry without a word.
pub async fn agree(
    node: &Node,
    address: &str,
    secret: &SharedSecret,
    timeout: Duration,
    permit: &dyn Permit,
) -> Result<bool, Failure> {
    let deadline = Instant::now() + timeout;
    let session = node.connect(&address::parse(address)?, deadline, permit).await?;
    match link::agree(node, &session, secret, deadline).await {
        Ok(agreement) => Ok(matches!(agreement, Agreement::Same { .. })),
        Err(lacking) if (lacking.kind.as_str(), lacking.stage.as_str()) == ("unsupported", "stream") => {
            match compatibility::agree(&session, secret, deadline).await {
                Ok(_) => Ok(true),
                Err(failure) if failure.kind == "different-secret" => Ok(false),
                // It speaks neither, and the first is the one to name.
                Err(failure) if failure.kind == "unsupported" => Err(lacking),
                Err(failure) => Err(failure),
            }
        }
        Err(failure) => Err(failure),
    }
}

/// What is known of an entry without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of key and sealed value.
    pub size: u64,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    /// What remains, in milliseconds.
    pub ttl_ms: Option<u64>,
}

/// A client of the peers that hold the same secret.
///
/// Connections are kept, and made again when they are gone. Each operation
/// asks all peers at once and takes its permit, because grants belong to the
/// step that acts.
pub struct CacheClient {
    links: Vec<Link>,
    unusable: Vec<(String, Failure)>,
    secret: Arc<SharedSecret>,
    timeout: Duration,
}

impl CacheClient {
    /// Dials all addresses at once and agrees on the secret. `timeout` is for
    /// this and for every later operation.
    ///
    /// # Errors
    /// `configuration` without any address; the most telling failure when no
    /// peer can be used, with all of them in `context`.
    pub async fn open(
        node: &Node,
        addresses: &[String],
        secret: Arc<SharedSecret>,
        timeout: Duration,
        permit: &dyn Permit,
    ) -> Result<Self, CacheFailure> {
        let deadline = Instant::now() + timeout;
        let tries = addresses.iter().map(async |text| {
            let link = Link::new(node.clone(), address::parse(text)?, Arc::clone(&secret));
            link.agreed(deadline, permit).await?;
            Ok::<_, Failure>(link)
        });
        let mut links = Vec::new();
        let mut unusable = Vec::new();
        for (text, outcome) in addresses.iter().zip(join_all(tries).await) {
            match outcome {
                Ok(link) => links.push(link),
                Err(failure) => unusable.push((text.clone(), failure)),
            }
        }
        if links.is_empty() {
            let note = if addresses.is_empty() { "no peer is configured" } else { "no peer can be used" };
            return Err(CacheFailure::of_peers("open", &unusable, note));
        }
        Ok(Self { links, unusable, secret, timeout })
    }

    /// How many peers can be used.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.links.len()
    }

    /// The addresses that could not be used at the opening, and why.
    #[must_use]
    pub fn unusable(&self) -> &[(String, Failure)] {
        &self.unusable
    }

    /// The value of `key`: that of the first peer that has one.
    ///
    /// *Behaviour*: none only when every usable peer answered that it has
    /// nothing; a peer that did not answer might have it.
    ///
    /// # Errors
    /// No peer has it and at least one failed; or a value does not open or is
    /// damaged (`integrity`) and no other peer has a good one.
    pub async fn get(&self, key: &str, permit: &dyn Permit) -> Result<Option<Blob>, CacheFailure> {
        check_key("get", key)?;
        let request = Request::Get { key: key.into() };
        let deadline = Instant::now() + self.timeout;
        let mut answers: FuturesUnordered<_> =
            self.links.iter().map(async |l| (l, l.ask(&request, deadline, permit).await)).collect();
        let mut failures = Vec::new();
        while let Some((link, answer)) = answers.next().await {
            let failure = match answer {
                Ok(Response::Value { sealed }) => match Entry::open(&self.secret, key, &sealed.0) {
                    Ok(entry) => match entry.into_blob(now_ms()) {
                        Some(blob) => return Ok(Some(blob)),
                        None => continue,
                    },
                    Err(failure) => failure,
                },
                Ok(Response::Miss) => continue,
                Ok(other) => unexpected("get", &other),
                Err(failure) => failure,
            };
            failures.push((link.address.canonical.clone(), failure));
        }
        if failures.is_empty() { Ok(None) } else { Err(self.partly("get", &failures)) }
    }

    /// Stores a value on every usable peer; returns when all have answered.
    ///
    /// *Behaviour*: a success when at least one peer has committed it. A peer
    /// that holds a newer value keeps that one.
    ///
    /// # Errors
    /// `too-large` beyond what the peers take; else when no peer took it.
    pub async fn put(&self, key: &str, blob: &Blob, permit: &dyn Permit) -> Result<(), CacheFailure> {
        check_key("put", key)?;
        let sealed = Entry::new(blob, now_ms())
            .seal(&self.secret, key)
            .map_err(|f| CacheFailure::of_peers("put", &[(String::new(), f)], "the value cannot be sealed"))?;
        let request = Request::Put { key: key.into(), sealed: Bytes(sealed) };
        let deadline = Instant::now() + self.timeout;
        let length = blob.bytes.len();
        let tries = self.links.iter().map(async |link| {
            let max = link.agreed(deadline, permit).await?.max_value;
            if length > max {
                return Err(Failure::new(
                    "too-large",
                    "put",
                    format!("the value has {length} bytes and the peer takes {max}"),
                ));
            }
            match link.ask(&request, deadline, permit).await? {
                Response::Stored { .. } => Ok(()),
                other => Err(unexpected("put", &other)),
            }
        });
        let failures = self.failures(join_all(tries).await);
        if failures.len() < self.links.len() {
            for (address, failure) in failures {
                tracing::warn!(address, %failure, "one peer did not take a value");
            }
            return Ok(());
        }
        Err(CacheFailure::of_peers("put", &failures, "no peer took the value"))
    }

    /// What the first peer that has `key` says of it; none as for `get`.
    ///
    /// # Errors
    /// As for `get`.
    pub async fn has(&self, key: &str, permit: &dyn Permit) -> Result<Option<Summary>, CacheFailure> {
        check_key("has", key)?;
        let request = Request::Has { key: key.into() };
        let deadline = Instant::now() + self.timeout;
        let mut failures = Vec::new();
        for (link, answer) in self.ask_all(&request, deadline, permit).await {
            match answer {
                Ok(Response::Present { size, created_ms, ttl_ms }) => {
                    return Ok(Some(Summary { size, created_ms, ttl_ms }));
                }
                Ok(Response::Miss) => {}
                Ok(other) => failures.push((link.address.canonical.clone(), unexpected("has", &other))),
                Err(failure) => failures.push((link.address.canonical.clone(), failure)),
            }
        }
        if failures.is_empty() { Ok(None) } else { Err(self.partly("has", &failures)) }
    }

    /// Removes `key` everywhere; nothing to remove is a success.
    ///
    /// # Errors
    /// A usable peer did not confirm: it may still serve the old value.
    pub async fn invalidate(&self, key: &str, permit: &dyn Permit) -> Result<(), CacheFailure> {
        check_key("invalidate", key)?;
        let request = Request::Invalidate { key: key.into() };
        let deadline = Instant::now() + self.timeout;
        let answers = self.ask_all(&request, deadline, permit).await;
        let failures = self.failures(answers.into_iter().map(|(_, answer)| match answer? {
            Response::Invalidated { .. } => Ok(()),
            other => Err(unexpected("invalidate", &other)),
        }));
        if failures.is_empty() { Ok(()) } else { Err(self.partly("invalidate", &failures)) }
    }

    /// The counters of every usable peer, by address.
    ///
    /// # Errors
    /// No peer answered.
    pub async fn stats(&self, permit: &dyn Permit) -> Result<BTreeMap<String, PeerStats>, CacheFailure> {
        let deadline = Instant::now() + self.timeout;
        let mut found = BTreeMap::new();
        let mut failures = Vec::new();
        for (link, answer) in self.ask_all(&Request::Stats, deadline, permit).await {
            let address = link.address.canonical.clone();
            match answer {
                Ok(Response::Stats(stats)) => drop(found.insert(address, stats)),
                Ok(other) => failures.push((address, unexpected("stats", &other))),
                Err(failure) => failures.push((address, failure)),
            }
        }
        if found.is_empty() { Err(CacheFailure::of_peers("stats", &failures, "no peer answered")) } else { Ok(found) }
    }

    async fn ask_all(
        &self,
        request: &Request,
        deadline: Instant,
        permit: &dyn Permit,
    ) -> Vec<(&Link, Result<Response, Failure>)> {
        join_all(self.links.iter().map(async |l| (l, l.ask(request, deadline, permit).await))).await
    }

    fn failures(&self, outcomes: impl IntoIterator<Item = Result<(), Failure>>) -> Vec<(String, Failure)> {
        let addresses = self.links.iter().map(|l| l.address.canonical.clone());
        addresses
            .zip(outcomes)
            .filter_map(|(address, outcome)| outcome.err().map(|failure| (address, failure)))
            .collect()
    }

    fn partly(&self, operation: &str, failures: &[(String, Failure)]) -> CacheFailure {
        let note = format!("{} of {} peers did not answer well", failures.len(), self.links.len());
        CacheFailure::of_peers(operation, failures, &note)
    }
}

fn check_key(operation: &str, key: &str) -> Result<(), CacheFailure> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(CacheFailure::new(
            "configuration",
            operation,
            format!("a key has 1 to {MAX_KEY} bytes, and this one {}", key.len()),
        ));
    }
    Ok(())
}

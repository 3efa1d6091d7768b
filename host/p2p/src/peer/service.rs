use super::dial_back::{self, Wanted};
use super::flow::{Flow, Origin, Position};
use super::metrics::{Metrics, Outcome, Question};
use super::notices::{Notices, clip};
use crate::SharedSecret;
use crate::agreement::{NONCE, Side, Transcript};
use crate::envelope::{Entry, MAX_SKEW_MS, now_ms};
use crate::store::{Record, Store, StoreError, Totals};
use crate::wire::{Bytes, Frame, MAX_KEY, PeerStats, Request, Response, SMALL_FRAME, VERSION};
use libp2p::{Multiaddr, PeerId};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Wrong proofs that a connection may give.
const MAX_FAILURES: u8 = 3;

/// What is known of one connection.
pub(super) struct Connection {
    peer: PeerId,
    /// Where it comes from, when that is an address and not a relay.
    remote: Option<IpAddr>,
    nonces: Option<([u8; NONCE], [u8; NONCE])>,
    agreed: bool,
    failures: u8,
}

impl Connection {
    pub(super) fn new(peer: PeerId) -> Self {
        Self { peer, remote: None, nonces: None, agreed: false, failures: 0 }
    }

    /// The same, from where the other side was seen.
    pub(super) fn from(mut self, remote: &Multiaddr) -> Self {
        self.remote = dial_back::ip(remote);
        self
    }

    pub(super) fn agreed(&self) -> bool {
        self.agreed
    }

    /// Takes over what was agreed on another connection of the same peer; for a
    /// proof also what was begun there.
    pub(super) fn inherit(&mut self, sibling: &mut Self, proves: bool) {
        if sibling.peer == self.peer {
            self.agreed |= sibling.agreed;
            if proves && self.nonces.is_none() {
                self.nonces = sibling.nonces.take();
            }
        }
    }
}

/// What becomes of a request.
pub(super) enum Admission {
    Answer(Response),
    /// Allowed, and to be done where blocking is allowed.
    Work(Frame<Request>),
    /// Allowed, and to be done apart from both.
    DialBack(Wanted),
}

/// The answers of a peer, apart from the network.
pub(super) struct Service {
    pub(super) own: PeerId,
    pub(super) secret: Option<Arc<SharedSecret>>,
    pub(super) store: Store,
    pub(super) flow: Flow,
    pub(super) max_value: usize,
    max_store_bytes: u64,
    agent: String,
    started: Instant,
    metrics: Metrics,
    notices: Notices,
}

impl Service {
    pub(super) fn new(
        own: PeerId,
        secret: Option<Arc<SharedSecret>>,
        store: Store,
        max_value: usize,
        max_store_bytes: u64,
        agent: String,
    ) -> Self {
        Self {
            own,
            flow: Flow::new(secret.as_deref()),
            secret,
            store,
            max_value,
            max_store_bytes,
            agent,
            started: Instant::now(),
            metrics: Metrics::new(),
            notices: Notices::default(),
        }
    }

    /// Agrees on the secret, and lets through what comes after that.
    pub(super) fn admit(&self, connection: &mut Connection, frame: Frame<Request>) -> Admission {
        let request = match frame {
            Frame::Message(request) => request,
            Frame::TooLarge(length) => {
                let bound = match connection.agreed {
                    true => format!("values may have {}", self.max_value),
                    false => format!("before the agreement on the secret it may have {SMALL_FRAME}"),
                };
                return Admission::Answer(Response::refused(
                    "too-large",
                    format!("a request of {length} bytes; {bound}"),
                ));
            }
            Frame::Version(version) => {
                return Admission::Answer(Response::refused(
                    "unsupported-version",
                    format!("version {version}; this peer speaks {VERSION}"),
                ));
            }
            Frame::Exhausted => {
                return Admission::Answer(Response::refused("exhausted", "too many large requests at a time"));
            }
            Frame::Malformed(reason) => return Admission::Answer(Response::refused("malformed", reason)),
        };
        Admission::Answer(match request {
            Request::Hello { nonce, .. } => self.hello(connection, &nonce),
            Request::Agree { proof } => self.agree(connection, &proof),
            Request::DialBack { port, timeout_ms } if connection.agreed => {
                let patience = Duration::from_millis(u64::from(timeout_ms));
                return Admission::DialBack(Wanted {
                    peer: connection.peer,
                    remote: connection.remote,
                    port,
                    patience,
                });
            }
            request if connection.agreed => return Admission::Work(Frame::Message(request)),
            _ => Response::refused("unauthenticated", "the shared secret was not proven on this connection"),
        })
    }

    fn hello(&self, connection: &mut Connection, nonce: &Bytes) -> Response {
        let Ok(theirs) = <[u8; NONCE]>::try_from(nonce.0.as_slice()) else {
            return Response::refused("malformed", format!("a nonce has {NONCE} bytes"));
        };
        let ours: [u8; NONCE] = rand::random();
        connection.nonces = Some((theirs, ours));
        Response::Hello {
            nonce: Bytes(ours.to_vec()),
            secret: self.secret.is_some(),
            max_value: self.max_value as u64,
            agent: self.agent.clone(),
            now_ms: now_ms(),
        }
    }

    fn agree(&self, connection: &mut Connection, proof: &Bytes) -> Response {
        let Some((dialler_nonce, listener_nonce)) = connection.nonces.take() else {
            return Response::refused("unauthenticated", "hello comes before agree, and serves for one");
        };
        if connection.failures >= MAX_FAILURES {
            return Response::refused("unauthenticated", "too many wrong proofs on this connection");
        }
        let transcript = Transcript { dialler: connection.peer, listener: self.own, dialler_nonce, listener_nonce };
        match &self.secret {
            Some(secret) if transcript.proves(Side::Dialler, secret, &proof.0) => {
                connection.agreed = true;
                Response::Agreed { proof: Bytes(transcript.proof(Side::Listener, secret).to_vec()) }
            }
            _ => {
                connection.failures += 1;
                connection.agreed = false;
                Response::Different
            }
        }
    }

    /// About the bytes that the answer will hold; 0 for those that are always small.
    pub(super) fn answer_size(&self, frame: &Frame<Request>) -> usize {
        match frame {
            Frame::Message(Request::Get { key }) => {
                let size = self.store.has(key, now_ms()).map_or(0, |(size, ..)| size);
                usize::try_from(size).unwrap_or(usize::MAX)
            }
            Frame::Message(Request::Since { .. }) => self.max_value,
            _ => 0,
        }
    }

    /// Answers an admitted request. Blocks on the store.
    pub(super) fn work(&self, frame: Frame<Request>) -> Response {
        let Frame::Message(request) = frame else { return Response::refused("malformed", "no message") };
        if let Request::Get { key } | Request::Has { key } | Request::Put { key, .. } | Request::Invalidate { key } =
            &request
            && (key.is_empty() || key.len() > MAX_KEY)
        {
            return Response::refused(
                "malformed",
                format!("a key has 1 to {MAX_KEY} bytes, and this one {}", key.len()),
            );
        }
        let now = now_ms();
        let outcome = match request {
            Request::Get { key } => self.get(&key, now),
            Request::Has { key } => Ok(self.store.has(&key, now).map_or(Response::Miss, |(size, created_ms, end)| {
                Response::Present { size, created_ms, ttl_ms: end.map(|end| end.saturating_sub(now)) }
            })),
            Request::Put { key, sealed } => self.put(&key, sealed.0, now, None),
            Request::Invalidate { key } => {
                self.store.remove(&key, now).map(|existed| Response::Invalidated { existed })
            }
            Request::Stats => Ok(Response::Stats(self.stats())),
            Request::Since { store, cursor, max_bytes, .. } => self.since(Position { store, cursor }, max_bytes, None),
            Request::Hello { .. } | Request::Agree { .. } | Request::DialBack { .. } => {
                Ok(Response::refused("malformed", "out of place"))
            }
        };
        outcome.unwrap_or_else(|error| match error {
            StoreError::TooLarge { .. } => Response::refused("too-large", error.to_string()),
            _ => Response::refused("store", error.to_string()),
        })
    }

    fn get(&self, key: &str, now: u64) -> Result<Response, StoreError> {
        let found = self.store.get(key, now)?;
        Ok(found.map_or(Response::Miss, |record| Response::Value { sealed: Bytes(record.sealed) }))
    }

    /// Takes a sealed value that a client gave us, or another peer, `from`, told us of.
    pub(super) fn put(
        &self,
        key: &str,
        sealed: Vec<u8>,
        now: u64,
        from: Option<Origin>,
    ) -> Result<Response, StoreError> {
        let Some(secret) = &self.secret else {
            return Ok(Response::refused("unauthenticated", "this peer has no shared secret"));
        };
        let bound = self.max_value + crate::envelope::ROOM;
        if sealed.len() > bound {
            return Ok(Response::refused(
                "too-large",
                format!("a sealed value of {} bytes; it may have {bound}", sealed.len()),
            ));
        }
        let entry = match Entry::open(secret, key, &sealed) {
            Ok(entry) => entry,
            Err(failure) => return Ok(Response::refused("integrity", failure.message)),
        };
        if entry.created_ms > now.saturating_add(MAX_SKEW_MS) {
            let ahead = (entry.created_ms - now) / 1000;
            return Ok(Response::refused(
                "clock",
                format!("the value claims to be made {ahead} s ahead of this peer's clock"),
            ));
        }
        let expires_ms = entry.expires_ms();
        if expires_ms.is_some_and(|end| end <= now) {
            return Ok(Response::refused("expired", "the value's life is over already"));
        }
        self.flow.comes_from(key, from, entry.created_ms);
        let kept = self.store.put(key, &Record { created_ms: entry.created_ms, expires_ms, sealed }, now)?;
        if kept {
            self.flow.stored();
        }
        if from.is_none() {
            self.flow.counters.now().received_put += u64::from(kept);
        }
        Ok(Response::Stored { kept })
    }

    /// Takes an entry of another peer, `from`, when it is newer than ours. Answers
    /// whether it was taken.
    ///
    /// # Errors
    /// Our store failed, so that the entry has to come again.
    pub(super) fn adopt(&self, key: &str, sealed: &[u8], from: Origin) -> Result<bool, StoreError> {
        let Some(secret) = &self.secret else { return Ok(false) };
        let now = now_ms();
        match Entry::open(secret, key, sealed) {
            // Only what is newer: else two peers would pass one entry to and fro.
            Ok(entry) if self.store.has(key, now).is_none_or(|(_, ours, _)| ours < entry.created_ms) => {
                let kept = match self.put(key, sealed.to_vec(), now, Some(from)) {
                    Ok(response) => matches!(response, Response::Stored { kept: true }),
                    Err(StoreError::TooLarge { .. }) => false,
                    Err(error) => {
                        self.store_failed(&error);
                        return Err(error);
                    }
                };
                self.flow.counters.now().received_follow += u64::from(kept);
                self.metrics.copied.inc_by(u64::from(kept));
                Ok(kept)
            }
            Ok(_) => Ok(false),
            Err(failure) => {
                tracing::warn!(key, %failure, "another peer holds an entry that does not open");
                Ok(false)
            }
        }
    }

    /// Counts and says a failure of the store in what no client asked for.
    pub(super) fn store_failed(&self, error: &StoreError) {
        self.metrics.error("store");
        self.say_store_failure(&error.to_string());
    }

    pub(super) fn purge(&self) {
        if let Err(error) = self.store.purge(now_ms()) {
            self.store_failed(&error);
        }
    }

    /// Whether the store failed, and has not worked since.
    pub(super) fn needs_recovery(&self) -> bool {
        self.store.trouble().is_some()
    }

    /// Opens the store again after a failure.
    pub(super) fn recover(&self) {
        match self.store.recover(now_ms()) {
            Ok(()) => tracing::info!("the store works again"),
            Err(error) => self.store_failed(&error),
        }
    }

    /// Counts an answer; says it when it is one that an operator has to know of.
    pub(super) fn answered(&self, peer: &PeerId, question: Question, response: &Response) {
        let outcome = Outcome::of(response);
        self.metrics.answered(question, outcome);
        let detail = match response {
            Response::Refused { message, .. } => clip(message),
            _ => String::new(),
        };
        match outcome {
            Outcome::Done(_) => {}
            Outcome::Failed => self.say_store_failure(&detail),
            Outcome::Refused(reason) => {
                if let Some(unsaid) = self.due(reason) {
                    tracing::info!(%peer, operation = question.operation, reason, detail, unsaid, "refused a request");
                }
            }
        }
    }

    fn say_store_failure(&self, error: &str) {
        if let Some(unsaid) = self.due("store") {
            tracing::error!(error, unsaid, "the store failed");
        }
    }

    /// Whether to log something of this kind now; see [`Notices::due`].
    pub(super) fn due(&self, kind: &'static str) -> Option<u64> {
        self.notices.due(kind, Instant::now())
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Why entries cannot be taken and served now.
    pub(super) fn obstacles(&self) -> Vec<String> {
        let secret = self.secret.is_none().then(|| "there is no shared secret, so every request is refused".to_owned());
        let store = self.store.trouble().map(|why| format!("the store cannot be used: {why}"));
        secret.into_iter().chain(store).collect()
    }

    pub(super) fn store_totals(&self) -> Totals {
        self.store.totals()
    }

    pub(super) fn max_store_bytes(&self) -> u64 {
        self.max_store_bytes
    }

    /// The last line of a peer.
    pub(super) fn say_totals(&self) {
        let PeerStats { entries, bytes, hits, misses, puts, uptime_s, .. } = self.stats();
        tracing::info!(entries, bytes, hits, misses, puts, uptime_s, "the peer has ended");
    }

    pub(super) fn stats(&self) -> PeerStats {
        let usage = self.store.usage(now_ms());
        PeerStats {
            entries: usage.entries,
            bytes: usage.bytes,
            max_bytes: self.max_store_bytes,
            hits: self.metrics.hits(),
            misses: self.metrics.misses(),
            puts: self.metrics.puts(),
            evictions: usage.evictions,
            uptime_s: self.started.elapsed().as_secs(),
        }
    }
}

#[cfg(test)]
mod tests;

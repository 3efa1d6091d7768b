//! The Python cache's entries in our store, and ours for the Python cache.

use super::flow::Origin;
use super::service::Service;
use crate::envelope::{Entry, now_ms};
use crate::push::{NotRepresentable, Payload, Reply, Verdict, from_blob, into_blob, judge};
use crate::store::StoreError;
use crate::wire::Response;
use libp2p::PeerId;

/// Entries that a Python peer is told of when it connects: the newest ones. It
/// has no way to ask for them, and no need for all.
const BACKFILL: usize = 2_000;
/// Sealed bytes that are looked at to make one page of pushes.
const PAGE: u64 = 1024 * 1024;

/// Some entries to push, in order, and the cursor to go on with.
pub(super) struct Pushes {
    /// Key and token.
    pub(super) tokens: Vec<(String, String)>,
    pub(super) next: u64,
    pub(super) more: bool,
}

impl Service {
    /// Takes a message of the push protocol; the reply to it. Blocks on the store.
    pub(super) fn take_push(&self, payload: Payload, from: PeerId) -> Reply {
        let refused = |reply: Reply, reason: &'static str| {
            self.flow.counters.refused(reason);
            tracing::debug!(peer = %from, reason, "a pushed message was not taken");
            reply
        };
        let plaintext = match payload {
            Payload::Opened(plaintext) => plaintext,
            Payload::Plain(_) => {
                if self.flow.is_news(from, "plaintext") {
                    tracing::warn!(peer = %from, "a peer pushes entries in the clear: it has no shared secret; set CACHE_P2P_SHARED_SECRET there");
                }
                return refused(Reply::DecryptionFailed, "plaintext");
            }
            Payload::Unreadable { length, .. } => {
                if self.flow.is_news(from, "decryption-failed") {
                    tracing::warn!(peer = %from, length, "a peer pushes what our shared secret does not open; both must have the same");
                }
                return refused(Reply::DecryptionFailed, "decryption-failed");
            }
            Payload::TooLarge => return refused(Reply::error("Too large"), "too-large"),
            Payload::Exhausted => return refused(Reply::error("Busy"), "busy"),
        };
        let now = now_ms();
        let entry = match judge(&plaintext, now as f64 / 1000.0) {
            Verdict::Store(entry) => entry,
            Verdict::Expired => return Reply::Ok,
            Verdict::Refused { reply, reason } => return refused(reply, reason),
        };
        let key = entry.key.clone();
        let blob = into_blob(*entry, now);
        if self.store.has(&key, now).is_some_and(|(_, ours, _)| ours >= blob.created_ms) {
            return Reply::Ok;
        }
        let Some(secret) = &self.secret else { return refused(Reply::DecryptionFailed, "decryption-failed") };
        let Ok(sealed) = Entry::new(&blob, now).seal(secret, &key) else {
            return refused(Reply::error("Store failed"), "store");
        };
        match self.put(&key, sealed, now, Some(Origin::python(from))) {
            Ok(Response::Stored { kept }) => {
                self.flow.counters.now().received_push += u64::from(kept);
                self.metrics().copied.inc_by(u64::from(kept));
                Reply::Ok
            }
            Ok(Response::Refused { kind, .. }) if kind == "expired" => Reply::Ok,
            Ok(Response::Refused { kind, .. }) if kind == "too-large" => {
                refused(Reply::error("Too large"), "too-large")
            }
            Err(StoreError::TooLarge { .. }) => refused(Reply::error("Too large"), "too-large"),
            Ok(_) => refused(Reply::error("Store failed"), "store"),
            Err(error) => {
                self.store_failed(&error);
                refused(Reply::error("Store failed"), "store")
            }
        }
    }

    /// What to push to `peer` after `cursor`; none of it is what it told us of.
    /// Blocks on the store.
    pub(super) fn to_push(&self, cursor: u64, peer: &PeerId) -> Result<Pushes, StoreError> {
        let now = now_ms();
        let page = self.store.since(cursor, PAGE, now)?;
        let entries = page.entries.into_iter().filter(|(key, _)| !self.flow.came_from(key, &Origin::python(*peer)));
        let tokens = entries.filter_map(|(key, sealed)| Some((self.token(&key, &sealed, now)?, key)));
        Ok(Pushes { tokens: tokens.map(|(token, key)| (key, token)).collect(), next: page.next, more: page.more })
    }

    /// Where a peer begins that was never told of anything.
    pub(super) fn backfill_start(&self) -> u64 {
        self.store.before_newest(BACKFILL)
    }

    /// The message that pushes a stored entry; none for one that the Python cache
    /// cannot hold.
    fn token(&self, key: &str, sealed: &[u8], now: u64) -> Option<String> {
        let (secret, envelope) = (self.secret.as_ref()?, self.flow.envelope.as_ref()?);
        let blob = Entry::open(secret, key, sealed).ok()?.into_blob(now)?;
        let entry = match from_blob(key, &blob, now) {
            Ok(entry) => entry,
            Err(NotRepresentable::NotJson) => {
                self.flow.counters.now().not_representable += 1;
                tracing::debug!(key, "an entry is not pushed to Python peers: its bytes are not JSON");
                return None;
            }
        };
        match entry.plaintext().and_then(|plaintext| envelope.seal(plaintext.as_bytes())) {
            Ok(token) => Some(token),
            Err(failure) => {
                self.flow.counters.now().too_large_to_push += 1;
                tracing::debug!(key, %failure, "an entry is not pushed to Python peers");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;

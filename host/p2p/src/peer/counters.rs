use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a peer counted, since it was started, of the traffic with other peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCounters {
    /// Entries taken from clients, by `put` of `/seaworthy/cache/1.0.0`.
    pub received_put: u64,
    /// Entries taken from other peers that are followed over `/seaworthy/cache/1.0.0`.
    pub received_follow: u64,
    /// Entries taken over `/github-cache/1.0.0`.
    pub received_push: u64,
    /// Messages of the Python protocols that were not taken, by reason:
    /// `decryption-failed`, `plaintext`, `invalid-format`, `incomplete`,
    /// `content-hash`, `clock`, `key-too-long`, `too-large`, `busy`, `store`; and
    /// `peer-exchange`, for an exchange of addresses that could not be read.
    pub refused: BTreeMap<&'static str, u64>,
    /// Entries sent over `/github-cache/1.0.0`.
    pub pushes_sent: u64,
    /// Those that the other side acknowledged with `OK`.
    pub pushes_acknowledged: u64,
    /// Those that it answered otherwise, by its reply: `decryption-failed`,
    /// `invalid-format`, `closed`, `other`.
    pub pushes_refused: BTreeMap<&'static str, u64>,
    /// Those that it did not answer in time.
    pub pushes_timed_out: u64,
    /// Those whose stream or connection broke.
    pub pushes_failed: u64,
    /// Entries that were not pushed because their bytes are not JSON.
    pub not_representable: u64,
    /// Entries that were not pushed because they are too large for that protocol.
    pub too_large_to_push: u64,
    /// Requests and messages refused because their sender exceeded its rate.
    pub rate_limited: u64,
}

/// The counters, shared.
#[derive(Default)]
pub(super) struct Counters {
    counters: Mutex<PeerCounters>,
}

impl Counters {
    pub(super) fn now(&self) -> MutexGuard<'_, PeerCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refused(&self, reason: &'static str) {
        *self.now().refused.entry(reason).or_default() += 1;
    }
}

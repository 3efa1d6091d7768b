use super::Tier;
use crate::{Blob, CacheError, Operation};
use futures::future::join_all;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// More than this under way, and further ones are left out: a back-fill is a
/// favour, not a duty.
const MOST_PENDING: usize = 64;
/// Results kept for [`Tiers::settle`](super::Tiers::settle).
const MOST_KEPT: usize = 256;

/// How writing a found value to a tier above went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackFill {
    /// Label of the tier that was written to.
    pub tier: String,
    /// The key.
    pub key: String,
    /// Whether it took it.
    pub outcome: Result<(), CacheError>,
}

/// The back-fills of one [`Tiers`](super::Tiers).
///
/// A value found before a `put` or `invalidate` must not be written after it.
/// Three things keep it so: a write waits for the key's pending back-fills; none
/// is scheduled while any write is under way; and one whose search began before
/// the latest write ended (an older epoch) is not scheduled either.
#[derive(Default)]
pub(super) struct BackFills {
    state: Mutex<State>,
    results: Arc<Mutex<VecDeque<BackFill>>>,
}

#[derive(Default)]
struct State {
    epoch: u64,
    writing: usize,
    pending: Vec<(String, JoinHandle<()>)>,
}

/// A write under way, until it is dropped.
pub(super) struct Writing<'a>(&'a BackFills);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.writing -= 1;
        state.epoch += 1;
    }
}

impl BackFills {
    /// To be taken before a search, and given to [`schedule`](Self::schedule).
    pub(super) fn epoch(&self) -> u64 {
        lock(&self.state).epoch
    }

    pub(super) fn schedule(&self, epoch: u64, tiers: Vec<Arc<Tier>>, key: &str, blob: &Blob) {
        let mut state = lock(&self.state);
        state.pending.retain(|(_, task)| !task.is_finished());
        if state.writing > 0 || state.epoch != epoch || blob.ttl_ms == Some(0) {
            return;
        }
        for tier in tiers {
            if state.pending.len() >= MOST_PENDING {
                tracing::debug!(key, tier = tier.label(), "too many back-fills under way, one left out");
                continue;
            }
            let (owned_key, blob, results) = (key.to_owned(), blob.clone(), Arc::clone(&self.results));
            let task = tokio::spawn(async move {
                if let Some(result) = fill(&tier, owned_key, blob).await {
                    let mut results = lock(&results);
                    if results.len() == MOST_KEPT {
                        results.pop_front();
                    }
                    results.push_back(result);
                }
            });
            state.pending.push((key.to_owned(), task));
        }
    }

    pub(super) async fn begin_write(&self, key: &str) -> Writing<'_> {
        let (writing, same_key) = {
            let mut state = lock(&self.state);
            state.writing += 1;
            let (same_key, others) = std::mem::take(&mut state.pending).into_iter().partition(|(k, _)| k == key);
            state.pending = others;
            let same_key: Vec<(String, JoinHandle<()>)> = same_key;
            (Writing(self), same_key)
        };
        wait(same_key).await;
        writing
    }

    pub(super) async fn settle(&self) -> Vec<BackFill> {
        let pending = std::mem::take(&mut lock(&self.state).pending);
        wait(pending).await;
        lock(&self.results).drain(..).collect()
    }
}

/// `None` when the tier cannot store.
async fn fill(tier: &Tier, key: String, blob: Blob) -> Option<BackFill> {
    match tier.can(Operation::Put).await {
        Ok(false) => return None,
        Ok(true) => {}
        Err(error) => return Some(BackFill { tier: tier.label().into(), key, outcome: Err(error) }),
    }
    let outcome = tier.backend().put(&key, blob).await;
    if let Err(error) = &outcome {
        tracing::debug!(key, tier = tier.label(), %error, "a back-fill failed");
    }
    Some(BackFill { tier: tier.label().into(), key, outcome })
}

async fn wait(tasks: Vec<(String, JoinHandle<()>)>) {
    for (key, end) in join_all(tasks.into_iter().map(|(key, task)| async move { (key, task.await) })).await {
        if let Err(error) = end {
            tracing::warn!(key, %error, "a back-fill ended early");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

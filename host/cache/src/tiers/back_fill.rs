use super::Tier;
use super::counts::Counts;
use super::stale::Stale;
use crate::{Blob, CacheError, Operation};
use futures::future::join_all;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

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

/// How the back-fills went, and how many were not waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Those that ended since the last time, the latest 256.
    pub filled: Vec<BackFill>,
    /// Those that the budget did not suffice for; they go on as long as the process does.
    pub left: usize,
}

/// The back-fills of one [`Tiers`](super::Tiers).
///
/// A value found before a `put` or `invalidate` must not be written after it.
/// Three things keep it so: a write waits for the key's pending back-fills; none
/// is scheduled while any write is under way; and one whose search began before
/// the latest write ended (an older epoch) is not scheduled either.
pub(super) struct BackFills {
    state: Mutex<State>,
    results: Arc<Mutex<VecDeque<BackFill>>>,
    stale: Arc<Stale>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct State {
    epoch: u64,
    writing: usize,
    pending: Vec<(String, JoinHandle<()>)>,
}

/// Tasks that are being waited for. Those that have not ended when this is dropped are
/// pending again.
struct Waiting<'a> {
    fills: &'a BackFills,
    tasks: Vec<(String, JoinHandle<()>)>,
}

impl Waiting<'_> {
    /// Waits for all of them, until `deadline` at most. Answers how many are left.
    async fn wait(mut self, deadline: Option<Instant>) -> usize {
        let all = join_all(self.tasks.iter_mut().map(|(key, task)| async move { (key, task.await) }));
        let ended = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, all).await.unwrap_or_default(),
            None => all.await,
        };
        for (key, end) in ended {
            if let Err(error) = end {
                tracing::warn!(key, %error, "a back-fill ended early");
            }
        }
        self.tasks.iter().filter(|(_, task)| !task.is_finished()).count()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.tasks).into_iter().filter(|(_, task)| !task.is_finished());
        lock(&self.fills.state).pending.extend(left);
    }
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
    pub(super) fn new(counts: Arc<Counts>, stale: Arc<Stale>) -> Self {
        Self { state: Mutex::default(), results: Arc::default(), stale, counts }
    }

    /// To be taken before a search, and given to [`schedule`](Self::schedule).
    pub(super) fn epoch(&self) -> u64 {
        lock(&self.state).epoch
    }

    pub(super) fn schedule(&self, epoch: u64, tiers: Vec<(usize, Arc<Tier>)>, key: &str, blob: &Blob) {
        let mut state = lock(&self.state);
        state.pending.retain(|(_, task)| !task.is_finished());
        if state.writing > 0 || state.epoch != epoch || blob.ttl_ms == Some(0) {
            return;
        }
        for (place, tier) in tiers {
            if state.pending.len() >= MOST_PENDING {
                tracing::debug!(key, tier = tier.label(), "too many back-fills under way, one left out");
                Counts::one_more(&self.counts.fills_left_out);
                continue;
            }
            let (owned_key, blob, results) = (key.to_owned(), blob.clone(), Arc::clone(&self.results));
            let (counts, stale) = (Arc::clone(&self.counts), Arc::clone(&self.stale));
            let task = tokio::spawn(async move {
                if let Some(result) = fill(&tier, owned_key, blob).await {
                    if result.outcome.is_ok() {
                        stale.wrote(place, &result.key, true);
                    }
                    Counts::one_more(if result.outcome.is_ok() { &counts.fills } else { &counts.fills_failed });
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

    /// Begins a write once the key's back-fills have ended; `None` when they have not by
    /// `deadline`: an older value could come after the new one.
    pub(super) async fn begin_write(&self, key: &str, deadline: Option<Instant>) -> Option<Writing<'_>> {
        let (writing, tasks) = {
            let mut state = lock(&self.state);
            state.writing += 1;
            let (same_key, others) = std::mem::take(&mut state.pending).into_iter().partition(|(k, _)| k == key);
            state.pending = others;
            (Writing(self), same_key)
        };
        let left = Waiting { fills: self, tasks }.wait(deadline).await;
        (left == 0).then_some(writing)
    }

    pub(super) async fn settle(&self, budget: Option<Duration>) -> Settled {
        let tasks = std::mem::take(&mut lock(&self.state).pending);
        let left = Waiting { fills: self, tasks }.wait(budget.map(|budget| Instant::now() + budget)).await;
        Settled { filled: lock(&self.results).drain(..).collect(), left }
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

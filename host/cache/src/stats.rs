use crate::{Backend, Blob, BreakerSnapshot, CacheError, Capability, Entry, Operation, RetrySnapshot, kind};
use async_trait::async_trait;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts what a backend does.
///
/// *Behaviour*: changes no answer. An operation whose future is dropped counts as
/// abandoned only; wrap [`Timeout`](crate::Timeout) inside, so that it ends in an error
/// that is counted. What a breaker answered without asking is no error of the backend:
/// it is among the `get`s that could not tell, and not among the errors by kind.
#[derive(Debug)]
pub struct Stats<B> {
    inner: B,
    counts: Mutex<StatsSnapshot>,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatsSnapshot {
    /// `get`s that found a value.
    pub hits: u64,
    /// `get`s that looked and found none.
    pub misses: u64,
    /// `get`s that could not tell.
    pub get_errors: u64,
    /// Values stored.
    pub puts: u64,
    /// Errors of every operation, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Bytes of the values that `get` answered.
    pub bytes_read: u64,
    /// Bytes of the values stored.
    pub bytes_written: u64,
    /// Operations that nobody waited for to their end: another tier was quicker, or the
    /// caller's time was over.
    pub abandoned: u64,
    /// What came of trying again; all zero without a retry layer.
    pub retries: RetrySnapshot,
    /// The states of the breaker; closed without one.
    pub breaker: BreakerSnapshot,
}

impl StatsSnapshot {
    /// hits / (hits + misses): how well the cache is filled. `None` without traffic.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.misses)
    }

    /// hits / every `get`, errors too: how much the cache helps. `None` without
    /// traffic. Lower than [`hit_rate`](Self::hit_rate) means that the cache would
    /// do better if it worked.
    #[must_use]
    pub fn effective_rate(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.misses + self.get_errors)
    }

    /// Whether errors keep the cache from helping as much as it is filled for: the
    /// effective rate is lower than the hit rate.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.get_errors > 0 && self.hits > 0
    }

    /// Errors of all kinds and operations.
    #[must_use]
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl StatsSnapshot {
    /// The counts of two backends of one tier, together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
        Self {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            get_errors: self.get_errors + other.get_errors,
            puts: self.puts + other.puts,
            errors: self.errors,
            bytes_read: self.bytes_read + other.bytes_read,
            bytes_written: self.bytes_written + other.bytes_written,
            abandoned: self.abandoned + other.abandoned,
            retries: RetrySnapshot {
                attempts: self.retries.attempts + other.retries.attempts,
                recovered: self.retries.recovered + other.retries.recovered,
            },
            breaker: BreakerSnapshot {
                reads: self.breaker.reads.max(other.breaker.reads),
                writes: self.breaker.writes.max(other.breaker.writes),
                openings: self.breaker.openings + other.breaker.openings,
                trials: self.breaker.trials + other.breaker.trials,
                refused: self.breaker.refused + other.breaker.refused,
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate of more than 2^52 operations needs no more digits")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl<B: Backend> Stats<B> {
    /// Wraps `inner`, with all counts at zero.
    pub fn new(inner: B) -> Self {
        Self { inner, counts: Mutex::default() }
    }

    /// The counts so far.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, StatsSnapshot> {
        // Counters stay usable whatever happened to another thread.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an answer's error, if it is one, and that there was none.
    async fn counted<T>(&self, work: impl Future<Output = Result<T, CacheError>>) -> Result<T, CacheError> {
        let mut abandoned = Abandoned { counts: Some(&self.counts) };
        let answer = work.await;
        abandoned.counts = None;
        if let Err(error) = &answer
            && !error.is_from_breaker()
        {
            *self.counts().errors.entry(error.kind.clone()).or_default() += 1;
        }
        answer
    }
}

/// Counts an operation that is dropped before it answers.
struct Abandoned<'a> {
    counts: Option<&'a Mutex<StatsSnapshot>>,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(counts) = self.counts {
            counts.lock().unwrap_or_else(PoisonError::into_inner).abandoned += 1;
        }
    }
}

#[async_trait]
impl<B: Backend> Backend for Stats<B> {
    async fn open(&self) -> Result<Capability, CacheError> {
        self.counted(self.inner.open()).await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        let answer = self.counted(self.inner.get(key)).await;
        let mut counts = self.counts();
        match &answer {
            Ok(Some(blob)) => {
                counts.hits += 1;
                counts.bytes_read += blob.bytes.len() as u64;
            }
            Ok(None) => counts.misses += 1,
            Err(_) => counts.get_errors += 1,
        }
        drop(counts);
        answer
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        let size = value.bytes.len() as u64;
        self.counted(self.inner.put(key, value)).await?;
        let mut counts = self.counts();
        counts.puts += 1;
        counts.bytes_written += size;
        Ok(())
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.counted(self.inner.stat(key)).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.counted(self.inner.invalidate(key)).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.counted(self.inner.list(prefix, limit)).await
    }

    fn overdue(&self, operation: Operation) {
        let mut counts = self.counts();
        *counts.errors.entry(kind::TIMED_OUT.to_owned()).or_default() += 1;
        counts.get_errors += u64::from(operation == Operation::Get);
        drop(counts);
        self.inner.overdue(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::{Broken, Map, Slow};
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn no_traffic_has_no_rate() {
        let cache = Stats::new(Map::default());
        assert_eq!((cache.snapshot().hit_rate(), cache.snapshot().effective_rate()), (None, None));
    }

    #[tokio::test]
    async fn hits_misses_and_bytes() {
        let cache = Stats::new(Map::default());
        cache.put("k", Blob::new("four")).await.unwrap();
        cache.get("k").await.unwrap();
        cache.get("k").await.unwrap();
        cache.get("other").await.unwrap();
        let seen = cache.snapshot();
        assert_eq!((seen.hits, seen.misses, seen.puts, seen.get_errors), (2, 1, 1, 0));
        assert_eq!((seen.bytes_read, seen.bytes_written), (8, 4));
        assert!((seen.hit_rate().unwrap() - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(seen.hit_rate(), seen.effective_rate());
    }

    #[tokio::test]
    async fn an_error_is_never_a_miss() {
        let broken = Arc::new(Broken::new(CacheError::unreachable("get", "nobody there")));
        let cache = Stats::new(Arc::clone(&broken));
        assert!(cache.get("k").await.is_err());
        assert!(cache.put("k", Blob::new("v")).await.is_err());
        let seen = cache.snapshot();
        assert_eq!((seen.hits, seen.misses, seen.get_errors, seen.puts), (0, 0, 1, 0));
        assert_eq!(seen.errors["unreachable"], 2);
        assert_eq!(seen.hit_rate(), None, "errors say nothing about how well the cache is filled");
        assert_eq!(seen.effective_rate(), Some(0.0));

        broken.mend();
        broken.inner.put("k", Blob::new("v")).await.unwrap();
        cache.get("k").await.unwrap();
        let seen = cache.snapshot();
        assert_eq!((seen.hit_rate(), seen.effective_rate(), seen.error_count()), (Some(1.0), Some(0.5), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waited_for_is_no_error_unless_it_held_everybody_up() {
        let slow = Slow { inner: Map::default(), delay: Duration::from_secs(9) };
        let cache = Stats::new(slow);
        assert!(tokio::time::timeout(Duration::from_secs(1), cache.get("k")).await.is_err());
        let seen = cache.snapshot();
        assert_eq!((seen.abandoned, seen.get_errors, seen.error_count()), (1, 0, 0));
        cache.overdue(Operation::Get);
        let seen = cache.snapshot();
        assert_eq!((seen.abandoned, seen.get_errors, seen.errors[kind::TIMED_OUT]), (1, 1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_is_no_further_error_and_still_no_help() {
        let broken = Broken::new(CacheError::unauthenticated("get", "wrong secret"));
        let cache = Stats::new(crate::Breaker::new(broken, crate::BreakerRules::default()));
        for _ in 0..5 {
            assert!(cache.get("k").await.is_err());
        }
        let seen = cache.snapshot();
        assert_eq!((seen.errors[kind::UNAUTHENTICATED], seen.get_errors), (1, 5));
        assert_eq!((seen.hit_rate(), seen.effective_rate()), (None, Some(0.0)));
    }
}

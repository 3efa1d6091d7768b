use crate::{Backend, Blob, CacheError, Capability, Entry, Operation, Retry};
use async_trait::async_trait;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How often, and for how long, an operation is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryRules {
    /// Further attempts after the first.
    pub count: u32,
    /// The wait before the first of them; twice as long before each next.
    pub delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// No further attempt begins after so long. With the time of one attempt, one that
    /// took all of it is not repeated: a tier that says nothing costs it once, not thrice.
    pub within: Duration,
}

impl Default for RetryRules {
    fn default() -> Self {
        Self {
            count: 2,
            delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(1),
            within: Duration::from_secs(10),
        }
    }
}

/// What came of trying again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetrySnapshot {
    /// Further attempts.
    pub attempts: u64,
    /// Operations that one of them let succeed.
    pub recovered: u64,
}

/// Where a wait falls in its range: a number from 0 to 1.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Tries again what failed in a temporary way.
///
/// *Behaviour*: waits between attempts, spread over the upper half of the delay so that
/// clients that failed together do not come back together. A backend that says when
/// to come back is obeyed; when that is later than the longest wait, it is not tried
/// again here at all, and the error keeps its `retry-after` for the
/// [`Breaker`](crate::Breaker). What is still temporary after the last attempt becomes
/// [`Persistent`](Retry::Persistent), with `attempts` in its context. `open` is not repeated: a
/// [`Tier`](crate::Tier) opens again when it is next asked.
pub struct Retried<B> {
    inner: B,
    rules: RetryRules,
    jitter: Jitter,
    attempts: AtomicU64,
    recovered: AtomicU64,
}

impl<B: fmt::Debug> fmt::Debug for Retried<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retried").field("inner", &self.inner).field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl<B: Backend> Retried<B> {
    /// Wraps `inner`, with waits spread at random.
    pub fn new(inner: B, rules: RetryRules) -> Self {
        Self::with_jitter(inner, rules, Arc::new(rand::random::<f64>))
    }

    /// Wraps `inner`, with waits spread as `jitter` says.
    pub fn with_jitter(inner: B, rules: RetryRules, jitter: Jitter) -> Self {
        Self { inner, rules, jitter, attempts: AtomicU64::new(0), recovered: AtomicU64::new(0) }
    }

    /// What came of trying again so far.
    #[must_use]
    pub fn snapshot(&self) -> RetrySnapshot {
        RetrySnapshot {
            attempts: self.attempts.load(Ordering::Relaxed),
            recovered: self.recovered.load(Ordering::Relaxed),
        }
    }

    async fn again<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, CacheError>
    where
        F: Future<Output = Result<T, CacheError>>,
    {
        let started = Instant::now();
        let mut done = 0;
        loop {
            let answer = attempt().await;
            let error = match answer {
                Err(error) if error.is_temporary() => error,
                Ok(value) if done > 0 => {
                    self.recovered.fetch_add(1, Ordering::Relaxed);
                    return Ok(value);
                }
                other => return other,
            };
            if done == self.rules.count {
                return Err(if done == 0 { error } else { given_up(error, done) });
            }
            match self.wait(&error, done) {
                Some(wait) if started.elapsed() + wait < self.rules.within => tokio::time::sleep(wait).await,
                _ => return Err(error),
            }
            done += 1;
            self.attempts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The wait after `done` further attempts; `None` when the backend asks for a longer one.
    fn wait(&self, error: &CacheError, done: u32) -> Option<Duration> {
        if let Some(asked) = error.retry_after {
            return (asked <= self.rules.max_delay).then_some(asked);
        }
        let full = self.rules.delay.saturating_mul(1 << done.min(16)).min(self.rules.max_delay);
        Some(full.mul_f64(0.5 + 0.5 * (self.jitter)().clamp(0.0, 1.0)))
    }
}

fn given_up(error: CacheError, done: u32) -> CacheError {
    CacheError { retry: Retry::Persistent, ..error }.with("attempts", (u64::from(done) + 1).to_string())
}

#[async_trait]
impl<B: Backend> Backend for Retried<B> {
    async fn open(&self) -> Result<Capability, CacheError> {
        self.inner.open().await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.again(|| self.inner.get(key)).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.again(|| self.inner.put(key, value.clone())).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.again(|| self.inner.stat(key)).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.again(|| self.inner.invalidate(key)).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.again(|| self.inner.list(prefix, limit)).await
    }

    fn overdue(&self, operation: Operation) {
        self.inner.overdue(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::{Map, Scripted, Slow};
    use crate::{Timeout, Timeouts, kind};

    const RULES: RetryRules = RetryRules {
        count: 2,
        delay: Duration::from_millis(100),
        max_delay: Duration::from_secs(1),
        within: Duration::from_secs(10),
    };

    fn refused() -> CacheError {
        CacheError::unreachable("get", "refused")
    }

    fn busy(ms: u64) -> CacheError {
        CacheError::rate_limited("get", "429", Some(Duration::from_millis(ms)))
    }

    /// The answer of a `get` after these errors, how long it took, and how often it asked.
    async fn after(errors: &[CacheError], rules: RetryRules, jitter: f64) -> (Result<bool, CacheError>, u128, usize) {
        let script = Arc::new(Scripted::new(errors));
        let cache = Retried::with_jitter(Arc::clone(&script), rules, Arc::new(move || jitter));
        let started = Instant::now();
        let answer = cache.get("k").await;
        (answer.map(|found| found.is_some()), started.elapsed().as_millis(), script.asked())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_and_are_spread_over_the_upper_half() {
        for (jitter, took) in [(0.0, 50 + 100), (0.5, 75 + 150), (1.0, 100 + 200)] {
            assert_eq!(after(&[refused(), refused()], RULES, jitter).await, (Ok(false), took, 3), "{jitter}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_last_attempt_it_is_persistent() {
        let (answer, took, asked) = after(&[refused(), refused(), refused()], RULES, 1.0).await;
        let error = answer.unwrap_err();
        assert_eq!((error.retry, error.context["attempts"].as_str()), (Retry::Persistent, "3"));
        assert_eq!((error.kind.as_str(), took, asked), (kind::UNREACHABLE, 300, 3));
        let once = RetryRules { count: 0, ..RULES };
        assert_eq!(after(&[refused()], once, 1.0).await, (Err(refused()), 0, 1), "nothing was repeated");
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_errors_and_misses_are_not_repeated() {
        for kind in [kind::UNAUTHENTICATED, kind::FORBIDDEN, kind::INTEGRITY, kind::TOO_LARGE, kind::CONFIGURATION] {
            let error = CacheError::new(kind, Retry::Permanent, "get", "no");
            assert_eq!(after(std::slice::from_ref(&error), RULES, 1.0).await, (Err(error), 0, 1), "{kind}");
        }
        assert_eq!(after(&[CacheError::no_space("put", "full")], RULES, 1.0).await.2, 1);
        assert_eq!(after(&[], RULES, 1.0).await, (Ok(false), 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_for_patience_is_obeyed_and_a_long_one_is_left_to_the_breaker() {
        assert_eq!(after(&[busy(700)], RULES, 0.0).await, (Ok(false), 700, 2));
        assert_eq!(after(&[busy(60_000)], RULES, 0.0).await, (Err(busy(60_000)), 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_is_bounded() {
        let rules = RetryRules { count: 100, within: Duration::from_secs(3), ..RULES };
        let errors = vec![refused(); 101];
        let (answer, took, _) = after(&errors, rules, 1.0).await;
        assert!(answer.is_err() && took < 3_000, "{took} ms");

        // One attempt that took all its time is not repeated.
        let budget = Duration::from_secs(10);
        let slow = Slow { inner: Map::default(), delay: Duration::from_secs(3600) };
        let cache = Retried::new(Timeout::new(slow, Timeouts::all(budget)), RULES);
        let started = Instant::now();
        assert_eq!(cache.get("k").await.unwrap_err().kind, kind::TIMED_OUT);
        assert_eq!((started.elapsed(), cache.snapshot().attempts), (budget, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_of_it_is_counted() {
        let script = Scripted::new(&[refused(), refused(), refused(), refused(), refused()]);
        let cache = Retried::new(script, RULES);
        assert!(cache.put("k", Blob::new("v")).await.is_err());
        cache.put("k", Blob::new("v")).await.unwrap();
        assert_eq!(cache.snapshot(), RetrySnapshot { attempts: 4, recovered: 1 });
        assert_eq!(cache.get("k").await.unwrap().unwrap().bytes, b"v");
    }
}

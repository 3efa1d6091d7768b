use crate::{Backend, Breaker, BreakerRules, Retried, RetryRules, Stats, StatsSnapshot, Timeout, Timeouts, Trace};
use std::sync::Arc;
use std::time::Duration;

/// What the layers around one backend are made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRules {
    /// The time of one attempt.
    pub timeouts: Timeouts,
    /// When an attempt is repeated.
    pub retry: RetryRules,
    /// When the backend is left alone.
    pub breaker: BreakerRules,
}

impl LayerRules {
    /// The usual rules with this time for one attempt of every operation.
    #[must_use]
    pub fn within(attempt: Duration) -> Self {
        Self {
            timeouts: Timeouts::all(attempt),
            retry: RetryRules { within: attempt, ..RetryRules::default() },
            breaker: BreakerRules::default(),
        }
    }
}

/// A backend inside all of its layers: [`Stats`], [`Trace`], [`Breaker`], [`Retried`],
/// [`Timeout`], outermost first.
///
/// *Behaviour*: an attempt has its time; a temporary failure is tried again; what fails
/// all the same counts for the breaker, which then answers for the backend; the log and
/// the statistics see the end of it.
#[derive(Clone)]
pub struct Layered {
    stats: Arc<Stats<Trace<Middle>>>,
    breaker: Middle,
    retried: Inner,
}

type Inner = Arc<Retried<Timeout<Arc<dyn Backend>>>>;
type Middle = Arc<Breaker<Inner>>;

impl Layered {
    /// `backend` called `label`, by these rules.
    #[must_use]
    pub fn new(label: impl Into<String>, backend: Arc<dyn Backend>, rules: LayerRules) -> Self {
        let retried = Arc::new(Retried::new(Timeout::new(backend, rules.timeouts), rules.retry));
        let breaker = Arc::new(Breaker::new(Arc::clone(&retried), rules.breaker));
        let stats = Arc::new(Stats::new(Trace::new(Arc::clone(&breaker), label)));
        Self { stats, breaker, retried }
    }

    /// What to ask.
    #[must_use]
    pub fn backend(&self) -> Arc<dyn Backend> {
        self.stats.clone()
    }

    /// What all layers counted so far.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        StatsSnapshot { retries: self.retried.snapshot(), breaker: self.breaker.snapshot(), ..self.stats.snapshot() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::{Broken, Scripted};
    use crate::{CacheError, CircuitState, Retry, kind};

    fn layered(backend: Arc<dyn Backend>) -> Layered {
        Layered::new("t", backend, LayerRules::within(Duration::from_secs(10)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_a_retry_mends_is_none() {
        let layers = layered(Arc::new(Scripted::new(&[CacheError::unreachable("get", "reset")])));
        assert_eq!(layers.backend().get("k").await, Ok(None));
        let seen = layers.snapshot();
        assert_eq!((seen.misses, seen.error_count(), seen.retries.recovered), (1, 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn each_layer_sees_what_the_one_inside_leaves() {
        let broken = Arc::new(Broken::new(CacheError::unreachable("get", "refused")));
        let layers = layered(broken.clone());
        let cache = layers.backend();
        for _ in 0..3 {
            assert_eq!(cache.get("k").await.unwrap_err().retry, Retry::Persistent);
        }
        assert!(cache.get("k").await.unwrap_err().is_from_breaker());
        let seen = layers.snapshot();
        assert_eq!((seen.errors[kind::UNREACHABLE], seen.get_errors, seen.retries.attempts), (3, 4, 6));
        assert_eq!((seen.breaker.reads, seen.breaker.openings, seen.breaker.refused), (CircuitState::Open, 1, 1));

        broken.mend();
        tokio::time::advance(BreakerRules::default().open).await;
        assert_eq!(cache.get("k").await, Ok(None));
        assert_eq!(layers.snapshot().breaker.reads, CircuitState::Closed);
    }
}

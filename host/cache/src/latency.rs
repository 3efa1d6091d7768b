use crate::{Backend, Blob, CacheError, Capability, Entry, Operation, kind};
use async_trait::async_trait;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest time that is told apart from longer ones, in microseconds: ten minutes.
const LONGEST_US: u64 = 600_000_000;
/// Digits that are kept of a time.
const DIGITS: u8 = 3;

/// Times of operations by tier and operation, and errors by tier and kind.
///
/// *Behaviour*: bounded memory, however many operations are counted: one histogram
/// of some tens of kilobytes for each pair of tier and operation that occurred.
/// Several [`Latency`] layers may share one.
#[derive(Debug, Default)]
pub struct Latencies(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    times: BTreeMap<(String, &'static str), Times>,
    errors: BTreeMap<String, BTreeMap<String, u64>>,
}

#[derive(Debug)]
struct Times {
    histogram: Histogram<u64>,
    bytes: u64,
}

/// The times of one operation of one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyRow {
    /// The tier's label.
    pub tier: String,
    /// `get` (a hit), `get-miss`, `put`, `stat`, `invalidate`, `list`.
    pub operation: String,
    /// How many succeeded.
    pub count: u64,
    /// Bytes of the values that they moved.
    pub bytes: u64,
    /// Half of them took no longer.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}

impl Latencies {
    /// Counts one operation that succeeded.
    pub fn record(&self, tier: &str, operation: &'static str, elapsed: Duration, bytes: u64) {
        let mut recorded = self.lock();
        let times = match recorded.times.get_mut(&(tier.to_owned(), operation)) {
            Some(times) => times,
            None => {
                // The bounds are constants that the histogram takes, so this does not fail.
                let Ok(histogram) = Histogram::new_with_bounds(1, LONGEST_US, DIGITS) else { return };
                recorded.times.entry((tier.to_owned(), operation)).or_insert(Times { histogram, bytes: 0 })
            }
        };
        times.histogram.saturating_record(u64::try_from(elapsed.as_micros()).unwrap_or(LONGEST_US));
        times.bytes += bytes;
    }

    /// Counts one that did not.
    pub fn record_error(&self, tier: &str, kind: &str) {
        let mut recorded = self.lock();
        *recorded.errors.entry(tier.to_owned()).or_default().entry(kind.to_owned()).or_default() += 1;
    }

    /// Forgets everything, e.g. at the end of a warm-up.
    pub fn reset(&self) {
        *self.lock() = Recorded::default();
    }

    /// The times so far, by tier and operation.
    #[must_use]
    pub fn rows(&self) -> Vec<LatencyRow> {
        let row = |((tier, operation), times): (&(String, &'static str), &Times)| {
            let at = |quantile: f64| Duration::from_micros(times.histogram.value_at_quantile(quantile));
            LatencyRow {
                tier: tier.clone(),
                operation: (*operation).to_owned(),
                count: times.histogram.len(),
                bytes: times.bytes,
                p50: at(0.5),
                p95: at(0.95),
                p99: at(0.99),
                max: Duration::from_micros(times.histogram.max()),
            }
        };
        self.lock().times.iter().map(row).collect()
    }

    /// The errors so far, by tier and kind.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        self.lock().errors.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        // Counters stay usable whatever happened to another thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures what a backend does.
///
/// *Behaviour*: changes no answer. An operation whose future is dropped is not counted.
#[derive(Debug)]
pub struct Latency<B> {
    inner: B,
    label: String,
    times: Arc<Latencies>,
}

impl<B: Backend> Latency<B> {
    /// Wraps `inner`, and counts it as the tier `label`.
    pub fn new(inner: B, label: impl Into<String>, times: Arc<Latencies>) -> Self {
        Self { inner, label: label.into(), times }
    }

    async fn measured<T>(
        &self,
        work: impl Future<Output = Result<T, CacheError>>,
        counted_as: impl FnOnce(&T) -> (&'static str, u64),
    ) -> Result<T, CacheError> {
        let started = Instant::now();
        let answer = work.await;
        match &answer {
            Ok(value) => {
                let (operation, bytes) = counted_as(value);
                self.times.record(&self.label, operation, started.elapsed(), bytes);
            }
            // Nobody was asked: what it is counted as is no kind of an error of the tier.
            Err(error) if error.is_from_breaker() => self.times.record_error(&self.label, "breaker-open"),
            Err(error) => self.times.record_error(&self.label, &error.kind),
        }
        answer
    }
}

#[async_trait]
impl<B: Backend> Backend for Latency<B> {
    async fn open(&self) -> Result<Capability, CacheError> {
        self.measured(self.inner.open(), |_| ("open", 0)).await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        let counted_as =
            |found: &Option<Blob>| found.as_ref().map_or(("get-miss", 0), |blob| ("get", blob.bytes.len() as u64));
        self.measured(self.inner.get(key), counted_as).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        let bytes = value.bytes.len() as u64;
        self.measured(self.inner.put(key, value), |()| ("put", bytes)).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.measured(self.inner.stat(key), |_| ("stat", 0)).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.measured(self.inner.invalidate(key), |()| ("invalidate", 0)).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.measured(self.inner.list(prefix, limit), |_| ("list", 0)).await
    }

    fn overdue(&self, operation: Operation) {
        self.times.record_error(&self.label, kind::TIMED_OUT);
        self.inner.overdue(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::{Broken, Map, Slow};

    #[tokio::test(start_paused = true)]
    async fn times_are_kept_by_operation_and_errors_by_kind() {
        let times = Arc::new(Latencies::default());
        let slow = Slow { inner: Map::default(), delay: Duration::from_millis(20) };
        let cache = Latency::new(slow, "slow", Arc::clone(&times));
        cache.put("k", Blob::new("four")).await.unwrap();
        cache.get("k").await.unwrap();
        cache.get("other").await.unwrap();
        let broken = Broken::new(CacheError::unreachable("get", "nobody there"));
        assert!(Latency::new(broken, "broken", Arc::clone(&times)).get("k").await.is_err());

        let rows = times.rows();
        let seen: Vec<_> = rows.iter().map(|r| (r.tier.as_str(), r.operation.as_str(), r.count, r.bytes)).collect();
        assert_eq!(seen, [("slow", "get", 1, 4), ("slow", "get-miss", 1, 0), ("slow", "put", 1, 4)]);
        let near = |time: Duration| time.abs_diff(Duration::from_millis(20)) < Duration::from_millis(2);
        assert!(rows.iter().all(|r| near(r.p50) && near(r.p99) && near(r.max)), "{rows:?}");
        assert_eq!(times.errors()["broken"]["unreachable"], 1, "an error is no miss");

        times.reset();
        assert!(times.rows().is_empty() && times.errors().is_empty());
    }

    #[test]
    fn the_tail_is_not_lost() {
        let times = Latencies::default();
        for n in 1..=100 {
            times.record("t", "get", Duration::from_millis(n), 0);
        }
        times.record("t", "get", Duration::from_secs(3600), 0);
        let row = times.rows().remove(0);
        let ms = |time: Duration| time.as_millis();
        assert!((49..=52).contains(&ms(row.p50)) && (94..=97).contains(&ms(row.p95)), "{row:?}");
        assert!(row.max >= Duration::from_secs(599), "what is too long for the histogram is not dropped: {row:?}");
    }
}

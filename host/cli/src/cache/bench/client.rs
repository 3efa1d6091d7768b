use super::random::Random;
use super::sample;
use super::workload::{Step, Todo, Workload};
use crate::cache::failure;
use seaworthy_cache::{Blob, CacheError, Latencies, Tiers};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Under this name the times of the whole cache stand beside those of its tiers.
pub(crate) const ALL: &str = "(all)";

/// Wrong values and errors that are kept as examples.
const EXAMPLES: usize = 5;

/// A client whose operation failed waits so long, so that a cache that is gone is not
/// asked as fast as it can refuse.
const AFTER_AN_ERROR: Duration = Duration::from_millis(10);

/// What all clients counted together.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) operations: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// `get`s that could not tell.
    pub(crate) get_errors: u64,
    pub(crate) puts: u64,
    pub(crate) removals: u64,
    /// Requests to the origin, where reads go through to one.
    pub(crate) origin_calls: u64,
    /// Answers of the origin that were stored.
    pub(crate) filled: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    /// By kind.
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) wrong_values: u64,
    /// Some of the errors and wrong values, in words.
    pub(crate) examples: Vec<String>,
}

impl Counts {
    pub(crate) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text());
        }
    }
}

impl Tally {
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    pub(crate) fn reset(&self) {
        *self.lock() = Counts::default();
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counters stay usable whatever happened to another thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the clients of one measurement share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) tally: Tally,
    pub(crate) latencies: Arc<Latencies>,
    /// Makes every value different from the one before.
    versions: AtomicU64,
}

/// How the clients play, the same for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) workload: &'a Workload,
    /// Life of what is stored.
    pub(crate) ttl: Duration,
    /// What the origin takes, where reads go through to one.
    pub(crate) miss_cost: Option<Duration>,
}

impl Shared {
    /// Does one step on `tiers`, counts it, and checks what comes back. After an error
    /// it pauses.
    pub(crate) async fn play(&self, tiers: &Tiers, step: &Step, rules: &Rules<'_>) {
        let failed = match step.action {
            Todo::Get => self.get(tiers, step, rules).await,
            Todo::Put => self.store(tiers, step, rules).await.map(|()| self.tally.lock().puts += 1),
            Todo::Remove => {
                let started = Instant::now();
                tiers.invalidate(&step.key).await.outcome.map(|()| {
                    self.latencies.record(ALL, "invalidate", started.elapsed(), 0);
                    self.tally.lock().removals += 1;
                })
            }
        };
        self.tally.lock().operations += 1;
        if let Err(error) = failed {
            self.failed(step, &error);
            tokio::time::sleep(AFTER_AN_ERROR).await;
        }
    }

    /// A read, through to the origin where there is one.
    async fn get(&self, tiers: &Tiers, step: &Step, rules: &Rules<'_>) -> Result<(), CacheError> {
        let started = Instant::now();
        let found = tiers.get(&step.key).await;
        let elapsed = started.elapsed();
        let failed = failure::first(&found.tried).cloned();
        let mut outcome = Ok(());
        match found.outcome {
            Ok(Some(hit)) => {
                self.hit(step, &hit.tier, &hit.blob.bytes, elapsed);
                if rules.miss_cost.is_some() {
                    self.latencies.record(ALL, "read", elapsed, hit.blob.bytes.len() as u64);
                }
                return Ok(());
            }
            // One tier missed and another could not tell: an error is never a miss.
            Ok(None) if failed.is_some() => outcome = failed.map_or(Ok(()), Err),
            Ok(None) => {
                self.latencies.record(ALL, "get-miss", elapsed, 0);
                self.tally.lock().misses += 1;
            }
            Err(failure) => outcome = Err(failure),
        }
        self.tally.lock().get_errors += u64::from(outcome.is_err());
        if let Some(cost) = rules.miss_cost {
            tokio::time::sleep(cost).await;
            self.latencies.record(ALL, "read", started.elapsed(), step.size as u64);
            self.tally.lock().origin_calls += 1;
            match self.store(tiers, step, rules).await {
                Ok(()) => self.tally.lock().filled += 1,
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// Stores a value of its own for the key.
    async fn store(&self, tiers: &Tiers, step: &Step, rules: &Rules<'_>) -> Result<(), CacheError> {
        let version = self.versions.fetch_add(1, Ordering::Relaxed);
        let bytes = sample::make(&step.key, version, step.size, &mut Random::new(version, 0));
        let length = bytes.len() as u64;
        let ttl_ms = u64::try_from(rules.ttl.as_millis()).unwrap_or(u64::MAX);
        rules.workload.note(step);
        let started = Instant::now();
        tiers.put(&step.key, Blob::new(bytes).with_ttl_ms(ttl_ms)).await.outcome?;
        self.latencies.record(ALL, "put", started.elapsed(), length);
        self.tally.lock().bytes_written += length;
        Ok(())
    }

    fn hit(&self, step: &Step, tier: &str, bytes: &[u8], elapsed: Duration) {
        self.latencies.record(ALL, "get", elapsed, bytes.len() as u64);
        let mut counts = self.tally.lock();
        counts.hits += 1;
        counts.bytes_read += bytes.len() as u64;
        if let Err(wrong) = sample::check(&step.key, bytes) {
            counts.wrong_values += 1;
            counts.example(|| format!("tier {tier} served a wrong value for `{}`: {wrong}", step.key));
        }
    }

    fn failed(&self, step: &Step, error: &CacheError) {
        self.latencies.record_error(ALL, &error.kind);
        let mut counts = self.tally.lock();
        *counts.errors.entry(error.kind.clone()).or_default() += 1;
        counts.example(|| format!("`{}`: {error}", step.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use seaworthy_cache::{Backend, Capability, Entry, Operation, PutPolicy, Tier};

    /// A tier that stores and then serves what `spoil` makes of it.
    struct Spoiling {
        stored: Mutex<BTreeMap<String, Blob>>,
        spoil: fn(&mut Vec<u8>),
    }

    #[async_trait]
    impl Backend for Spoiling {
        async fn open(&self) -> Result<Capability, CacheError> {
            Ok(Capability::of([Operation::Get, Operation::Put, Operation::Invalidate]))
        }

        async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
            if key == "unreachable" {
                return Err(CacheError::unreachable("get", "nobody there"));
            }
            Ok(self.stored.lock().unwrap().get(key).cloned().map(|mut blob| {
                (self.spoil)(&mut blob.bytes);
                blob
            }))
        }

        async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
            self.stored.lock().unwrap().insert(key.into(), value);
            Ok(())
        }

        async fn stat(&self, _key: &str) -> Result<Option<Entry>, CacheError> {
            Err(CacheError::unsupported("stat", "no"))
        }

        async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
            self.stored.lock().unwrap().remove(key);
            Ok(())
        }

        async fn list(&self, _prefix: &str, _limit: u32) -> Result<Vec<Entry>, CacheError> {
            Err(CacheError::unsupported("list", "no"))
        }
    }

    async fn played(
        spoil: fn(&mut Vec<u8>),
        steps: &[(Todo, &str)],
        miss_cost: Option<Duration>,
    ) -> (Counts, Arc<Latencies>) {
        let backend = Arc::new(Spoiling { stored: Mutex::default(), spoil });
        let tiers = Tiers::new(vec![Tier::new("t", backend)], PutPolicy::First);
        let shared = Shared::default();
        let workload = Workload::sample();
        let rules = Rules { workload: &workload, ttl: Duration::from_secs(60), miss_cost };
        for (action, key) in steps {
            let step = Step { action: *action, key: (*key).to_owned(), size: 100 };
            shared.play(&tiers, &step, &rules).await;
        }
        (shared.tally.counts(), shared.latencies.clone())
    }

    const ROUND: [(Todo, &str); 4] =
        [(Todo::Put, "a"), (Todo::Get, "a"), (Todo::Get, "absent"), (Todo::Get, "unreachable")];

    #[tokio::test]
    async fn what_happened_is_counted() {
        let (counts, latencies) = played(|_| {}, &ROUND, None).await;
        assert_eq!((counts.operations, counts.hits, counts.misses, counts.puts), (4, 1, 1, 1));
        assert_eq!((counts.bytes_read, counts.bytes_written, counts.origin_calls), (100, 100, 0));
        assert_eq!((counts.errors["unreachable"], counts.get_errors, counts.wrong_values), (1, 1, 0));
        let seen: Vec<(String, u64)> = latencies.rows().into_iter().map(|r| (r.operation, r.count)).collect();
        assert_eq!(seen, [("get".into(), 1), ("get-miss".into(), 1), ("put".into(), 1)]);
    }

    #[tokio::test]
    async fn a_read_goes_through_to_the_origin_once() {
        let steps = [(Todo::Get, "a"), (Todo::Get, "a"), (Todo::Get, "a"), (Todo::Get, "unreachable")];
        let (counts, latencies) = played(|_| {}, &steps, Some(Duration::from_millis(30))).await;
        assert_eq!((counts.hits, counts.misses, counts.get_errors), (2, 1, 1));
        assert_eq!((counts.origin_calls, counts.filled), (2, 2), "an error costs a call as a miss does");
        let rows = latencies.rows();
        let reads = rows.iter().find(|row| row.operation == "read").unwrap();
        assert_eq!(reads.count, 4);
        assert!(reads.max >= Duration::from_millis(29), "the time of the origin is part of a read: {reads:?}");
    }

    #[tokio::test]
    async fn a_corrupted_value_is_noticed() {
        let spoilings: [fn(&mut Vec<u8>); 4] =
            [|bytes| bytes[60] ^= 1, |bytes| bytes.truncate(99), |bytes| bytes.clear(), |bytes| bytes.push(0)];
        for spoil in spoilings {
            let (counts, _) = played(spoil, &ROUND, None).await;
            assert_eq!(counts.wrong_values, 1);
            assert!(counts.examples[0].contains("tier t served a wrong value for `a`"), "{:?}", counts.examples);
        }
    }
}

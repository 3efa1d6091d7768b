//! Three tiers, each in turn failing in each way while a thousand operations run: no
//! wrong value, no false miss, nobody blocked past the budget, breakers that open, try
//! and close again, and every kind of error counted.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the doubles of these tests fail by panicking")]

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use seaworthy_cache::{
    Backend, Blob, BreakerRules, CacheError, Capability, CircuitState, Entry, LayerRules, Layered, Operation,
    PutPolicy, Retry, RetryRules, Tier, Tiers, TiersRules, Timeouts, kind,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const LABELS: [&str; 3] = ["p2p", "s3", "disk"];
const KEYS: u32 = 40;
const OPERATIONS: u32 = 1_000;
/// When the fault comes and goes.
const FAULTY: std::ops::Range<u32> = 200..600;
const ATTEMPT: Duration = Duration::from_millis(200);
const BUDGET: Duration = Duration::from_millis(900);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Down,
    Slow,
    Refusing,
    Lying,
    RateLimited,
    Skewed,
    Full,
    Retired,
    Trapping,
}

const FAULTS: [Fault; 9] = [
    Fault::Down,
    Fault::Slow,
    Fault::Refusing,
    Fault::Lying,
    Fault::RateLimited,
    Fault::Skewed,
    Fault::Full,
    Fault::Retired,
    Fault::Trapping,
];

impl Fault {
    /// The kind that it is counted as.
    fn kind(self) -> &'static str {
        match self {
            Self::Down => kind::UNREACHABLE,
            Self::Slow => kind::TIMED_OUT,
            Self::Refusing => kind::UNAUTHENTICATED,
            Self::Lying => kind::INTEGRITY,
            Self::RateLimited => kind::RATE_LIMITED,
            Self::Skewed => kind::CLOCK,
            Self::Full => kind::NO_SPACE,
            Self::Retired => kind::RETIRED,
            Self::Trapping => kind::OTHER,
        }
    }

    /// Whether it concerns more than one value.
    fn opens(self) -> bool {
        self != Self::Lying
    }
}

/// Keeps values with their digests, and fails as it is told.
#[derive(Default)]
struct Store {
    values: Mutex<BTreeMap<String, (Blob, [u8; 32])>>,
    fault: Mutex<Option<Fault>>,
    /// Forgets every third key at once, so that the tier below is asked for it.
    forgetful: bool,
}

impl Store {
    async fn work(&self, operation: &str) -> Result<(), CacheError> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let fault = *self.fault.lock().unwrap();
        let writes = matches!(operation, "put" | "invalidate");
        Err(match fault {
            None | Some(Fault::Lying) => return Ok(()),
            Some(Fault::Full) if !writes => return Ok(()),
            Some(Fault::Full) => CacheError::no_space(operation, "the quota is used up"),
            Some(Fault::Down) => CacheError::unreachable(operation, "connection refused"),
            Some(Fault::Slow) => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                CacheError::unreachable(operation, "nobody waits so long")
            }
            Some(Fault::Refusing) => CacheError::unauthenticated(operation, "SignatureDoesNotMatch"),
            Some(Fault::RateLimited) => CacheError::rate_limited(operation, "429", Some(Duration::from_secs(2))),
            Some(Fault::Skewed) => CacheError::clock(operation, "RequestTimeTooSkewed"),
            Some(Fault::Retired) => CacheError::retired(operation, "capability is disabled"),
            Some(Fault::Trapping) => CacheError::other(operation, Retry::Permanent, "it trapped"),
        })
    }
}

#[async_trait]
impl Backend for Store {
    async fn open(&self) -> Result<Capability, CacheError> {
        self.work("open").await?;
        Ok(Capability::of(Operation::ALL))
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.work("get").await?;
        let Some((mut blob, digest)) = self.values.lock().unwrap().get(key).cloned() else { return Ok(None) };
        if *self.fault.lock().unwrap() == Some(Fault::Lying) {
            blob.bytes[0] ^= 1;
        }
        if Sha256::digest(&blob.bytes)[..] != digest {
            return Err(CacheError::integrity("get", "the value is not what was stored"));
        }
        Ok(Some(blob))
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.work("put").await?;
        let forgotten = self.forgetful && number(key).is_multiple_of(3);
        if !forgotten {
            let digest = Sha256::digest(&value.bytes).into();
            self.values.lock().unwrap().insert(key.into(), (value, digest));
        }
        Ok(())
    }

    async fn stat(&self, _key: &str) -> Result<Option<Entry>, CacheError> {
        Err(CacheError::unsupported("stat", "not here"))
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.work("invalidate").await?;
        self.values.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(&self, _prefix: &str, _limit: u32) -> Result<Vec<Entry>, CacheError> {
        Err(CacheError::unsupported("list", "not here"))
    }
}

fn number(key: &str) -> u32 {
    key.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1)
}

struct Cache {
    stores: Vec<Arc<Store>>,
    layers: Vec<Layered>,
    tiers: Tiers,
}

fn cache(hedge: Option<Duration>) -> Cache {
    let rules = LayerRules {
        timeouts: Timeouts::all(ATTEMPT),
        retry: RetryRules {
            count: 2,
            delay: Duration::from_millis(10),
            max_delay: Duration::from_millis(50),
            within: ATTEMPT,
        },
        breaker: BreakerRules { failures: 3, open: Duration::from_secs(1), max_open: Duration::from_secs(4) },
    };
    let stores: Vec<Arc<Store>> =
        (0..3).map(|place| Arc::new(Store { forgetful: place == 0, ..Store::default() })).collect();
    let layers: Vec<Layered> =
        stores.iter().zip(LABELS).map(|(s, label)| Layered::new(label, s.clone(), rules)).collect();
    let tiers = layers.iter().zip(LABELS).map(|(layers, label)| Tier::new(label, layers.backend()).hedged_after(hedge));
    let together = TiersRules { write: PutPolicy::Ignore, budget: Some(BUDGET), back_fill: Some(BUDGET) };
    let tiers = Tiers::with_rules(tiers.collect(), together);
    Cache { stores, layers, tiers }
}

/// A thousand operations, during some of which the tier at `place` has `fault`.
async fn thousand(place: usize, fault: Fault, hedge: Option<Duration>) {
    let told = format!("{fault:?} at {}, hedge {hedge:?}", LABELS[place]);
    let cache = cache(hedge);
    let mut random = StdRng::seed_from_u64(7);
    let mut written: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let (mut gets, mut slow_gets) = (0, 0);
    for n in 0..OPERATIONS {
        let now = FAULTY.contains(&n).then_some(fault);
        *cache.stores[place].fault.lock().unwrap() = now;
        let started = Instant::now();
        let key = format!("k{}", random.random_range(0..KEYS));
        match random.random_range(0..10) {
            0 => {
                let found = cache.tiers.get(&format!("absent{n}")).await;
                assert_eq!(found.outcome, Ok(None), "{told}");
                let truthful = matches!(now, None | Some(Fault::Lying | Fault::Full));
                assert!(truthful || !found.is_absent(), "{told}: an error became a miss: {found:?}");
            }
            1..=5 => {
                let found = cache.tiers.get(&key).await;
                gets += 1;
                // That nobody has it is only known when everybody has said so.
                slow_gets += u32::from(found.outcome != Ok(None) && started.elapsed() > Duration::from_millis(120));
                match (found.outcome, written.get(&key)) {
                    (Ok(Some(hit)), Some(right)) => assert_eq!(&hit.blob.bytes, right, "{told}: wrong value at {n}"),
                    (Ok(None), None) => {}
                    (other, right) => panic!("{told}, operation {n}: {other:?}, and written was {right:?}"),
                }
            }
            _ => {
                let value = format!("{key} as of {n}").into_bytes();
                cache.tiers.put(&key, Blob::new(value.clone())).await.outcome.unwrap();
                written.insert(key, value);
            }
        }
        assert!(started.elapsed() <= BUDGET, "{told}: operation {n} took {:?}", started.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(cache.tiers.settle().await.left, 0, "{told}");
    assert!(gets > 400 && written.len() == KEYS as usize, "{told}");
    if hedge.is_some() {
        assert_eq!(slow_gets, 0, "{told}: a hedge is there for these");
    }

    let seen = cache.layers[place].snapshot();
    let expected = fault != Fault::Lying || place < 2;
    assert!(!expected || seen.errors.get(fault.kind()).is_some_and(|n| *n > 0), "{told}: {seen:?}");
    assert_eq!(seen.breaker.openings > 0, fault.opens(), "{told}: {seen:?}");
    assert_eq!(seen.breaker.trials > 0, fault.opens(), "{told}: it was never half-open: {seen:?}");
    assert_eq!(seen.breaker.writes, CircuitState::Closed, "{told}: it stayed open: {seen:?}");
    assert_eq!(cache.layers[place].backend().get("absent").await, Ok(None), "{told}: it is usable again");
    if fault.opens() && fault != Fault::Full {
        let asked: u64 = seen.errors.values().sum();
        assert!(seen.breaker.refused > asked, "{told}: it was asked {asked} times though it failed: {seen:?}");
    }
    for (other, layers) in cache.layers.iter().enumerate().filter(|(other, _)| *other != place) {
        let seen = layers.snapshot();
        assert_eq!((seen.error_count(), seen.breaker.openings), (0, 0), "{told}: {} suffers: {seen:?}", LABELS[other]);
    }
}

#[tokio::test(start_paused = true)]
async fn each_tier_in_turn_fails_in_each_way() {
    for place in 0..LABELS.len() {
        for fault in FAULTS {
            thousand(place, fault, None).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn and_the_same_with_hedged_reads() {
    for place in 0..LABELS.len() {
        for fault in FAULTS {
            thousand(place, fault, Some(Duration::from_millis(50))).await;
        }
    }
}

/// All of them fail: the first error, within the budget, and back to work afterwards.
#[tokio::test(start_paused = true)]
async fn when_all_fail_nobody_is_told_of_a_miss() {
    for fault in FAULTS.into_iter().filter(|fault| !matches!(fault, Fault::Full | Fault::Lying)) {
        let cache = cache(None);
        cache.tiers.put("k1", Blob::new("v")).await.outcome.unwrap();
        cache.stores.iter().for_each(|store| *store.fault.lock().unwrap() = Some(fault));
        for _ in 0..20 {
            let started = Instant::now();
            let error = cache.tiers.get("k1").await.outcome.unwrap_err();
            assert!(error.kind == fault.kind() && started.elapsed() <= BUDGET, "{fault:?}: {error:?}");
        }
        cache.stores.iter().for_each(|store| *store.fault.lock().unwrap() = None);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(cache.tiers.get("k1").await.outcome.unwrap().is_some(), "{fault:?}");
    }
}

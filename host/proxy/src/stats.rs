//! What a proxy counts.

use seaworthy_cache::Latencies;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// From the cache, fresh.
    Hit,
    /// With what an equal request that was under way brought.
    Shared,
    /// By the origin.
    Miss,
    /// From the cache, after the origin confirmed it.
    Revalidated,
    /// From the cache, past its life, as allowed.
    Stale,
    /// By the origin, and the cache had no part in it.
    Bypass,
}

impl Outcome {
    const ALL: [Outcome; 6] = [Self::Hit, Self::Shared, Self::Miss, Self::Revalidated, Self::Stale, Self::Bypass];

    /// The word in the header and in the numbers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Shared => "shared",
            Self::Miss => "miss",
            Self::Revalidated => "revalidated",
            Self::Stale => "stale",
            Self::Bypass => "bypass",
        }
    }
}

/// Numbers since the start. None of them holds a URL, a name or a secret.
pub(crate) struct Stats {
    started: Instant,
    /// Times until the head of an answer, by outcome.
    times: Latencies,
    hits_by_tier: Mutex<BTreeMap<String, u64>>,
    limits: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    tiers: Latencies,
    origin_requests: AtomicU64,
    origin_failures: AtomicU64,
    not_modified: AtomicU64,
    slow: AtomicU64,
    unreadable: AtomicU64,
    writes_skipped: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            times: Latencies::default(),
            hits_by_tier: Mutex::default(),
            limits: Mutex::default(),
            tiers: Latencies::default(),
            origin_requests: AtomicU64::default(),
            origin_failures: AtomicU64::default(),
            not_modified: AtomicU64::default(),
            slow: AtomicU64::default(),
            unreadable: AtomicU64::default(),
            writes_skipped: AtomicU64::default(),
        }
    }
}

impl Stats {
    pub(crate) fn answered(&self, outcome: Outcome, tier: Option<&str>, took: Duration, bytes: Option<u64>) {
        self.times.record("proxy", outcome.word(), took, bytes.unwrap_or(0));
        if let Some(tier) = tier {
            *lock(&self.hits_by_tier).entry(tier.to_owned()).or_default() += 1;
        }
    }

    pub(crate) fn asked_origin(&self) {
        self.origin_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn origin_failed(&self) {
        self.origin_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn not_modified(&self) {
        self.not_modified.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn tier_failed(&self, tier: &str, kind: &str) {
        self.tiers.record_error(tier, kind);
    }

    pub(crate) fn tier_slow(&self) {
        self.slow.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn write_skipped(&self) {
        self.writes_skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// What the origin last said of its limits, by resource.
    pub(crate) fn limited(&self, headers: &hyper::HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let numbers: BTreeMap<String, String> = ["limit", "remaining", "used", "reset"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), text(&format!("x-ratelimit-{name}"))?)))
            .filter(|(_, value)| value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit()))
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        let resource = text("x-ratelimit-resource").unwrap_or("core");
        let known = resource.len() <= 40 && resource.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if numbers.is_empty() || !known {
            return;
        }
        let mut limits = lock(&self.limits);
        if limits.len() < 32 || limits.contains_key(resource) {
            limits.insert(resource.to_owned(), numbers);
        }
    }

    /// All of it, with the number of answers that are on their way into the tiers.
    pub(crate) fn json(&self, storing: usize) -> Value {
        let rows = self.times.rows();
        let mut outcomes = Map::new();
        let mut latency = Map::new();
        for outcome in Outcome::ALL {
            let row = rows.iter().find(|row| row.operation == outcome.word());
            outcomes.insert(outcome.word().into(), json!(row.map_or(0, |row| row.count)));
            if let Some(row) = row {
                let ms = |time: Duration| time.as_secs_f64() * 1e3;
                latency.insert(
                    outcome.word().into(),
                    json!({ "p50_ms": ms(row.p50), "p95_ms": ms(row.p95), "p99_ms": ms(row.p99), "max_ms": ms(row.max),
                            "bytes": row.bytes }),
                );
            }
        }
        let count = |name: &str| outcomes.get(name).and_then(Value::as_u64).unwrap_or(0);
        let requests: u64 = Outcome::ALL.iter().map(|outcome| count(outcome.word())).sum();
        let served = count("hit") + count("stale") + count("shared");
        let cacheable = requests - count("bypass");
        let origin = self.origin_requests.load(Ordering::Relaxed);
        // No traffic has no rate.
        let rate = |part: u64, of: u64| (of > 0).then(|| ratio(part, of));
        json!({
            "uptime_s": self.started.elapsed().as_secs(),
            "requests": requests,
            "outcomes": outcomes,
            "hit_rate": rate(served, cacheable),
            "origin": {
                "requests": origin,
                "share": rate(origin, requests),
                "not_modified": self.not_modified.load(Ordering::Relaxed),
                "failures": self.origin_failures.load(Ordering::Relaxed),
                "rate_limits": *lock(&self.limits),
            },
            "tiers": {
                "hits": *lock(&self.hits_by_tier),
                "errors": self.tiers.errors(),
                "too_slow": self.slow.load(Ordering::Relaxed),
                "unreadable": self.unreadable.load(Ordering::Relaxed),
                "storing": storing,
                "writes_skipped": self.writes_skipped.load(Ordering::Relaxed),
            },
            "latency": latency,
        })
    }
}

/// A part as a number from 0 to 1, to four digits.
fn ratio(part: u64, of: u64) -> f64 {
    let ten_thousandths = u32::try_from(part.saturating_mul(10_000) / of.max(1)).unwrap_or(u32::MAX);
    f64::from(ten_thousandths) / 10_000.0
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

use seaworthy_cache::{LatencyRow, StatsSnapshot};
use seaworthy_engine::CacheSession;
use seaworthy_policy::Prices;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A GB, as prices have it.
const GB: f64 = 1e9;

/// What one tier was asked while it was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) label: String,
    pub(crate) adapter: String,
    /// Differences of the counts of all sessions.
    pub(crate) counts: StatsSnapshot,
    /// Errors by kind, as [`StatsSnapshot::errors`], for the measurement only.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Requests that read and that write, those that succeeded.
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    /// Bytes that it may hold at the end.
    pub(crate) kept: u64,
}

/// The counts of the tiers of some sessions, by label.
pub(crate) fn counts(sessions: &[&CacheSession]) -> Vec<StatsSnapshot> {
    let Some(first) = sessions.first() else { return Vec::new() };
    let of = |label: &str| {
        let own = sessions.iter().filter_map(|session| session.counts(label));
        own.fold(StatsSnapshot::default(), |mut sum, one| {
            sum.hits += one.hits;
            sum.misses += one.misses;
            sum.get_errors += one.get_errors;
            sum.puts += one.puts;
            sum.bytes_read += one.bytes_read;
            sum.bytes_written += one.bytes_written;
            for (kind, count) in one.errors {
                *sum.errors.entry(kind).or_default() += count;
            }
            sum
        })
    };
    first.planned().iter().map(|tier| of(&tier.label)).collect()
}

/// What the tiers were asked between two counts.
pub(crate) fn between(
    session: &CacheSession,
    before: &[StatsSnapshot],
    after: &[StatsSnapshot],
    rows: &[LatencyRow],
    kept: u64,
) -> Vec<Usage> {
    let tiers = session.planned().iter().zip(before.iter().zip(after));
    let usage = tiers.map(|(tier, (before, after))| {
        let errors = after.errors.iter().map(|(kind, count)| {
            (kind.clone(), count.saturating_sub(before.errors.get(kind).copied().unwrap_or_default()))
        });
        let counts = StatsSnapshot {
            hits: after.hits.saturating_sub(before.hits),
            misses: after.misses.saturating_sub(before.misses),
            get_errors: after.get_errors.saturating_sub(before.get_errors),
            puts: after.puts.saturating_sub(before.puts),
            bytes_read: after.bytes_read.saturating_sub(before.bytes_read),
            bytes_written: after.bytes_written.saturating_sub(before.bytes_written),
            ..StatsSnapshot::default()
        };
        let times = |operations: &[&str]| -> u64 {
            let own = rows.iter().filter(|row| row.tier == tier.label);
            own.filter(|row| operations.contains(&row.operation.as_str())).map(|row| row.count).sum()
        };
        Usage {
            label: tier.label.clone(),
            adapter: tier.adapter.clone(),
            errors: errors.filter(|(_, count)| *count > 0).collect(),
            reads: times(&["get", "get-miss", "stat", "list"]),
            writes: times(&["put", "invalidate"]),
            // What has never been written to keeps nothing of this.
            kept: if after.puts > 0 { kept } else { 0 },
            counts,
        }
    });
    usage.collect()
}

/// What came of it in money.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Requests.
    pub(crate) requests: f64,
    /// Bytes in and out.
    pub(crate) traffic: f64,
    /// Keeping for a month what it may hold at the end.
    pub(crate) month: f64,
}

impl Cost {
    /// Requests and traffic.
    pub(crate) fn work(self) -> f64 {
        self.requests + self.traffic
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            requests: sum.requests + one.requests,
            traffic: sum.traffic + one.traffic,
            month: sum.month + one.month,
        })
    }
}

impl Usage {
    /// What it cost at these prices.
    #[expect(clippy::cast_precision_loss, reason = "money needs no more than 52 bits")]
    pub(crate) fn cost(&self, prices: &Prices) -> Cost {
        let thousands = |count: u64| count as f64 / 1e3;
        let gb = |bytes: u64| bytes as f64 / GB;
        Cost {
            requests: thousands(self.reads) * prices.get_per_1000 + thousands(self.writes) * prices.put_per_1000,
            traffic: gb(self.counts.bytes_written) * prices.gb_in + gb(self.counts.bytes_read) * prices.gb_out,
            month: gb(self.kept) * prices.gb_month,
        }
    }

    /// For programs.
    pub(crate) fn json(&self, prices: Option<&Prices>) -> Value {
        let cost = prices.map(|prices| {
            let cost = self.cost(prices);
            json!({ "currency": prices.currency, "as_of": prices.as_of, "requests": cost.requests,
                    "traffic": cost.traffic, "month": cost.month })
        });
        json!({
            "tier": self.label, "adapter": self.adapter,
            "hits": self.counts.hits, "misses": self.counts.misses, "get_errors": self.counts.get_errors,
            "puts": self.counts.puts, "hit_rate": self.counts.hit_rate(), "effective_rate": self.counts.effective_rate(),
            "bytes_in": self.counts.bytes_written, "bytes_out": self.counts.bytes_read, "errors": self.errors,
            "requests_reading": self.reads, "requests_writing": self.writes, "bytes_kept": self.kept, "cost": cost,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_requests_traffic_and_keeping() {
        let usage = Usage {
            reads: 2_000_000,
            writes: 500_000,
            kept: 10_000_000_000,
            counts: StatsSnapshot {
                bytes_read: 100_000_000_000,
                bytes_written: 20_000_000_000,
                ..StatsSnapshot::default()
            },
            ..Usage::default()
        };
        let prices = Prices {
            currency: "EUR".into(),
            get_per_1000: 0.001,
            put_per_1000: 0.01,
            gb_in: 0.02,
            gb_out: 0.1,
            gb_month: 0.5,
            as_of: None,
        };
        let cost = usage.cost(&prices);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(cost.requests, 2.0 + 5.0) && near(cost.traffic, 0.4 + 10.0) && near(cost.month, 5.0), "{cost:?}");
        assert!(near(cost.work(), 17.4));
        assert_eq!(usage.cost(&Prices::default()), Cost::default());
        assert!(near([cost, cost].into_iter().sum::<Cost>().month, 10.0));
    }
}

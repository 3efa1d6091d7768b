//! What a measurement found, for people and for programs.

use super::client::{ALL, Counts};
use super::usage::{Cost, Usage};
use crate::cache::args::BenchArgs;
use crate::cache::{counted, shown};
use seaworthy_cache::{LatencyRow, StatsSnapshot, TiersSnapshot};
use seaworthy_model::ExitCode;
use seaworthy_policy::Prices;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The result of one measurement.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) usage: Vec<Usage>,
    /// Prices of the tiers that have any.
    pub(crate) prices: BTreeMap<String, Prices>,
    pub(crate) counts: Counts,
    pub(crate) rows: Vec<LatencyRow>,
    /// By tier and kind; those of the whole cache stand in `counts`.
    pub(crate) errors: BTreeMap<String, BTreeMap<String, u64>>,
    /// What the layers around each tier counted, warm-up included.
    pub(crate) tiers: Vec<(String, StatsSnapshot)>,
    /// What the tiers of each session did together.
    pub(crate) together: Vec<TiersSnapshot>,
    pub(crate) elapsed: Duration,
    pub(crate) sessions: usize,
    /// Keys that are still in the cache because they could not be removed.
    pub(crate) left_behind: u64,
    /// The most memory that this process held, in bytes.
    pub(crate) peak_memory: Option<u64>,
}

impl Summary {
    /// A wrong value fails the measurement; so does a cache that answered nothing.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let counts = &self.counts;
        if counts.wrong_values > 0 {
            ExitCode::Failed
        } else if counts.operations == counts.error_count() {
            ExitCode::Indeterminate
        } else {
            ExitCode::Passed
        }
    }

    /// Operations that the cache did; failing is often quicker and is no throughput.
    fn done(&self) -> u64 {
        self.counts.operations.saturating_sub(self.counts.error_count())
    }

    /// The tiers that were measured, best first.
    pub(crate) fn label(&self) -> String {
        self.usage.iter().map(|tier| tier.label.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Operations that the cache did in a second.
    pub(crate) fn speed(&self) -> f64 {
        self.per_second(self.done())
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// hits / (hits + misses): how well it is filled.
    pub(crate) fn hit_rate(&self) -> Option<f64> {
        ratio(self.counts.hits, self.counts.hits + self.counts.misses)
    }

    /// hits / reads, errors too: how much it helps.
    pub(crate) fn effective_rate(&self) -> Option<f64> {
        ratio(self.counts.hits, self.reads())
    }

    fn reads(&self) -> u64 {
        self.counts.hits + self.counts.misses + self.counts.get_errors
    }

    /// Reads that needed no request to the origin, of all; `None` without an origin.
    pub(crate) fn saved(&self) -> Option<f64> {
        ratio(self.counts.hits, self.counts.hits + self.counts.origin_calls).filter(|_| self.counts.origin_calls > 0)
    }

    /// The times of one operation of the cache as a whole.
    pub(crate) fn row(&self, operation: &str) -> Option<&LatencyRow> {
        self.rows.iter().find(|row| row.tier == ALL && row.operation == operation)
    }

    /// Tiers with a price, and what they cost.
    fn costs<'a>(&'a self) -> Vec<(&'a Usage, &'a Prices, Cost)> {
        let priced = |tier: &'a Usage| self.prices.get(&tier.label).map(|prices| (tier, prices, tier.cost(prices)));
        self.usage.iter().filter_map(priced).collect()
    }

    /// Requests and traffic of a million reads, and their currency; `None` when no
    /// tier has a price or nothing was read.
    #[expect(clippy::cast_precision_loss, reason = "money needs no more than 52 bits")]
    pub(crate) fn cost_of_a_million_reads(&self) -> Option<(f64, &str)> {
        let costs = self.costs();
        let (_, prices, _) = costs.first()?;
        let work = costs.iter().map(|(_, _, cost)| *cost).sum::<Cost>().work();
        (self.reads() > 0).then(|| (work * 1e6 / self.reads() as f64, prices.currency.as_str()))
    }

    /// For people.
    pub(crate) fn lines(&self, arguments: &BenchArgs) -> Vec<String> {
        let counts = &self.counts;
        let mut lines = vec![format!(
            "{} operations done in {}: {:.0} a second, by {} clients over {} sessions{}",
            self.done(),
            shown::time(self.elapsed),
            self.per_second(self.done()),
            arguments.clients,
            self.sessions,
            if arguments.direct { ", without adapters" } else { "" }
        )];
        lines.push(format!(
            "{} hits, {} misses, {} reads that could not tell: hit rate {}, effective rate {}; {} stored, {} removed",
            counts.hits,
            counts.misses,
            counts.get_errors,
            percent(self.hit_rate()),
            percent(self.effective_rate()),
            counts.puts + counts.filled,
            counts.removals
        ));
        if let Some(cost) = arguments.miss_cost {
            lines.push(format!(
                "{} requests to an origin of {}; {} of all reads needed none; {} of its answers stored",
                counts.origin_calls,
                shown::time(cost),
                percent(self.saved()),
                counts.filled
            ));
        }
        lines.push(format!(
            "{} read, {} written; {:.1} MiB/s",
            shown::bytes(counts.bytes_read),
            shown::bytes(counts.bytes_written),
            self.per_second(counts.bytes_read + counts.bytes_written) / f64::from(1 << 20)
        ));
        let memory =
            self.peak_memory.map_or_else(String::new, |peak| format!("; at most {} of memory", shown::bytes(peak)));
        lines.push(format!("{} errors, {} wrong values{memory}", counts.error_count(), counts.wrong_values));
        lines.extend(self.table());
        for tier in self.usage.iter().filter(|_| self.usage.len() > 1) {
            lines.push(format!(
                "{}: hit rate {}, effective rate {}; {} in, {} out",
                tier.label,
                percent(tier.counts.hit_rate()),
                percent(tier.counts.effective_rate()),
                shown::bytes(tier.counts.bytes_written),
                shown::bytes(tier.counts.bytes_read)
            ));
        }
        lines.extend(self.bill());
        for (tier, kinds) in &self.errors {
            let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            lines.push(format!("errors of {tier}: {}", kinds.join(", ")));
        }
        // A tier that never failed has nothing to tell beyond the table.
        for (tier, seen) in self.tiers.iter().filter(|(_, seen)| seen.error_count() + seen.retries.attempts > 0) {
            lines.extend(counted::lines(seen).into_iter().map(|line| format!("{tier}: {line}")));
        }
        lines.extend(counts.examples.iter().map(|example| format!("  {example}")));
        if self.left_behind > 0 {
            let ttl = humantime::format_duration(arguments.ttl);
            lines.push(format!("{} keys were not removed, and end by themselves after {ttl}", self.left_behind));
        }
        lines
    }

    /// What it cost; nothing where nothing has a price.
    fn bill(&self) -> Vec<String> {
        let of_tier = |(tier, prices, cost): &(&Usage, &Prices, Cost)| {
            let as_of = prices.as_of.as_ref().map(|day| format!(", prices of {day}")).unwrap_or_default();
            format!(
                "cost of {}: {} {} ({} for requests, {} for traffic), and {} a month to keep {}{as_of}",
                tier.label,
                money(cost.work()),
                prices.currency,
                money(cost.requests),
                money(cost.traffic),
                money(cost.month),
                shown::bytes(tier.kept)
            )
        };
        let mut lines: Vec<String> = self.costs().iter().map(of_tier).collect();
        if let Some((cost, currency)) = self.cost_of_a_million_reads() {
            lines.push(format!("a million such reads: {} {currency}", money(cost)));
        }
        lines
    }

    fn table(&self) -> Vec<String> {
        let width = self.rows.iter().map(|row| row.tier.chars().count()).max().unwrap_or(0).max(ALL.len());
        let mut lines = Vec::new();
        if self.rows.is_empty() {
            return lines;
        }
        lines.push(format!(
            "{:width$}  {:<10}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}",
            "tier", "operation", "count", "p50", "p95", "p99", "max"
        ));
        for row in &self.rows {
            let mut line = format!("{:width$}  {:<10}  {:>9}", row.tier, row.operation, row.count);
            for time in [row.p50, row.p95, row.p99, row.max] {
                let _ = write!(line, "  {:>9}", shown::time(time));
            }
            lines.push(line);
        }
        lines
    }

    /// For programs. Times are microseconds.
    pub(crate) fn json(&self, arguments: &BenchArgs) -> Value {
        let counts = &self.counts;
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let latency: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({ "tier": row.tier, "operation": row.operation, "count": row.count, "bytes": row.bytes,
                        "p50_us": us(row.p50), "p95_us": us(row.p95), "p99_us": us(row.p99), "max_us": us(row.max) })
            })
            .collect();
        json!({
            "format": "seaworthy-cache-bench/1",
            "workload": {
                "clients": arguments.clients, "sessions": self.sessions, "direct": arguments.direct,
                "trace": arguments.trace, "keys": arguments.keys, "value_bytes": arguments.value_size,
                "read_ratio": arguments.reads(), "operations": arguments.operations,
                "miss_cost_ms": arguments.miss_cost.map(|cost| cost.as_secs_f64() * 1e3), "zipf": arguments.zipf, "seed": arguments.seed,
                "filled": arguments.fill,
            },
            "elapsed_s": self.elapsed.as_secs_f64(),
            "operations": counts.operations,
            "operations_per_s": self.per_second(self.done()),
            "hits": counts.hits,
            "misses": counts.misses,
            "get_errors": counts.get_errors,
            "hit_rate": self.hit_rate(),
            "effective_rate": self.effective_rate(),
            "origin_calls": counts.origin_calls,
            "origin_calls_saved": self.saved(),
            "filled": counts.filled,
            "puts": counts.puts,
            "removals": counts.removals,
            "bytes_read": counts.bytes_read,
            "bytes_written": counts.bytes_written,
            "errors": counts.errors,
            "tier_errors": self.errors,
            "layers": self.tiers.iter().map(|(tier, seen)| (tier.clone(), counted::json(seen))).collect::<Map<_, _>>(),
            "together": self.together,
            "tiers": self.usage.iter().map(|tier| tier.json(self.prices.get(&tier.label))).collect::<Vec<_>>(),
            "cost_of_a_million_reads": self.cost_of_a_million_reads().map(|(cost, _)| cost),
            "wrong_values": counts.wrong_values,
            "examples": counts.examples,
            "latency": latency,
            "left_behind": self.left_behind,
            "peak_memory_bytes": self.peak_memory,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// `87.1 %`; a dash where nothing was asked.
pub(super) fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| "\u{2013}".into(), |rate| format!("{:.1} %", rate * 100.0))
}

/// With as many digits as small sums need.
pub(super) fn money(sum: f64) -> String {
    if sum == 0.0 || sum >= 1.0 { format!("{sum:.2}") } else { format!("{sum:.6}") }
}

/// The most memory that this process held so far, where the system says so.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(counts: Counts) -> Summary {
        Summary {
            usage: Vec::new(),
            prices: BTreeMap::new(),
            counts,
            rows: Vec::new(),
            errors: BTreeMap::new(),
            tiers: Vec::new(),
            together: Vec::new(),
            elapsed: Duration::from_secs(2),
            sessions: 1,
            left_behind: 0,
            peak_memory: peak_memory(),
        }
    }

    #[test]
    fn a_wrong_value_fails_and_silence_is_no_success() {
        let good = Counts { operations: 10, hits: 5, misses: 5, ..Counts::default() };
        assert_eq!(summary(good.clone()).exit_code(), ExitCode::Passed);
        assert_eq!(summary(Counts { wrong_values: 1, ..good.clone() }).exit_code(), ExitCode::Failed);
        let errors = BTreeMap::from([("unreachable".to_owned(), 10)]);
        let broken = summary(Counts { operations: 10, errors, ..Counts::default() });
        assert_eq!((broken.exit_code(), broken.done()), (ExitCode::Indeterminate, 0), "failing is no throughput");
        assert_eq!(summary(Counts::default()).exit_code(), ExitCode::Indeterminate, "nothing was measured");
        let half = summary(good);
        assert_eq!(half.hit_rate(), Some(0.5));
        assert!((half.per_second(10) - 5.0).abs() < 1e-9);
        assert!(half.peak_memory.is_none_or(|peak| peak > 100_000));
    }

    #[test]
    fn errors_part_the_effective_rate_from_the_hit_rate() {
        let counts = Counts { operations: 12, hits: 6, misses: 2, get_errors: 4, origin_calls: 6, ..Counts::default() };
        let summary = summary(counts);
        assert_eq!((summary.hit_rate(), summary.effective_rate(), summary.saved()), (Some(0.75), Some(0.5), Some(0.5)));
        assert_eq!([percent(Some(0.75)), percent(None)], ["75.0 %", "\u{2013}"], "no traffic is not 0 %");
    }

    #[test]
    fn a_bill_is_of_tiers_that_have_a_price() {
        let usage = |label: &str| Usage { label: label.into(), reads: 500_000, ..Usage::default() };
        let counts = Counts { operations: 500_000, hits: 500_000, ..Counts::default() };
        let mut summary = Summary { usage: vec![usage("disk"), usage("s3")], ..summary(counts) };
        assert_eq!((summary.bill(), summary.label()), (Vec::new(), "disk,s3".to_owned()));
        let prices = Prices { currency: "EUR".into(), get_per_1000: 0.004, ..Prices::default() };
        summary.prices.insert("s3".into(), prices);
        let bill = summary.bill();
        assert!(bill[0].starts_with("cost of s3: 2.00 EUR (2.00 for requests"), "{bill:?}");
        assert_eq!((bill.len(), bill[1].as_str()), (2, "a million such reads: 4.00 EUR"));
    }
}

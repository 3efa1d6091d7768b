//! What a measurement found, for people and for programs.

use super::client::{ALL, Counts};
use crate::cache::args::BenchArgs;
use crate::cache::{counted, shown};
use seaworthy_cache::{LatencyRow, StatsSnapshot, TiersSnapshot};
use seaworthy_model::ExitCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The result of one measurement.
#[derive(Debug)]
pub(crate) struct Summary {
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

    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    fn hit_rate(&self) -> Option<f64> {
        let looked = self.counts.hits + self.counts.misses;
        (looked > 0).then(|| self.counts.hits as f64 / looked as f64)
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
        lines.push(match self.hit_rate() {
            Some(rate) => format!(
                "{} hits, {} misses: {:.1} % of reads; {} stored, {} removed",
                counts.hits,
                counts.misses,
                rate * 100.0,
                counts.puts,
                counts.removals
            ),
            None => format!("no reads that told; {} stored, {} removed", counts.puts, counts.removals),
        });
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
                "read_ratio": arguments.read_ratio, "zipf": arguments.zipf, "seed": arguments.seed,
                "filled": arguments.fill,
            },
            "elapsed_s": self.elapsed.as_secs_f64(),
            "operations": counts.operations,
            "operations_per_s": self.per_second(self.done()),
            "hits": counts.hits,
            "misses": counts.misses,
            "hit_rate": self.hit_rate(),
            "puts": counts.puts,
            "removals": counts.removals,
            "bytes_read": counts.bytes_read,
            "bytes_written": counts.bytes_written,
            "errors": counts.errors,
            "tier_errors": self.errors,
            "tiers": self.tiers.iter().map(|(tier, seen)| (tier.clone(), counted::json(seen))).collect::<Map<_, _>>(),
            "together": self.together,
            "wrong_values": counts.wrong_values,
            "examples": counts.examples,
            "latency": latency,
            "left_behind": self.left_behind,
            "peak_memory_bytes": self.peak_memory,
        })
    }
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
}

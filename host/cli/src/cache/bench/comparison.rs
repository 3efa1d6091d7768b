//! Several sets of tiers under the same workload, in one table.

use super::summary::{Summary, money, percent};
use crate::cache::args::BenchArgs;
use crate::cache::shown;
use seaworthy_cache::LatencyRow;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// One line of the table: what it is, what each set has, and how many times what the
/// first one has.
struct Line {
    name: String,
    cells: Vec<String>,
    ratios: Vec<Option<f64>>,
}

/// A quantile of a row.
type Quantile = fn(&LatencyRow) -> Duration;

/// The times that are compared: operation and quantile.
const TIMES: [(&str, &str, Quantile); 9] = [
    ("read", "p50", |row| row.p50),
    ("read", "p95", |row| row.p95),
    ("read", "p99", |row| row.p99),
    ("get", "p50", |row| row.p50),
    ("get", "p95", |row| row.p95),
    ("get", "p99", |row| row.p99),
    ("put", "p50", |row| row.p50),
    ("put", "p95", |row| row.p95),
    ("put", "p99", |row| row.p99),
];

fn table(all: &[Summary]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |name: &str, numbers: Vec<Option<f64>>, show: &dyn Fn(f64) -> String| {
        if numbers.iter().all(Option::is_none) {
            return;
        }
        let first = numbers.first().copied().flatten().filter(|first| *first > 0.0);
        let ratio = |number: &Option<f64>| Some(number.as_ref()? / first?);
        lines.push(Line {
            name: name.to_owned(),
            cells: numbers.iter().map(|number| number.map_or_else(|| "\u{2013}".into(), show)).collect(),
            ratios: numbers.iter().map(ratio).collect(),
        });
    };
    let of = |number: fn(&Summary) -> Option<f64>| all.iter().map(number).collect::<Vec<_>>();
    let rate = |rate: f64| percent(Some(rate));
    line("operations a second", of(|s| Some(s.speed())), &|speed| format!("{speed:.0}"));
    line("hit rate", of(Summary::hit_rate), &rate);
    line("effective rate", of(Summary::effective_rate), &rate);
    line("API calls saved", of(Summary::saved), &rate);
    for (operation, quantile, time) in TIMES {
        let seconds = all.iter().map(|s| s.row(operation).map(|row| time(row).as_secs_f64())).collect();
        let show = |seconds: f64| shown::time(Duration::from_secs_f64(seconds));
        line(&format!("{operation} {quantile}"), seconds, &show);
    }
    let cost = |s: &Summary| s.cost_of_a_million_reads().map(|(cost, _)| cost);
    line("cost of a million reads", of(cost), &money);
    lines
}

/// For people. The first set is what the others are compared with.
pub(crate) fn lines(all: &[Summary], arguments: &BenchArgs) -> Vec<String> {
    let mut lines = Vec::new();
    let labels: Vec<String> = all.iter().map(Summary::label).collect();
    let base = labels.first().map_or("", String::as_str);
    let head = |at: usize| if at == 0 { labels[at].clone() } else { format!("{} (x {base})", labels[at]) };
    let rows: Vec<(String, Vec<String>)> = table(all)
        .into_iter()
        .map(|line| {
            let cells = line.cells.iter().zip(&line.ratios).enumerate().map(|(at, (cell, ratio))| match ratio {
                // Two digits that say something, also of what is a thousand times as fast.
                Some(ratio) if at > 0 && *ratio < 0.1 => format!("{cell} ({ratio:.4})"),
                Some(ratio) if at > 0 => format!("{cell} ({ratio:.2})"),
                _ => cell.clone(),
            });
            (line.name, cells.collect())
        })
        .collect();
    let wide = |at: usize| {
        let cells = rows.iter().filter_map(|(_, cells)| cells.get(at)).map(|cell| cell.chars().count());
        cells.chain([head(at).chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..labels.len()).map(wide).collect();
    let first = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let row = |name: &str, cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("  {cell:>width$}")).collect::<String>();
        format!("{name:<first$}{cells}")
    };
    lines.push(row("", &(0..labels.len()).map(head).collect::<Vec<_>>()));
    lines.extend(rows.iter().map(|(name, cells)| row(name, cells)));
    for summary in all {
        let counts = &summary.counts;
        if counts.error_count() + counts.wrong_values + summary.left_behind > 0 {
            lines.push(format!(
                "{}: {} errors, {} wrong values, {} keys left behind",
                summary.label(),
                counts.error_count(),
                counts.wrong_values,
                summary.left_behind
            ));
            lines.extend(counts.examples.iter().map(|example| format!("  {example}")));
        }
    }
    lines.push(format!(
        "the same workload for each: seed {}, {} clients{}",
        arguments.seed,
        arguments.clients,
        arguments.miss_cost.map(|cost| format!(", an origin of {}", shown::time(cost))).unwrap_or_default()
    ));
    lines
}

/// For programs: every set as a measurement of its own, and the ratios to the first.
pub(crate) fn json(all: &[Summary], arguments: &BenchArgs) -> Value {
    let sets: Vec<Value> = all.iter().map(|s| json!({ "label": s.label(), "result": s.json(arguments) })).collect();
    let ratios: Map<String, Value> = table(all).into_iter().map(|line| (line.name, json!(line.ratios))).collect();
    json!({ "format": "seaworthy-cache-bench-comparison/1", "sets": sets, "ratios": ratios })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::bench::client::{ALL, Counts};
    use crate::cache::bench::usage::Usage;
    use std::collections::BTreeMap;

    fn summary(label: &str, hits: u64, p50_ms: u64) -> Summary {
        let time = Duration::from_millis(p50_ms);
        let row = LatencyRow {
            tier: ALL.into(),
            operation: "get".into(),
            count: hits,
            bytes: 0,
            p50: time,
            p95: time * 2,
            p99: time * 3,
            max: time * 4,
        };
        Summary {
            usage: vec![Usage { label: label.into(), ..Usage::default() }],
            prices: BTreeMap::new(),
            counts: Counts { operations: 100, hits, misses: 100 - hits, ..Counts::default() },
            rows: vec![row],
            errors: BTreeMap::new(),
            tiers: Vec::new(),
            together: Vec::new(),
            elapsed: Duration::from_secs(1),
            sessions: 1,
            left_behind: 0,
            peak_memory: None,
        }
    }

    #[test]
    fn the_first_set_is_the_measure_of_the_others() {
        let table = table(&[summary("p2p", 80, 2), summary("ipfs", 40, 5)]);
        let line = |name: &str| table.iter().find(|line| line.name == name).unwrap();
        let get = line("get p50");
        assert_eq!((get.cells.as_slice(), get.ratios[1]), (&["2.0 ms".to_owned(), "5.0 ms".into()][..], Some(2.5)));
        assert_eq!((line("hit rate").cells[1].as_str(), line("hit rate").ratios[1]), ("40.0 %", Some(0.5)));
        assert!(table.iter().all(|line| !line.name.starts_with("put") && !line.name.starts_with("cost")));
    }
}

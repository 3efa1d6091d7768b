//! What this process asked of the tiers, and what became of it.

use super::shown;
use seaworthy_cache::{StatsSnapshot, TiersSnapshot};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What stands where there was nothing to take a rate of.
const NO_RATE: &str = "\u{2013}";

/// The counts of one tier, for people, each line without its indentation.
pub(crate) fn lines(seen: &StatsSnapshot) -> Vec<String> {
    let mut lines =
        vec![format!("asked here: {} hits, {} misses, {} stored; {}", seen.hits, seen.misses, seen.puts, rates(seen))];
    if seen.bytes_read + seen.bytes_written > 0 {
        let (read, written) = (shown::bytes(seen.bytes_read), shown::bytes(seen.bytes_written));
        lines.push(format!("moved here: {read} read, {written} written"));
    }
    if !seen.errors.is_empty() {
        lines.push(format!("errors here: {}", kinds(&seen.errors)));
    }
    if seen.retries.attempts > 0 {
        let retries = seen.retries;
        lines.push(format!(
            "tried again: {} times, and {} operations succeeded so",
            retries.attempts, retries.recovered
        ));
    }
    if seen.abandoned > 0 {
        lines.push(format!("not waited for: {} operations", seen.abandoned));
    }
    let breaker = &seen.breaker;
    if breaker.openings > 0 {
        lines.push(format!(
            "breaker: reads {}, writes {}; opened {} times, tried {} times, answered {} operations itself",
            breaker.reads.as_str(),
            breaker.writes.as_str(),
            breaker.openings,
            breaker.trials,
            breaker.refused
        ));
    }
    lines
}

/// Both rates; where errors make the cache help less than it is filled for, that is said.
fn rates(seen: &StatsSnapshot) -> String {
    let (hit, effective) = (percent(seen.hit_rate()), percent(seen.effective_rate()));
    let gap = if seen.has_gap() {
        format!(": {} gets that could not tell", seen.get_errors)
    } else if seen.get_errors > 0 {
        format!("; {} gets could not tell", seen.get_errors)
    } else {
        String::new()
    };
    format!("hit rate {hit}, effective {effective}{gap}")
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| NO_RATE.to_owned(), |rate| format!("{:.1} %", rate * 100.0))
}

fn kinds(errors: &BTreeMap<String, u64>) -> String {
    errors.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// The same for programs.
pub(crate) fn json(seen: &StatsSnapshot) -> Value {
    let mut all = match json!(seen) {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    all.insert("hit_rate".into(), json!(seen.hit_rate()));
    all.insert("effective_rate".into(), json!(seen.effective_rate()));
    Value::Object(all)
}

/// What the tiers did together, for people; nothing where it is nothing.
pub(crate) fn together(seen: &TiersSnapshot) -> Option<String> {
    let mut parts = Vec::new();
    let mut part = |count: u64, text: &str| {
        if count > 0 {
            parts.push(format!("{count} {text}"));
        }
    };
    part(seen.joined, "gets shared the answer to an equal one");
    part(seen.hedges, "gets went to the next tier early");
    for (label, won) in &seen.hedges_won {
        part(*won, &format!("of them were answered by {label} first"));
    }
    part(seen.over_budget, "operations were over their budget");
    part(seen.back_fills, "values were written to a tier above");
    part(seen.back_fills_failed, "were not taken there");
    part(seen.back_fills_left_out, "were left out");
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_between_the_rates_is_said_and_no_traffic_has_none() {
        let quiet = lines(&StatsSnapshot::default());
        assert_eq!(quiet, ["asked here: 0 hits, 0 misses, 0 stored; hit rate \u{2013}, effective \u{2013}"]);
        let errors = BTreeMap::from([("timed-out".to_owned(), 1), ("unreachable".to_owned(), 4)]);
        let seen = StatsSnapshot { hits: 3, misses: 1, get_errors: 2, errors, ..StatsSnapshot::default() };
        let said = lines(&seen);
        assert!(said[0].ends_with("hit rate 75.0 %, effective 50.0 %: 2 gets that could not tell"), "{said:?}");
        assert_eq!(said[1], "errors here: 1 timed-out, 4 unreachable");
        let json = json(&seen);
        assert_eq!((json["hit_rate"].as_f64(), json["effective_rate"].as_f64()), (Some(0.75), Some(0.5)));
        assert_eq!(
            (json["errors"]["unreachable"].as_u64(), json["breaker"]["reads"].as_str()),
            (Some(4), Some("closed"))
        );
        let only_errors = lines(&StatsSnapshot { get_errors: 2, ..StatsSnapshot::default() });
        assert!(
            only_errors[0].ends_with("hit rate \u{2013}, effective 0.0 %; 2 gets could not tell"),
            "{only_errors:?}"
        );
    }

    #[test]
    fn what_did_not_happen_is_not_listed() {
        assert_eq!(together(&TiersSnapshot::default()), None);
        let seen =
            TiersSnapshot { hedges: 2, hedges_won: BTreeMap::from([("disk".into(), 1)]), ..TiersSnapshot::default() };
        let said = "2 gets went to the next tier early; 1 of them were answered by disk first";
        assert_eq!(together(&seen).as_deref(), Some(said));
    }
}

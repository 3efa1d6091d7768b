//! Times and sizes as people read them.

use seaworthy_cache::Entry;
use serde_json::{Value, json};
use std::time::Duration;

/// `840 us`, `3.1 ms`, `2.04 s`.
pub(crate) fn time(time: Duration) -> String {
    let us = time.as_micros();
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}

/// `512 B`, `1.5 KiB`, `3.0 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub(crate) fn bytes(bytes: u64) -> String {
    let as_unit = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", as_unit(1 << 10)),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", as_unit(1 << 20)),
        _ => format!("{:.2} GiB", as_unit(1 << 30)),
    }
}

/// What a tier knows of a key: `1.0 KiB, made 2026-01-02T03:04:05Z, lives 4m 59s more`.
pub(crate) fn entry(entry: &Entry) -> String {
    let mut parts: Vec<String> = entry.size.map(bytes).into_iter().collect();
    for (key, value) in &entry.details {
        parts.push(match (key.as_str(), value.parse::<u64>()) {
            ("created-ms", Ok(ms)) => format!("made {}", moment(ms)),
            ("ttl-ms", Ok(ms)) => {
                format!("lives {} more", humantime::format_duration(Duration::from_secs(ms.div_ceil(1000))))
            }
            _ => format!("{key} {value}"),
        });
    }
    parts.join(", ")
}

/// The same for programs.
pub(crate) fn entry_json(entry: &Entry) -> Value {
    let number = |name: &str| entry.details.get(name).and_then(|text| text.parse::<u64>().ok());
    json!({ "key": entry.key, "size": entry.size, "created_ms": number("created-ms"), "ttl_ms": number("ttl-ms"),
            "details": entry.details })
}

fn moment(ms: u64) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| format!("{ms} ms after 1970"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(time(Duration::from_micros(999)), "999 us");
        assert_eq!(time(Duration::from_micros(3_140)), "3.1 ms");
        assert_eq!(time(Duration::from_millis(2_040)), "2.04 s");
        assert_eq!([bytes(512), bytes(1536), bytes(3 << 20)], ["512 B", "1.5 KiB", "3.0 MiB"]);
    }

    #[test]
    fn an_entry_is_one_line() {
        let details = BTreeMap::from([("created-ms".into(), "0".into()), ("ttl-ms".into(), "299001".into())]);
        let shown = entry(&Entry { key: "k".into(), size: Some(4), details });
        assert_eq!(shown, "4 B, made 1970-01-01T00:00:00Z, lives 5m more");
    }
}

//! What a cache counts, whichever it is. What it does not count is unknown, not zero.

use crate::page::{self, Sample};
use serde_json::Value;

/// The numbers of one cache.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Whose they are.
    pub source: &'static str,
    /// Reads that found.
    pub hits: Option<u64>,
    /// Reads that found nothing.
    pub misses: Option<u64>,
    /// Reads that failed.
    pub read_errors: Option<u64>,
    /// Values stored.
    pub writes: Option<u64>,
    /// Whoever reads and misses stores the value afterwards. From a peer or a mirror
    /// may only be read.
    pub fills: bool,
    /// Values that could not be stored.
    pub write_errors: Option<u64>,
    /// Those of them that were one too many, where that is counted.
    pub rate_limited: Option<u64>,
    /// Of an index: found; and of the values that it names, fetched and not there.
    pub index: Option<(u64, u64)>,
    /// Others that are connected, or what is offered to others.
    pub company: Option<u64>,
    /// What others answered.
    pub from_others: Option<u64>,
    /// Median of a look-up, in milliseconds.
    pub lookup_ms: Option<u64>,
    /// Seconds since it was started.
    pub age_s: Option<u64>,
}

impl Counts {
    /// Every read, those that failed too; `None` where not even hits and misses are counted.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        Some(self.hits? + self.misses? + self.read_errors.unwrap_or(0))
    }
}

/// Counters are whole and not negative; what is neither becomes 0 or the largest.
fn whole(value: f64) -> u64 {
    value as u64
}

/// Reads what a page or a file says; `None` where it is none of those that are known here.
/// `now_s` is this machine's time.
#[must_use]
pub fn read(bytes: &[u8], now_s: u64) -> Option<Counts> {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return sccache(&value).or_else(|| proxy(&value));
    }
    let samples = page::read(&String::from_utf8_lossy(bytes));
    let mut counts = peer(&samples).or_else(|| spegel(&samples)).or_else(|| bazel_remote(&samples))?;
    let started = ["seaworthy_peer_start_time_seconds", "process_start_time_seconds"]
        .iter()
        .find_map(|name| page::sum(&samples, name, &[]));
    counts.age_s = started.map(|started| now_s.saturating_sub(whole(started)));
    Some(counts)
}

/// Whether a family of metrics is there at all.
fn speaks(samples: &[Sample], prefix: &str) -> bool {
    samples.iter().any(|sample| sample.name.starts_with(prefix))
}

fn peer(samples: &[Sample]) -> Option<Counts> {
    if !speaks(samples, "seaworthy_peer_") {
        return None;
    }
    let of = |operation: &[&str], outcome: &[&str]| {
        page::sum(samples, "seaworthy_peer_requests_total", &[("operation", operation), ("outcome", outcome)])
            .map_or(0, whole)
    };
    let one = |name: &str| page::sum(samples, name, &[]).map(whole);
    Some(Counts {
        source: "seaworthy-peer",
        hits: Some(of(&["get"], &["hit"])),
        misses: Some(of(&["get"], &["miss"])),
        // What is refused is no failure of the cache: another secret, or anybody who knocks.
        read_errors: Some(of(&["get"], &["error"])),
        writes: Some(of(&["put"], &["stored", "older"])),
        write_errors: Some(of(&["put"], &["error"])),
        rate_limited: one("seaworthy_peer_rate_limited_requests_total"),
        ..Counts::default()
    })
}

fn spegel(samples: &[Sample]) -> Option<Counts> {
    if !speaks(samples, "spegel_") {
        return None;
    }
    // A counter with labels is not on the page before it was counted once.
    let of =
        |cache: &str| Some(page::sum(samples, "spegel_mirror_requests_total", &[("cache", &[cache])]).map_or(0, whole));
    let offered = ["spegel_advertised_keys", "spegel_advertised_image_digests", "spegel_advertised_content_digests"]
        .iter()
        .find_map(|name| page::sum(samples, name, &[]));
    Some(Counts {
        source: "spegel",
        hits: of("hit"),
        misses: of("miss"),
        company: offered.map(whole),
        from_others: of("hit"),
        lookup_ms: page::median(samples, "spegel_resolve_duration_seconds").map(|seconds| whole(seconds * 1000.0)),
        ..Counts::default()
    })
}

fn bazel_remote(samples: &[Sample]) -> Option<Counts> {
    let of = |kind: &str, status: &str| {
        let wanted: [(&str, &[&str]); 3] = [("kind", &[kind]), ("method", &["get"]), ("status", &[status])];
        page::sum(samples, "bazel_remote_incoming_requests_total", &wanted).map(whole)
    };
    if !speaks(samples, "bazel_remote_") {
        return None;
    }
    let index = of("ac", "hit").map(|hits| (hits, of("cas", "miss").unwrap_or(0)));
    Some(Counts { source: "bazel-remote", hits: of("ac", "hit"), misses: of("ac", "miss"), index, ..Counts::default() })
}

/// `sccache --show-stats --stats-format json`.
fn sccache(value: &Value) -> Option<Counts> {
    let stats = value.get("stats")?;
    stats.get("compile_requests")?;
    // By language; a plain number in what other programs make of it.
    let of = |name: &str| {
        let counted = stats.get(name)?;
        counted.as_u64().or_else(|| Some(counted.get("counts")?.as_object()?.values().filter_map(Value::as_u64).sum()))
    };
    let sum = |names: &[&str]| names.iter().filter_map(|name| of(name)).reduce(|a, b| a + b);
    // A read that failed is counted as a miss too.
    let read_errors = sum(&["cache_read_errors", "cache_timeouts"]);
    let misses = of("cache_misses").map(|misses| misses.saturating_sub(read_errors.unwrap_or(0)));
    Some(Counts {
        source: "sccache",
        hits: of("cache_hits"),
        misses,
        read_errors,
        writes: of("cache_writes"),
        write_errors: of("cache_write_errors"),
        fills: true,
        ..Counts::default()
    })
}

/// `/.seaworthy/stats` of `seaworthy cache proxy`.
fn proxy(value: &Value) -> Option<Counts> {
    let outcomes = value.get("outcomes")?.as_object()?;
    let tiers = value.get("tiers")?.as_object()?;
    let of = |names: &[&str]| names.iter().filter_map(|name| outcomes.get(*name)?.as_u64()).sum::<u64>();
    let all = |value: Option<&Value>| {
        value.and_then(Value::as_object).map(|map| map.values().filter_map(Value::as_u64).sum::<u64>())
    };
    let p50 = value.pointer("/latency/hit/p50_ms").and_then(Value::as_f64);
    Some(Counts {
        source: "seaworthy-proxy",
        hits: Some(of(&["hit", "shared", "stale"])),
        misses: Some(of(&["miss", "revalidated", "bypass"])),
        from_others: all(tiers.get("hits")),
        lookup_ms: p50.map(whole),
        age_s: value.get("uptime_s").and_then(Value::as_u64),
        ..Counts::default()
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SCCACHE: &str = r#"{"stats":{"compile_requests":20,"cache_hits":{"counts":{"Rust":12},"adv_counts":{}},"cache_misses":{"counts":{"Rust":6,"C/C++":1}},"cache_read_errors":2,"cache_timeouts":0,"cache_writes":4,"cache_write_errors":1}}"#;

    #[test]
    fn sccache_is_read() {
        let counts = read(SCCACHE.as_bytes(), 0).unwrap();
        assert_eq!((counts.source, counts.hits, counts.misses), ("sccache", Some(12), Some(5)));
        assert_eq!((counts.read_errors, counts.writes, counts.write_errors), (Some(2), Some(4), Some(1)));
        assert_eq!(counts.requests(), Some(19));
    }

    #[test]
    fn a_peer_and_its_age_are_read() {
        let page = "seaworthy_peer_requests_total{operation=\"get\",outcome=\"hit\"} 3\nseaworthy_peer_requests_total{operation=\"get\",outcome=\"error\"} 1\nseaworthy_peer_requests_total{operation=\"hello\",outcome=\"done\"} 9\nseaworthy_peer_start_time_seconds 100\nseaworthy_peer_rate_limited_requests_total 0\n# EOF\n";
        let counts = read(page.as_bytes(), 160).unwrap();
        assert_eq!(
            (counts.hits, counts.misses, counts.read_errors, counts.age_s),
            (Some(3), Some(0), Some(1), Some(60))
        );
    }

    #[test]
    fn who_is_refused_by_a_peer_is_no_failed_read() {
        let page = "seaworthy_peer_requests_total{operation=\"get\",outcome=\"miss\"} 3\nseaworthy_peer_requests_total{operation=\"get\",outcome=\"refused\"} 40\nseaworthy_peer_requests_total{operation=\"put\",outcome=\"refused\"} 7\n";
        let counts = read(page.as_bytes(), 0).unwrap();
        assert_eq!((counts.read_errors, counts.write_errors, counts.requests()), (Some(0), Some(0), Some(3)));
        assert!(!counts.fills, "it may only be read from");
    }

    #[test]
    fn a_counter_that_was_never_counted_is_zero_on_the_page_of_its_family() {
        let counts = read(b"spegel_advertised_keys{registry=\"x\"} 4\nprocess_start_time_seconds 1\n", 1000).unwrap();
        assert_eq!((counts.requests(), counts.company, counts.lookup_ms), (Some(0), Some(4), None));
    }

    #[test]
    fn bazel_remote_counts_only_with_its_own_metrics_on() {
        let page = "bazel_remote_incoming_requests_total{kind=\"ac\",method=\"get\",status=\"hit\"} 5\nbazel_remote_incoming_requests_total{kind=\"ac\",method=\"get\",status=\"miss\"} 1\nbazel_remote_incoming_requests_total{kind=\"cas\",method=\"get\",status=\"miss\"} 2\nbazel_remote_incoming_requests_total{kind=\"cas\",method=\"contains\",status=\"miss\"} 900\n";
        let counts = read(page.as_bytes(), 0).unwrap();
        assert_eq!((counts.index, counts.requests()), (Some((5, 2)), Some(6)));
        let bare = read(b"bazel_remote_disk_cache_size_bytes 1\n", 0).unwrap();
        assert_eq!((bare.requests(), bare.index), (None, None), "unknown is not zero");
    }

    #[test]
    fn a_proxy_is_read() {
        let page = br#"{"uptime_s":90,"requests":3,"outcomes":{"hit":1,"shared":0,"miss":2,"revalidated":0,"stale":0,"bypass":0},"tiers":{"hits":{"p2p":1},"errors":{}},"latency":{}}"#;
        let counts = read(page, 0).unwrap();
        assert_eq!((counts.requests(), counts.from_others, counts.age_s), (Some(3), Some(1), Some(90)));
    }

    #[test]
    fn strangers_are_none() {
        for text in ["", "<html>", "{}", "[1]", "go_goroutines 7\n", r#"{"stats":{}}"#] {
            assert_eq!(read(text.as_bytes(), 0), None, "{text}");
        }
    }
}

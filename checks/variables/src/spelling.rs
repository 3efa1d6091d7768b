//! Names that were meant to be others.

use crate::known::KNOWN;

/// Names that people write from other documents of the same cache.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("P2P_LISTEN_PORT", "CACHE_LISTEN_PORT"),
    ("CACHE_P2P_LISTEN_PORT", "CACHE_LISTEN_PORT"),
    ("CACHE_P2P_PORT", "CACHE_LISTEN_PORT"),
    ("CACHE_PORT", "CACHE_LISTEN_PORT"),
    ("BOOTSTRAP_PEERS", "CACHE_BOOTSTRAP_PEERS"),
    ("CACHE_PEERS", "CACHE_BOOTSTRAP_PEERS"),
    ("CACHE_P2P_PEERS", "CACHE_BOOTSTRAP_PEERS"),
    ("CACHE_P2P_BOOTSTRAP_PEERS", "CACHE_BOOTSTRAP_PEERS"),
    ("MCP_P2P_BOOTSTRAP_PEERS", "CACHE_BOOTSTRAP_PEERS"),
    ("CACHE_P2P", "CACHE_ENABLE_P2P"),
    ("ENABLE_P2P", "CACHE_ENABLE_P2P"),
    ("CACHE_SHARED_SECRET", "CACHE_P2P_SHARED_SECRET"),
    ("CACHE_P2P_SECRET", "CACHE_P2P_SHARED_SECRET"),
    ("CACHE_TTL", "CACHE_DEFAULT_TTL"),
    ("CACHE_DIRECTORY", "CACHE_DIR"),
];

/// The known name that `name` was probably meant to be.
#[must_use]
pub fn meant(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    if let Some((_, known)) = OTHER_NAMES.iter().find(|(other, _)| *other == upper) {
        return Some(known);
    }
    let mut best: Option<(usize, &'static str)> = None;
    for known in KNOWN.iter().filter(|known| known.ours) {
        if same_words(&upper, known.name) {
            return Some(known.name);
        }
        let slips = distance(&upper, known.name);
        let allowed = if known.name.len() <= 10 { 1 } else { 2 };
        if slips <= allowed && best.is_none_or(|(least, _)| slips < least) {
            best = Some((slips, known.name));
        }
    }
    best.map(|(_, name)| name)
}

/// The same words in any order, with `ENABLED` for `ENABLE` and singular for plural.
fn same_words(a: &str, b: &str) -> bool {
    let count = |text: &str| text.split('_').count();
    count(a) == count(b)
        && a.split('_').all(|word| b.split('_').any(|other| stem(other) == stem(word)))
        && b.split('_').all(|word| a.split('_').any(|other| stem(other) == stem(word)))
}

fn stem(word: &str) -> &str {
    word.strip_suffix(['S', 'D']).unwrap_or(word)
}

/// Edit distance where swapping two neighbours is one slip (optimal string alignment).
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let width = b.len() + 1;
    let mut older: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, &x) in a.iter().enumerate() {
        let mut next = vec![row + 1; width];
        for (column, &y) in b.iter().enumerate() {
            let mut cost = (last[column] + usize::from(x != y)).min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && x == b[column - 1] && a[row - 1] == y {
                cost = cost.min(older[column - 1] + 1);
            }
            next[column + 1] = cost;
        }
        older = std::mem::replace(&mut last, next);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("CAHCE", "CACHE"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn slips_are_traced_to_the_name_that_was_meant() {
        for (slip, name) in [
            ("CACHE_BOOTSTRAP_PEER", "CACHE_BOOTSTRAP_PEERS"),
            ("CACHE_BOOSTRAP_PEERS", "CACHE_BOOTSTRAP_PEERS"),
            ("CAHCE_LISTEN_PORT", "CACHE_LISTEN_PORT"),
            ("CACHE_P2P_ENABLED", "CACHE_ENABLE_P2P"),
            ("CACHE_P2P_ENABLE", "CACHE_ENABLE_P2P"),
            ("cache_listen_port", "CACHE_LISTEN_PORT"),
            ("P2P_LISTEN_PORT", "CACHE_LISTEN_PORT"),
            ("BOOTSTRAP_PEERS", "CACHE_BOOTSTRAP_PEERS"),
            ("CACHE_DIRS", "CACHE_DIR"),
        ] {
            assert_eq!(meant(slip), Some(name), "{slip}");
        }
    }

    #[test]
    fn names_of_other_programs_are_left_alone() {
        for other in ["CACHE_VERSION", "CACHE_KEY", "GH_HOST", "IPFS_PATH", "CACHE_REDIS_URL"] {
            assert_eq!(meant(other), None, "{other}");
        }
    }
}

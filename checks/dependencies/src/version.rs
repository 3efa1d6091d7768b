//! Versions of Python packages, compared as far as releases need it (PEP 440).

use std::cmp::Ordering;

/// Compares two versions.
///
/// *Behaviour*: the epoch counts first, then the numbers of the release, missing
/// ones as 0. A pre-release (`a`, `b`, `rc`, `dev`) is older than its release; a
/// post-release and a local part (`+cu12`) do not count.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Release::of(a), Release::of(b));
    a.epoch.cmp(&b.epoch).then_with(|| {
        let length = a.numbers.len().max(b.numbers.len());
        let at = |numbers: &[u32], index: usize| numbers.get(index).copied().unwrap_or(0);
        (0..length)
            .map(|index| at(&a.numbers, index).cmp(&at(&b.numbers, index)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| b.pre.cmp(&a.pre))
    })
}

/// Whether `version` is `least` or newer.
#[must_use]
pub fn at_least(version: &str, least: &str) -> bool {
    compare(version, least).is_ge()
}

struct Release {
    epoch: u32,
    numbers: Vec<u32>,
    pre: bool,
}

impl Release {
    fn of(text: &str) -> Self {
        let text = text.trim_ascii().trim_start_matches(['v', 'V']);
        let text = text.split('+').next().unwrap_or_default();
        let (epoch, rest) = match text.split_once('!') {
            Some((epoch, rest)) => (number(epoch), rest),
            None => (0, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (release, suffix) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let numbers = release.split('.').filter(|part| !part.is_empty()).map(number).collect();
        let suffix = suffix.trim_start_matches(['.', '-', '_']).to_ascii_lowercase();
        let dev = suffix.as_bytes().windows(3).any(|part| part == b"dev");
        let pre = dev || (!suffix.starts_with("post") && suffix.starts_with(['a', 'b', 'c', 'r', 'p']));
        Self { epoch, numbers, pre: pre && !suffix.starts_with("rev") }
    }
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_their_numbers() {
        assert!(at_least("0.8", "0.8.0") && at_least("0.10.1", "0.8") && at_least("1.0", "0.8"));
        assert!(!at_least("0.7.9", "0.8") && !at_least("0.4.0", "0.8"));
        assert!(at_least("1!0.1", "9.9"));
        assert!(at_least("3.12.4", "3.10") && !at_least("3.9.18", "3.10"));
    }

    #[test]
    fn pre_releases_are_older_and_local_parts_do_not_count() {
        assert!(!at_least("0.8.0rc1", "0.8") && !at_least("0.8.dev3", "0.8") && !at_least("0.8a1", "0.8"));
        assert!(at_least("0.8.0.post1", "0.8") && at_least("0.8.0+local", "0.8") && at_least("v0.8", "0.8"));
        assert!(at_least("0.8.1rc1", "0.8"));
    }
}

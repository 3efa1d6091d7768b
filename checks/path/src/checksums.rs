use crate::surroundings::Surroundings;

/// Fewer wrong datagrams than this are a stray sender, or damage on a line.
const LEAST: u64 = 5;
/// Percent of all datagrams that were wrong; one of many is damage on a line.
const SHARE: u64 = 10;

/// Counters of datagrams that came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagrams {
    /// Thrown away for their checksums.
    pub(crate) wrong: u64,
    /// Taken by programs; unknown where an older host does not say.
    pub(crate) taken: Option<u64>,
}

/// Datagrams with wrong checksums that came while the check ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grown {
    pub(crate) wrong: u64,
    /// Enough of them, and on a machine with a tunnel, whose packets they may be.
    pub(crate) serious: bool,
}

pub(crate) fn judge(before: Datagrams, after: Datagrams, net: &Surroundings) -> Option<Grown> {
    let wrong = after.wrong.checked_sub(before.wrong).filter(|grown| *grown > 0)?;
    let taken = after.taken.zip(before.taken).and_then(|(after, before)| after.checked_sub(before));
    let many = taken.is_some_and(|taken| wrong.saturating_mul(100) >= (wrong + taken).saturating_mul(SHARE));
    Some(Grown { wrong, serious: wrong >= LEAST && many && net.has_tunnel() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surroundings::tests::{container, node};

    fn grown(wrong: u64, taken: Option<u64>, net: &Surroundings) -> Option<bool> {
        let before = Datagrams { wrong: 100, taken: taken.map(|_| 1000) };
        let after = Datagrams { wrong: 100 + wrong, taken: taken.map(|more| 1000 + more) };
        judge(before, after, net).map(|grown| grown.serious)
    }

    #[test]
    fn what_a_tunnel_loses_is_most_of_what_comes() {
        assert_eq!(grown(40, Some(10), &node()), Some(true));
        assert_eq!(grown(0, Some(10), &node()), None);
    }

    #[test]
    fn a_stray_datagram_is_no_failure() {
        assert_eq!(grown(1, Some(0), &node()), Some(false));
        assert_eq!(grown(6, Some(5000), &node()), Some(false));
        assert_eq!(grown(40, None, &node()), Some(false));
        assert_eq!(grown(40, Some(10), &container()), Some(false));
    }
}

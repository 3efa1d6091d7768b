/// How the time of one attempt is spent, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// All of it.
    pub(crate) total: u32,
    /// For all dials, which run at once.
    pub(crate) dial: u32,
    /// Kept back for the guest itself and the host's bookkeeping.
    pub(crate) margin: u32,
}

/// Linux reports an absent neighbour after about 3.07 s; a shorter dial cannot tell it from silence.
const TCP_MS: u32 = 3500;
/// A peer that has not answered by then will not.
const LONGEST_DIAL_MS: u32 = 5000;
/// A healthy peer may need this long; a dial that had less and timed out tells nothing.
const PATIENT_MS: u32 = 1000;
/// The second round asks ports that answer at once or never.
pub(crate) const LONGEST_CONFIRMATION_MS: u32 = 1500;
/// Below this the second round is not worth its connections.
pub(crate) const SHORTEST_CONFIRMATION_MS: u32 = 50;

impl Budget {
    /// Splits `total` so that a second round always has some of it.
    pub(crate) fn split(total: u32) -> Self {
        let margin = (total / 50).clamp(20, 200);
        let rest = total.saturating_sub(margin);
        let reserve = (total / 4).min(LONGEST_CONFIRMATION_MS);
        let mut dial = rest.saturating_sub(reserve);
        if dial < TCP_MS {
            dial = dial.max(TCP_MS.min(rest.saturating_sub(300)));
        }
        Self { total, dial: dial.clamp(1, LONGEST_DIAL_MS), margin }
    }

    /// Whether a dial that timed out says something about the peer.
    pub(crate) fn is_patient(self) -> bool {
        self.dial >= PATIENT_MS
    }

    /// What is left for the second round when `remaining` is left of the attempt.
    pub(crate) fn confirmation(self, remaining: u32) -> Option<u32> {
        let left = remaining.saturating_sub(self.margin).min(LONGEST_CONFIRMATION_MS);
        (left >= SHORTEST_CONFIRMATION_MS).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_outlasts_an_absent_neighbour_where_the_budget_allows() {
        for total in [4000, 5000, 10_000, 60_000] {
            let budget = Budget::split(total);
            assert!(budget.dial >= TCP_MS && budget.dial <= LONGEST_DIAL_MS, "{total}: {budget:?}");
            assert!(budget.confirmation(total - budget.dial).is_some(), "{total}");
        }
    }

    #[test]
    fn short_budgets_are_kept() {
        let budget = Budget::split(1000);
        assert!(budget.dial + budget.margin < 1000 && budget.dial >= 650, "{budget:?}");
        assert!(budget.confirmation(1000 - budget.dial).is_some_and(|ms| ms + budget.dial + budget.margin <= 1000));
        assert_eq!(budget.confirmation(60), None);
        assert!(Budget::split(0).dial >= 1);
    }

    #[test]
    fn only_a_real_budget_tells_a_slow_peer_from_a_faulty_one() {
        for total in [1500, 2000, 8000] {
            assert!(Budget::split(total).is_patient(), "{total}");
        }
        for total in [0, 1, 5, 500] {
            assert!(!Budget::split(total).is_patient(), "{total}");
        }
    }
}

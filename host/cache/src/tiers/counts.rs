use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// What several tiers did together.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) joined: AtomicU64,
    pub(super) over_budget: AtomicU64,
    pub(super) hedges: AtomicU64,
    /// By the tier's place in the order.
    pub(super) hedges_won: Vec<AtomicU64>,
    pub(super) fills: AtomicU64,
    pub(super) fills_failed: AtomicU64,
    pub(super) fills_left_out: AtomicU64,
}

/// What the tiers did together, at one moment. What each did is in its
/// [`StatsSnapshot`](crate::StatsSnapshot).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TiersSnapshot {
    /// `get`s that shared the answer to an equal one under way.
    pub joined: u64,
    /// Operations that ended because their budget was used up.
    pub over_budget: u64,
    /// Tiers that were asked because the one above had not answered yet.
    pub hedges: u64,
    /// Those of them that had the value first, by label.
    pub hedges_won: BTreeMap<String, u64>,
    /// Values found below that were written to a tier above.
    pub back_fills: u64,
    /// Those that the tier above did not take.
    pub back_fills_failed: u64,
    /// Those left out, as too many were under way.
    pub back_fills_left_out: u64,
}

impl Counts {
    pub(super) fn of(tiers: usize) -> Self {
        Self { hedges_won: (0..tiers).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    pub(super) fn one_more(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn hedge_won(&self, place: usize) {
        self.hedges_won.get(place).into_iter().for_each(Self::one_more);
    }

    pub(super) fn snapshot<'a>(&self, labels: impl Iterator<Item = &'a str>) -> TiersSnapshot {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let won = labels.zip(&self.hedges_won).map(|(label, count)| (label.to_owned(), now(count)));
        TiersSnapshot {
            joined: now(&self.joined),
            over_budget: now(&self.over_budget),
            hedges: now(&self.hedges),
            hedges_won: won.filter(|(_, count)| *count > 0).collect(),
            back_fills: now(&self.fills),
            back_fills_failed: now(&self.fills_failed),
            back_fills_left_out: now(&self.fills_left_out),
        }
    }
}

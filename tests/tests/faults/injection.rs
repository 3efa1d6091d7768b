//! What hostile servers say, in every format of a report.

use seaworthy_tests::faults::Trick;

pub(crate) fn tricks() -> Vec<Trick> {
    Vec::new()
}

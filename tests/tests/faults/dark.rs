//! A place where nothing works: one cause, in time.

use seaworthy_tests::faults::Trick;

pub(crate) fn tricks() -> Vec<Trick> {
    Vec::new()
}

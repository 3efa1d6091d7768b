//! The Python cache and what it needs.

use seaworthy_tests::faults::Scene;

pub(crate) fn scenes() -> Vec<Scene> {
    Vec::new()
}

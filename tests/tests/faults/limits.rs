//! Limits of the process and the kernel.

use seaworthy_tests::faults::Scene;

pub(crate) fn scenes() -> Vec<Scene> {
    Vec::new()
}

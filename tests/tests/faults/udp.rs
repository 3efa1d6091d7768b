//! UDP and QUIC.

use seaworthy_tests::faults::Scene;

pub(crate) fn scenes() -> Vec<Scene> {
    Vec::new()
}

//! IPFS nodes, gateways and pinning services.

use seaworthy_tests::faults::Scene;

pub(crate) fn scenes() -> Vec<Scene> {
    Vec::new()
}

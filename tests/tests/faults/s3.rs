//! S3 stores.

use seaworthy_tests::faults::Scene;

pub(crate) fn scenes() -> Vec<Scene> {
    Vec::new()
}

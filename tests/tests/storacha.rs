//! The Storacha tier and its check, against the service logic that Storacha published,
//! running on loopback (`tests/servers/storacha.sh`). It is not the hosted service.

#[path = "storacha/check.rs"]
mod check;
#[path = "storacha/faults.rs"]
mod faults;
#[path = "storacha/runner.rs"]
mod runner;
#[path = "storacha/values.rs"]
mod values;

use seaworthy_tests::{NoStage, Scene, Storacha, binary, run_scenes};
use std::process::ExitCode;

/// This machine, with the binary built.
#[derive(Debug)]
pub(crate) struct Here;

/// The exit code of `seaworthy cache get` where there is nothing.
pub(crate) const ABSENT: i32 = 6;
/// Where it could not tell.
pub(crate) const UNCLEAR: i32 = 5;
/// Where the configuration is wrong.
pub(crate) const CONFIGURATION: i32 = 3;

fn main() -> ExitCode {
    let stage = binary().map(|_| Here).map_err(NoStage::Broken);
    let missing = Storacha::obstacle();
    let mut scenes: Vec<Scene<Here>> = Vec::new();
    scenes.extend(values::scenes());
    scenes.extend(faults::scenes());
    scenes.extend(check::scenes());
    let scenes = scenes.into_iter().map(|scene| match &scene.obstacle {
        Some(_) => scene,
        None => scene.unless(missing.clone()),
    });
    run_scenes("storacha", stage, scenes.collect())
}

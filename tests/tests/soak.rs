//! What a peer keeps and how fast it is while it is worked hard, killed and started
//! again. The scenes take turns: each needs the machine for itself.

#[path = "soak/kills.rs"]
mod kills;
#[path = "soak/pace.rs"]
mod pace;

use seaworthy_tests::{NoStage, Scene, binary, run_scenes};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The machine, for one scene at a time.
#[derive(Debug, Default)]
pub(crate) struct Machine(Mutex<()>);

impl Machine {
    /// Waits for the other scenes to end.
    pub(crate) fn alone(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main() -> ExitCode {
    let stage = binary().map(|_| Machine::default()).map_err(NoStage::Broken);
    let mut scenes: Vec<Scene<Machine>> = Vec::new();
    scenes.extend(kills::scenes());
    scenes.extend(pace::scenes());
    run_scenes("soak", stage, scenes)
}

//! What `seaworthy fix` proposes, writes and proves, and what `seaworthy bundle`
//! packs: in containers of a real Docker engine where there is one, and on files that
//! the programs they are for are asked about.

#[path = "fix/bundle.rs"]
mod bundle;
#[path = "fix/containers.rs"]
mod containers;
#[path = "fix/files.rs"]
mod files;
#[path = "fix/programs.rs"]
mod programs;

use anyhow::{Context as _, Result};
use seaworthy_tests::lab::Lab;
use seaworthy_tests::{NoStage, Scene, binary, run_scenes};
use std::path::Path;
use std::process::ExitCode;

/// The built binary, and an engine where there is one.
pub(crate) struct Stage {
    lab: Option<Lab>,
}

impl Stage {
    pub(crate) fn lab(&self) -> Result<&Lab> {
        self.lab.as_ref().context("there is no lab")
    }
}

fn main() -> ExitCode {
    let (lab, obstacle) = match Lab::open(Path::new(env!("CARGO_BIN_EXE_lab-server"))) {
        Ok(lab) => (Ok(Some(lab)), None),
        Err(NoStage::Unavailable(reason)) => (Ok(None), Some(reason)),
        Err(broken) => (Err(broken), None),
    };
    let stage = lab.and_then(|lab| binary().map(|_| Stage { lab }).map_err(NoStage::Broken));
    let mut scenes: Vec<Scene<Stage>> = Vec::new();
    scenes.extend(containers::scenes().into_iter().map(|scene| match &obstacle {
        Some(reason) => scene.unless(Some(reason.clone())),
        None => scene,
    }));
    scenes.extend(files::scenes());
    scenes.extend(bundle::scenes());
    run_scenes("fix", stage, scenes)
}

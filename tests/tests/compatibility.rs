//! What a component may count on, and what it is told where it cannot: components built
//! against the frozen packages of 0.1.0 run and get the answers that they always got, and one
//! that was made for something else is refused with what it wants, what there is, and the way
//! out.

#[path = "compatibility/advice.rs"]
mod advice;
#[path = "compatibility/component.rs"]
mod component;
#[path = "compatibility/refused.rs"]
mod refused;
#[path = "compatibility/services.rs"]
mod services;
#[path = "compatibility/since.rs"]
mod since;

use anyhow::Result;
use seaworthy_tests::{NoStage, build_guests, run_scenes};
use services::Services;
use std::path::PathBuf;
use std::process::ExitCode;

/// Components of 0.1, those of other makes, and everything that the former ask for.
pub(crate) struct Stage {
    since: PathBuf,
    foreign: PathBuf,
    services: Services,
}

fn main() -> ExitCode {
    let mut scenes = since::scenes();
    scenes.extend(refused::scenes());
    scenes.extend(advice::scenes());
    run_scenes("compatibility", stage().map_err(NoStage::Broken), scenes)
}

fn stage() -> Result<Stage> {
    Ok(Stage { since: build_guests("wit-0.1")?, foreign: build_guests("foreign")?, services: Services::start()? })
}

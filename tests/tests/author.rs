//! A new user's plugin, in each language: made, tested by its own tests, built, and run by
//! the binary under a policy. Where a language's tools are missing, its scenes are skipped.

#[path = "author/adapter.rs"]
mod adapter;
#[path = "author/check.rs"]
mod check;
#[path = "author/kits.rs"]
mod kits;
#[path = "author/refusals.rs"]
mod refusals;
#[path = "author/store.rs"]
mod store;
#[path = "author/workshop.rs"]
mod workshop;

use seaworthy_tests::{NoStage, Scene, run_scenes};
use std::process::ExitCode;
use workshop::Workshop;

fn main() -> ExitCode {
    let mut scenes: Vec<Scene<Workshop>> = Vec::new();
    scenes.extend(check::scenes());
    scenes.extend(adapter::scenes());
    scenes.extend(refusals::scenes());
    scenes.extend(kits::scenes());
    run_scenes("author", Workshop::open().map_err(NoStage::Broken), scenes)
}

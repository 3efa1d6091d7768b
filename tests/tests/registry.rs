//! Components in registries: pushed, added, pinned, signed, kept; what is refused, and registries
//! that lie.

#[path = "registry/interop.rs"]
mod interop;
#[path = "registry/liar.rs"]
mod liar;
#[path = "registry/lies.rs"]
mod lies;
#[path = "registry/login.rs"]
mod login;
#[path = "registry/pins.rs"]
mod pins;
#[path = "registry/place.rs"]
mod place;
#[path = "registry/shelf.rs"]
mod shelf;
#[path = "registry/signatures.rs"]
mod signatures;
#[path = "registry/trip.rs"]
mod trip;

use place::Stage;
use seaworthy_tests::{Scene, run_scenes};
use std::process::ExitCode;

fn main() -> ExitCode {
    let scenes =
        [trip::scenes(), pins::scenes(), shelf::scenes(), signatures::scenes(), login::scenes(), lies::scenes()];
    let scenes: Vec<Scene<Stage>> = scenes.into_iter().flatten().chain(interop::scenes()).collect();
    run_scenes("registry", Stage::set(), scenes)
}

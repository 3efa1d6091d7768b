//! What a runner in a container is told, scene by scene, in containers of a real
//! Docker engine. The cache peer is `seaworthy peer` on the host or in a container
//! of its own.

#[path = "docker/bridge.rs"]
mod bridge;
#[path = "docker/compose.rs"]
mod compose;
#[path = "docker/inside.rs"]
mod inside;
#[path = "docker/networks.rs"]
mod networks;
#[path = "docker/sharing.rs"]
mod sharing;
#[path = "docker/variables.rs"]
mod variables;

use seaworthy_tests::lab::Lab;
use seaworthy_tests::{Scene, run_scenes};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let lab = Lab::open(Path::new(env!("CARGO_BIN_EXE_lab-server")));
    let mut scenes: Vec<Scene<Lab>> = Vec::new();
    scenes.extend(bridge::scenes());
    scenes.extend(networks::scenes());
    scenes.extend(variables::scenes());
    scenes.extend(compose::scenes());
    scenes.extend(sharing::scenes());
    scenes.extend(inside::scenes());
    run_scenes("docker", lab, scenes)
}

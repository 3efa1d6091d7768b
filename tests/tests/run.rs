//! What one run on this machine says, without any container: peers as processes
//! on loopback, and the process itself: its exit codes, signals and formats.

#[path = "run/addresses.rs"]
mod addresses;
#[path = "run/cache.rs"]
mod cache;
#[path = "run/formats.rs"]
mod formats;
#[path = "run/packaging.rs"]
mod packaging;
#[path = "run/packing.rs"]
mod packing;
#[path = "run/peers.rs"]
mod peers;
#[path = "run/python_cache.rs"]
mod python_cache;
#[path = "run/process.rs"]
mod process;
#[path = "run/service.rs"]
mod service;
#[path = "run/sharing.rs"]
mod sharing;
#[path = "run/suite.rs"]
mod suite;

use seaworthy_tests::{NoStage, Scene, Stand, binary, run_scenes};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Loopback, and the program that stands in for services on it.
#[derive(Debug)]
pub(crate) struct Loopback {
    server: PathBuf,
}

impl Loopback {
    /// A stand-in on a free port.
    pub(crate) fn stand(&self, kind: &str) -> anyhow::Result<Stand> {
        Stand::start(&self.server, kind, "127.0.0.1:0", &[])
    }
}

fn main() -> ExitCode {
    let server = Path::new(env!("CARGO_BIN_EXE_lab-server")).to_path_buf();
    let stage = binary().map(|_| Loopback { server }).map_err(NoStage::Broken);
    let mut scenes: Vec<Scene<Loopback>> = Vec::new();
    scenes.extend(suite::scenes());
    scenes.extend(addresses::scenes());
    scenes.extend(python_cache::scenes());
    scenes.extend(packing::scenes());
    scenes.extend(peers::scenes());
    scenes.extend(cache::scenes());
    scenes.extend(sharing::scenes());
    scenes.extend(process::scenes());
    scenes.extend(formats::scenes());
    scenes.extend(service::scenes());
    scenes.extend(packaging::scenes());
    run_scenes("run", stage, scenes)
}

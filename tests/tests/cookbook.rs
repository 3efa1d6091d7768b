//! The cookbook's plugins: built from source as their authors would, listed in a
//! checks.toml as their README says, and run by the built binary against the real server,
//! healthy and with faults. What a machine lacks skips the scenes of that plugin.

#[path = "cookbook/adapters.rs"]
mod adapters;
#[path = "cookbook/bazel.rs"]
mod bazel;
#[path = "cookbook/certificates.rs"]
mod certificates;
#[path = "cookbook/github.rs"]
mod github;
#[path = "cookbook/lfs.rs"]
mod lfs;
#[path = "cookbook/listed.rs"]
mod listed;
#[path = "cookbook/mirror.rs"]
mod mirror;
#[path = "cookbook/nats.rs"]
mod nats;
#[path = "cookbook/packages.rs"]
mod packages;
#[path = "cookbook/redis.rs"]
mod redis;
#[path = "cookbook/saying.rs"]
mod saying;
#[path = "cookbook/sccache.rs"]
mod sccache;
#[path = "cookbook/zstd.rs"]
mod zstd;

use seaworthy_tests::{NoStage, Scene, binary, run_scenes};
use std::process::ExitCode;

/// This machine, with the binary built.
#[derive(Debug)]
pub(crate) struct Here;

fn main() -> ExitCode {
    let stage = binary().map(|_| Here).map_err(NoStage::Broken);
    let mut scenes: Vec<Scene<Here>> = Vec::new();
    scenes.extend(zstd::scenes());
    scenes.extend(mirror::scenes());
    scenes.extend(lfs::scenes());
    scenes.extend(packages::scenes());
    scenes.extend(sccache::scenes());
    scenes.extend(bazel::scenes());
    scenes.extend(redis::scenes());
    scenes.extend(nats::scenes());
    scenes.extend(certificates::scenes());
    scenes.extend(github::scenes());
    scenes.extend(adapters::scenes());
    run_scenes("cookbook", stage, scenes)
}

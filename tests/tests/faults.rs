//! Every fault that can be made here is made, named and mended; what other tools say of it
//! stands beside. How a scene is written: [`seaworthy_tests::faults`].

#![expect(clippy::unit_arg, reason = "one line says what a scene does: Ok(world.env(...))")]

#[path = "faults/actions.rs"]
mod actions;
#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/containers.rs"]
mod containers;
#[path = "faults/dark.rs"]
mod dark;
#[path = "faults/dns.rs"]
mod dns;
#[path = "faults/injection.rs"]
mod injection;
#[path = "faults/ipfs.rs"]
mod ipfs;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/origin.rs"]
mod origin;
#[path = "faults/p2p.rs"]
mod p2p;
#[path = "faults/pairs.rs"]
mod pairs;
#[path = "faults/path.rs"]
mod path;
#[path = "faults/peers.rs"]
mod peers;
#[path = "faults/python.rs"]
mod python;
#[path = "faults/reach.rs"]
mod reach;
#[path = "faults/runtime.rs"]
mod runtime;
#[path = "faults/s3.rs"]
mod s3;
#[path = "faults/settings.rs"]
mod settings;
#[path = "faults/storacha.rs"]
mod storacha;
#[path = "faults/stores.rs"]
mod stores;
#[path = "faults/tls_and_proxy.rs"]
mod tls_and_proxy;
#[path = "faults/udp.rs"]
mod udp;
#[path = "faults/usage.rs"]
mod usage;

use seaworthy_tests::faults::{Bench, Scene, Suite, Trick};
use seaworthy_tests::rivals::compare_with_page;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut scenes: Vec<Scene> = Vec::new();
    scenes.extend(actions::scenes());
    scenes.extend(clock::scenes());
    scenes.extend(containers::scenes());
    scenes.extend(dns::scenes());
    scenes.extend(ipfs::scenes());
    scenes.extend(limits::scenes());
    scenes.extend(origin::scenes());
    scenes.extend(p2p::scenes());
    scenes.extend(path::scenes());
    scenes.extend(peers::scenes());
    scenes.extend(python::scenes());
    scenes.extend(reach::scenes());
    scenes.extend(runtime::scenes());
    scenes.extend(s3::scenes());
    scenes.extend(settings::scenes());
    scenes.extend(storacha::scenes());
    scenes.extend(stores::scenes());
    scenes.extend(tls_and_proxy::scenes());
    scenes.extend(udp::scenes());
    scenes.extend(usage::scenes());
    let mut tricks: Vec<Trick> = Vec::new();
    tricks.extend(dark::tricks());
    tricks.extend(injection::tricks());
    tricks.extend(path::tricks());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
    let suite = Suite { scenes, pairs: pairs::pairs(), tricks, folder };
    match Bench::new(Path::new(env!("CARGO_BIN_EXE_lab-server"))) {
        Ok(bench) => suite.run(bench, compare_with_page),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

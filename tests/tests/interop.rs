//! Peers of other makes, as real processes on loopback: the Python cache on two
//! releases of py-libp2p, Kubo, js-libp2p. `tests/servers` installs them; where one
//! is missing its scenes are skipped.

#[path = "interop/faults.rs"]
mod faults;
#[path = "interop/foreign.rs"]
mod foreign;
#[path = "interop/pushes.rs"]
mod pushes;
#[path = "interop/replies.rs"]
mod replies;

use anyhow::{Context, Result, ensure};
use seaworthy_tests::{NoStage, Peer, PeerOptions, PythonOptions, PythonPeer, Scene, Seaworthy, binary, run_scenes};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// This machine, with the binary built.
#[derive(Debug)]
pub(crate) struct Here;

/// A scene for each release of py-libp2p.
macro_rules! for_each_python {
    ($($name:literal => $play:path),* $(,)?) => {
        vec![$(
            seaworthy_tests::Scene::new(concat!("python_0_8_", $name), |_| $play(crate::NEW))
                .unless(seaworthy_tests::PythonPeer::obstacle(crate::NEW)),
            seaworthy_tests::Scene::new(concat!("python_0_6_", $name), |_| $play(crate::OLD))
                .unless(seaworthy_tests::PythonPeer::obstacle(crate::OLD)),
        )*]
    };
}
pub(crate) use for_each_python;

/// The release that reads what is there.
pub(crate) const NEW: &str = "0.8.1";
/// One of those that read until the other side closes.
pub(crate) const OLD: &str = "0.6.0";
/// The exit code of `seaworthy cache get` where there is nothing.
const ABSENT: i32 = 6;
/// For what happens by itself between peers.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// A Python peer on loopback with the scenes' secret.
pub(crate) fn python(version: &'static str) -> Result<PythonPeer> {
    PythonPeer::start(&PythonOptions::new(version))
}

/// Our peer on loopback with the scenes' secret, told to dial `peers`.
pub(crate) fn peer(peers: &[&str]) -> Result<Peer> {
    let mut options = PeerOptions::on("/ip4/127.0.0.1/tcp/0");
    for address in peers {
        options.arguments.extend(["--peer".into(), (*address).into()]);
    }
    Peer::start(&options)
}

/// A runner's `seaworthy cache ...` on our peer.
fn cache(peer: &Peer, words: &[&str]) -> Result<Seaworthy> {
    let run = Seaworthy::new(["cache"].iter().chain(words))?;
    Ok(Peer::configure(run, &peer.at("ip4/127.0.0.1")?))
}

/// What our peer holds under `key`, read over `/seaworthy/cache/1.0.0`.
pub(crate) fn held(peer: &Peer, key: &str) -> Result<Option<Value>> {
    let run = cache(peer, &["get", key])?.run()?;
    if run.code() == Some(ABSENT) {
        return Ok(None);
    }
    run.exits(0)?;
    serde_json::from_str(&run.stdout).map(Some).with_context(|| run.transcript())
}

/// Puts a value into our peer over `/seaworthy/cache/1.0.0`.
pub(crate) fn put(peer: &Peer, key: &str, value: &Value) -> Result<()> {
    let folder = seaworthy_tests::scratch()?;
    let file = folder.path().join("value");
    std::fs::write(&file, value.to_string())?;
    let file = file.to_str().context("a path that is not UTF-8")?;
    cache(peer, &["put", key, file])?.run()?.exits(0)?;
    ensure!(held(peer, key)?.as_ref() == Some(value), "{key} is not what was put");
    Ok(())
}

fn main() -> ExitCode {
    let stage = binary().map(|_| Here).map_err(NoStage::Broken);
    let mut scenes: Vec<Scene<Here>> = Vec::new();
    scenes.extend(foreign::scenes());
    scenes.extend(pushes::scenes());
    scenes.extend(replies::scenes());
    scenes.extend(faults::scenes());
    run_scenes("interop", stage, scenes)
}

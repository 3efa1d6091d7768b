//! `seaworthy cache proxy` and the tier `origin`, as real processes on loopback: before a
//! scripted API that is slow, fails and dies, and before a real one over TLS.

#[path = "proxy/answers.rs"]
mod answers;
#[path = "proxy/origin_tier.rs"]
mod origin_tier;
#[path = "proxy/privacy.rs"]
mod privacy;
#[path = "proxy/session.rs"]
mod session;
#[path = "proxy/table.rs"]
mod table;

use anyhow::Result;
use seaworthy_tests::lab::SECRET;
use seaworthy_tests::{NoStage, Peer, PeerOptions, ProxyOptions, binary, run_scenes, scratch};
use std::process::ExitCode;

/// This machine, with the binary built.
#[derive(Debug)]
pub(crate) struct Here;

/// A peer, and a folder for a disk tier and the proxy's own state.
pub(crate) struct Place {
    pub(crate) peer: Peer,
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        let folder = scratch()?;
        let state = folder.path().join("peer");
        let options = PeerOptions { state: Some(state), ..PeerOptions::on("/ip4/127.0.0.1/tcp/0") };
        Ok(Self { peer: Peer::start(&options)?, folder })
    }

    /// A proxy over these tiers, with a disk of its own called `disk`.
    pub(crate) fn proxy(&self, origin: &str, tiers: &str, disk: &str) -> Result<ProxyOptions> {
        let home = self.folder.path().join(disk);
        std::fs::create_dir_all(&home)?;
        let entries = home.join("entries").display().to_string();
        let options = ProxyOptions { home: Some(home), ..ProxyOptions::before(origin) };
        Ok(options
            .env("CACHE_BACKENDS", tiers)
            .env("CACHE_DIR", entries)
            .env("CACHE_ENABLE_P2P", "true")
            .env("CACHE_BOOTSTRAP_PEERS", self.peer.at("ip4/127.0.0.1")?)
            .env("CACHE_P2P_SHARED_SECRET", SECRET))
    }
}

fn main() -> ExitCode {
    let stage = binary().map(|_| Here).map_err(NoStage::Broken);
    let mut scenes = answers::scenes();
    scenes.extend(privacy::scenes());
    scenes.extend(origin_tier::scenes());
    scenes.extend(table::scenes());
    run_scenes("proxy", stage, scenes)
}

//! Strangers at a peer's port: garbage, silence, crowds, frames that lie. Whatever
//! they do, the peer's memory is bounded, it counts what it saw, and others are
//! served in the meantime.

#[path = "strangers/frames.rs"]
mod frames;
#[path = "strangers/handshakes.rs"]
mod handshakes;

use anyhow::{Context, Result, bail, ensure};
use seaworthy_model::Status;
use seaworthy_tests::open_metrics::Page;
use seaworthy_tests::{Memory, NoStage, Peer, Reading, Scene, Seaworthy, ServedPeer, binary, run_scenes};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// This machine, with the binary built.
#[derive(Debug)]
pub(crate) struct Here;

/// A peer that is watched while strangers are at it.
pub(crate) struct Watched {
    pub(crate) peer: ServedPeer,
    before: Memory,
}

/// What a peer's memory may grow by, in KiB, whatever others do. The first run of a
/// well-behaved client is in it.
const GROWTH: u64 = 96 * 1024;

/// What a well-behaved client does: dial, identify, ping; put, get and remove.
const CHECKS: [&str; 2] = ["net.connectivity", "cache.operations"];

impl Watched {
    pub(crate) fn start() -> Result<Self> {
        let peer = ServedPeer::start(&[], &[])?;
        let before = Memory::of(peer.pid())?;
        Ok(Self { peer, before })
    }

    pub(crate) fn id(&self) -> &str {
        self.peer.address.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn port(&self) -> Result<u16> {
        let port = self.peer.address.split("/tcp/").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
        port.with_context(|| format!("no port in {}", self.peer.address))
    }

    /// A runner checks this peer and puts into its cache and gets from it, all within `bound`.
    pub(crate) fn serves_within(&self, bound: Duration) -> Result<()> {
        let asked = Instant::now();
        let mut last = String::new();
        // A crowd may keep others out until its handshakes run out of time; a client tries again.
        while asked.elapsed() < bound {
            let args = ["run", "-f", "json"].into_iter().chain(CHECKS);
            let run = Peer::configure(Seaworthy::new(args)?, &self.peer.address).run()?;
            if run.code() == Some(0) && asked.elapsed() < bound {
                let report = run.report()?;
                for id in CHECKS {
                    ensure!(report.check(id)?.status == Status::Pass, "{}", report.digest());
                }
                println!("served within {} ms", asked.elapsed().as_millis());
                return Ok(());
            }
            last = run.transcript();
        }
        bail!("a well-behaved client was not served within {bound:?}\n{last}")
    }

    /// That its memory stayed within bounds, the worst moment included.
    pub(crate) fn is_bounded(&self) -> Result<()> {
        let now = Memory::of(self.peer.pid())?;
        let grown = now.peak.saturating_sub(self.before.resident);
        println!("memory: {} KiB at first, {} KiB at most", self.before.resident, now.peak);
        ensure!(grown < GROWTH, "it grew by {grown} KiB, from {:?} to {now:?}", self.before);
        Ok(())
    }

    /// Waits until at least `count` are counted by `name`, for 20 s.
    pub(crate) fn counts(&self, name: &str, labels: &[(&str, &str)], count: f64) -> Result<()> {
        let mut counted = 0.0;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(20) {
            let page = Page::parse(&self.peer.get("/metrics")?.body)?;
            counted = if labels.is_empty() { page.sum(name) } else { page.value(name, labels)? };
            if counted >= count {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("{name} {labels:?} is {counted} and not {count}\n{}", self.peer.log().join("\n"))
    }
}

fn main() -> ExitCode {
    let stage = binary().map(|_| Here).map_err(NoStage::Broken);
    let mut scenes: Vec<Scene<Here>> = Vec::new();
    scenes.extend(handshakes::scenes());
    scenes.extend(frames::scenes());
    run_scenes("strangers", stage, scenes)
}

//! `kill -9` of the peer, again and again, at moments drawn at random.

use crate::Machine;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use seaworthy_tests::load::{Crowd, Habits, Random, Verified};
use seaworthy_tests::{Peer, PeerOptions, Scene, Seaworthy, scratch};
use std::path::Path;
use std::time::{Duration, Instant};

/// Under load; those while the peer starts come on top. `SEAWORTHY_KILLS` sets another number.
const KILLS: u32 = 50;
/// Clients at a time.
const CLIENTS: usize = 8;
/// All kinds of values, of which a tenth dies soon.
const HABITS: Habits =
    Habits { keys: 24, value: (16, 150_000), writes: 70, removals: 8, short_lives: 15, short_ms: (50, 500) };

pub(crate) fn scenes() -> Vec<Scene<Machine>> {
    vec![Scene::new("killed_at_any_time_it_loses_nothing_acknowledged", kills)]
}

fn kills(machine: &Machine) -> Result<()> {
    let _alone = machine.alone();
    let seed = Random::seed();
    println!("SEAWORTHY_SEED={seed} plays the same kills again");
    repeat(seed).with_context(|| format!("with SEAWORTHY_SEED={seed}"))
}

fn repeat(seed: u64) -> Result<()> {
    let rounds = std::env::var("SEAWORTHY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let mut random = Random::new(seed);
    let folder = scratch()?;
    let state = folder.path().join("state");
    let started = Instant::now();
    let mut early = 0;
    // Also while it makes its files for the first time.
    for _ in 0..4 {
        early += kill_while_starting(&state, "/ip4/127.0.0.1/tcp/0", random.below(60))?;
    }
    let mut options = PeerOptions { state: Some(state.clone()), ..PeerOptions::on("/ip4/127.0.0.1/tcp/0") };
    let mut peer = Peer::start(&options)?;
    let id = peer.id().to_owned();
    options.listen = format!("/ip4/127.0.0.1/tcp/{}", peer.port()?);
    let mut crowd = Crowd::open(&peer.at("ip4/127.0.0.1")?, CLIENTS, HABITS, seed)?;
    let mut verified = Verified::default();
    let (mut acknowledged, mut down) = (0, Duration::ZERO);
    for round in 0..rounds {
        let delay = Duration::from_millis(10 + random.below(350));
        let what = || format!("kill {round}, after {delay:?} of load");
        acknowledged += crowd.work_until(delay, || peer.kill()).with_context(what)?.puts.count();
        let killed = Instant::now();
        if random.percent(25) {
            early += kill_while_starting(&state, &options.listen, random.below(120)).with_context(what)?;
        }
        peer = Peer::start(&options).with_context(what)?;
        ensure!(peer.id() == id, "{}: the peer was {id} and is {}", what(), peer.id());
        down = down.max(killed.elapsed());
        verified.add(&crowd.verify().with_context(what)?);
    }
    println!(
        "{rounds} kills under load and {early} while it started, in {:.0?}: {acknowledged} writes acknowledged; read back after the restarts: {verified:?}; longest restart {down:.0?}",
        started.elapsed()
    );
    verified.is_telling()?;
    let left = std::fs::read_dir(&state)?.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
    ensure!(left.len() <= 4, "kills left files behind: {left:?}");
    Ok(())
}

/// Kills a peer that may not have got far; 1 when it was still starting.
fn kill_while_starting(state: &Path, listen: &str, delay_ms: u64) -> Result<u32> {
    let starting = Seaworthy::new(["peer", "--json", "--listen", listen, "--state"])?
        .arg(state)
        .env("CACHE_P2P_SHARED_SECRET", seaworthy_tests::lab::SECRET)
        .start()?;
    std::thread::sleep(Duration::from_millis(delay_ms));
    starting.signal(Signal::SIGKILL)?;
    let ended = starting.wait()?;
    ensure!(ended.code().is_none(), "it ended by itself\n{}", ended.transcript());
    Ok(u32::from(!ended.stdout.contains("peer_id")))
}

//! The cache under fault: the built binary plays gets and puts over a peer and a disk,
//! of which one is down, slow, silent, cut off, lying, or refuses, again and again while
//! it plays. No wrong value, no false miss, nobody held up past the budget; the breaker
//! opens and tries; every error has its kind.
//!
//! An S3 store besides asks for patience and keeps another time; in `host/cache/tests/fallback.rs`
//! the layers alone are played over every fault in every tier.

#[path = "fallback/play.rs"]
mod play;
#[path = "fallback/store.rs"]
mod store;

use anyhow::{Context, Result, ensure};
use play::{counted, opened};
use seaworthy_model::{Level, Report};
use seaworthy_tests::{Link, NoStage, Peer, PeerOptions, Scene, Seaworthy, Traffic, binary, run_scenes, scratch};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The machine, for one scene at a time: they are about time.
pub(crate) type Machine = Mutex<()>;

fn main() -> ExitCode {
    let stage = binary().map(|_| Machine::default()).map_err(NoStage::Broken);
    let mut scenes = vec![
        Scene::new("a_peer_that_is_down", |m| faulty_peer(m, Traffic::Refuse, &["unreachable"])),
        Scene::new("a_peer_that_says_nothing", |m| faulty_peer(m, Traffic::Silent, &["timed-out", "unreachable"])),
        Scene::new("a_peer_that_is_slow", |m| faulty_peer(m, Traffic::Slow, &["timed-out", "unreachable"])),
        Scene::new("a_peer_that_is_cut_off", |m| faulty_peer(m, Traffic::Cut, &["unreachable", "timed-out"])),
        Scene::new("a_peer_whose_bytes_are_changed", |m| {
            faulty_peer(m, Traffic::Flip, &["unreachable", "timed-out", "integrity", "other"])
        }),
        Scene::new("a_peer_with_another_secret", refusing_peer),
        Scene::new("a_disk_that_lies", lying_disk),
        Scene::new("a_slow_peer_is_hedged", hedged),
        Scene::new("too_few_tiers_fail_and_a_lower_one_warns", gate),
    ];
    scenes.extend(store::scenes());
    run_scenes("fallback", stage, scenes)
}

/// A peer behind a relay, a disk, and a policy that names both.
struct Place {
    _peer: Peer,
    relay: Link,
    address: String,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Result<Self> {
        let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
        let relay = Link::start(([127, 0, 0, 1], peer.port()?).into())?;
        let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", relay.address.port(), peer.id());
        Ok(Self { _peer: peer, relay, address, folder: scratch()? })
    }

    /// A policy with these tiers, and further lines in its `[cache]`.
    fn policy(&self, order: &str, cache: &str) -> Result<PathBuf> {
        play::policy(self.folder.path(), order, cache)
    }

    fn entries(&self) -> PathBuf {
        self.folder.path().join("entries")
    }

    /// `seaworthy WORDS -c POLICY` as a runner of the peer.
    fn command(&self, words: &[&str], policy: &Path) -> Result<Seaworthy> {
        let command = Seaworthy::new(words)?.arg("-c").arg(policy).env("CACHE_DIR", self.entries());
        Ok(Peer::configure(command, &self.address))
    }

    fn play(&self, policy: &Path, secret: Option<&str>, trouble: impl Fn(bool) + Sync) -> Result<Value> {
        let command = |words: &[&str]| {
            let command = self.command(words, policy)?;
            Ok(match secret {
                Some(secret) => command.env("CACHE_P2P_SHARED_SECRET", secret),
                None => command,
            })
        };
        play::play(command, || self.relay.connections() > 0, trouble)
    }
}

pub(crate) fn alone(machine: &Machine) -> std::sync::MutexGuard<'_, ()> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

fn faulty_peer(machine: &Machine, traffic: Traffic, kinds: &[&str]) -> Result<()> {
    let _alone = alone(machine);
    let place = Place::new()?;
    let policy = place.policy(r#"["p2p", "disk"]"#, "")?;
    let seen = place.play(&policy, None, |on| place.relay.set(if on { traffic } else { Traffic::Pass }))?;
    counted(&seen, "p2p", kinds)?;
    opened(&seen, "p2p")?;
    // A slow connection stays, so whether the peer was tried again is the breaker's to say.
    let lasting = matches!(traffic, Traffic::Slow);
    ensure!(lasting || place.relay.connections() > 1, "nobody connected again");
    ensure!(seen["layers"]["p2p"]["hits"].as_u64() > Some(0), "it never worked in between: {seen:#}");
    Ok(())
}

fn refusing_peer(machine: &Machine) -> Result<()> {
    const OTHER: &str = "another-secret-7Qm2vTzLxW4p";
    let _alone = alone(machine);
    let place = Place::new()?;
    let policy = place.policy(r#"["p2p", "disk"]"#, "")?;
    let seen = place.play(&policy, Some(OTHER), |_| {})?;
    counted(&seen, "p2p", &["unauthenticated"])?;
    ensure!(!seen.to_string().contains(OTHER), "the secret is shown");
    let breaker = &seen["layers"]["p2p"]["breaker"];
    ensure!(breaker["reads"] == "open" && breaker["writes"] == "open", "{breaker:#}");
    Ok(())
}

fn lying_disk(machine: &Machine) -> Result<()> {
    let _alone = alone(machine);
    let place = Place::new()?;
    let policy = place.policy(r#"["disk", "p2p"]"#, "")?;
    let lies = Mutex::new(0_u32);
    let seen = place.play(&policy, None, |on| {
        if on {
            *lies.lock().unwrap_or_else(PoisonError::into_inner) += flip_all(&place.entries()).unwrap_or_default();
        }
    })?;
    ensure!(*lies.lock().unwrap_or_else(PoisonError::into_inner) > 40, "too few lies were told");
    counted(&seen, "disk", &["integrity"])?;
    ensure!(
        seen["layers"]["disk"]["breaker"]["openings"] == 0,
        "one damaged value is no reason to leave the others: {seen:#}"
    );
    ensure!(seen["layers"]["p2p"]["hits"].as_u64() > Some(0), "nobody asked the other tier: {seen:#}");
    Ok(())
}

/// Changes the last bit of every file below `folder`, and says how many there were.
fn flip_all(folder: &Path) -> Result<u32> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            count += flip_all(&path)?;
        } else if let Ok(mut bytes) = std::fs::read(&path)
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
            // It may have been replaced meanwhile, which is no lie then.
            count += u32::from(std::fs::write(&path, bytes).is_ok());
        }
    }
    Ok(count)
}

fn hedged(machine: &Machine) -> Result<()> {
    let _alone = alone(machine);
    let place = Place::new()?;
    let policy = place.policy(r#"["p2p", "disk"]"#, "hedge = \"60ms\"")?;
    let seen = place.play(&policy, None, |on| place.relay.set(if on { Traffic::Slow } else { Traffic::Pass }))?;
    let together = &seen["together"][0];
    ensure!(together["hedges"].as_u64() > Some(0), "nobody was hedged: {together:#}");
    ensure!(together["hedges_won"]["disk"].as_u64() > Some(0), "the disk never won: {together:#}");
    Ok(())
}

/// The gate by `need` and `prefer`.
fn gate(machine: &Machine) -> Result<()> {
    let _alone = alone(machine);
    let place = Place::new()?;
    place.relay.set(Traffic::Refuse);
    let path = place.folder.path().join("gate.toml");
    let run = |demand: &str| -> Result<Report> {
        let text = format!("version = 1\n[fallback.cache]\norder = [\"p2p\", \"disk\"]\n{demand}\n");
        std::fs::write(&path, text)?;
        place.command(&["run", "cache.initialization", "-f", "json"], &path)?.run()?.report()
    };
    let codes = |report: &Report| -> Vec<(String, Level)> {
        let check = report.checks.iter().find(|check| check.id == "cache.initialization");
        let findings = check.into_iter().flat_map(|check| &check.findings);
        findings.map(|finding| (finding.code.clone(), finding.level)).collect()
    };
    let has = |report: &Report, code: &str, level: Level| -> Result<()> {
        let all = codes(report);
        let found = all.iter().any(|(c, l)| c == code && *l == level);
        ensure!(found, "no {code} ({level:?}) among {all:?}");
        Ok(())
    };
    let enough = run("")?;
    has(&enough, "cache.open-failed", Level::Warn).context("the disk is enough")?;
    ensure!(enough.gate.exit_code == 0, "{:?}", enough.gate);

    let degraded = run("prefer = \"p2p\"")?;
    has(&degraded, "cache.degraded", Level::Warn)?;
    ensure!(degraded.gate.exit_code == 0, "a warning fails nothing: {:?}", degraded.gate);

    let few = run("need = 2")?;
    has(&few, "cache.no-usable-backend", Level::Fail)?;
    ensure!(few.gate.exit_code == 1, "{:?}", few.gate);

    place.relay.set(Traffic::Pass);
    std::thread::sleep(Duration::from_millis(200));
    let both = run("need = 2\nprefer = \"p2p\"")?;
    ensure!(codes(&both).is_empty() && both.gate.exit_code == 0, "{:?}, {:?}", codes(&both), both.gate);
    Ok(())
}

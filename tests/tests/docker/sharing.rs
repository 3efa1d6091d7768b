//! One peer on the host, ten containers on three networks: what one of them puts, all
//! read that can reach the peer, also after the peer was killed; the others are told
//! that they cannot, and not that there is nothing.

use anyhow::{Context, Result, ensure};
use seaworthy_tests::lab::{Container, Lab, Running, SECRET};
use seaworthy_tests::{PeerOptions, Run, Scene, scratch};
use std::path::Path;
use std::thread;

/// Containers on each network. The last network cannot reach the peer.
const CONTAINERS: [usize; 3] = [4, 3, 3];

pub(crate) fn scenes() -> Vec<Scene<Lab>> {
    vec![Scene::new("ten_containers_on_three_networks_share_one_cache", ten_containers)]
}

/// A container that stays, and in which commands are run.
struct Runner {
    running: Running,
    number: usize,
    /// The peer as its network sees the host.
    peer: String,
}

impl Runner {
    fn cache(&self, lab: &Lab, args: &[&str]) -> Result<Run> {
        let variables = [
            "CACHE_ENABLE_P2P=true".to_owned(),
            format!("CACHE_BOOTSTRAP_PEERS={}", self.peer),
            format!("CACHE_P2P_SHARED_SECRET={SECRET}"),
        ];
        let options = variables.iter().flat_map(|variable| ["--env", variable.as_str()]);
        let command = ["exec"].into_iter().chain(options).chain([self.running.name(), "/seaworthy", "cache"]);
        lab.docker(command.chain(args.iter().copied())).run()
    }

    fn key(&self) -> String {
        format!("from/{}", self.number)
    }

    fn value(&self) -> String {
        format!("what container {} found out: {}", self.number, "x".repeat(20_000))
    }

    /// Reads what each of `writers` put.
    fn reads(&self, lab: &Lab, writers: &[&Runner]) -> Result<()> {
        for writer in writers {
            let run = self.cache(lab, &["get", &writer.key(), "-o", "-"])?;
            let what = || format!("container {} reads what {} put", self.number, writer.number);
            run.exits(0).with_context(what)?;
            ensure!(run.stdout == writer.value(), "{}: another value\n{}", what(), run.transcript());
        }
        Ok(())
    }

    /// Is told that the peer cannot be reached.
    fn is_cut_off(&self, lab: &Lab, key: &str) -> Result<()> {
        for args in [["get", key], ["stat", key]] {
            let run = self.cache(lab, &args)?;
            run.exits(5).with_context(|| format!("container {} cannot reach the peer", self.number))?;
            let said = run.stderr.to_lowercase();
            let named = ["timeout", "timed out", "time limit"].iter().any(|word| said.contains(word));
            ensure!(named && !said.contains("miss"), "the error has no name\n{}", run.transcript());
            ensure!(!run.stderr.contains(SECRET), "the secret is shown");
        }
        Ok(())
    }
}

/// The same of all at once; the first error.
fn all<'r>(runners: impl IntoIterator<Item = &'r Runner>, each: impl Fn(&Runner) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let each = &each;
        let threads: Vec<_> = runners.into_iter().map(|runner| scope.spawn(move || each(runner))).collect();
        let outcomes =
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?);
        outcomes.collect::<Vec<Result<()>>>().into_iter().collect()
    })
}

fn ten_containers(lab: &Lab) -> Result<()> {
    let state = scratch()?;
    let mut options = PeerOptions { state: Some(state.path().to_path_buf()), ..PeerOptions::on("/ip4/0.0.0.0/tcp/0") };
    let peer = lab.peer_with(options.clone())?;
    options.listen = format!("/ip4/0.0.0.0/tcp/{}", peer.port()?);
    let values = scratch()?;
    let networks = ["one", "two", "walled"].map(|stem| lab.network(stem));
    let mut runners = Vec::new();
    let mut wall = None;
    for (network, count) in networks.iter().zip(CONTAINERS) {
        let name = network.as_ref().map_err(|e| anyhow::anyhow!("{e:#}"))?.name();
        let gateway = lab.gateway(name)?;
        if runners.len() == CONTAINERS[0] + CONTAINERS[1] {
            let (at, port) = (gateway.to_string(), peer.port()?.to_string());
            wall = Some(lab.firewall(&["-d", &at, "-p", "tcp", "--dport", &port, "-j", "DROP"])?);
        }
        for _ in 0..count {
            let running = lab.start(&idle(name, values.path()))?;
            runners.push(Runner { running, number: runners.len(), peer: peer.at(&format!("ip4/{gateway}"))? });
        }
    }
    let (inside, outside) = runners.split_at(CONTAINERS[0] + CONTAINERS[1]);
    let writers: Vec<&Runner> = inside.iter().collect();

    all(inside, |runner| {
        let file = values.path().join(runner.number.to_string());
        std::fs::write(&file, runner.value())?;
        let run = runner.cache(lab, &["put", &runner.key(), &file.to_string_lossy(), "--ttl", "10m"])?;
        run.exits(0).map(drop).with_context(|| format!("container {} puts", runner.number))
    })?;
    all(inside, |runner| runner.reads(lab, &writers))?;
    all(outside, |runner| runner.is_cut_off(lab, &writers[0].key()))?;

    let id = peer.id().to_owned();
    peer.kill()?;
    let peer = lab.peer_with(options)?;
    ensure!(peer.id() == id, "the peer was {id}, and is {} after a restart", peer.id());
    all([&inside[0], &inside[CONTAINERS[0]]], |runner| runner.reads(lab, &writers))?;
    // The wall was what mattered.
    drop(wall);
    all(&outside[..1], |runner| runner.reads(lab, &writers))
}

/// Runs until it is removed: the image has no shell to sleep in.
fn idle(network: &str, values: &Path) -> Container {
    let args = ["peer", "--json", "--listen", "/ip4/127.0.0.1/tcp/9100", "--state", "/var/lib/seaworthy"];
    Container::of(args).network(network).volume(values)
}

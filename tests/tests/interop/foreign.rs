//! Peers that are no cache: who they are and how far away, in the report of a run.

use crate::{Here, for_each_python, python};
use anyhow::{Context, Result, bail, ensure};
use seaworthy_model::Status;
use seaworthy_tests::{Announced, Reading, Scene, Seaworthy, Spoken, scratch, server};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let kubo = || kubo_folder().err();
    let mut scenes = vec![
        Scene::new("kubo_is_identified_and_pinged_over_tcp", |_| over("/tcp/")).unless(kubo()),
        Scene::new("kubo_is_identified_and_pinged_over_quic", |_| over("/quic-v1/")).unless(kubo()),
        Scene::new("js_libp2p_is_identified_and_pinged", |_| javascript()).unless(server(&["js-libp2p"]).err()),
    ];
    scenes.extend(for_each_python!["is_identified_and_pinged" => is_python]);
    scenes
}

/// Dials `address` by a policy of its own, and looks for `agent` and a ping in the report.
fn identified(address: &str, agent: &str) -> Result<()> {
    let folder = scratch()?;
    let policy = format!(
        "version = 1\n\n[targets.foreign]\nkind = \"libp2p\"\naddresses = [\"{address}\"]\n\n[[check]]\nid = \"foreign.reachable\"\nuse = \"bundled:net/connectivity\"\ntarget = \"foreign\"\nseverity = \"critical\"\ntimeout = \"15s\"\nwith = {{ pings = 3, protocols = [\"/ipfs/ping/1.0.0\"] }}\n"
    );
    std::fs::write(folder.path().join("checks.toml"), policy)?;
    let run = Seaworthy::new(["run", "-f", "json"])?.directory(folder.path()).run()?;
    let report = run.exits(0)?.report()?;
    let check = report.check("foreign.reachable")?;
    ensure!(check.status == Status::Pass && check.findings.is_empty(), "{}", report.digest());
    let dialled = check.evidence.iter().find(|o| o.probe == "swarm.dial").context("nobody was dialled")?;
    let answer = serde_json::to_value(&dialled.answer)?;
    let said = answer["peer"]["agent"].as_str().unwrap_or_default();
    ensure!(said.starts_with(agent), "the agent is {said:?}, not {agent}…: {answer}");
    let ping = answer["peer"]["ping-us"].as_u64().with_context(|| format!("no ping: {answer}"))?;
    ensure!(ping > 0 && ping < 5_000_000, "a ping of {ping} µs on loopback");
    let id = address.rsplit('/').next().unwrap_or_default();
    ensure!(answer["obtained-peer"].as_str() == Some(id), "{answer}");
    let fact = |key: &str| check.facts.iter().find(|f| f.key == key).map(|f| f.value.clone());
    ensure!(fact("ping-ms").is_some() && fact("identify-ms").is_some(), "{:?}", check.facts);
    println!("{said}: ping {ping} µs");
    Ok(())
}

fn is_python(version: &'static str) -> Result<()> {
    identified(python(version)?.address()?, &format!("py-libp2p/{version}"))
}

fn javascript() -> Result<()> {
    let folder = server(&["js-libp2p"]).map_err(anyhow::Error::msg)?;
    let mut peer = Spoken::start(Command::new("node").arg(folder.join("peer.mjs")))?;
    identified(one(&peer.announced()?, "/tcp/")?, "js-libp2p/3")
}

fn one<'a>(said: &'a Announced, way: &str) -> Result<&'a str> {
    said.addresses.iter().find(|a| a.contains(way)).map(String::as_str).with_context(|| format!("no {way} in {said:?}"))
}

fn over(way: &str) -> Result<()> {
    let kubo = Kubo::start()?;
    identified(one(&kubo.said, way)?, "kubo/")
}

/// Where the program `ipfs` is: that of `KUBO_BINARY`, else the one that was built.
fn kubo_folder() -> Result<PathBuf, String> {
    match std::env::var_os("KUBO_BINARY").map(PathBuf::from) {
        Some(given) if given.is_file() => Ok(given),
        Some(given) => Err(format!("KUBO_BINARY names {}, which is no file", given.display())),
        None => server(&["kubo"]).map(|folder| folder.join("ipfs")),
    }
}

/// A Kubo daemon on loopback with a repository of its own, which asks nobody anything.
struct Kubo {
    _daemon: Spoken,
    _repository: TempDir,
    said: Announced,
}

impl Kubo {
    fn start() -> Result<Self> {
        let program = kubo_folder().map_err(anyhow::Error::msg)?;
        let repository = scratch()?;
        let run = |words: &[&str]| ipfs(&program, repository.path(), words);
        run(&["init", "--profile=test,autoconf-off"])?;
        run(&["config", "--json", "Addresses.Swarm", r#"["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"]"#])?;
        run(&["config", "--json", "Routing.Type", r#""none""#])?;
        run(&["config", "--json", "Swarm.RelayClient.Enabled", "false"])?;
        run(&["config", "--json", "AutoNAT.ServiceMode", r#""disabled""#])?;
        let mut daemon = Spoken::start(command(&program, repository.path()).arg("daemon"))?;
        while daemon.line(Duration::from_secs(60))? != "Daemon is ready" {}
        let identity: Value = serde_json::from_str(&run(&["id"])?).context("`ipfs id`")?;
        let said = Announced {
            peer_id: identity["ID"].as_str().context("no ID")?.into(),
            addresses: serde_json::from_value(identity["Addresses"].clone()).context("no addresses")?,
        };
        Ok(Self { _daemon: daemon, _repository: repository, said })
    }
}

fn command(program: &Path, repository: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("IPFS_PATH", repository).env("HOME", repository).env("IPFS_TELEMETRY", "off");
    command
}

fn ipfs(program: &Path, repository: &Path, words: &[&str]) -> Result<String> {
    let output = command(program, repository).args(words).output().context("cannot start ipfs")?;
    if !output.status.success() {
        bail!("ipfs {words:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

//! From a fault in a container to a change that mends it.

use crate::{Stage, programs};
use anyhow::{Context as _, Result, ensure};
use seaworthy_tests::lab::{Container, Lab, SECRET};
use seaworthy_tests::{Reading, Scene, Seaworthy, scratch};
use serde_json::Value;
use std::path::Path;

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("a_loopback_peer_gets_the_gateway_and_the_file_mends_the_next_container", loopback),
        Scene::new("a_dry_fix_in_a_container_writes_nothing", dry),
        Scene::new("on_the_hosts_network_a_loopback_peer_needs_no_fix", host_network),
        Scene::new("a_name_on_the_default_bridge_gets_a_compose_file_that_comes_up", name_on_bridge)
            .unless(programs::compose().err()),
        Scene::new("a_report_of_a_container_is_not_proven_on_the_host", elsewhere),
        Scene::new("a_firewall_is_not_opened", firewall),
    ]
}

/// `fix` in a container of the default bridge, which may write to `folder`.
fn fix(lab: &Lab, addresses: &str, folder: &Path, args: &[&str]) -> Result<seaworthy_tests::Run> {
    let place = folder.display();
    let container = Container::of(["fix", "-f", "json", "--out", &place.to_string()]).runner(addresses);
    let container = container.option("--volume").option(&format!("{place}:{place}"));
    lab.run(&args.iter().fold(container, |container, arg| container.arg(arg)))
}

fn read(run: &seaworthy_tests::Run) -> Result<Value> {
    serde_json::from_str(&run.stdout).with_context(|| run.transcript())
}

fn loopback(stage: &Stage) -> Result<()> {
    let lab = stage.lab()?;
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let folder = scratch()?;
    let run = fix(lab, &peer.at("ip4/127.0.0.1")?, folder.path(), &["--apply"])?;
    let said = read(run.exits(0)?)?;
    let gateway = lab.gateway("bridge")?;
    let right = peer.at(&format!("ip4/{gateway}"))?;
    ensure!(said["fixes"][0]["cause"] == "docker.loopback-in-bridge", "{said}");
    ensure!(said["fixes"][0]["strategy"] == "host-address", "{said}");
    ensure!(
        said["fixes"][0]["others"]
            .as_array()
            .is_some_and(|all| all.last().is_some_and(|last| last["strategy"] == "host-network"))
    );
    ensure!(said["proofs"][0]["verdict"] == "gone", "{said}");
    let file = folder.path().join("seaworthy.env");
    let text = std::fs::read_to_string(&file).with_context(|| format!("no file was written: {said}"))?;
    ensure!(text.lines().any(|line| line == format!("CACHE_BOOTSTRAP_PEERS={right}")), "{text}");
    ensure!(!text.contains(SECRET) && !run.stdout.contains(SECRET));
    // Not its own word for it: a container that is started with the file passes.
    let container = Container::of(["run", "-f", "json"]).option("--env-file").option(&file.display().to_string());
    let container = container.env("CACHE_ENABLE_P2P", "true").env("CACHE_P2P_SHARED_SECRET", SECRET);
    lab.run(&container)?.exits(0)?.report()?.all_pass_with_evidence()
}

fn dry(stage: &Stage) -> Result<()> {
    let lab = stage.lab()?;
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let folder = scratch()?;
    let said = read(fix(lab, &peer.at("ip4/127.0.0.1")?, folder.path(), &[])?.exits(0)?)?;
    ensure!(said["files"][0]["state"] == "would-write", "{said}");
    ensure!(said["files"][0]["diff"].as_str().is_some_and(|diff| diff.contains("+CACHE_BOOTSTRAP_PEERS=")), "{said}");
    ensure!(std::fs::read_dir(folder.path())?.count() == 0, "something was written");
    Ok(())
}

fn host_network(stage: &Stage) -> Result<()> {
    let lab = stage.lab()?;
    let peer = lab.peer("/ip4/127.0.0.1/tcp/0")?;
    let container = Container::of(["fix", "-f", "json"]).network("host").runner(&peer.at("ip4/127.0.0.1")?);
    let said = read(lab.run(&container)?.exits(0)?)?;
    ensure!(said["fixes"].as_array().is_some_and(Vec::is_empty), "{said}");
    Ok(())
}

fn name_on_bridge(stage: &Stage) -> Result<()> {
    let lab = stage.lab()?;
    let stranger = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let address = format!("/dns4/cache-peer/tcp/9100/p2p/{}", stranger.id());
    let report = lab.run(&Container::of(["run", "-f", "json"]).runner(&address))?;
    report.exits(1)?.report()?.cause("dns.name-not-found")?;
    let folder = scratch()?;
    std::fs::write(folder.path().join("report.json"), &report.stdout)?;
    let run = lab
        .on_host(["fix", "report.json", "--only", "compose", "--apply", "-f", "json"])?
        .directory(folder.path())
        .run()?;
    let said = read(&run)?;
    ensure!(said["fixes"][0]["strategy"] == "own-network", "{said}");
    ensure!(folder.path().join("docker-compose.yml").is_file(), "{}", run.transcript());
    programs::compose_config(folder.path(), &[])?.exits(0)?;
    up(lab, folder.path())
}

/// The file brings up a peer and a runner that reaches it.
fn up(lab: &Lab, folder: &Path) -> Result<()> {
    let project = lab.unique("fix");
    let command = |args: &[&str]| -> Result<Seaworthy> {
        let words = programs::compose().map_err(anyhow::Error::msg)?;
        let command = Seaworthy::program(words.into_iter().chain(["--project-name", &project])).directory(folder);
        let command = command.env("HOME", folder).env("SEAWORTHY_IMAGE", lab.image()).env("RUNNER_IMAGE", lab.image());
        let command = command.env("CACHE_P2P_SHARED_SECRET", SECRET);
        let command = match lab.engine_address() {
            Some(address) => command.env("DOCKER_HOST", address),
            None => command,
        };
        Ok(args.iter().fold(command, |command, arg| command.arg(arg)))
    };
    let play = || -> Result<()> {
        command(&["up", "--detach", "cache-peer"])?.run()?.exits(0).context("the peer does not come up")?;
        let mut id = String::new();
        for _ in 0..100 {
            let logs = command(&["logs", "cache-peer"])?.run()?;
            let after = logs.stdout.split("/p2p/").nth(1).unwrap_or_default().to_owned();
            id = after.chars().take_while(char::is_ascii_alphanumeric).collect();
            if !id.is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        ensure!(!id.is_empty(), "the peer shows no id");
        let run = command(&["run", "--rm", "-T", "runner", "run"])?;
        let run = run.env("CACHE_BOOTSTRAP_PEERS", format!("/dns4/cache-peer/tcp/9100/p2p/{id}")).run()?;
        run.exits(0).context("the runner does not pass")?;
        ensure!(run.stdout.contains("8/8"), "no summary line\n{}", run.transcript());
        Ok(())
    };
    let played = play();
    let down = command(&["down", "--volumes", "--timeout", "5"])?.run()?;
    played?;
    down.exits(0)?;
    Ok(())
}

fn elsewhere(stage: &Stage) -> Result<()> {
    let lab = stage.lab()?;
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let report = lab.run(&Container::of(["run", "-f", "json"]).runner(&peer.at("ip4/127.0.0.1")?))?;
    let folder = scratch()?;
    std::fs::write(folder.path().join("report.json"), &report.exits(1)?.stdout)?;
    let run = lab.on_host(["fix", "report.json", "--apply", "-f", "json"])?.directory(folder.path()).run()?;
    let said = read(run.exits(5)?)?;
    ensure!(said["proofs"][0]["verdict"] == "elsewhere", "{said}");
    ensure!(said["proofs"][0]["text"].as_str().is_some_and(|text| text.contains("another place")), "{said}");
    ensure!(folder.path().join("seaworthy.env").is_file(), "the file is written all the same");
    Ok(())
}

fn firewall(stage: &Stage) -> Result<()> {
    let lab = stage.lab()?;
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let port = peer.port()?.to_string();
    let blocked = lab.firewall(&["-i", "docker0", "-p", "tcp", "--dport", &port, "-j", "DROP"])?;
    let folder = scratch()?;
    let address = peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    let run = fix(lab, &address, folder.path(), &["--apply"])?;
    drop(blocked);
    let said = read(run.exits(1)?)?;
    ensure!(said["fixes"][0]["cause"] == "firewall.drop" && said["fixes"][0]["risk"] == "security", "{said}");
    ensure!(said["proofs"][0]["verdict"] == "left", "{said}");
    ensure!(std::fs::read_dir(folder.path())?.count() == 0, "something was written for a change that opens access");
    Ok(())
}

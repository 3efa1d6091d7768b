//! `run --in`: the host and a container, read together by one command on the host.

use anyhow::{Context, Result, ensure};
use seaworthy_tests::lab::{Container, Lab, Running};
use seaworthy_tests::{Reading, Run, Scene, scratch};

pub(crate) fn scenes() -> Vec<Scene<Lab>> {
    vec![
        Scene::new("inside_a_container_the_listener_is_named_without_a_report_by_hand", loopback_listener),
        Scene::new("inside_a_container_its_variables_are_those_that_count", variables),
        Scene::new("inside_a_container_nothing_is_changed_or_left", untouched),
        Scene::new("inside_a_container_the_network_is_told_as_it_is_there", network_modes),
        Scene::new("inside_a_new_container_of_an_image", image),
        Scene::new("a_container_that_is_not_there_or_does_not_run", missing),
        Scene::new("two_recorded_reports_are_compared", compared),
    ]
}

/// A job that sleeps: any program that stays will do, and the image holds only one.
fn job(lab: &Lab, network: &str, peers: &str) -> Result<Running> {
    lab.start(&Container::of(["peer", "--json"]).network(network).runner(peers))
}

/// `seaworthy run --in docker:NAME ARGS...` on the lab's host.
fn inside(lab: &Lab, name: &str, args: &[&str]) -> Result<Run> {
    let place = format!("docker:{name}");
    let command = lab.on_host(["run", "--in", &place, "-f", "json"].into_iter().chain(args.iter().copied()))?;
    let command = match lab.engine_address() {
        Some(address) => command.env("DOCKER_HOST", &address),
        None => command,
    };
    command.run()
}

fn loopback_listener(lab: &Lab) -> Result<()> {
    let gateway = format!("ip4/{}", lab.gateway("bridge")?);
    let closed = lab.peer("/ip4/127.0.0.1/tcp/0")?;
    let container = job(lab, "bridge", &closed.at(&gateway)?)?;
    let report = inside(lab, container.name(), &[])?.exits(1)?.report()?;
    report.cause("listener.loopback-only")?;
    report.no_cause("firewall")?;
    let open = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let container = job(lab, "bridge", &open.at(&gateway)?)?;
    inside(lab, container.name(), &[])?.exits(0)?.report()?.all_pass_with_evidence()
}

fn variables(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let right = peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    // The host knows the peers and the container was not told of them.
    let container = lab.start(&Container::of(["peer", "--json"]))?;
    let place = format!("docker:{}", container.name());
    let command = lab.on_host(["run", "--in", &place, "-f", "json"])?;
    let command = seaworthy_tests::Peer::configure(command, &right);
    let command = match lab.engine_address() {
        Some(address) => command.env("DOCKER_HOST", &address),
        None => command,
    };
    let report = command.run()?.exits(1)?.report()?;
    let cause = report.cause("env.not-propagated")?;
    ensure!(cause.confidence == seaworthy_model::Confidence::Certain, "{:?}", cause.confidence);
    Ok(())
}

fn untouched(lab: &Lab) -> Result<()> {
    let container = job(lab, "bridge", "")?;
    let names = || -> Result<String> {
        Ok(lab.docker(["ps", "--all", "--format", "{{.Names}}"]).run()?.exits(0)?.stdout.clone())
    };
    // It writes files of its own when it starts.
    container.first_line()?;
    let before = names()?;
    // The engine lists them in any order.
    let changed = || -> Result<Vec<String>> {
        let run = lab.docker(["diff", container.name()]).run()?;
        let mut lines: Vec<String> = run.exits(0)?.stdout.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        Ok(lines)
    };
    let as_started = changed()?;
    inside(lab, container.name(), &[])?.report()?;
    ensure!(changed()? == as_started, "the container was changed: {:?}", changed()?);
    for name in names()?.lines() {
        // Other scenes run beside this one; theirs have names of the lab.
        ensure!(before.contains(name) || name.starts_with("sw"), "a container is left: {name}");
    }
    Ok(())
}

fn network_modes(lab: &Lab) -> Result<()> {
    let own = lab.network("inside")?;
    for (network, expected) in [("bridge", "bridge"), ("none", "none"), (own.name(), "user-defined")] {
        let container = job(lab, network, "")?;
        let report = inside(lab, container.name(), &["docker.network-mode"])?.report()?;
        let fact = report.checks.iter().flat_map(|check| &check.facts).find(|fact| fact.key == "network-mode");
        let mode = &fact.context("no network mode was reported")?.value;
        ensure!(mode == expected, "a container on {network} is said to be on {mode}");
    }
    Ok(())
}

fn image(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let right = format!("CACHE_BOOTSTRAP_PEERS={}", peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?);
    let secret = format!("CACHE_P2P_SHARED_SECRET={}", seaworthy_tests::lab::SECRET);
    let flags = ["--var", "CACHE_ENABLE_P2P=true", "--var", &right, "--var", &secret];
    inside(lab, lab.image(), &flags)?.exits(0)?.report()?.all_pass_with_evidence()?;
    let dark = inside(lab, lab.image(), &[&["--network", "none"], &flags[..]].concat())?.exits(1)?.report()?;
    dark.cause("docker.no-network")?;
    Ok(())
}

fn missing(lab: &Lab) -> Result<()> {
    let run = inside(lab, "no-such-thing", &[])?;
    ensure!(run.exits(3)?.stderr.contains("neither a container nor an image called no-such-thing"), "{}", run.stderr);
    let container = job(lab, "bridge", "")?;
    lab.docker(["stop", "--time", "1", container.name()]).run()?.exits(0)?;
    let run = inside(lab, container.name(), &[])?;
    ensure!(run.exits(3)?.stderr.contains("does not run"), "{}", run.stderr);
    Ok(())
}

fn compared(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let folder = scratch()?;
    let record = |name: &str, command: seaworthy_tests::Seaworthy| -> Result<String> {
        let run = command.run()?;
        let path = folder.path().join(name);
        std::fs::write(&path, &run.stdout)?;
        Ok(path.display().to_string())
    };
    let gateway = peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    let host = record("host.json", seaworthy_tests::Peer::configure(lab.on_host(["run", "-f", "json"])?, &gateway))?;
    let port = peer.port()?;
    let wall = lab.firewall(&["-i", "docker0", "-p", "tcp", "--dport", &port.to_string(), "-j", "DROP"])?;
    let runner = Container::of(["run", "-f", "json"]).runner(&gateway);
    let dark = folder.path().join("dark.json");
    std::fs::write(&dark, &lab.run(&runner)?.exits(1)?.stdout)?;
    drop(wall);
    let lit = folder.path().join("lit.json");
    std::fs::write(&lit, &lab.run(&runner)?.exits(0)?.stdout)?;
    let (dark, lit) = (dark.display().to_string(), lit.display().to_string());

    let run = lab.on_host(["compare", &host, &dark])?.run()?;
    // Lines are broken where they are full.
    let text = run.exits(1)?.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["host and container", "open from host", "firewall.drop"] {
        ensure!(text.contains(part), "`{part}` is not said:\n{text}");
    }
    let run = lab.on_host(["compare", &dark, &lit])?.run()?;
    let text = &run.exits(0)?.stdout;
    for part in ["before and after", "firewall.drop (gone)", "Better: 1 cause gone, none new."] {
        ensure!(text.contains(part), "`{part}` is not said:\n{text}");
    }
    lab.on_host(["compare", &lit, &dark])?.run()?.exits(1)?;
    Ok(())
}

//! A place where nothing works: one cause, in time.

use anyhow::{Result, ensure};
use seaworthy_model::Status;
use seaworthy_tests::Reading as _;
use seaworthy_tests::faults::{Bench, Topology, Trick, World};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn tricks() -> Vec<Trick> {
    vec![
        Trick { name: "dark/container-without-network", topology: Topology::Docker, play: without_network },
        Trick { name: "dark/cable-pulled", topology: Topology::Wire, play: cable_pulled },
        Trick { name: "dark/every-packet-vanishes", topology: Topology::Wire, play: vanishing },
    ]
}

/// For the whole run; the suite's own is a minute.
const DEADLINE: Duration = Duration::from_secs(30);

/// Ids that belong to nobody.
const NOBODY: [&str; 3] = [
    "12D3KooWSahP5pFRCEfaziPEba7urXGeif6T1y8jmodzdFUvzBHj",
    "12D3KooWPeaxktUQNMhYBpPawH449qVKjm3T2swGL66hMffXVjXL",
    "12D3KooWDRujQm952BjeoYFAcBHa32M14QqwAWC1V3n7m95ZmXD5",
];

/// Peers in three places, one of them by name.
fn peers(world: &mut World) {
    let [a, b, c] = NOBODY;
    world.use_peers(&[
        &format!("/ip4/10.77.1.2/tcp/9100/p2p/{a}"),
        &format!("/ip4/10.77.2.2/tcp/9100/p2p/{b}"),
        &format!("/dns4/cache.lab.test/tcp/9100/p2p/{c}"),
    ]);
    world.args(&["--deadline", &format!("{}s", DEADLINE.as_secs())]);
}

/// The run ends in time and names one cause of many failures.
fn one_cause(world: &World, expected: &[&str]) -> Result<()> {
    let run = world.run()?;
    let report = run.report()?;
    ensure!(run.elapsed < DEADLINE, "it took {:?}, and its deadline is {DEADLINE:?}", run.elapsed);
    ensure!(run.code() == Some(1), "exit code {:?}\n{}", run.code(), report.digest());
    let failing = report.checks.iter().flat_map(|check| &check.findings).count();
    ensure!(failing > 3, "only {failing} findings: was it dark?\n{}", report.digest());
    let named: Vec<&str> = report.causes.iter().map(|cause| cause.code.as_str()).collect();
    ensure!(named.len() == 1 && expected.contains(&named[0]), "{named:?} are named\n{}", report.digest());
    let quiet = report.checks.iter().all(|check| check.status != Status::Pass || !check.evidence.is_empty());
    ensure!(quiet, "a check passed and saw nothing\n{}", report.digest());
    println!("{named:?} for {failing} findings in {:.1} s", run.elapsed.as_secs_f64());
    Ok(())
}

fn without_network(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Docker)?;
    peers(&mut world);
    world.option("--network", &["none"]);
    one_cause(&world, &["docker.no-network"])
}

fn cable_pulled(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Wire)?;
    peers(&mut world);
    world.wire()?.runner.ip("link set eth0 down\n")?;
    one_cause(&world, &["net.cut-off", "path.no-egress"])
}

fn vanishing(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Wire)?;
    peers(&mut world);
    world.wire()?.router.sysctl("net/ipv4/ip_forward", "0")?;
    world.router_firewall(&["-I", "INPUT", "-j", "DROP"])?;
    one_cause(&world, &["net.cut-off", "path.no-egress"])
}

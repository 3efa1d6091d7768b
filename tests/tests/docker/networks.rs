//! Networks other than the default bridge.

use anyhow::{Context, Result, ensure};
use seaworthy_tests::lab::{Container, Lab, Running, SECRET};
use seaworthy_tests::{Reading, Scene};

pub(crate) fn scenes() -> Vec<Scene<Lab>> {
    vec![
        Scene::new("a_peer_by_name_on_a_user_defined_network", by_name),
        Scene::new("a_wrong_name_is_not_found", wrong_name),
        Scene::new("a_peer_on_another_network_is_named_as_that", other_network),
        Scene::new("the_hosts_own_network", host_network),
        Scene::new("no_network_at_all", no_network),
        Scene::new("the_network_mode_is_told_right", network_modes),
    ]
}

/// `seaworthy peer` in a container of `network`.
fn peer(lab: &Lab, network: &str) -> Result<Running> {
    let args = ["peer", "--json", "--listen", "/ip4/0.0.0.0/tcp/9100", "--state", "/var/lib/seaworthy"];
    lab.start(&Container::of(args).network(network).env("CACHE_P2P_SHARED_SECRET", SECRET))
}

fn runner(network: &str, addresses: &str) -> Container {
    Container::of(["run", "-f", "json"]).network(network).runner(addresses)
}

fn by_name(lab: &Lab) -> Result<()> {
    let network = lab.network("names")?;
    let peer = peer(lab, network.name())?;
    let address = format!("/dns4/{}/tcp/9100/p2p/{}", peer.name(), peer.peer_id()?);
    let run = lab.run(&runner(network.name(), &address))?;
    run.exits(0)?.report()?.all_pass_with_evidence()
}

fn wrong_name(lab: &Lab) -> Result<()> {
    let network = lab.network("names")?;
    let peer = peer(lab, network.name())?;
    let address = format!("/dns4/no-such-peer/tcp/9100/p2p/{}", peer.peer_id()?);
    let report = lab.run(&runner(network.name(), &address))?.exits(1)?.report()?;
    let cause = report.cause("dns.name-not-found")?;
    ensure!(cause.message.contains("no-such-peer"), "the cause does not name the name: {}", cause.message);
    report.no_cause("docker.other-network")
}

fn other_network(lab: &Lab) -> Result<()> {
    let (theirs, ours) = (lab.network("theirs")?, lab.network("ours")?);
    let peer = peer(lab, theirs.name())?;
    let at = peer.address.context("the peer has no address")?;
    let address = format!("/ip4/{at}/tcp/9100/p2p/{}", peer.peer_id()?);
    let report = lab.run(&runner(ours.name(), &address))?.exits(1)?.report()?;
    report.cause("docker.other-network")?;
    report.no_cause("firewall")?;
    // The same address from the peer's own network: the network was what mattered.
    lab.run(&runner(theirs.name(), &address))?.exits(0)?;
    Ok(())
}

fn host_network(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/127.0.0.1/tcp/0")?;
    let run = lab.run(&runner("host", &peer.at("ip4/127.0.0.1")?))?;
    run.exits(0)?.report()?.all_pass_with_evidence()
}

fn no_network(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let address = peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    let report = lab.run(&runner("none", &address))?.exits(1)?.report()?;
    report.cause("docker.no-network")?;
    report.no_cause("firewall")?;
    report.no_cause("docker.loopback-in-bridge")
}

fn network_modes(lab: &Lab) -> Result<()> {
    let network = lab.network("mode")?;
    let other = lab.start(&Container::of([
        "peer",
        "--json",
        "--listen",
        "/ip4/127.0.0.1/tcp/9100",
        "--state",
        "/var/lib/seaworthy",
    ]))?;
    let joined = format!("container:{}", other.name());
    let modes = [("bridge", "bridge"), (network.name(), "user-defined"), ("host", "host"), ("none", "none")];
    for (option, expected) in modes {
        let fact = network_mode(lab, option)?;
        ensure!(fact == expected, "--network {option} is told as {fact:?}, not {expected:?}");
    }
    // Seen from inside, a joined namespace is a bridge; it may only not be called another thing.
    let fact = network_mode(lab, &joined)?;
    ensure!(["container", "bridge"].contains(&fact.as_str()), "--network {joined} is told as {fact:?}");
    Ok(())
}

fn network_mode(lab: &Lab, network: &str) -> Result<String> {
    let run =
        lab.run(&Container::of(["run", "docker.network-mode", "-f", "json", "--report-only"]).network(network))?;
    let report = run.exits(0)?.report()?;
    let check = report.check("docker.network-mode")?;
    let fact = check.facts.iter().find(|f| f.key == "network-mode");
    Ok(fact.with_context(|| format!("no fact network-mode\n{}", report.digest()))?.value.clone())
}

//! The default bridge: a peer on the host, and what stands between.

use anyhow::{Context, Result, ensure};
use seaworthy_model::{Confidence, Report};
use seaworthy_tests::lab::{Container, Lab};
use seaworthy_tests::{Peer, Reading, Scene, scratch};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) fn scenes() -> Vec<Scene<Lab>> {
    vec![
        Scene::new("loopback_inside_a_bridge_is_named_and_its_fix_works", loopback_inside_a_bridge),
        Scene::new("a_listener_on_loopback_only_is_no_firewall", listener_on_loopback_only),
        Scene::new("without_a_host_report_a_refusal_stays_open_to_both_listeners", refused_without_host_report),
        Scene::new("nothing_listening_is_told_by_the_host_report", nothing_listening),
        Scene::new("a_firewall_that_drops", firewall_drops),
        Scene::new("a_firewall_that_rejects", firewall_rejects),
        Scene::new("a_firewall_that_rejects_as_firewalld_does", firewall_prohibits),
        Scene::new("a_dead_host_is_no_firewall", dead_host),
    ]
}

/// A report as `seaworthy run` records it on the lab's host, for `--host-report`.
pub(crate) fn host_report(lab: &Lab, addresses: &str) -> Result<(TempDir, PathBuf)> {
    let folder = scratch()?;
    let path = folder.path().join("host.json");
    let output = format!("json={}", path.display());
    let run = Peer::configure(lab.on_host(["run", "--vantage", "host", "-o", &output])?, addresses).run()?;
    ensure!(path.is_file(), "no host report was written\n{}", run.transcript());
    Ok((folder, path))
}

/// What a runner on the default bridge reports; the gate must have failed.
fn failing_runner(lab: &Lab, addresses: &str) -> Result<Report> {
    let run = lab.run(&Container::of(["run", "-f", "json"]).runner(addresses))?;
    run.exits(1)?.report()
}

fn loopback_inside_a_bridge(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let report = failing_runner(lab, &peer.at("ip4/127.0.0.1")?)?;
    let cause = report.cause("docker.loopback-in-bridge")?;
    report.no_cause("firewall")?;
    let right = peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    let fixes = serde_json::to_string(&cause.remediations)?;
    ensure!(fixes.contains(&right), "no fix names {right}: {fixes}");
    let first = cause.remediations.first().context("no remediation")?;
    let proof = first.verified_by.as_deref().context("the fix names no check that proves it")?;
    let fixed = lab.run(&Container::of(["run", "-f", "json"]).runner(&right))?;
    fixed.exits(0)?.report()?.all_pass_with_evidence()?;
    lab.run(&Container::of(["run", proof]).runner(&right))?.exits(0)?;
    Ok(())
}

fn listener_on_loopback_only(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/127.0.0.1/tcp/0")?;
    let address = peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    let (folder, path) = host_report(lab, &address)?;
    let container = Container::of(["run", "-f", "json", "--host-report"]).arg(&path.display().to_string());
    let report = lab.run(&container.runner(&address).volume(folder.path()))?.exits(1)?.report()?;
    report.cause("listener.loopback-only")?;
    report.no_cause("firewall")
}

fn refused_without_host_report(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/127.0.0.1/tcp/0")?;
    let report = failing_runner(lab, &peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?)?;
    let cause = report.cause("listener.none-or-loopback")?;
    ensure!(cause.confidence != Confidence::Certain, "nothing proves which it is, yet it says certain");
    report.no_cause("firewall")
}

fn nothing_listening(lab: &Lab) -> Result<()> {
    let ended = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let address = ended.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    drop(ended);
    let (folder, path) = host_report(lab, &address)?;
    let container = Container::of(["run", "-f", "json", "--host-report"]).arg(&path.display().to_string());
    let report = lab.run(&container.runner(&address).volume(folder.path()))?.exits(1)?.report()?;
    report.cause("listener.nothing-listening")?;
    report.no_cause("firewall")?;
    report.no_cause("net.host-down")
}

fn firewalled(lab: &Lab, verdict: &[&str]) -> Result<Report> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let port = peer.port()?.to_string();
    let rule: Vec<&str> =
        ["-i", "docker0", "-p", "tcp", "--dport", &port].into_iter().chain(verdict.iter().copied()).collect();
    let blocked = lab.firewall(&rule)?;
    let address = peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?;
    let report = failing_runner(lab, &address)?;
    drop(blocked);
    let open = lab.run(&Container::of(["run", "net.connectivity"]).runner(&address))?;
    open.exits(0).context("the same runner once the firewall is open")?;
    report.no_cause("net.host-down")?;
    report.no_cause("listener")?;
    Ok(report)
}

fn firewall_drops(lab: &Lab) -> Result<()> {
    let report = firewalled(lab, &["-j", "DROP"])?;
    report.cause("firewall.drop")?;
    report.no_cause("firewall.reject")
}

fn firewall_rejects(lab: &Lab) -> Result<()> {
    let report = firewalled(lab, &["-j", "REJECT"])?;
    report.cause("firewall.reject")?;
    report.no_cause("firewall.drop")
}

fn firewall_prohibits(lab: &Lab) -> Result<()> {
    let report = firewalled(lab, &["-j", "REJECT", "--reject-with", "icmp-host-prohibited"])?;
    report.cause("firewall.reject")?;
    report.no_cause("firewall.drop")
}

fn dead_host(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let report = failing_runner(lab, &peer.at(&format!("ip4/{}", lab.dead_address()?))?)?;
    report.cause("net.host-down")?;
    report.no_cause("firewall")?;
    report.no_cause("listener")
}

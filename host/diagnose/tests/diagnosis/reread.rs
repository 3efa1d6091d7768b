//! A recorded report tells the causes that its run told.

use crate::record::{blocked, finding, host, record, report, step};
use seaworthy_diagnose::{explain, reread};
use seaworthy_model::{Cause, CheckResult, Layer, StepRecord};
use serde_json::json;

/// A step as it stands in a report.
fn recorded(step: StepRecord) -> CheckResult {
    let blocked_by = step.blocked_by.as_ref().map(|(check, _)| check.clone());
    let check = json!({
        "id": step.id, "title": step.title, "use": step.used_as, "status": step.status, "message": step.message,
        "severity": step.severity, "duration_s": step.duration_s, "flaky": false, "attempts": [], "findings": step.findings,
        "facts": step.facts, "needs": [], "evidence": [], "skip_reason": step.skip, "blocked_by": blocked_by,
    });
    serde_json::from_value(check).unwrap()
}

fn told(causes: &[Cause]) -> Vec<(&str, &[String], &[String])> {
    causes.iter().map(|cause| (cause.code.as_str(), cause.explains.as_slice(), cause.blocks.as_slice())).collect()
}

#[test]
fn the_causes_of_a_report_are_those_of_its_run() {
    let peer = "/ip4/10.0.0.9/tcp/9100";
    let steps = vec![
        step("net.connectivity", "net/connectivity", vec![finding("peer.silent", Layer::Tcp).at(peer)]),
        blocked("cache.operations", "net.connectivity", Some("peer.silent")),
    ];
    let again = reread(&report(steps.iter().cloned().map(recorded).collect()), None);
    let diagnosis = explain(record(steps), None);
    assert_eq!(told(&again), told(&diagnosis.causes));
    assert_eq!((again[0].code.as_str(), again[0].blocks.len()), ("net.silent", 1));
}

#[test]
fn a_report_of_the_host_tells_more_than_the_containers_own() {
    let peer = "/ip4/172.17.0.1/tcp/9100";
    let mut network = step("docker.network-mode", "docker/network-mode", vec![]);
    crate::record::facts(&mut network, crate::record::BRIDGE);
    let refused = step("net.connectivity", "net/connectivity", vec![finding("peer.refused", Layer::Tcp).at(peer)]);
    let container = report(vec![recorded(network), recorded(refused)]);
    assert_eq!(reread(&container, None)[0].code, "listener.none-or-loopback");
    assert_eq!(reread(&container, Some(&host(&[("127.0.0.1", 9100)])))[0].code, "listener.loopback-only");
}

/// A report of the host in which it connected to `target`.
fn host_that_reached(target: &str) -> seaworthy_model::Report {
    let seen = crate::record::observed("net.connectivity", "swarm.dial", json!({"address": target}), json!({}));
    let mut host = host(&[]);
    host.checks[0].evidence.push(seen);
    host
}

#[test]
fn open_on_the_host_and_silent_here_is_a_cause() {
    let peer = "/ip4/192.0.2.9/tcp/9100";
    let silent = || finding("peer.silent", Layer::Tcp).at(peer);
    let run = || crate::record::suite(crate::record::BRIDGE, vec![], vec![silent()]);
    let told = |host: &seaworthy_model::Report| explain(run(), Some(host)).causes[0].code.clone();
    assert_eq!(told(&host_that_reached(peer)), "vantage.open-on-host");
    assert_eq!(told(&host_that_reached("/ip4/192.0.2.9/tcp/9101")), "net.silent", "another port");
    assert_eq!(told(&host(&[])), "net.silent", "the host did not try");
}

#[test]
fn a_name_that_the_host_knows_is_no_wrong_name() {
    let peer = "/dns4/cache.corp.example/tcp/9100";
    let run = || {
        crate::record::suite(crate::record::BRIDGE, vec![], vec![finding("peer.dns-not-found", Layer::Dns).at(peer)])
    };
    assert_eq!(explain(run(), Some(&host_that_reached(peer))).causes[0].code, "vantage.name-known-on-host");
    assert_eq!(explain(run(), None).causes[0].code, "dns.name-not-found");
}

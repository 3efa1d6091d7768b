//! The Python cache's own faults: that each is named, with commands that fit, and not
//! in place of its look-alike.

use crate::causes::{causes, diagnose, says};
use crate::record::*;
use seaworthy_model::Confidence::{Certain, Likely, Possible};
use seaworthy_model::{Layer, RunRecord};
use serde_json::json;

const PEER: &str = "/ip4/10.0.0.7/tcp/9100/p2p/12D3KooWOld";

/// A run on a machine with findings of one more check.
fn with(id: &str, used_as: &str, found: Vec<F>) -> RunRecord {
    let mut record = suite(MACHINE, vec![], vec![]);
    record.steps.push(step(id, used_as, found));
    record
}

fn initialization(found: Vec<F>) -> RunRecord {
    with("cache.initialization", "cache/initialization", found)
}

fn dependencies(found: Vec<F>) -> RunRecord {
    with("p2p.dependencies", "p2p/dependencies", found)
}

/// The registry as `cache/initialization` saw it, with one entry.
fn with_registry(mut record: RunRecord, id: &str) -> RunRecord {
    let rows = json!([
        {"row-kind": "folder", "path": "/srv/peers", "exists": "true"},
        {"row-kind": "peer", "file": "peer_a.json", "peer-id": id, "multiaddr": PEER},
    ]);
    record.observations.push(observed(
        "cache.initialization",
        "system.inspect",
        json!({"topic": "peer-registry"}),
        rows,
    ));
    record
}

#[test]
fn a_listener_that_is_not_there() {
    let found = finding("cache.no-listener", Layer::Process).at("9100").detail("port", "9100").detail("pid", "42");
    let diagnosis = diagnose(initialization(vec![found]), None);
    assert_eq!(causes(&diagnosis), [("cache.no-listener", Certain)]);
    says(&diagnosis, "pid=42,");
    says(&diagnosis, "pip install --upgrade 'libp2p>=0.8'");
    says(&diagnosis, "seaworthy peer --listen /ip4/10.0.0.7/tcp/9100");
}

#[test]
fn a_port_that_moved_takes_the_busy_port_with_it() {
    let busy = || finding("cache.port-in-use", Layer::Process).at("9100").detail("port", "9100");
    let moved =
        finding("cache.port-moved", Layer::Process).at("9100").detail("port", "9100").detail("moved-to", "9103");
    let diagnosis = diagnose(initialization(vec![busy(), moved]), None);
    assert_eq!(causes(&diagnosis), [("cache.port-moved", Certain)]);
    assert_eq!(diagnosis.causes[0].would_fix, 2);
    says(&diagnosis, "export CACHE_LISTEN_PORT=9103");
    says(&diagnosis, "sudo ss -ltnp 'sport = :9100'");
    assert_eq!(causes(&diagnose(initialization(vec![busy()]), None)), [("cache.port-in-use", Certain)]);
}

#[test]
fn a_release_without_p2p_code() {
    let found = finding("dep.flag-ignored", Layer::Process)
        .at("ipfs-accelerate-py")
        .detail("interpreter", "/opt/my python/bin/python3");
    let diagnosis = diagnose(dependencies(vec![found]), None);
    assert_eq!(causes(&diagnosis), [("dependencies.flag-ignored", Certain)]);
    says(&diagnosis, "'/opt/my python/bin/python3' -m pip install --upgrade ipfs-accelerate-py");
    says(&diagnosis, "export CACHE_ENABLE_P2P=false");
}

#[test]
fn a_version_that_the_shell_took_away() {
    let old = || finding("dep.too-old", Layer::Process).at("libp2p").expected("libp2p>=0.8");
    let line = finding("dep.unquoted-requirement", Layer::Process)
        .at("/w/.github/workflows/ci.yml:7")
        .warn()
        .detail("requirement", "libp2p>=0.4.0");
    let left = finding("dep.unquoted-requirement", Layer::Process).at("/w/=0.4.0").warn().detail("file", "=0.4.0");
    let diagnosis = diagnose(dependencies(vec![old(), line.clone(), left]), None);
    assert_eq!(causes(&diagnosis), [("dependencies.unquoted-requirement", Likely)]);
    says(&diagnosis, "python3 -m pip install --upgrade 'libp2p>=0.8'");
    says(&diagnosis, "rm -- /w/=0.4.0");
    let steps = &diagnosis.causes[0].remediations[0].steps;
    assert!(steps[0].text.contains("ci.yml:7") && steps[0].text.contains("'libp2p>=0.4.0'"), "{steps:?}");
    // Too old for another reason.
    assert_eq!(causes(&diagnose(dependencies(vec![old()]), None)), [("dependencies.too-old", Certain)]);
    let other = finding("dep.too-old", Layer::Process).at("py-multihash");
    let both = diagnose(dependencies(vec![line, other]), None);
    assert_eq!(causes(&both), [("dependencies.too-old", Certain), ("dependencies.unquoted-requirement", Certain)]);
}

#[test]
fn a_start_that_waits_for_the_internet() {
    let stall = || finding("cache.public-address-stall", Layer::Tcp).at("CACHE_ADVERTISE_IP").warn();
    let diagnosis = diagnose(suite(MACHINE, vec![stall()], vec![]), None);
    assert_eq!(causes(&diagnosis), [("cache.public-address-stall", Certain)]);
    says(&diagnosis, "export CACHE_ADVERTISE_IP=10.0.0.7");
    // In a container the own address is of use to nobody outside.
    says(&diagnose(suite(BRIDGE, vec![stall()], vec![]), None), "-e CACHE_ADVERTISE_IP=\"$(hostname -I");
}

#[test]
fn an_identity_of_an_ended_process() {
    let wrong = || {
        let found = finding("peer.wrong-id", Layer::Identity).at(PEER);
        found.detail("expected-peer-id", "12D3KooWOld").detail("seen-peer-id", "12D3KooWNew")
    };
    let run = |found: F| suite(MACHINE, vec![], vec![found]);
    let diagnosis = diagnose(with_peers(with_registry(run(wrong()), "12D3KooWOld"), PEER), None);
    assert_eq!(causes(&diagnosis), [("identity.ended-process", Certain)]);
    let message = &diagnosis.causes[0].message;
    assert!(message.contains("/srv/peers/peer_a.json") && message.contains("12D3KooWNew"), "{message}");
    says(&diagnosis, "rm -- /srv/peers/peer_a.json");
    says(&diagnosis, "export CACHE_BOOTSTRAP_PEERS=/ip4/10.0.0.7/tcp/9100/p2p/12D3KooWNew");
    // An id that stands in no registry, and one of a Python peer.
    let unknown = diagnose(with_registry(run(wrong()), "12D3KooWElse"), None);
    assert_eq!(causes(&unknown), [("identity.wrong-peer", Certain)]);
    let python = diagnose(run(wrong().detail("agent", "/libp2p/py-libp2p/0.8.1")), None);
    assert_eq!(causes(&python), [("identity.made-anew", Certain)]);
    says(&python, "seaworthy peer");
    assert!(python.causes[0].message.contains("new identity at every start"), "{}", python.causes[0].message);
}

#[test]
fn an_entry_without_a_process() {
    let dead =
        finding("cache.registry-dead-entry", Layer::Process).at(PEER).warn().detail("file", "/srv/p/peer_a.json");
    let mut record = initialization(vec![dead]);
    let diagnosis = diagnose(record.clone(), None);
    assert_eq!(causes(&diagnosis), [("identity.ended-process", Certain)]);
    says(&diagnosis, "rm -- /srv/p/peer_a.json");
    // It is why the address refuses.
    record.steps[1] = step("net.connectivity", "net/connectivity", vec![finding("peer.refused", Layer::Tcp).at(PEER)]);
    assert_eq!(causes(&diagnose(record, None)), [("identity.ended-process", Certain)]);
}

#[test]
fn a_registry_of_ones_own() {
    let found = finding("cache.registry-not-shared", Layer::Config).at("/x").warn().detail("path", "/x");
    let mut record = suite(BRIDGE, vec![], vec![]);
    record.steps.push(step("cache.initialization", "cache/initialization", vec![found]));
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("cache.registry-not-shared", Certain)]);
    says(&diagnosis, "-v /srv/p2p_peers:/srv/p2p_peers -e IPFS_ACCELERATE_P2P_CACHE_DIR=/srv/p2p_peers");
    let first = &diagnosis.causes[0].remediations[0];
    assert_eq!(first.id, "name-peers", "what shares no folder comes first");
}

#[test]
fn an_address_that_nobody_can_dial() {
    let found = finding("cache.registry-undialable", Layer::Config).at("/ip4/0.0.0.0/tcp/9100/p2p/A").warn();
    let diagnosis = diagnose(initialization(vec![found]), None);
    assert_eq!(causes(&diagnosis), [("cache.registry-undialable", Certain)]);
    says(&diagnosis, "export CACHE_ADVERTISE_IP=10.0.0.7");
}

#[test]
fn one_name_for_two_runners() {
    let mut found = finding("cache.runner-name-twice", Layer::Config).at("ci 1").detail("runner", "ci 1");
    found.0.confidence = Possible;
    let diagnosis = diagnose(initialization(vec![found]), None);
    assert_eq!(causes(&diagnosis), [("cache.runner-name-twice", Possible)]);
    says(&diagnosis, "export RUNNER_NAME='ci 1-2'");
    says(&diagnosis, "./config.sh --name 'ci 1-2'");
}

//! Causes at an IPFS node, and what they must be told from.

use crate::causes::{causes, diagnose, says};
use crate::record::{self, *};
use seaworthy_model::{Confidence, Diagnosis, Layer, RunRecord};

const LOOPBACK: &str = "http://127.0.0.1:5001";
const ELSEWHERE: &str = "http://10.9.8.7:5001";

fn with(site: &[(&str, &str)], findings: Vec<F>) -> RunRecord {
    let mut record = suite(site, vec![], vec![]);
    record.steps.push(step("ipfs.node", "ipfs/node", findings));
    record
}

fn found(code: &str, layer: Layer) -> F {
    finding(code, layer).at(ELSEWHERE)
}

fn unreachable(at: &str, kind: &str) -> F {
    finding("ipfs.unreachable", Layer::Tcp).at(at).detail("kind", kind).detail("stage", "connect")
}

/// One cause, proven by the check.
fn one(diagnosis: &Diagnosis, code: &str) {
    assert_eq!(causes(diagnosis).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [code]);
    for remedy in &diagnosis.causes[0].remediations {
        assert_eq!(remedy.verified_by.as_deref(), Some("ipfs.node"), "{}", remedy.id);
    }
}

#[test]
fn loopback_is_the_container_and_elsewhere_is_not() {
    let diagnosis = diagnose(with(record::BRIDGE, vec![unreachable(LOOPBACK, "connection-refused")]), None);
    one(&diagnosis, "ipfs.loopback-in-container");
    says(&diagnosis, "export CACHE_IPFS_API=http://172.17.0.1:5001");
    says(&diagnosis, "API.Authorizations");
    let diagnosis = diagnose(with(record::BRIDGE, vec![unreachable(ELSEWHERE, "connection-refused")]), None);
    one(&diagnosis, "ipfs.not-listening");
    says(&diagnosis, "ipfs daemon");
    let diagnosis = diagnose(with(record::BRIDGE, vec![unreachable(ELSEWHERE, "timeout")]), None);
    assert_eq!(causes(&diagnosis), [("ipfs.silent", Confidence::Likely)]);
    says(&diagnosis, "curl -m 10 -X POST http://127.0.0.1:5001/api/v0/version");
}

#[test]
fn a_tier_on_the_node_follows_from_the_node() {
    let mut record = with(record::BRIDGE, vec![unreachable(ELSEWHERE, "connection-refused")]);
    let failed = finding("cache.open-failed", Layer::Cache).at("ipfs").detail("error-kind", "unreachable");
    record.steps.push(step("cache.initialization", "cache/initialization", vec![failed]));
    let diagnosis = diagnose(record, None);
    one(&diagnosis, "ipfs.not-listening");
    assert_eq!(diagnosis.causes[0].explains.len(), 2);
    // A tier of another adapter does not.
    let mut record = with(record::BRIDGE, vec![unreachable(ELSEWHERE, "connection-refused")]);
    let failed = finding("cache.open-failed", Layer::Cache).at("s3").detail("adapter", "s3");
    record.steps.push(step("cache.initialization", "cache/initialization", vec![failed]));
    assert_eq!(diagnose(record, None).causes.len(), 2);
}

#[test]
fn who_answers_decides_what_to_do() {
    let gateway = found("ipfs.not-rpc", Layer::Protocol).detail("who", "gateway");
    let diagnosis = diagnose(with(record::BRIDGE, vec![gateway]), None);
    one(&diagnosis, "ipfs.wrong-port");
    assert!(diagnosis.causes[0].message.contains("is an IPFS gateway"));
    says(&diagnosis, "export CACHE_IPFS_API=http://10.9.8.7:5001");
    let other = found("ipfs.not-rpc", Layer::Protocol).detail("who", "other");
    let diagnosis = diagnose(with(record::BRIDGE, vec![other]), None);
    assert!(diagnosis.causes[0].message.contains("no Kubo RPC"));
    let diagnosis = diagnose(with(record::BRIDGE, vec![found("ipfs.forged", Layer::Protocol)]), None);
    one(&diagnosis, "ipfs.forged-by-proxy");
    says(&diagnosis, "10.9.8.7");
    let diagnosis = diagnose(with(record::BRIDGE, vec![found("ipfs.too-old", Layer::Protocol)]), None);
    one(&diagnosis, "ipfs.old-kubo");
}

#[test]
fn credentials_are_given_or_widened() {
    let diagnosis = diagnose(with(record::BRIDGE, vec![found("ipfs.unauthenticated", Layer::Identity)]), None);
    one(&diagnosis, "ipfs.credentials");
    let ids: Vec<&str> = diagnosis.causes[0].remediations.iter().map(|remedy| remedy.id.as_str()).collect();
    assert_eq!(ids, ["give-secret", "make-entry"]);
    let diagnosis = diagnose(with(record::BRIDGE, vec![found("ipfs.forbidden", Layer::Identity)]), None);
    let ids: Vec<&str> = diagnosis.causes[0].remediations.iter().map(|remedy| remedy.id.as_str()).collect();
    assert_eq!(ids, ["allow-paths"], "a secret it has already");
}

#[test]
fn the_node_itself_and_what_stands_beside_it() {
    let full = found("ipfs.repo-full", Layer::Cache).detail("storage-max", "10000000000");
    let diagnosis = diagnose(with(record::BRIDGE, vec![full]), None);
    one(&diagnosis, "ipfs.no-room");
    says(&diagnosis, "ipfs repo gc");
    says(&diagnosis, "Datastore.StorageMax 21GB");
    for (code, layer, cause) in [
        ("ipfs.mfs-unusable", Layer::Cache, "ipfs.repository-damaged"),
        ("ipfs.rpc-failed", Layer::Protocol, "ipfs.repository-damaged"),
        ("ipfs.api-open", Layer::Identity, "ipfs.exposed"),
        ("ipfs.no-peers", Layer::Libp2p, "ipfs.alone"),
        ("ipfs.offline", Layer::Libp2p, "ipfs.alone"),
        ("ipfs.gateway-lies", Layer::Cache, "ipfs.bad-gateway"),
        ("ipfs.not-gateway", Layer::Protocol, "ipfs.bad-gateway"),
        ("ipfs.gateway-unreachable", Layer::Tcp, "ipfs.bad-gateway"),
    ] {
        one(&diagnose(with(record::BRIDGE, vec![found(code, layer)]), None), cause);
    }
}

#[test]
fn a_pinning_service_is_no_fault_of_the_node() {
    for (code, remedy) in [
        ("pinning.unauthorized", "give-pinning-token"),
        ("pinning.token-missing", "give-pinning-token"),
        ("pinning.quota", "free-quota"),
        ("pinning.failed-pins", "let-service-fetch"),
        ("pinning.not-service", "check-endpoint"),
        ("pinning.unreachable", "check-endpoint"),
    ] {
        let at_service = finding(code, Layer::Identity).at("https://pin.test/psa");
        let diagnosis = diagnose(with(record::BRIDGE, vec![at_service]), None);
        one(&diagnosis, "pinning.unusable");
        assert_eq!(diagnosis.causes[0].remediations[0].id, remedy, "{code}");
    }
    // Pins that failed because the node is alone are the node's.
    let failed = finding("pinning.failed-pins", Layer::Cache).at("https://pin.test/psa");
    let diagnosis = diagnose(with(record::BRIDGE, vec![found("ipfs.no-peers", Layer::Libp2p), failed]), None);
    one(&diagnosis, "ipfs.alone");
}

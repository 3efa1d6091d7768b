//! A Storacha space: what follows from what, and what each cause advises.

use crate::record::*;
use seaworthy_diagnose::{catalogue, explain};
use seaworthy_model::{Cause, Confidence, Layer, RunRecord};

const SERVICE: &str = "https://up.storacha.network";
const GATEWAY: &str = "https://w3s.link";
const SPACE: &str = "did:key:z6MkSpace";

fn run(findings: Vec<F>, known: &[(&str, &str)]) -> RunRecord {
    let mut step = step("storacha.space", "storacha/space", findings);
    facts(&mut step, known);
    record(vec![step])
}

fn only(record: RunRecord) -> Cause {
    let mut causes = explain(record, None).causes;
    assert_eq!(causes.len(), 1, "{causes:#?}");
    causes.remove(0)
}

fn steps(cause: &Cause) -> String {
    let steps = cause.remediations.iter().flat_map(|fix| &fix.steps);
    steps.map(|step| format!("{} {}\n", step.text, step.command.as_deref().unwrap_or_default())).collect()
}

#[test]
fn every_finding_of_the_check_has_a_cause_with_a_remedy_and_a_proof() {
    for (code, layer, target, cause_code, says) in [
        ("storacha.retired", Layer::Config, SERVICE, "storacha.retired", "CACHE_BACKENDS"),
        ("storacha.unreachable", Layer::Tcp, SERVICE, "storacha.address", "/version"),
        ("storacha.not-a-service", Layer::Config, SERVICE, "storacha.address", "STORACHA_SERVICE_URL"),
        ("storacha.read-only", Layer::Config, "storacha", "storacha.read-only", "CACHE_BACKENDS"),
        (
            "storacha.agent-key-malformed",
            Layer::Identity,
            "STORACHA_AGENT_KEY",
            "storacha.agent-key-malformed",
            "key create",
        ),
        ("storacha.proof-malformed", Layer::Identity, "STORACHA_PROOF", "storacha.proof-useless", "delegation create"),
        (
            "storacha.proof-not-for-agent",
            Layer::Identity,
            "STORACHA_PROOF",
            "storacha.proof-useless",
            "STORACHA_AGENT_KEY",
        ),
        ("storacha.proof-expired", Layer::Identity, "STORACHA_PROOF", "storacha.proof-useless", "delegation create"),
        ("storacha.proof-lacks-capability", Layer::Identity, "STORACHA_PROOF", "storacha.proof-useless", "upload/*"),
        ("storacha.not-authorized", Layer::Identity, "STORACHA_PROOF", "storacha.proof-useless", "delegation create"),
        ("storacha.space-not-provisioned", Layer::Config, SPACE, "storacha.space-not-provisioned", SPACE),
        ("storacha.gateway-unreachable", Layer::Tcp, GATEWAY, "storacha.address", "/ipfs/"),
        ("storacha.gateway-wrong-content", Layer::Protocol, GATEWAY, "storacha.gateway-unfit", "sha256sum"),
        ("storacha.gateway-lags", Layer::Cache, GATEWAY, "storacha.gateway-unfit", "STORACHA_GATEWAY_URL"),
    ] {
        let cause = only(run(vec![finding(code, layer).at(target)], &[]));
        assert_eq!(cause.code, cause_code, "{code}");
        assert!(steps(&cause).contains(says), "{code}: {}", steps(&cause));
        assert!(cause.remediations.iter().all(|fix| fix.verified_by.as_deref() == Some("storacha.space")), "{code}");
        assert!(catalogue().iter().any(|page| page.code == cause_code), "{cause_code} has no page");
    }
}

#[test]
fn a_provider_that_has_ended_is_answered_with_other_tiers() {
    let record = run(
        vec![
            finding("storacha.retired", Layer::Config).at(SERVICE),
            finding("storacha.retired", Layer::Config).at(GATEWAY),
        ],
        &[("backends", "p2p, storacha, disk")],
    );
    let cause = only(record);
    let said = steps(&cause);
    for wanted in [
        "CACHE_BACKENDS=p2p,s3,disk",
        "CACHE_BACKENDS=p2p,ipfs,disk",
        "CACHE_BACKENDS=p2p,disk",
        "IPFS_PINNING_SERVICE",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(cause.remediations[1].why.contains("Pinata") && cause.remediations[0].why.contains("Filebase"));
}

#[test]
fn a_tier_that_did_not_open_for_it_follows_from_it() {
    let mut record = run(vec![finding("storacha.retired", Layer::Config).at(SERVICE)], &[]);
    let unopened = |kind: &str| finding("cache.open-failed", Layer::Cache).at("storacha").detail("error-kind", kind);
    record.steps.push(step("cache.initialization", "cache/initialization", vec![unopened("retired")]));
    let cause = only(record);
    assert_eq!((cause.code.as_str(), cause.explains.len()), ("storacha.retired", 2));
    // Alone it is the same cause; an unreachable service is not.
    let alone = |kind: &str| {
        only(crate::record::record(vec![step("cache.initialization", "cache/initialization", vec![unopened(kind)])]))
            .code
    };
    assert_eq!(alone("retired"), "storacha.retired");
    assert_ne!(alone("unreachable"), "storacha.retired");
}

#[test]
fn a_new_proof_is_for_the_agent_that_is_there() {
    let record = run(
        vec![
            finding("storacha.proof-not-for-agent", Layer::Identity)
                .at("STORACHA_PROOF")
                .detail("audience", "did:key:z6MkOther"),
        ],
        &[("agent", "did:key:z6MkAgent")],
    );
    let said = steps(&only(record));
    assert!(said.contains("delegation create did:key:z6MkAgent --can") && said.contains("z6MkOther"), "{said}");
}

#[test]
fn the_clock_is_looked_at_where_nobody_else_says_expired() {
    let mut by_us = finding("storacha.proof-expired", Layer::Identity).at("STORACHA_PROOF");
    by_us.0.confidence = Confidence::Likely;
    assert!(steps(&only(run(vec![by_us], &[]))).starts_with("See whether it is synchronised"));
    let by_service = finding("storacha.proof-expired", Layer::Identity).at("STORACHA_PROOF");
    assert!(!steps(&only(run(vec![by_service], &[]))).contains("timedatectl"));
}

//! What a tier that does not open follows from, by the kind of its error.

use crate::causes::{causes, diagnose, says};
use crate::record::*;
use seaworthy_model::{Confidence, Diagnosis, Layer, RunRecord, SourceLocation};

use Confidence::Certain;

const PEER: &str = "/ip4/172.17.0.1/tcp/9100/p2p/12D3KooWPeer";
const OTHER: &str = "/ip4/172.17.0.1/tcp/9101/p2p/12D3KooWOther";

fn unopened(kind: &str) -> F {
    finding("cache.open-failed", Layer::Cache).at("p2p").detail("error-kind", kind)
}

fn refused() -> F {
    finding("peer.refused", Layer::Tcp).at(OTHER)
}

fn different() -> F {
    finding("secret.different", Layer::Identity).at(PEER)
}

/// A run in which the only tier did not open, so nothing could be stored.
fn run(opened: F, peers: Vec<F>, secret: Vec<F>) -> RunRecord {
    let mut record = suite(BRIDGE, vec![], peers);
    let closed = vec![opened, finding("cache.no-usable-backend", Layer::Cache)];
    record.steps.push(step("cache.initialization", "cache/initialization", closed));
    record.steps.push(blocked("cache.operations", "cache.initialization", Some("cache.no-usable-backend")));
    record.steps.push(step("p2p.encryption", "p2p/encryption", secret));
    record
}

fn codes(diagnosis: &Diagnosis) -> Vec<&str> {
    causes(diagnosis).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn another_secret_is_the_only_root() {
    let diagnosis = diagnose(run(unopened("unauthenticated"), vec![], vec![different()]), None);
    assert_eq!(causes(&diagnosis), [("secret.different", Certain)]);
    assert_eq!(
        (diagnosis.causes[0].explains.len(), diagnosis.causes[0].blocks.as_slice()),
        (3, &["cache.operations".to_owned()][..])
    );

    let per_job = finding("secret.per-job-token", Layer::Identity).warn();
    let diagnosis = diagnose(run(unopened("unauthenticated"), vec![], vec![per_job, different()]), None);
    assert_eq!(codes(&diagnosis), ["secret.per-job"]);
    assert_eq!(diagnosis.causes[0].blocks, ["cache.operations"]);

    // Where no tier at all is said and nothing else, the secret is still why.
    let mut record = suite(BRIDGE, vec![], vec![]);
    record.steps.push(step(
        "cache.initialization",
        "cache/initialization",
        vec![finding("cache.no-usable-backend", Layer::Cache)],
    ));
    record.steps.push(step("p2p.encryption", "p2p/encryption", vec![different()]));
    assert_eq!(codes(&diagnose(record, None)), ["secret.different"]);
}

#[test]
fn the_kind_of_the_error_tells_what_a_tier_follows_from() {
    let holding = |kind: &str, peers: Vec<F>, secret: Vec<F>| {
        let diagnosis = diagnose(run(unopened(kind), peers, secret), None);
        let holder =
            diagnosis.causes.iter().find(|cause| cause.explains.iter().any(|print| print.contains("open-failed")));
        let holder = holder.unwrap();
        assert!(
            holder.explains.iter().any(|print| print.contains("no-usable-backend")),
            "{kind}: no tier follows from the same"
        );
        assert_eq!(holder.blocks, ["cache.operations"], "{kind}");
        holder.code.clone()
    };
    let missing = || finding("secret.missing", Layer::Identity);
    let unread = || finding("addr.url", Layer::Config).at("http://x:1");
    for (kind, peers, secret, holder) in [
        ("unauthenticated", vec![refused()], vec![different()], "secret.different"),
        ("unreachable", vec![refused()], vec![different()], "listener.none-or-loopback"),
        ("timed-out", vec![refused()], vec![missing()], "listener.none-or-loopback"),
        ("unreachable", vec![], vec![different()], "cache.open-failed"),
        ("configuration", vec![refused()], vec![missing()], "secret.missing"),
        ("configuration", vec![refused(), unread()], vec![different()], "address.url"),
        ("configuration", vec![refused()], vec![different()], "cache.open-failed"),
    ] {
        assert_eq!(holding(kind, peers, secret), holder, "{kind}");
    }
}

#[test]
fn that_a_lower_tier_serves_follows_from_what_closed_the_better_one() {
    let degraded = |tier: &str| finding("cache.degraded", Layer::Cache).at(tier).warn();
    let with = |peers: Vec<F>, opened: Vec<F>| {
        let mut record = suite(BRIDGE, vec![], peers);
        record.steps.push(step("cache.initialization", "cache/initialization", opened));
        codes(&diagnose(record, None)).join(" ")
    };
    let closed =
        |tier: &str, kind: &str| finding("cache.open-failed", Layer::Cache).at(tier).detail("error-kind", kind).warn();
    let p2p = vec![closed("p2p", "unreachable"), degraded("p2p")];
    assert_eq!(with(vec![refused()], p2p), "listener.none-or-loopback");
    assert_eq!(with(vec![], vec![closed("s3", "forbidden"), degraded("s3")]), "cache.open-failed");
    assert_eq!(with(vec![], vec![degraded("p2p")]), "cache.degraded", "nothing else is known");
    // Of two that are closed, the peers' fault is not that of the other.
    let s3 = with(vec![refused()], vec![closed("s3", "forbidden"), degraded("s3")]);
    assert_eq!(s3, "listener.none-or-loopback cache.open-failed");
}

#[test]
fn no_peer_is_configured() {
    let mut unset = unopened("configuration");
    unset.0.message = "the tier p2p does not open: no peer is configured; set CACHE_BOOTSTRAP_PEERS".into();
    let by_reason = unopened("configuration").detail("reason", "no-peers");
    for opened in [unset.clone(), by_reason] {
        // A missing secret is another matter: the tier did not come so far.
        let diagnosis = diagnose(run(opened, vec![], vec![finding("secret.missing", Layer::Identity)]), None);
        assert_eq!(causes(&diagnosis), [("env.no-peers", Certain), ("secret.missing", Certain)]);
        assert_eq!(diagnosis.causes[0].blocks, ["cache.operations"]);
        assert_eq!(diagnosis.causes[0].explains.len(), 2);
        for command in [
            "seaworthy peer",
            "export CACHE_BOOTSTRAP_PEERS=",
            "seaworthy run --embedded",
            "export CACHE_BACKENDS=disk",
        ] {
            says(&diagnosis, command);
        }
        let proofs = diagnosis.causes[0].remediations.iter().map(|remedy| remedy.verified_by.as_deref());
        assert!(proofs.clone().count() == 3 && proofs.into_iter().all(|proof| proof == Some("net.connectivity")));
    }
    // Variables that never arrived, and addresses that cannot be read, say it better.
    let mut record = run(unset.clone(), vec![], vec![]);
    record.steps.insert(0, step("env.variables", "env/variables", vec![finding("env.not-propagated", Layer::Config)]));
    assert_eq!(codes(&diagnose(record, None)), ["env.not-propagated"]);
    let unread = finding("addr.host-port", Layer::Config).at("h:1");
    assert_eq!(codes(&diagnose(run(unset, vec![unread], vec![]), None)), ["address.host-port"]);
}

#[test]
fn no_tier_without_peers() {
    let with = |known: &[(&str, &str)]| {
        let mut record = suite(MACHINE, vec![], vec![]);
        let mut variables = step("env.variables", "env/variables", vec![]);
        facts(&mut variables, known);
        record.steps.push(variables);
        record.steps.push(step(
            "cache.initialization",
            "cache/initialization",
            vec![finding("cache.no-usable-backend", Layer::Cache)],
        ));
        codes(&diagnose(record, None)).join(" ")
    };
    assert_eq!(with(&[("bootstrap-count", "0")]), "env.no-peers");
    assert_eq!(with(&[("bootstrap-count", "0"), ("backends", "p2p,disk")]), "env.no-peers");
    assert_eq!(with(&[("bootstrap-count", "0"), ("backends", "disk")]), "cache.no-usable-backend");
    assert_eq!(with(&[("bootstrap-count", "1")]), "cache.no-usable-backend");
    assert_eq!(with(&[]), "cache.no-usable-backend");
}

#[test]
fn a_broken_limit_says_where_it_is_written() {
    let limit = |file: Option<&str>| {
        let mut step = step("net.connectivity", "net/connectivity", vec![finding("expect.connect-ms", Layer::Cache)]);
        step.source = file.map(|file| SourceLocation { file: file.into(), line: 7, column: 1 });
        let diagnosis = diagnose(crate::record::record(vec![step]), None);
        let remedy = &diagnosis.causes[0].remediations[0];
        assert_eq!((remedy.verified_by.as_deref(), remedy.steps[0].command.as_ref()), (Some("net.connectivity"), None));
        remedy.steps[0].text.clone()
    };
    let said = "The limit is `expect.connect-ms` of the check net.connectivity";
    assert_eq!(limit(Some("ci/checks.toml")), format!("{said}, ci/checks.toml:7."));
    assert_eq!(limit(Some("embedded")), format!("{said} in the embedded suite."));
    assert_eq!(limit(None), format!("{said}."));
}

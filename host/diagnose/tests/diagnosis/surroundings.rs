//! Causes that the checks of name servers, the clock, trust and the way out find: each names
//! what it was seen of, takes what follows from it, and leaves its look-alikes alone.

use crate::causes::diagnose;
use crate::record::*;
use seaworthy_model::{Cause, Layer};

const PEER: &str = "/dns4/peer.test/tcp/9100/p2p/A";
const API: &str = "https://api.github.com";

/// A run in which one more check found these and reported those facts.
fn found(id: &str, findings: Vec<F>, reported: &[(&str, &str)], others: Vec<F>) -> Vec<Cause> {
    // Each beside the check that finds it.
    let mut others = others;
    let mut take = |prefix: &str| -> Vec<F> {
        let (taken, left) = std::mem::take(&mut others).into_iter().partition(|f: &F| f.0.code.starts_with(prefix));
        others = left;
        taken
    };
    let (of_api, of_store, of_tls, of_peer) = (take("origin."), take("s3."), take("tls."), take("clock.skew"));
    let mut record = suite(BRIDGE, vec![], others);
    record.steps.push(step("origin.api", "origin/api", of_api));
    record.steps.push(step("s3.store", "s3/store", of_store));
    record.steps.push(step("net.tls", "net/tls", of_tls));
    record.steps.push(step("p2p.sharing", "p2p/sharing", of_peer));
    let mut step = step(&id.replace('/', "."), id, findings);
    facts(&mut step, reported);
    record.steps.push(step);
    diagnose(record, None).causes
}

fn codes(causes: &[Cause]) -> Vec<&str> {
    causes.iter().map(|cause| cause.code.as_str()).collect()
}

fn commands(cause: &Cause) -> String {
    let steps = cause.remediations.iter().flat_map(|fix| &fix.steps);
    steps.filter_map(|step| step.command.clone()).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_code_has_a_cause_that_its_own_check_proves() {
    for (check, layer, all) in [
        (
            "dns/resolver",
            Layer::Dns,
            &[
                "dns.resolv-conf",
                "dns.no-nameserver",
                "dns.stale-resolver",
                "dns.search-list",
                "dns.public-server-blocked",
                "dns.retries",
                "dns.tcp-filtered",
                "dns.server-silent",
                "dns.no-server-answers",
                "dns.server-fails",
                "dns.half-answers",
                "dns.split-answers",
                "dns.ipv6-only",
                "dns.wrong-address",
                "dns.invented-answers",
            ][..],
        ),
        ("system/clock", Layer::Protocol, &["clock.source-wrong"]),
        (
            "net/tls",
            Layer::Tls,
            &[
                "tls.intercepted",
                "tls.store-replaced",
                "tls.no-roots",
                "tls.old-store",
                "tls.private-authority",
                "tls.self-signed",
                "tls.incomplete-chain",
                "tls.expired",
                "tls.not-yet-valid",
                "tls.name-mismatch",
                "tls.old-protocol",
                "tls.not-tls",
                "tls.handshake-failed",
                "tls.bundle-missing",
            ],
        ),
        (
            "net/proxy",
            Layer::Tls,
            &[
                "proxy.catches-local",
                "proxy.entry-unread",
                "proxy.idle-timeout",
                "proxy.unreachable",
                "proxy.credentials",
                "proxy.refuses",
                "proxy.cannot-reach",
                "proxy.not-a-proxy",
                "proxy.unusable",
                "proxy.scheme-missing",
                "egress.login-page",
            ],
        ),
    ] {
        for code in all {
            let causes = found(check, vec![finding(code, layer).at(API).detail("container", "none")], &[], vec![]);
            assert_eq!(codes(&causes), [*code]);
            assert!(!causes[0].remediations.is_empty(), "{code}");
            for fix in &causes[0].remediations {
                assert_eq!(fix.verified_by.as_deref(), Some(check.replace('/', ".").as_str()), "{code}");
            }
        }
    }
}

#[test]
fn a_name_server_at_fault_takes_what_peers_say_of_names() {
    let failing = || vec![finding("peer.dns-failure", Layer::Dns).at(PEER)];
    for code in ["dns.no-server-answers", "dns.public-server-blocked", "dns.resolv-conf", "dns.server-fails"] {
        let causes = found("dns/resolver", vec![finding(code, Layer::Dns).at(PEER)], &[], failing());
        assert_eq!(codes(&causes), [code]);
    }
    // Without that check the peers' word is all there is.
    assert_eq!(codes(&found("net/tls", vec![], &[], failing())), ["dns.resolver-failed"]);
    // A dead server beside a live one brings about no failure.
    let silent = finding("dns.server-silent", Layer::Dns).at("10.0.0.2").warn();
    assert_eq!(
        codes(&found("dns/resolver", vec![silent], &[], failing())),
        ["dns.resolver-failed", "dns.server-silent"]
    );
}

#[test]
fn a_name_that_nobody_knows_is_one_cause_whoever_says_so() {
    let asked = finding("dns.no-such-name", Layer::Dns).at(PEER);
    let causes = found("dns/resolver", vec![asked], &[], vec![finding("peer.dns-not-found", Layer::Dns).at(PEER)]);
    assert_eq!(codes(&causes), ["dns.name-not-found"]);
}

#[test]
fn a_container_without_a_name_server_is_dockers_doing() {
    let none = |kind: &str| finding("dns.no-nameserver", Layer::Config).at(PEER).detail("container", kind);
    assert_eq!(codes(&found("dns/resolver", vec![none("docker")], &[], vec![])), ["dns.no-nameserver-in-container"]);
    for kind in ["none", "unknown"] {
        assert_eq!(codes(&found("dns/resolver", vec![none(kind)], &[], vec![])), ["dns.no-nameserver"]);
    }
}

#[test]
fn a_remedy_takes_away_one_server_and_lets_in_one_host() {
    let silent = finding("dns.server-silent", Layer::Dns).at("10.0.0.1").detail("server", "10.0.0.1").warn();
    let split = finding("dns.split-answers", Layer::Dns).at(PEER).detail("server", "10.0.0.1");
    for one in [silent, split] {
        let causes = found("dns/resolver", vec![one], &[], vec![]);
        // The whole line: 10.0.0.10 begins like 10.0.0.1.
        assert!(commands(&causes[0]).contains("grep -vxF 'nameserver '10.0.0.1 /etc/resolv.conf"), "{causes:#?}");
    }
    let refuses =
        finding("proxy.refuses", Layer::Tls).at("https://api.github.com:8443/").detail("host", "api.github.com");
    let causes = found("net/proxy", vec![refuses], &[], vec![]);
    let steps = causes[0].remediations.iter().flat_map(|fix| &fix.steps);
    let written: Vec<&str> = steps.filter_map(|step| Some(step.snippet.as_ref()?.text.as_str())).collect();
    assert!(
        written.iter().any(|text| text.contains("dstdomain api.github.com\n") && text.contains("port 8443\n")),
        "{written:?}"
    );
}

#[test]
fn one_wrong_clock_is_one_cause() {
    let ours = || vec![finding("clock.wrong", Layer::Config)];
    let others = || {
        vec![
            finding("origin.clock-skew", Layer::Config).at(API),
            finding("s3.clock-skew", Layer::Process).at("http://minio:9000"),
            finding("clock.skew", Layer::Protocol).at(PEER),
            finding("tls.not-yet-valid", Layer::Tls).at("https://minio:9443"),
        ]
    };
    let wrong: &[(&str, &str)] = &[("clock-verdict", "wrong"), ("clock-offset-ms", "-1200000")];
    let causes = found("system/clock", ours(), wrong, others());
    assert_eq!(codes(&causes), ["clock.wrong"]);
    assert_eq!(causes[0].explains.len(), 5);
    assert!(commands(&causes[0]).contains("hwclock -s"));
    // A clock that was found right, or that nobody compared, explains nothing.
    for verdict in ["right", "unknown"] {
        let causes = found("system/clock", vec![], &[("clock-verdict", verdict)], others());
        assert_eq!(causes.len(), 4, "{causes:#?}");
        assert!(!codes(&causes).contains(&"clock.wrong"));
    }
}

#[test]
fn who_stands_in_between_is_told_once() {
    let looked = finding("tls.intercepted", Layer::Tls).at("https://pypi.org").detail("issuer", "CN=Corp");
    let asked = |reason: &str| finding("origin.untrusted", Layer::Tls).at(API).detail("reason", reason);
    let causes = found("net/tls", vec![looked.clone()], &[], vec![asked("private-authority")]);
    assert_eq!(codes(&causes), ["tls.intercepted"]);
    let causes = found("net/tls", vec![looked], &[], vec![asked("other-name")]);
    assert_eq!(causes.len(), 2, "another name is no interception");
}

#[test]
fn commands_take_values_as_words() {
    let hostile = finding("proxy.refuses", Layer::Tls).at(API).detail("host", "$(reboot)");
    let causes = found("net/proxy", vec![hostile], &[], vec![]);
    assert!(commands(&causes[0]).contains(r#"NO_PROXY,}"'$(reboot)'"#), "{}", commands(&causes[0]));
}

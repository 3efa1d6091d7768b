//! Causes of what the origin's check finds: each with a remedy for this very API, and none
//! for its look-alike.

use crate::causes::{causes, diagnose};
use crate::record::*;
use seaworthy_model::{Cause, Confidence, Layer, Risk};

const API: &str = "https://api.github.com";
const SERVER: &str = "https://ghe.example.com/api/v3";

/// A run of the check that found these.
fn found(findings: Vec<F>) -> Vec<Cause> {
    let mut record = suite(MACHINE, vec![], vec![]);
    record.steps.push(step("origin.api", "origin/api", findings));
    diagnose(record, None).causes
}

fn only(finding: F) -> Cause {
    let mut causes = found(vec![finding]);
    assert_eq!(causes.len(), 1, "{causes:#?}");
    causes.remove(0)
}

fn texts(cause: &Cause) -> String {
    let steps = cause.remediations.iter().flat_map(|fix| &fix.steps);
    let text = |step: &seaworthy_model::RemedyStep| {
        let snippet = step.snippet.as_ref().map(|snippet| snippet.text.clone());
        [Some(step.text.clone()), step.command.clone(), snippet].into_iter().flatten().collect::<Vec<_>>().join("\n")
    };
    steps.map(text).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_code_has_a_cause_that_its_own_check_proves() {
    for (code, layer) in [
        ("origin.untrusted", Layer::Tls),
        ("origin.intercepted", Layer::Tls),
        ("origin.not-an-api", Layer::Config),
        ("origin.unreachable", Layer::Tcp),
        ("origin.failing", Layer::Protocol),
        ("origin.token-rejected", Layer::Identity),
        ("origin.token-expires", Layer::Identity),
        ("origin.sso-required", Layer::Identity),
        ("origin.scope-missing", Layer::Identity),
        ("origin.rate-limited", Layer::Protocol),
        ("origin.rate-limit-low", Layer::Protocol),
        ("origin.secondary-limit", Layer::Protocol),
        ("origin.forbidden", Layer::Identity),
        ("origin.clock-skew", Layer::Config),
    ] {
        let cause = only(finding(code, layer).at(API));
        assert_eq!((cause.code.as_str(), cause.confidence), (code, Confidence::Certain));
        assert!(!cause.remediations.is_empty(), "{code}");
        for fix in &cause.remediations {
            assert_eq!(fix.verified_by.as_deref(), Some("origin.api"), "{code}: the id that the check has in this run");
        }
    }
}

#[test]
fn a_small_limit_follows_from_a_missing_token() {
    let missing = || finding("origin.token-missing", Layer::Identity).at(API).warn();
    let limited = || finding("origin.rate-limited", Layer::Protocol).at(API);
    let both = found(vec![missing(), limited()]);
    assert_eq!(both.len(), 1, "{both:#?}");
    assert_eq!((both[0].code.as_str(), both[0].explains.len()), ("origin.no-token", 2));
    assert!(
        texts(&both[0]).starts_with("Give it to the job.\npermissions:\n  contents: read\n"),
        "least privilege first"
    );
    // With a token the limit is what it is.
    assert_eq!(only(limited()).code, "origin.rate-limited");
    let codes: Vec<String> = causes(&diagnose(
        {
            let mut record = suite(MACHINE, vec![], vec![]);
            record.steps.push(step("origin.api", "origin/api", vec![missing()]));
            record
        },
        None,
    ))
    .into_iter()
    .map(|(code, _)| code.to_owned())
    .collect();
    assert_eq!(codes, ["origin.no-token"]);
}

#[test]
fn a_certificate_is_mended_by_what_is_wrong_with_it() {
    for (reason, says, says_not) in [
        ("no-roots", "apt-get install -y ca-certificates", "company"),
        ("private-authority", "update-ca-certificates", "apt-get"),
        ("other-name", "openssl s_client -connect ghe.example.com:443", "ca-certificates"),
        ("time", "timedatectl", "ca-certificates"),
        ("handshake", "openssl s_client -connect ghe.example.com:443", "timedatectl"),
    ] {
        let cause = only(finding("origin.untrusted", Layer::Tls).at(SERVER).detail("reason", reason));
        let texts = texts(&cause);
        assert!(texts.contains(says) && !texts.contains(says_not), "{reason}: {texts}");
        // Nobody is told to look away.
        assert!(!texts.contains("insecure") && !texts.contains(" -k"), "{texts}");
    }
    let own = only(finding("origin.untrusted", Layer::Tls).at(SERVER).detail("reason", "private-authority"));
    assert_eq!(own.remediations[0].risk, Risk::Security);
}

#[test]
fn the_url_of_the_api_is_named() {
    for (target, url) in [
        ("https://github.com", "GITHUB_API_URL=https://api.github.com"),
        ("https://ghe.example.com", "GITHUB_API_URL=https://ghe.example.com/api/v3"),
    ] {
        let cause = only(finding("origin.not-an-api", Layer::Config).at(target));
        assert!(texts(&cause).contains(url), "{}", texts(&cause));
    }
}

#[test]
fn a_permission_is_asked_for_as_the_api_names_it() {
    let named =
        finding("origin.scope-missing", Layer::Identity).at(API).detail("needed", "contents=read; pull_requests=write");
    let texts_of = texts(&only(named));
    assert!(texts_of.contains("permissions:\n  contents: read\n  pull-requests: write\n"), "{texts_of}");
    // A classic scope is no permission of a workflow, and nothing hostile becomes YAML.
    for needed in ["read:org", "a=b\n  evil: write", "contents=admin"] {
        let cause = only(finding("origin.scope-missing", Layer::Identity).at(API).detail("needed", needed));
        assert!(!texts(&cause).contains("permissions:"), "{needed}: {}", texts(&cause));
    }
}

#[test]
fn a_pause_is_as_long_as_the_api_says() {
    let pause = |seconds: &str| {
        texts(&only(finding("origin.secondary-limit", Layer::Protocol).at(API).detail("retry-after-s", seconds)))
    };
    assert!(
        pause("60").contains("sleep 61")
            && pause("60").contains("seaworthy cache proxy --origin https://api.github.com")
    );
    assert!(!pause("86400").contains("sleep"), "nobody waits for a day");
    assert!(!pause("1; rm -rf /").contains("rm"));
}

use crate::faults;
use crate::remedy::{export, remedy, shell};
use crate::rule::{Rule, Told};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::ORIGIN_NO_TOKEN)
        .when(|scene, symptom| match symptom.code() {
            "origin.token-missing" => Some(symptom.finding.confidence),
            "origin.rate-limited" | "origin.rate-limit-low" if scene.has("origin.token-missing", None) => {
                Some(Confidence::Likely)
            }
            _ => None,
        })
        .tell(no_token),
    Rule::of(faults::ORIGIN_UNTRUSTED).tell(untrusted),
    Rule::of(faults::ORIGIN_NOT_AN_API).tell(not_an_api),
    Rule::of(faults::ORIGIN_TOKEN_REJECTED).tell(rejected),
    Rule::of(faults::ORIGIN_TOKEN_EXPIRES).tell(rejected),
    Rule::of(faults::ORIGIN_SSO_REQUIRED).tell(single_sign_on),
    Rule::of(faults::ORIGIN_SCOPE_MISSING).tell(scope),
    Rule::of(faults::ORIGIN_RATE_LIMITED).tell(limited),
    Rule::of(faults::ORIGIN_RATE_LIMIT_LOW).tell(limited),
    Rule::of(faults::ORIGIN_SECONDARY_LIMIT).tell(limited),
];

/// The API that a symptom is about.
fn api<'a>(symptom: &'a Symptom<'_>) -> &'a str {
    symptom.finding.target.as_deref().unwrap_or("https://api.github.com")
}

/// The token that a workflow has by itself.
fn workflow_token() -> Remediation {
    remedy(
        "use-workflow-token",
        "Use the workflow's own token",
        "It may read this repository and nothing else, and ends with the job.",
    )
    .write(
        "Give it to the job.",
        ".github/workflows/ci.yml",
        "permissions:\n  contents: read\nenv:\n  GITHUB_TOKEN: ${{ github.token }}\n",
    )
    .cost("1,000 requests an hour for the whole repository.")
    .done()
}

/// The proxy of this tool before the API.
fn proxy(symptom: &Symptom<'_>) -> Remediation {
    remedy(
        "cache-proxy",
        "Put the caching proxy before the API",
        "Equal requests are asked once, and what did not change is not counted.",
    )
    .run("Start it beside the job.", format!("seaworthy cache proxy --origin {} &", shell(api(symptom))))
    .run("Point the job at it.", export("GITHUB_API_URL", "http://127.0.0.1:8470"))
    .cost("Answers are as old as the API allows, a minute at GitHub.")
    .done()
}

fn no_token(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    Told::found(symptoms, vec![workflow_token(), proxy(symptoms[0])])
}

fn untrusted(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let host = api(symptom).split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']')) {
        host.to_owned()
    } else {
        format!("{host}:443")
    };
    let fix = match symptom.detail("reason") {
        Some("no-roots") => remedy("install-roots", "Give this machine the public authorities", "Its store does not hold the one that signed.")
            .run("Debian and Ubuntu; Alpine has `apk add ca-certificates`.", "apt-get install -y ca-certificates")
            .run("A file named here replaces the store; see what it holds.", "echo \"$SSL_CERT_FILE\""),
        Some("private-authority") => {
            remedy("add-authority", "Add the company's authority to this machine's store", "No public authority signed the certificate.")
                .risk(Risk::Security)
                .step("Get the root certificate from those who run the server or the inspecting proxy, not from the connection itself.")
                .run("Add it beside the others.", "install -m 644 company-root.pem /usr/local/share/ca-certificates/company-root.crt && update-ca-certificates")
                .cost("Whoever holds that authority's key can read this machine's connections.")
        }
        Some("other-name") => remedy("right-name", "Ask under the name that the certificate is for", "Another name is no proof.")
            .run("The names that it is for.", format!("openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName", shell(&with_port))),
        Some("time") => remedy("set-clock", "Set the clock, and then look at the certificate's dates", "One of the two is wrong.")
            .run("By NTP.", "timedatectl set-ntp true")
            .run("The dates.", format!("openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -dates", shell(&with_port))),
        _ => remedy("look-at-tls", "See what answers on that port", "The certificate is refused for its form or its signature.")
            .run("What it says.", format!("openssl s_client -connect {} </dev/null", shell(&with_port))),
    };
    Told::found(symptoms, vec![fix.done()])
}

fn not_an_api(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let url = api(symptom);
    let rest = url.split("://").nth(1).unwrap_or(url);
    let host = rest.split('/').next().unwrap_or(rest);
    let right = match host {
        "github.com" | "www.github.com" | "api.github.com" => "https://api.github.com".to_owned(),
        "" => "https://HOST/api/v3".to_owned(),
        host => format!("https://{host}/api/v3"),
    };
    let fix = remedy("right-url", "Set the URL of the API", "The web site and the API have different ones.")
        .run("For GitHub, or a GitHub Enterprise Server.", export("GITHUB_API_URL", &right))
        .done();
    Told::found(symptoms, vec![fix])
}

fn rejected(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let renew = remedy("renew-token", "Or renew this one", "Where the workflow's own token may not do enough.")
        .step("Make a fine-grained token for these repositories, with Contents: read, at https://github.com/settings/personal-access-tokens.")
        .run("Keep it where the jobs' secrets are kept; it is asked for, and stands on no command line.", "gh secret set ORIGIN_TOKEN")
        .risk(Risk::Security)
        .done();
    Told::found(symptoms, vec![workflow_token(), renew])
}

fn single_sign_on(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let page = symptom
        .detail("sso-url")
        .filter(|url| url.starts_with("https://"))
        .unwrap_or("https://github.com/settings/tokens");
    let authorise = remedy("authorise-token", "Authorise the token for the organisation", "Once a token.")
        .step(format!("Open {page} as the token's owner, and confirm."))
        .risk(Risk::Security)
        .done();
    Told::found(symptoms, vec![workflow_token(), authorise])
}

fn scope(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let needed = symptom.detail("needed").unwrap_or("contents=read");
    // GitHub writes `contents=read; pull_requests=write`, of which one set is enough.
    let lines: Vec<String> = needed
        .split([';', ','])
        .filter_map(|one| one.trim().split_once('='))
        .filter(|(name, access)| {
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && matches!(*access, "read" | "write")
        })
        .map(|(name, access)| format!("  {}: {access}\n", name.replace('_', "-")))
        .collect();
    let mut remediations = Vec::new();
    if !lines.is_empty() {
        let grant = remedy(
            "grant-permission",
            "Grant the job this permission",
            "The workflow's own token has what the workflow says.",
        )
        .write("And no more than these.", ".github/workflows/ci.yml", format!("permissions:\n{}", lines.concat()))
        .risk(Risk::Security);
        remediations.push(grant.done());
    }
    let widen = remedy("widen-token", format!("Give the token: {needed}"), "One of these is enough.")
        .step("Edit it at https://github.com/settings/tokens; its text stays the same.")
        .risk(Risk::Security)
        .done();
    remediations.push(widen);
    Told::found(symptoms, remediations)
}

fn limited(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let mut remediations = Vec::new();
    let seconds = ["retry-after-s", "reset-s"].iter().find_map(|key| symptom.detail(key)?.parse::<u64>().ok());
    if let Some(seconds) = seconds.filter(|seconds| *seconds <= 3_600 && symptom.code() != "origin.rate-limit-low") {
        let wait = remedy("wait", "Wait until it ends", "The API names the time.")
            .run("Before the next request.", format!("sleep {}", seconds + 1))
            .risk(Risk::None);
        remediations.push(wait.done());
    }
    remediations.push(proxy(symptom));
    Told::found(symptoms, remediations)
}

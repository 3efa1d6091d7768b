use crate::remedy::{export, remedy, shell};
use crate::rule::{Fold, Rule, Told, nothing};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Layer, Remediation, Risk};

/// One rule a code of the origin's check, but for the first, which knows what follows
/// from a token that is missing.
macro_rules! rule {
    ($code:literal, $layer:ident, $title:literal, $explain:literal, $remedy:literal, $tell:ident) => {
        Rule {
            code: $code,
            title: $title,
            explain: $explain,
            remedy: $remedy,
            proof: "origin.api",
            layer: Layer::$layer,
            explains_from: Layer::$layer,
            matches: |_, symptom| (symptom.code() == $code).then_some(symptom.finding.confidence),
            fold: Fold::Target,
            also: nothing,
            tell: $tell,
        }
    };
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "origin.no-token",
        title: "The API is asked without a token",
        explain: "Without a token GitHub allows 60 requests an hour to everybody behind one address, and answers 404 for what is private. \
                  A rate limit that is used up follows from it; with a token, the same finding has another cause.",
        remedy: "Give the job the token that the workflow has already, with the right to read contents and nothing more.",
        proof: "origin.api",
        layer: Layer::Identity,
        explains_from: Layer::Identity,
        matches: |scene, symptom| match symptom.code() {
            "origin.token-missing" => Some(symptom.finding.confidence),
            "origin.rate-limited" | "origin.rate-limit-low" if scene.has("origin.token-missing", None) => {
                Some(Confidence::Likely)
            }
            _ => None,
        },
        fold: Fold::Target,
        also: nothing,
        tell: no_token,
    },
    rule!(
        "origin.untrusted",
        Tls,
        "The API's certificate is not trusted here",
        "The handshake ends at the certificate. Three are compared: one judged by this machine's roots, one by those compiled in, one by \
         nobody, which shows the issuer. They tell a store that holds too little from an authority that is a company's own.",
        "Put the missing authority into the machine's store; SSL_CERT_FILE replaces the store, so a file there must hold all of them.",
        untrusted
    ),
    rule!(
        "origin.intercepted",
        Tls,
        "Something answers in place of the API",
        "A proxy that wants credentials, or a log-in page, answers for everybody. The API itself refuses in JSON and is not the one that \
         speaks here.",
        "Except the API from the proxy by NO_PROXY, or give the proxy its credentials.",
        intercepted
    ),
    rule!(
        "origin.not-an-api",
        Config,
        "The URL is not that of the API",
        "A web server answers and is no API: GitHub's API is https://api.github.com, that of a GitHub Enterprise Server lies below \
         /api/v3. The status alone would look like a missing value.",
        "Set GITHUB_API_URL to the URL of the API, and not to that of the web site.",
        not_an_api
    ),
    rule!(
        "origin.unreachable",
        Tcp,
        "The API cannot be reached",
        "The name, the connection or the exchange failed, and no status came. A proxy that is not set is the usual reason where only a \
         proxy leads out; a certificate that is refused is another finding.",
        "Find out at which stage it ends, with curl from the same place; set HTTPS_PROXY where a proxy leads out.",
        unreachable
    ),
    rule!(
        "origin.failing",
        Protocol,
        "The API itself fails",
        "A status of 500 or above comes from the API or from a gateway before it. Nothing on this machine brings it about, and nothing here \
         mends it.",
        "Wait, or bridge it: the proxy serves answers past their life for as long as --stale-if-error says.",
        failing
    ),
    rule!(
        "origin.token-rejected",
        Identity,
        "The API does not take the token",
        "401 is the answer to a token that is wrong, expired or revoked. Rate limits, scopes and single sign-on answer 403 and are other \
         findings.",
        "Use the workflow's own token, or replace the one that ended.",
        rejected
    ),
    rule!(
        "origin.token-expires",
        Identity,
        "The token ends within days",
        "GitHub sends the end of a token with every answer. It is judged by GitHub's own date, so a wrong clock here does not count.",
        "Use the workflow's own token, which needs no renewal, or renew this one.",
        rejected
    ),
    rule!(
        "origin.sso-required",
        Identity,
        "The token is not authorised for single sign-on",
        "The token is right, and the organisation wants it authorised once more for its single sign-on. GitHub names the page where that is \
         done in x-github-sso.",
        "Authorise the token for the organisation, or use the workflow's own token, for which that is not needed.",
        single_sign_on
    ),
    rule!(
        "origin.scope-missing",
        Identity,
        "The token lacks a scope or a permission",
        "The token is accepted and may not do what is asked. GitHub names what would do in x-accepted-oauth-scopes or \
         x-accepted-github-permissions; rate limits say so in other headers.",
        "Give the token that one permission and no more.",
        scope
    ),
    rule!(
        "origin.rate-limited",
        Protocol,
        "The rate limit of the API is used up",
        "x-ratelimit-remaining is 0, and until the window ends every request is refused. A pause that is asked for while requests are left \
         is another finding, and so is a limit that is small because there is no token.",
        "Put `seaworthy cache proxy` before the API: most answers then come from the cache, and what is confirmed by ETag is not counted.",
        limited
    ),
    rule!(
        "origin.rate-limit-low",
        Protocol,
        "Few requests are left at the API",
        "The window has few requests left, and a job that starts now may run into its end.",
        "Put `seaworthy cache proxy` before the API, and look for the job that asks in a loop.",
        limited
    ),
    rule!(
        "origin.secondary-limit",
        Protocol,
        "The API asks for a pause",
        "Too much at once or too fast: requests of the hour may be left. Who goes on asking during the pause may be shut out for longer.",
        "Wait as long as it says, then ask one after another; `seaworthy cache proxy` makes one request of many equal ones.",
        limited
    ),
    rule!(
        "origin.forbidden",
        Identity,
        "The API refuses this runner",
        "403 without a sign of rate limits, scopes or single sign-on: an allow list of addresses, a blocked repository, or a rule before \
         the API.",
        "Read the API's message; an allow list has to hold the addresses of the runners.",
        forbidden
    ),
    rule!(
        "origin.clock-skew",
        Config,
        "This machine's clock is wrong",
        "The Date of the API and this machine's clock differ. Answers that came from a cache in between are not compared. One source cannot \
         prove which of the two is wrong, so this is likely and not certain.",
        "Set the clock by NTP.",
        clock
    ),
];

/// The API that a symptom is about.
fn api<'a>(symptom: &'a Symptom<'_>) -> &'a str {
    symptom.finding.target.as_deref().unwrap_or("https://api.github.com")
}

fn told(symptoms: &[&Symptom<'_>], remediations: Vec<Remediation>) -> Told {
    Told { message: symptoms[0].finding.message.clone(), remediations }
}

fn proof(scene: &Scene<'_>, symptom: &Symptom<'_>) -> String {
    scene.proof("origin/api", symptom)
}

/// The token that a workflow has by itself.
fn workflow_token(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Remediation {
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
    .proved_by(proof(scene, symptom))
}

/// The proxy of this tool before the API.
fn proxy(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Remediation {
    remedy(
        "cache-proxy",
        "Put the caching proxy before the API",
        "Equal requests are asked once, and what did not change is not counted.",
    )
    .run("Start it beside the job.", format!("seaworthy cache proxy --origin {} &", shell(api(symptom))))
    .run("Point the job at it.", export("GITHUB_API_URL", "http://127.0.0.1:8470"))
    .cost("Answers are as old as the API allows, a minute at GitHub.")
    .proved_by(proof(scene, symptom))
}

fn no_token(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    told(symptoms, vec![workflow_token(scene, symptoms[0]), proxy(scene, symptoms[0])])
}

fn untrusted(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
    told(symptoms, vec![fix.proved_by(proof(scene, symptom))])
}

fn intercepted(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let host = api(symptom).split("://").nth(1).unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    let except = remedy("except-from-proxy", "Reach the API without the proxy", "Where it can be reached directly.")
        .run(
            "Add its name to those that are excepted.",
            format!("export NO_PROXY=\"${{NO_PROXY:+$NO_PROXY,}}{}\"", shell(host)),
        )
        .proved_by(proof(scene, symptom));
    let credentials =
        remedy("proxy-credentials", "Give the proxy its credentials", "It answers 407 until it has them.")
            .step("Set HTTPS_PROXY to http://USER:PASSWORD@PROXY:PORT, from where secrets are kept.")
            .risk(Risk::Security)
            .proved_by(proof(scene, symptom));
    told(symptoms, vec![except, credentials])
}

fn not_an_api(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
        .proved_by(proof(scene, symptom));
    told(symptoms, vec![fix])
}

fn unreachable(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let look = remedy("look-with-curl", "See where it ends", "The same request, one stage a line.")
        .run("From the same container.", format!("curl -sv -o /dev/null {}", shell(api(symptom))))
        .risk(Risk::None)
        .proved_by(proof(scene, symptom));
    let through = remedy(
        "set-proxy",
        "Go through the proxy, where only one leads out",
        "A connection that times out is what a closed way out looks like.",
    )
    .run("With the proxy of your network.", export("HTTPS_PROXY", "http://PROXY:3128"))
    .proved_by(proof(scene, symptom));
    told(symptoms, vec![look, through])
}

fn failing(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let bridge = remedy("bridge-outage", "Bridge it with the caching proxy", "Answers that were read before stand in.")
        .run(
            "Start it beside the job, before the next outage.",
            format!("seaworthy cache proxy --origin {} --stale-if-error 1h &", shell(api(symptom))),
        )
        .run("Point the job at it.", export("GITHUB_API_URL", "http://127.0.0.1:8470"))
        .cost("During an outage answers may be as old as that.")
        .proved_by(proof(scene, symptom));
    told(symptoms, vec![bridge])
}

fn rejected(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let renew = remedy("renew-token", "Or renew this one", "Where the workflow's own token may not do enough.")
        .step("Make a fine-grained token for these repositories, with Contents: read, at https://github.com/settings/personal-access-tokens.")
        .run("Keep it where the jobs' secrets are kept; it is asked for, and stands on no command line.", "gh secret set ORIGIN_TOKEN")
        .risk(Risk::Security)
        .proved_by(proof(scene, symptom));
    told(symptoms, vec![workflow_token(scene, symptom), renew])
}

fn single_sign_on(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let page = symptom
        .detail("sso-url")
        .filter(|url| url.starts_with("https://"))
        .unwrap_or("https://github.com/settings/tokens");
    let authorise = remedy("authorise-token", "Authorise the token for the organisation", "Once a token.")
        .step(format!("Open {page} as the token's owner, and confirm."))
        .risk(Risk::Security)
        .proved_by(proof(scene, symptom));
    told(symptoms, vec![workflow_token(scene, symptom), authorise])
}

fn scope(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
        remediations.push(grant.proved_by(proof(scene, symptom)));
    }
    let widen = remedy("widen-token", format!("Give the token: {needed}"), "One of these is enough.")
        .step("Edit it at https://github.com/settings/tokens; its text stays the same.")
        .risk(Risk::Security)
        .proved_by(proof(scene, symptom));
    remediations.push(widen);
    told(symptoms, remediations)
}

fn limited(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let mut remediations = Vec::new();
    let seconds = ["retry-after-s", "reset-s"].iter().find_map(|key| symptom.detail(key)?.parse::<u64>().ok());
    if let Some(seconds) = seconds.filter(|seconds| *seconds <= 3_600 && symptom.code() != "origin.rate-limit-low") {
        let wait = remedy("wait", "Wait until it ends", "The API names the time.")
            .run("Before the next request.", format!("sleep {}", seconds + 1))
            .risk(Risk::None);
        remediations.push(wait.proved_by(proof(scene, symptom)));
    }
    remediations.push(proxy(scene, symptom));
    told(symptoms, remediations)
}

fn forbidden(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let ask = remedy("read-message", "Read the API's own words", "It says which rule refuses.")
        .run(
            "With the token that the job has.",
            format!("curl -s -H \"Authorization: Bearer $GITHUB_TOKEN\" {}/rate_limit", shell(api(symptom))),
        )
        .risk(Risk::None)
        .proved_by(proof(scene, symptom));
    told(symptoms, vec![ask])
}

fn clock(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let fix = remedy("set-clock", "Set the clock by NTP", "Of a container it is the host's clock that counts.")
        .run("On the host.", "timedatectl set-ntp true && timedatectl status")
        .proved_by(proof(scene, symptom));
    told(symptoms, vec![fix])
}

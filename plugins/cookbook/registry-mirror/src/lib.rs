//! `cookbook/registry-mirror`: is the mirror there, and is it a registry?

mod judge;

use judge::{Answer, Verdict};
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{Check, Code, Context, ContextExt, Evidence, Failure, Findings, Outcome, millis};

seaworthy_check_sdk::descriptor!();

/// Bytes of an answer that are looked at; a registry's has two.
const MOST: u32 = 4096;

struct RegistryMirror;

impl Check for RegistryMirror {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let addresses = context.addresses();
        let requests: Vec<http::Request> = addresses.iter().map(|address| request(address, context.budget)).collect();
        let seen = http::send(&requests);
        let Ok(evidence) = Evidence::of(seen.iter().map(|s| s.id)) else {
            return Err("there is no target; name the mirror's URL in [targets]".into());
        };
        let mut findings = Findings::new();
        let (mut auth, mut slowest) = (None, None);
        for (address, seen) in addresses.iter().zip(&seen) {
            if !address.contains("://") {
                let message = [address.as_str(), " has no scheme; engines take only URLs as mirrors"].concat();
                findings.add(codes::MIRROR_NO_SCHEME.at(address).message(message).cite(seen.id));
            }
            let verdict = match &seen.outcome {
                Ok(response) => judge::answer(&Answer::of(&seen.url, response)),
                Err(failure) => failed(failure),
            };
            match verdict {
                Verdict::Registry(wanted) => {
                    auth = Some(wanted);
                    slowest = slowest.max(Some(seen.elapsed));
                }
                Verdict::Wrong(code, words) => {
                    if code.code == codes::MIRROR_WANTS_BASIC.code {
                        auth = Some("basic");
                    }
                    let mut finding =
                        code.at(address).message([seen.url.as_str(), ": ", &words].concat()).observed(words);
                    if let Err(failure) = &seen.outcome {
                        finding = finding.detail("kind", &failure.kind);
                    }
                    findings.add(finding.cite(seen.id));
                }
            }
        }
        if let Some(auth) = auth {
            findings.fact(facts::MIRROR_AUTH, auth, &evidence);
        }
        if let Some(micros) = slowest {
            findings.fact(facts::MIRROR_ANSWER_MS, millis(micros), &evidence);
        }
        let summary = [seen.len().to_string().as_str(), " mirrors asked for /v2/"].concat();
        Ok(findings.conclude(summary, evidence))
    }
}

seaworthy_check_sdk::export_check!(RegistryMirror);

fn request(address: &str, budget: u32) -> http::Request {
    let scheme = if address.contains("://") { "" } else { "http://" };
    http::Request {
        method: "GET".into(),
        url: [scheme, address.trim_end_matches('/'), "/v2/"].concat(),
        headers: vec![("accept".into(), "application/json".into())],
        body: Vec::new(),
        timeout: budget - budget / 20,
        max_body: MOST,
        proxy: "direct".into(),
    }
}

/// Why no answer came.
fn failed(failure: &Failure) -> Verdict {
    let code: Code = if !failure.kind.starts_with("tls-") {
        codes::MIRROR_UNREACHABLE
    } else if judge::is_not_tls(&failure.message) {
        codes::MIRROR_PLAIN_HTTP
    } else if failure.kind == "tls-handshake" {
        codes::MIRROR_UNREACHABLE
    } else {
        codes::MIRROR_UNTRUSTED
    };
    Verdict::Wrong(code, failure.message.clone())
}

//! `cookbook/github-rate-limit`: how many requests to GitHub's API are left.

mod judge;

use judge::{Answer, Left, Verdict};
use seaworthy_check_sdk::credentials::{self, Piece, authorized_http};
use seaworthy_check_sdk::kit::clock;
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome};

seaworthy_check_sdk::descriptor!();

/// Label of the token.
const TOKEN: &str = "github-token";
const DEFAULT_NEEDED: u64 = 100;
/// Bytes of an answer; it has some two thousand.
const MOST: u32 = 64 << 10;

struct RateLimit;

impl Check for RateLimit {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let addresses = context.addresses();
        let base = addresses.first().ok_or("there is no target; name https://api.github.com in [targets]")?;
        let base = base.trim_end_matches('/');
        let status = credentials::inspect(&[TOKEN.to_owned()]).into_iter().next();
        let status = status.ok_or("the host answered nothing of the token")?;
        let authenticated = status.present;
        let request = authorized_http::Authorized {
            request: request(base, context.budget),
            headers: if authenticated { vec![bearer()] } else { Vec::new() },
        };
        let seen = authorized_http::send(&[request]).into_iter().next().ok_or("the host answered nothing")?;
        let evidence = Evidence::one(status.id).and(seen.id);
        let mut findings = Findings::new();
        findings.fact(facts::RATE_AUTHENTICATED, authenticated, &evidence);
        let response = match &seen.outcome {
            Ok(response) => response,
            Err(failure) => {
                let message = [base, ": ", &failure.message].concat();
                let finding = codes::RATE_UNREACHABLE.at(base).message(message).detail("kind", &failure.kind);
                findings.add(finding.cite_all(&evidence));
                return Ok(findings.conclude([base, " was not reached"].concat(), evidence));
            }
        };
        let (headers, body) = (response.headers.as_slice(), response.body.as_slice());
        let answer = Answer { status: response.status, headers, body, authenticated };
        match judge::answer(&answer, context.setting("resource").unwrap_or("core")) {
            Verdict::Unlimited => findings.fact(facts::RATE_LIMIT, "none", &evidence),
            Verdict::Counts(left) => {
                let needed = context.setting("needed").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_NEEDED);
                counted(&mut findings, base, left, needed, authenticated, &evidence);
            }
            Verdict::Wrong(code, words, observed) => {
                let message = [base, ": status ", &response.status.to_string(), ", ", &words].concat();
                let mut finding = code.at(base).message(message);
                if !observed.is_empty() {
                    finding = finding.observed(observed);
                }
                findings.add(finding.cite_all(&evidence));
            }
        }
        Ok(findings.conclude([base, " asked for its rate limit"].concat(), evidence))
    }
}

seaworthy_check_sdk::export_check!(RateLimit);

fn request(base: &str, budget: u32) -> http::Request {
    http::Request {
        method: "GET".into(),
        url: [base, "/rate_limit"].concat(),
        headers: vec![("accept".into(), "application/vnd.github+json".into())],
        body: Vec::new(),
        timeout: budget - budget / 20,
        max_body: MOST,
        proxy: "environment".into(),
    }
}

fn bearer() -> authorized_http::Header {
    let piece = |bytes: &[u8], secret: Option<&str>| Piece {
        bytes: bytes.to_vec(),
        secret: secret.map(str::to_owned),
        encoding: "text".into(),
    };
    authorized_http::Header {
        name: "authorization".into(),
        value: vec![piece(b"Bearer ", None), piece(b"", Some(TOKEN))],
    }
}

fn counted(findings: &mut Findings, base: &str, left: Left, needed: u64, authenticated: bool, evidence: &Evidence) {
    let seconds = left.reset.saturating_sub(clock::unix_ms() / 1000).to_string();
    let remaining = left.remaining.to_string();
    findings.fact(facts::RATE_LIMIT, left.limit, evidence);
    findings.fact(facts::RATE_REMAINING, &remaining, evidence);
    findings.fact(facts::RATE_RESET_S, &seconds, evidence);
    let Some(code) = judge::shortage(left, needed, authenticated) else { return };
    let limit = left.limit.to_string();
    let words = [base, " has ", &remaining, " of ", &limit, " requests left for the next ", &seconds, " seconds"];
    let finding = code.at(base).message(words.concat()).observed(remaining).expected(needed.to_string());
    findings.add(finding.cite_all(evidence));
}

//! `cookbook/bazel-remote-grpc`: does a remote cache of Bazel answer GetCapabilities?
//!
//! [`http2`] is one request without TLS, [`proto`] its messages, [`judge`] decides.

mod http2;
mod judge;
mod proto;

use judge::Verdict;
use proto::Capabilities;
use seaworthy_check_sdk::net::{tcp, tls};
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Hop, Outcome, millis};

seaworthy_check_sdk::descriptor!();

const METHOD: &str = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities";
/// Bytes of an answer; it has some hundred.
const MOST: u32 = 64 << 10;

struct BazelRemote;

impl Check for BazelRemote {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let addresses = context.addresses();
        let address = addresses.first().ok_or("there is no target; name the cache's `host:port` in [targets]")?;
        let hop = Hop::parse(address).ok_or_else(|| [address, " names no port"].concat())?;
        let timeout = context.budget / 2 - context.budget / 20;
        if hop.scheme == "grpcs" {
            return over_tls(address, &hop, timeout);
        }
        let message = proto::request(context.setting("instance-name").unwrap_or_default());
        let attempt = tcp::Attempt {
            target: hop.socket(),
            timeout,
            payload: http2::call(&hop.socket(), METHOD, &message),
            read_max: MOST,
        };
        let seen = tcp::connect(&[attempt]).into_iter().next().ok_or("the host answered nothing")?;
        let mut evidence = Evidence::one(seen.id);
        let mut findings = Findings::new();
        let connection = match &seen.outcome {
            Ok(connection) => connection,
            Err(failure) => {
                let message = [address, ": ", &failure.message].concat();
                let finding = codes::REMOTE_UNREACHABLE.at(address).message(message).detail("kind", &failure.kind);
                findings.add(finding.cite(seen.id));
                return Ok(findings.conclude([address, " was not reached"].concat(), evidence));
            }
        };
        match judge::answer(&connection.received) {
            Verdict::Answers(capabilities) => {
                findings.fact(facts::REMOTE_CONNECT_MS, millis(connection.connect_elapsed), &evidence);
                let wanted = context.setting("digest-function").unwrap_or("sha256");
                judge_capabilities(&mut findings, address, &capabilities, wanted, &evidence);
            }
            Verdict::Wrong(code, words) => {
                let message = [address, ": ", &words].concat();
                findings.add(code.at(address).message(message).observed(words).cite(seen.id));
            }
            Verdict::Silent => {
                let shaken = handshake(&hop, timeout)?;
                evidence = evidence.and(shaken.id);
                let (code, words) = match &shaken.outcome {
                    Ok(_) => (codes::REMOTE_TLS_EXPECTED, " says nothing without TLS, and shakes hands with it"),
                    Err(_) => (codes::REMOTE_NO_ANSWER, " says nothing, neither without TLS nor with it"),
                };
                let finding = code.at(address).message([address, words].concat()).detail("ended", &connection.read_end);
                findings.add(finding.cite_all(&evidence));
            }
            Verdict::Unknown(why) => return Ok(findings.inconclusive([address, ": ", &why].concat(), evidence)),
        }
        Ok(findings.conclude([address, " asked for its capabilities"].concat(), evidence))
    }
}

seaworthy_check_sdk::export_check!(BazelRemote);

fn handshake(hop: &Hop, timeout: u32) -> Result<tls::Seen, String> {
    let attempt = tls::Attempt {
        target: hop.socket(),
        server_name: None,
        alpn: vec!["h2".into()],
        roots: "none".into(),
        timeout,
    };
    tls::handshake(&[attempt]).into_iter().next().ok_or_else(|| "the host answered nothing".into())
}

/// *Behaviour*: no plugin sees what is said inside TLS, so this never passes.
fn over_tls(address: &str, hop: &Hop, timeout: u32) -> Result<Outcome, String> {
    let seen = handshake(hop, timeout)?;
    let evidence = Evidence::one(seen.id);
    let mut findings = Findings::new();
    let finding = match &seen.outcome {
        Ok(session) if session.alpn.as_deref() == Some("h2") => {
            let why = [address, " speaks TLS and HTTP/2; what it answers inside is not seen from here"];
            return Ok(findings.inconclusive(why.concat(), evidence));
        }
        Ok(_) => codes::REMOTE_NO_HTTP2.at(address).message([address, " speaks TLS, and no HTTP/2 in it"].concat()),
        Err(failure) => {
            let reached = failure.stage == "tls" || failure.kind.starts_with("tls-");
            let code = if reached { codes::REMOTE_NO_ANSWER } else { codes::REMOTE_UNREACHABLE };
            code.at(address).message([address, ": ", &failure.message].concat()).detail("kind", &failure.kind)
        }
    };
    findings.add(finding.cite(seen.id));
    Ok(findings.conclude([address, " asked for a handshake"].concat(), evidence))
}

fn judge_capabilities(
    findings: &mut Findings,
    address: &str,
    capabilities: &Capabilities,
    wanted: &str,
    evidence: &Evidence,
) {
    if let Some((major, minor)) = capabilities.api {
        findings.fact(facts::REMOTE_API, [&major.to_string(), ".", &minor.to_string()].concat(), evidence);
    }
    let Some(cache) = &capabilities.cache else {
        let message = [address, " names no capabilities of a cache"].concat();
        findings.add(codes::REMOTE_NO_CACHE.at(address).message(message).cite_all(evidence));
        return;
    };
    let names: Vec<String> = cache.digest_functions.iter().map(|function| proto::digest_name(*function)).collect();
    let known = names.join(",");
    findings.fact(facts::REMOTE_DIGEST_FUNCTIONS, &known, evidence);
    findings.fact(facts::REMOTE_WRITABLE, cache.writable, evidence);
    if !names.iter().any(|name| name == wanted) {
        let message = [address, " knows ", &known, ", not ", wanted].concat();
        let finding = codes::REMOTE_DIGEST_FUNCTION.at(address).message(message).observed(known).expected(wanted);
        findings.add(finding.cite_all(evidence));
    }
}

//! `cookbook/sccache-server`: does an sccache server answer at its port?

mod protocol;

use protocol::Stats;
use seaworthy_check_sdk::net::tcp::{self, Connection};
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, FindingBuilder, Findings, Outcome, endpoint, millis};

seaworthy_check_sdk::descriptor!();

/// Statistics have some hundred bytes.
const MOST: u32 = 64 << 10;

struct SccacheServer;

impl Check for SccacheServer {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let addresses = context.addresses();
        let address = addresses.first().ok_or("there is no target; name 127.0.0.1:4226 or where the server is")?;
        let target = endpoint::socket(address).ok_or_else(|| [address, " names no port"].concat())?;
        let attempt = tcp::Attempt {
            target,
            timeout: context.budget - context.budget / 20,
            payload: protocol::GET_STATS.to_vec(),
            read_max: MOST,
        };
        let seen = tcp::connect(&[attempt]).into_iter().next().ok_or("the host answered nothing")?;
        let evidence = Evidence::one(seen.id);
        let mut findings = Findings::new();
        match &seen.outcome {
            Err(failure) if failure.kind == "connection-refused" => {
                let message = ["nothing listens at ", address, ": the first compilation has to start a server"];
                findings.add(codes::SCCACHE_NOT_RUNNING.at(address).message(message.concat()).cite(seen.id));
            }
            Err(failure) => {
                let why = [address, " was not reached: ", &failure.message].concat();
                return Ok(findings.inconclusive(why, evidence));
            }
            Ok(connection) => match protocol::stats(&connection.received) {
                Some(stats) => {
                    findings.fact(facts::SCCACHE_COMPILE_REQUESTS, stats.compile_requests, &evidence);
                    findings.fact(facts::SCCACHE_CONNECT_MS, millis(connection.connect_elapsed), &evidence);
                    return Ok(storage(findings, address, &stats, context.setting("cache"), evidence));
                }
                None => findings.add(silent_or_strange(address, connection).cite(seen.id)),
            },
        }
        Ok(findings.conclude([address, " asked for statistics"].concat(), evidence))
    }
}

seaworthy_check_sdk::export_check!(SccacheServer);

/// Judges where a server that is well keeps things.
fn storage(mut findings: Findings, address: &str, stats: &Stats, wanted: Option<&str>, evidence: Evidence) -> Outcome {
    if let Some(cache) = &stats.cache {
        findings.fact(facts::SCCACHE_CACHE, cache, &evidence);
    }
    match (wanted, &stats.cache) {
        (Some(wanted), Some(cache)) if !cache.starts_with(wanted) => {
            let message = ["the server keeps its results in ", cache, ", not in ", wanted].concat();
            let finding = codes::SCCACHE_OTHER_CACHE.at(address).message(message).observed(cache).expected(wanted);
            findings.add(finding.cite_all(&evidence));
        }
        (Some(_), None) => {
            return findings.inconclusive("the statistics of this version do not tell its storage", evidence);
        }
        _ => {}
    }
    findings.conclude([address, " is an sccache server"].concat(), evidence)
}

fn silent_or_strange(address: &str, connection: &Connection) -> FindingBuilder {
    if connection.received.is_empty() {
        let words = if connection.read_end == "timeout" { " says nothing in time" } else { " closes the connection" };
        let message = [address, words, " when asked for statistics"].concat();
        return codes::SCCACHE_NO_ANSWER.at(address).message(message).detail("ended", &connection.read_end);
    }
    let said = protocol::shown(&connection.received);
    let message = [address, " answers `", &said, "`, which is not sccache's"].concat();
    codes::SCCACHE_OTHER_PROTOCOL.at(address).message(message).observed(said)
}

use crate::{codes, facts};
use seaworthy_check_sdk::net::tcp;
use seaworthy_check_sdk::{
    Context, ContextExt, Evidence, Failure, FindingBuilder, Findings, Outcome, endpoint, millis, row_value,
};

/// Bytes read to compare with `expect-prefix`.
const READ_MAX: u32 = 1024;
/// Kept back from the budget for the guest itself, in milliseconds.
const MARGIN_MS: u32 = 50;

/// Connects to every target at once and, where asked, compares what it says first.
pub(crate) fn run(context: &Context) -> Result<Outcome, String> {
    let addresses = context.addresses();
    let payload = context.setting("payload").unwrap_or_default();
    let prefix = context.setting("expect-prefix").unwrap_or_default();
    let timeout = context.budget.saturating_sub(MARGIN_MS.min(context.budget / 10));
    let attempts: Vec<tcp::Attempt> = addresses
        .iter()
        .map(|address| tcp::Attempt {
            // What is no endpoint is asked as it stands: the host says what is wrong with it.
            target: endpoint::socket(address).unwrap_or_else(|| address.clone()),
            timeout,
            payload: payload.as_bytes().to_vec(),
            read_max: if prefix.is_empty() { 0 } else { READ_MAX },
        })
        .collect();
    let seen = tcp::connect(&attempts);
    let mut findings = Findings::new();
    let mut slowest: Option<u64> = None;
    let mut connected = 0_usize;
    for (address, seen) in addresses.iter().zip(&seen) {
        match &seen.outcome {
            Ok(connection) => {
                connected += 1;
                slowest = slowest.max(Some(connection.connect_elapsed));
                if !connection.received.starts_with(prefix.as_bytes()) {
                    findings.add(unexpected(address, prefix, connection).cite(seen.id));
                }
            }
            Err(failure) => findings.add(unreachable(address, seen, failure).cite(seen.id)),
        }
    }
    let evidence = Evidence::of(seen.iter().map(|s| s.id))?;
    findings.fact(facts::REACHABLE, connected, &evidence);
    findings.fact(facts::TARGETS, addresses.len(), &evidence);
    let mut summary = [connected.to_string().as_str(), " of ", &addresses.len().to_string(), " connected"].concat();
    if let Some(micros) = slowest {
        let text = millis(micros);
        summary.push_str(&[", the slowest after ", &text, " ms"].concat());
        findings.fact(facts::CONNECT_MS, text, &evidence);
    }
    Ok(findings.conclude(summary, evidence))
}

fn unexpected(address: &str, prefix: &str, connection: &tcp::Connection) -> FindingBuilder {
    let said = shown(&connection.received);
    let what = if said.is_empty() { "said nothing" } else { "said something else" };
    codes::TCP_UNEXPECTED_REPLY
        .at(address)
        .message([address, " accepts connections and ", what, " than `", prefix, "`"].concat())
        .observed(said)
        .expected(prefix)
        .detail("read-end", &connection.read_end)
}

/// Printable ASCII, at most 80 characters.
fn shown(bytes: &[u8]) -> String {
    let readable = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
    bytes.iter().take(80).map(readable).collect()
}

fn unreachable(address: &str, seen: &tcp::Seen, failure: &Failure) -> FindingBuilder {
    let mut finding = codes::TCP_UNREACHABLE
        .at(address)
        .message([seen.target.as_str(), ": ", meaning(failure), " (", &failure.message, ")"].concat())
        .observed(&failure.message)
        .detail("kind", &failure.kind)
        .detail("stage", &failure.stage)
        .detail("elapsed-ms", millis(seen.elapsed));
    for key in ["origin", "icmp-type", "icmp-code", "icmp-from"] {
        if let Some(value) = row_value(&failure.details, key) {
            finding = finding.detail(key, value);
        }
    }
    if let Some(code) = failure.os_code {
        finding = finding.detail("errno", code.to_string());
    }
    finding
}

/// What a failure says about the target.
pub(crate) fn meaning(failure: &Failure) -> &'static str {
    let by_icmp = row_value(&failure.details, "origin") == Some("icmp");
    match failure.kind.as_str() {
        "connection-refused" | "host-unreachable" | "network-unreachable" if by_icmp => {
            "a router or firewall answered with an ICMP message"
        }
        "connection-refused" => "the machine is up and the port is closed",
        "connection-reset" => "the connection was reset",
        "host-unreachable" => "the machine does not answer on the link",
        "network-unreachable" => "no route leads there",
        "timeout" => "no answer within the time",
        "dns-not-found" => "the name does not exist",
        "dns-failure" => "the name could not be resolved",
        _ => "could not be connected to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: &str, origin: &str) -> Failure {
        Failure {
            kind: kind.into(),
            stage: "connect".into(),
            os_code: None,
            message: String::new(),
            details: vec![("origin".into(), origin.into())],
        }
    }

    #[test]
    fn a_rejecting_firewall_is_not_called_a_closed_port() {
        assert!(meaning(&failure("connection-refused", "tcp")).contains("closed"));
        assert!(meaning(&failure("connection-refused", "icmp")).contains("firewall"));
        assert!(meaning(&failure("timeout", "local")).contains("no answer"));
    }

    #[test]
    fn what_is_shown_is_printable_and_short() {
        assert_eq!(shown(b"220 hi\r\n\x1b[0m"), "220 hi...[0m");
        assert_eq!(shown(&[b'a'; 200]).len(), 80);
    }
}

//! The Python cache asks three services on the internet for its public address at
//! every start, one after the other, with five seconds for each. Where packets out are
//! dropped that is a start fifteen seconds late.

use crate::codes;
use crate::place::Row;
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::kit::progress;
use seaworthy_check_sdk::net::{dns, tcp};
use seaworthy_check_sdk::{CitedFinding, Evidence, argument, query, row_value};

/// The services, in the order in which the cache asks them.
const SERVICES: [&str; 3] = ["api.ipify.org", "ifconfig.me", "icanhazip.com"];
/// What the cache gives each of them.
const SECONDS_EACH: u32 = 5;
/// How long we wait for each, in milliseconds, all at once.
const PATIENCE_MS: u32 = 1000;
/// Packages that show the Python cache.
const PACKAGES: [&str; 2] = ["libp2p", "ipfs-accelerate-py"];
const SWITCH: &str = "CACHE_ENABLE_P2P";
/// One of these saves the question.
const ADDRESSES: [&str; 2] = ["CACHE_ADVERTISE_IP", "IPFS_ACCELERATE_PUBLIC_IP"];
/// With one of these the cache asks a proxy instead, which is not tried here.
const PROXIES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];

/// How a service answered, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It can be connected to.
    Reached,
    /// An error came back at once: the cache goes on to the next.
    Failed,
    /// Nothing came back.
    Silent,
}

/// Seconds that the cache waits before it gives up or gets an answer.
fn stall(answers: &[Answer]) -> u32 {
    let asked = answers.iter().take_while(|answer| **answer != Answer::Reached);
    asked.filter(|answer| **answer == Answer::Silent).fold(0, |sum, _| sum + SECONDS_EACH)
}

/// Whether a Python cache is installed here.
fn has_cache(rows: &[Row]) -> bool {
    rows.iter().any(|row| row_value(row, "row-kind") == Some("distribution"))
}

/// Whether some route leads to everywhere.
pub(crate) fn leads_out(routes: &[Row]) -> bool {
    routes.iter().any(|row| row_value(row, "destination").is_some_and(|block| matches!(block, "0.0.0.0/0" | "::/0")))
}

/// A finding where the cache would stall, and what was looked at. Nothing is asked
/// unless a Python cache with P2P on is installed and no address is configured; nor
/// without a way out, where the cache gets its errors at once (and a name server
/// that cannot be sent to would look silent to us).
pub(crate) fn look(leads_out: bool) -> (Option<CitedFinding>, Vec<u32>) {
    if !leads_out {
        return (None, Vec::new());
    }
    let names: Vec<String> = [SWITCH].iter().chain(&ADDRESSES).chain(&PROXIES).map(|name| (*name).to_owned()).collect();
    let read = vars::read(&names);
    let set = |name: &str| read.variables.iter().any(|v| v.name == name && v.present);
    let off = read.variables.iter().find(|v| v.name == SWITCH).and_then(|v| v.value.as_deref());
    let off = off.is_some_and(|value| !value.eq_ignore_ascii_case("true"));
    if off || ADDRESSES.iter().chain(&PROXIES).any(|name| set(name)) {
        return (None, vec![read.id]);
    }
    let python = system::inspect(&[query("python", vec![argument("names", PACKAGES.join(","))])]);
    let mut seen: Vec<u32> = [read.id].into_iter().chain(python.iter().map(|answer| answer.id)).collect();
    let installed = python.iter().any(|answer| answer.outcome.as_deref().is_ok_and(has_cache));
    if !installed || progress::remaining_ms() < 3 * PATIENCE_MS {
        return (None, seen);
    }
    let names: Vec<dns::Query> =
        SERVICES.iter().map(|name| dns::Query { name: (*name).into(), timeout: PATIENCE_MS }).collect();
    let resolved = dns::resolve(&names);
    seen.extend(resolved.iter().map(|answer| answer.id));
    let mut answers = [Answer::Failed; SERVICES.len()];
    let mut reachable: Vec<(usize, tcp::Attempt)> = Vec::new();
    for (at, answer) in resolved.iter().enumerate().take(SERVICES.len()) {
        match &answer.outcome {
            Ok(_) => {
                let target = [answer.name.as_str(), ":443"].concat();
                reachable.push((at, tcp::Attempt { target, timeout: PATIENCE_MS, payload: Vec::new(), read_max: 0 }));
            }
            Err(_) => answers[at] = unanswered(answer.elapsed),
        }
    }
    let attempts: Vec<tcp::Attempt> = reachable.iter().map(|(_, attempt)| attempt.clone()).collect();
    let connected = if attempts.is_empty() { Vec::new() } else { tcp::connect(&attempts) };
    for ((at, _), answer) in reachable.iter().zip(&connected) {
        seen.push(answer.id);
        answers[*at] = if answer.outcome.is_ok() { Answer::Reached } else { unanswered(answer.elapsed) };
    }
    let seconds = stall(&answers);
    let Ok(evidence) = Evidence::of(seen.iter().copied()) else { return (None, seen) };
    let finding = (seconds > 0).then(|| {
        let text = seconds.to_string();
        let message = [
            "the Python cache asks ",
            &SERVICES.join(", "),
            " for its public address at every start; nothing comes back from there, so \
             each start stalls for about ",
            &text,
            " s. Neither CACHE_ADVERTISE_IP nor IPFS_ACCELERATE_PUBLIC_IP is set",
        ];
        let finding = codes::CACHE_PUBLIC_ADDRESS_STALL
            .at("CACHE_ADVERTISE_IP")
            .message(message.concat())
            .observed("not set, and no answer from the internet")
            .expected("the address under which peers reach this runner")
            .detail("seconds", text);
        finding.likely().cite_all(&evidence)
    });
    (finding, seen)
}

/// An error after most of the time is a time-out of somebody.
fn unanswered(elapsed_us: u64) -> Answer {
    if elapsed_us / 1000 >= u64::from(PATIENCE_MS) * 9 / 10 { Answer::Silent } else { Answer::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{Failed, Reached, Silent};

    #[test]
    fn five_seconds_for_each_that_is_silent() {
        assert_eq!(stall(&[Silent, Silent, Silent]), 15);
        assert_eq!(stall(&[Silent, Failed, Reached]), 5);
        assert_eq!(stall(&[Reached, Silent, Silent]), 0);
        assert_eq!(stall(&[Failed, Failed, Failed]), 0);
    }

    #[test]
    fn an_error_at_once_is_no_silence() {
        assert_eq!((unanswered(2_000), unanswered(1_000_500)), (Failed, Silent));
    }

    #[test]
    fn a_way_out_is_a_default_route() {
        let row = |destination: &str| vec![("destination".to_owned(), destination.to_owned())];
        assert!(leads_out(&[row("10.0.0.0/8"), row("0.0.0.0/0")]) && leads_out(&[row("::/0")]));
        assert!(!leads_out(&[row("10.0.0.0/8")]) && !leads_out(&[]));
    }

    #[test]
    fn an_interpreter_alone_is_no_cache() {
        let row = |kind: &str| vec![("row-kind".to_owned(), kind.to_owned())];
        assert!(!has_cache(&[row("interpreter")]) && has_cache(&[row("interpreter"), row("distribution")]));
    }
}

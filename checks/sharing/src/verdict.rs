//! What the rungs of one peer say. Decides; does not call the host.

use crate::codes;
use seaworthy_check_sdk::sharing::ladder::Rung;
use seaworthy_check_sdk::{Code, Failure, ip, row_value};
use std::net::IpAddr;

/// Beyond this many milliseconds a peer refuses entries.
const REFUSED_SKEW: u64 = 60_000;

/// A finding in the making.
#[derive(Debug)]
pub struct Verdict {
    /// What it is.
    pub code: Code,
    /// Another level than the declared one.
    pub level: Option<&'static str>,
    /// A contradicting probe ran and passed; certain otherwise.
    pub likely: bool,
    /// In words.
    pub message: String,
    /// What was seen.
    pub observed: Option<String>,
    /// What was wanted.
    pub expected: Option<&'static str>,
    /// For rules and machines.
    pub details: Vec<(&'static str, String)>,
    /// Names of the rungs that it rests on.
    pub rungs: &'static [&'static str],
}

impl Verdict {
    fn new(code: Code, rungs: &'static [&'static str], message: impl Into<String>) -> Self {
        Self {
            code,
            level: None,
            likely: false,
            message: message.into(),
            observed: None,
            expected: None,
            details: Vec::new(),
            rungs,
        }
    }

    fn detail(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.details.push((key, value.into()));
        self
    }
}

/// What counts as a finding.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Milliseconds of skew that are a warning.
    pub skew_warn: u64,
    /// Whether peers must be able to dial this runner.
    pub require_dial_back: bool,
    /// The address that this runner is told to announce.
    pub announced: Option<IpAddr>,
}

/// The rung of that name, if it was tried.
#[must_use]
pub fn rung<'a>(rungs: &'a [Rung], name: &str) -> Option<&'a Rung> {
    rungs.iter().find(|rung| rung.name == name)
}

/// A fact of a rung that went well.
#[must_use]
pub fn fact<'a>(rungs: &'a [Rung], name: &str, key: &str) -> Option<&'a str> {
    row_value(rung(rungs, name)?.outcome.as_ref().ok()?, key)
}

fn failure<'a>(rungs: &'a [Rung], name: &str) -> Option<&'a Failure> {
    rung(rungs, name)?.outcome.as_ref().err()
}

/// A comma list without its empty elements.
pub fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty())
}

/// Everything that is wrong with one peer, which was reached at `reached`.
#[must_use]
pub fn of_peer(rungs: &[Rung], reached: Option<IpAddr>, rules: Rules) -> Vec<Verdict> {
    let skew = clock(rungs, rules);
    let canary = canaries(rungs, skew.is_some());
    [offered(rungs), advertised(rungs, reached), secret(rungs), plaintext(rungs), skew, canary, back(rungs, rules)]
        .into_iter()
        .flatten()
        .collect()
}

fn offered(rungs: &[Rung]) -> Option<Verdict> {
    let security = fact(rungs, "security", "security")?;
    if !names(security).any(|name| name.starts_with("/plaintext/")) {
        return None;
    }
    let message = "the peer takes a connection without encryption when one is proposed";
    let mut verdict = Verdict::new(codes::PEER_PLAINTEXT_OFFERED, &["security"], message);
    verdict.observed = Some(security.into());
    verdict.expected = Some("/noise");
    Some(verdict)
}

fn advertised(rungs: &[Rung], reached: Option<IpAddr>) -> Option<Verdict> {
    undialable(rungs).or_else(|| misplaced(rungs, reached?))
}

/// Where addresses that a peer tells lead, seen from who reached it elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misplaced {
    /// Only into a network of containers.
    Internal,
    /// Only to public addresses, and it was reached in a private network.
    PublicOnly,
}

fn misplaced_at(told: &[IpAddr], reached: IpAddr) -> Option<Misplaced> {
    if told.is_empty() || told.contains(&reached) || reached.is_loopback() {
        return None;
    }
    if told.iter().all(|ip| is_container_pool(*ip)) {
        return Some(Misplaced::Internal);
    }
    (told.iter().all(|ip| is_public(*ip)) && !is_public(reached)).then_some(Misplaced::PublicOnly)
}

/// Blocks that container engines take their networks from by default: Docker, Podman,
/// slirp4netns, k3s, flannel.
fn is_container_pool(ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else { return false };
    match ip.octets() {
        [172, second, ..] => (17..=31).contains(&second),
        [10, 88 | 42 | 244, ..] | [10, 0, 2, _] => true,
        _ => false,
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared)
        }
        IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
    }
}

fn misplaced(rungs: &[Rung], reached: IpAddr) -> Option<Verdict> {
    let undialable = fact(rungs, "protocols", "undialable")?;
    let all = fact(rungs, "protocols", "listen-addresses")?;
    let left: Vec<&str> = names(all).filter(|one| !names(undialable).any(|other| other == *one)).collect();
    // A name, or a way through a relay, may lead anywhere.
    let mut told = Vec::new();
    for address in &left {
        let mut parts = address.split('/').skip(1);
        let (kind, host) = (parts.next()?, parts.next()?);
        if !matches!(kind, "ip4" | "ip6") || address.contains("/p2p-circuit") {
            return None;
        }
        told.push(ip::parse(host)?);
    }
    let list = left.join(",");
    let (code, why) = match misplaced_at(&told, reached)? {
        Misplaced::Internal => {
            (codes::PEER_ADVERTISES_INTERNAL, "the peer tells others only addresses of its own container network: ")
        }
        Misplaced::PublicOnly => (
            codes::PEER_ADVERTISES_PUBLIC_ONLY,
            "the peer stands in a private network and tells others its public address only: ",
        ),
    };
    let mut verdict =
        Verdict::new(code, &["protocols"], [why, &list, "; it was reached at ", &reached.to_string()].concat());
    verdict.likely = true;
    verdict.observed = Some(list);
    Some(verdict.detail("reached", reached.to_string()))
}

fn undialable(rungs: &[Rung]) -> Option<Verdict> {
    let all = fact(rungs, "protocols", "listen-addresses")?;
    let undialable = fact(rungs, "protocols", "undialable")?;
    if names(all).next().is_none() || names(all).count() != names(undialable).count() {
        return None;
    }
    let message = ["the peer tells others only addresses that nobody can dial: ", undialable].concat();
    let mut verdict = Verdict::new(codes::PEER_ADVERTISES_UNDIALABLE, &["protocols"], message);
    verdict.observed = Some(undialable.into());
    Some(verdict)
}

fn secret(rungs: &[Rung]) -> Option<Verdict> {
    let failure = failure(rungs, "secret")?;
    match failure.kind.as_str() {
        "different-secret" => {
            let message = "this peer holds another shared secret than this runner";
            let mut verdict = Verdict::new(codes::SECRET_DIFFERENT, &["secret"], message);
            verdict.expected = Some("the same secret on both sides");
            Some(verdict)
        }
        "never-acknowledged" => Some(Verdict::new(codes::PEER_NEVER_ACKNOWLEDGES, &["secret"], &failure.message)),
        _ => None,
    }
}

fn plaintext(rungs: &[Rung]) -> Option<Verdict> {
    if fact(rungs, "plaintext", "accepted")? != "true" {
        return None;
    }
    let message = "the peer confirmed an entry that was not encrypted: it has no shared secret";
    let mut verdict = Verdict::new(codes::PEER_PLAINTEXT_ACCEPTED, &["plaintext"], message);
    verdict.expected = Some("ERROR: Decryption failed");
    Some(verdict)
}

fn clock(rungs: &[Rung], rules: Rules) -> Option<Verdict> {
    let skew: i64 = fact(rungs, "clock", "skew-ms")?.parse().ok()?;
    let uncertainty: u64 = fact(rungs, "clock", "uncertainty-ms")?.parse().ok()?;
    let least = skew.unsigned_abs().saturating_sub(uncertainty);
    if least <= rules.skew_warn {
        return None;
    }
    let (seconds, tenths) = (skew.unsigned_abs() / 1000, skew.unsigned_abs() % 1000 / 100);
    let amount = [&seconds.to_string(), ".", &tenths.to_string(), " s"].concat();
    let side = if skew > 0 { " ahead of" } else { " behind" };
    let refused = least > REFUSED_SKEW;
    let effect = if refused { ": entries are refused beyond 60 s" } else { "" };
    let message = ["the peer's clock is ", &amount, side, " this one", effect].concat();
    let mut verdict = Verdict::new(codes::CLOCK_SKEW, &["clock"], message);
    verdict.level = (!refused).then_some("warn");
    verdict.observed = Some(amount);
    verdict.expected = Some("at most 60 s, better none");
    Some(verdict.detail("skew-ms", skew.to_string()).detail("uncertainty-ms", uncertainty.to_string()))
}

fn canaries(rungs: &[Rung], skewed: bool) -> Option<Verdict> {
    if let Some(failure) = failure(rungs, "canary") {
        // What a wrong clock explains is told there.
        let refused = matches!(failure.kind.as_str(), "clock" | "expired");
        return if refused && skewed { None } else { of_canary(failure, &["canary"]) };
    }
    let failure = failure(rungs, "sized-canary")?;
    if matches!(failure.kind.as_str(), "canary-lost" | "canary-differs" | "not-allowed") {
        return of_canary(failure, &["sized-canary"]);
    }
    if let Some(limited) = relayed(rungs, failure) {
        return Some(limited);
    }
    let message = ["a small entry went out and came back, a larger one did not: ", &failure.message].concat();
    let mut verdict = Verdict::new(codes::CACHE_SIZE_LIMITED, &["sized-canary", "canary"], message);
    verdict.likely = failure.kind != "too-large";
    verdict.observed = Some(failure.kind.clone());
    let mut verdict = verdict.detail("kind", &failure.kind);
    for key in ["max-value-bytes", "half"] {
        if let Some(value) = row_value(&failure.details, key) {
            verdict = verdict.detail(key, value);
        }
    }
    Some(verdict)
}

/// A relay that carries less than a larger entry needs, and said so.
fn relayed(rungs: &[Rung], failure: &Failure) -> Option<Verdict> {
    let bytes = fact(rungs, "relay", "limit-bytes")?;
    if failure.kind == "too-large" {
        return None;
    }
    let seconds = fact(rungs, "relay", "limit-seconds").map(|s| [" and ", s, " s"].concat()).unwrap_or_default();
    let message = [
        "the relay carries ",
        bytes,
        " bytes",
        &seconds,
        " of a connection, and a larger entry needs more: ",
        &failure.message,
    ];
    let mut verdict = Verdict::new(codes::PEER_RELAY_LIMITED, &["sized-canary", "relay", "canary"], message.concat());
    verdict.observed = Some([bytes, " bytes"].concat());
    Some(verdict.detail("limit-bytes", bytes).detail("kind", &failure.kind))
}

fn of_canary(failure: &Failure, rungs: &'static [&'static str]) -> Option<Verdict> {
    let code = match failure.kind.as_str() {
        "canary-lost" => codes::CACHE_CANARY_LOST,
        "canary-differs" => codes::CACHE_CANARY_DIFFERS,
        "not-allowed" => return None,
        _ => codes::CACHE_CANARY_REFUSED,
    };
    let mut verdict = Verdict::new(code, rungs, &failure.message);
    verdict.observed = Some(failure.kind.clone());
    Some(verdict.detail("kind", &failure.kind))
}

fn back(rungs: &[Rung], rules: Rules) -> Option<Verdict> {
    let said = |key: &str| fact(rungs, "dial-back", key);
    if said("reachable")? == "true" {
        return None;
    }
    let (address, why) = (said("address").unwrap_or("this runner"), said("message").unwrap_or("no reason was given"));
    // The peer dialled the very address that others are told of.
    if rules.announced.is_some() && host_of(address) == rules.announced {
        let message = ["this runner announces ", address, ", and the peer cannot dial it there: ", why].concat();
        let mut verdict = Verdict::new(codes::PEER_ANNOUNCED_UNREACHABLE, &["dial-back"], message);
        verdict.observed = said("kind").map(str::to_owned);
        verdict.expected = Some("an address that others reach, or none");
        let verdict = verdict.detail("address", address).detail("kind", said("kind").unwrap_or_default());
        return Some(match address.split('/').skip_while(|part| *part != "tcp").nth(1) {
            Some(port) => verdict.detail("port", port),
            None => verdict,
        });
    }
    let message = ["the peer cannot dial this runner at ", address, ": ", why].concat();
    let mut verdict = Verdict::new(codes::PEER_NOT_DIALABLE_BACK, &["dial-back"], message);
    verdict.level = Some(if rules.require_dial_back { "warn" } else { "info" });
    verdict.observed = said("kind").map(str::to_owned);
    for (key, value) in [("address", said("address")), ("kind", said("kind")), ("listener", said("listener"))] {
        if let Some(value) = value {
            verdict = verdict.detail(key, value);
        }
    }
    Some(verdict)
}

/// The host of a multiaddr or of `host:port`, where it is an address.
#[must_use]
pub fn host_of(address: &str) -> Option<IpAddr> {
    match address.strip_prefix('/') {
        Some(rest) => ip::parse(rest.split('/').nth(1)?),
        None => ip::parse(address.rsplit_once(':')?.0),
    }
}

/// Directions between peers, as addresses and milliseconds; none is never.
pub type Direction<'a> = (&'a str, &'a str, Option<&'a str>);

/// The directions in which an entry put at `from` was looked for.
#[must_use]
pub fn directions<'a>(from: &'a str, rungs: &'a [Rung]) -> Vec<Direction<'a>> {
    let list =
        |key: &str| fact(rungs, "propagation", key).unwrap_or_default().split(';').filter(|text| !text.is_empty());
    let read = list("read-at").filter_map(|text| text.rsplit_once('=')).map(|(to, after)| (from, to, Some(after)));
    read.chain(list("never-at").map(|to| (from, to, None))).collect()
}

/// Pairs of addresses where entries get from the first to the second, and not back.
#[must_use]
pub fn one_way<'a>(directions: &[Direction<'a>]) -> Vec<(&'a str, &'a str)> {
    let gets = directions.iter().filter(|(.., after)| after.is_some());
    let back = |from: &str, to: &str| directions.iter().any(|(a, b, after)| *a == to && *b == from && after.is_none());
    gets.filter(|(from, to, _)| back(from, to)).map(|(from, to, _)| (*from, *to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { skew_warn: 5_000, require_dial_back: false, announced: None };

    fn good(name: &str, facts: &[(&str, &str)]) -> Rung {
        let facts = facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Rung { id: 1, name: name.into(), elapsed: 1, outcome: Ok(facts) }
    }

    fn bad(name: &str, kind: &str, details: &[(&str, &str)]) -> Rung {
        let details = details.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let failure = Failure { kind: kind.into(), stage: name.into(), os_code: None, message: "why".into(), details };
        Rung { id: 1, name: name.into(), elapsed: 1, outcome: Err(failure) }
    }

    fn codes_of(rungs: &[Rung]) -> Vec<(&'static str, Option<&'static str>, bool)> {
        of_peer(rungs, None, RULES).iter().map(|v| (v.code.code, v.level, v.likely)).collect()
    }

    #[test]
    fn an_announced_address_that_nobody_dials() {
        let rung = |address: &str| Rung {
            id: 1,
            name: "dial-back".into(),
            elapsed: 1,
            outcome: Ok([("reachable", "false"), ("address", address), ("kind", "timeout"), ("message", "why")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into()),
        };
        let code = |announced: Option<&str>, address: &str| {
            let announced = announced.map(|ip| ip.parse().unwrap());
            back(&[rung(address)], Rules { announced, ..RULES }).unwrap().code.code
        };
        assert_eq!(code(Some("203.0.113.5"), "/ip4/203.0.113.5/tcp/9100"), "peer.announced-unreachable");
        assert_eq!(code(Some("203.0.113.5"), "/ip4/192.168.1.5/tcp/9100"), "peer.not-dialable-back", "another address");
        assert_eq!(code(None, "/ip4/203.0.113.5/tcp/9100"), "peer.not-dialable-back");
    }

    #[test]
    fn where_a_peer_says_that_it_is() {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let at = |told: &[&str], reached: &str| misplaced_at(&ips(told), reached.parse().unwrap());
        assert_eq!(at(&["172.17.0.2"], "192.168.1.5"), Some(Misplaced::Internal));
        assert_eq!(at(&["10.42.1.7", "172.20.0.3"], "203.0.113.5"), Some(Misplaced::Internal));
        assert_eq!(at(&["172.17.0.2"], "172.17.0.2"), None, "a sibling reaches it there");
        assert_eq!(at(&["172.17.0.2", "192.168.1.5"], "192.168.1.9"), None, "one address elsewhere");
        assert_eq!(at(&["172.16.0.2"], "192.168.1.5"), None, "no block of a container engine");
        assert_eq!(at(&["203.0.113.5"], "192.168.1.5"), Some(Misplaced::PublicOnly));
        assert_eq!(at(&["203.0.113.5"], "203.0.113.5"), None);
        assert_eq!(at(&["203.0.113.5", "192.168.1.5"], "192.168.1.5"), None);
        assert_eq!(at(&["203.0.113.5"], "198.51.100.7"), None, "reached from outside");
        assert_eq!((at(&[], "192.168.1.5"), at(&["172.17.0.2"], "127.0.0.1")), (None, None));
    }

    #[test]
    fn a_relay_that_carries_too_little_is_told_from_a_peers_bound() {
        let rung = |name: &str, outcome: Result<&[(&str, &str)], &str>| Rung {
            id: 1,
            name: name.into(),
            elapsed: 1,
            outcome: match outcome {
                Ok(facts) => Ok(facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
                Err(kind) => Err(Failure {
                    kind: kind.into(),
                    stage: "canary".into(),
                    os_code: None,
                    message: "why".into(),
                    details: vec![],
                }),
            },
        };
        let code = |kind: &str, limits: &[(&str, &str)]| {
            let rungs = [rung("relay", Ok(limits)), rung("canary", Ok(&[])), rung("sized-canary", Err(kind))];
            canaries(&rungs, false).unwrap().code.code
        };
        let limits = [("limit-bytes", "131072"), ("limit-seconds", "120")];
        assert_eq!(code("closed", &limits), "peer.relay-limited");
        assert_eq!((code("too-large", &limits), code("closed", &[])), ("cache.size-limited", "cache.size-limited"));
    }

    #[test]
    fn a_good_peer_has_no_verdict() {
        let rungs = [
            good("security", &[("security", "/noise,/tls/1.0.0"), ("muxers", "/yamux/1.0.0")]),
            good(
                "protocols",
                &[("listen-addresses", "/ip4/0.0.0.0/tcp/1,/ip4/10.0.0.1/tcp/1"), ("undialable", "/ip4/0.0.0.0/tcp/1")],
            ),
            good("secret", &[]),
            good("clock", &[("skew-ms", "-5100"), ("uncertainty-ms", "150")]),
            good("canary", &[]),
            good("sized-canary", &[]),
            good("dial-back", &[("reachable", "true")]),
            good("plaintext", &[("accepted", "false")]),
        ];
        assert!(codes_of(&rungs).is_empty(), "{:?}", codes_of(&rungs));
        assert!(codes_of(&[]).is_empty());
    }

    #[test]
    fn each_fault_has_its_code() {
        let clock = |skew: &str| good("clock", &[("skew-ms", skew), ("uncertainty-ms", "10")]);
        let cases: [(Rung, &str, Option<&str>, bool); 13] = [
            (good("security", &[("security", "/noise,/plaintext/2.0.0")]), "peer.plaintext-offered", None, false),
            (
                good("protocols", &[("listen-addresses", "/ip4/0.0.0.0/tcp/1"), ("undialable", "/ip4/0.0.0.0/tcp/1")]),
                "peer.advertises-undialable",
                None,
                false,
            ),
            (bad("secret", "different-secret", &[]), "secret.different", None, false),
            (bad("secret", "never-acknowledged", &[]), "peer.never-acknowledges", None, false),
            (good("plaintext", &[("accepted", "true")]), "peer.plaintext-accepted", None, false),
            (clock("5100"), "clock.skew", Some("warn"), false),
            (clock("-61000"), "clock.skew", None, false),
            (bad("canary", "canary-lost", &[]), "cache.canary-lost", None, false),
            (bad("canary", "canary-differs", &[]), "cache.canary-differs", None, false),
            (bad("canary", "store", &[]), "cache.canary-refused", None, false),
            (bad("sized-canary", "timeout", &[]), "cache.size-limited", None, true),
            (bad("sized-canary", "too-large", &[("max-value-bytes", "9")]), "cache.size-limited", None, false),
            (good("dial-back", &[("reachable", "false")]), "peer.not-dialable-back", Some("info"), false),
        ];
        for (rung, code, level, likely) in cases {
            let name = rung.name.clone();
            assert_eq!(codes_of(&[rung]), [(code, level, likely)], "{name}");
        }
    }

    #[test]
    fn a_refusal_for_the_clock_is_the_clocks() {
        let clock = good("clock", &[("skew-ms", "-90000"), ("uncertainty-ms", "1")]);
        assert_eq!(codes_of(&[clock, bad("canary", "clock", &[])]), [("clock.skew", None, false)]);
        assert_eq!(codes_of(&[bad("canary", "clock", &[])]), [("cache.canary-refused", None, false)]);
        assert!(codes_of(&[bad("canary", "not-allowed", &[]), bad("sized-canary", "not-allowed", &[])]).is_empty());
    }

    #[test]
    fn one_way_is_neither_both_nor_none() {
        let (a, b, c) = ("/a", "/b", "/c");
        let seen =
            [(a, b, Some("1.0")), (b, a, None), (a, c, None), (c, a, None), (b, c, Some("2")), (c, b, Some("3"))];
        assert_eq!(one_way(&seen), [(a, b)]);
        let rungs = [good("propagation", &[("read-at", "/b=1.5;/c=2"), ("never-at", "/d")])];
        assert_eq!(directions(a, &rungs), [(a, b, Some("1.5")), (a, c, Some("2")), (a, "/d", None)]);
    }
}

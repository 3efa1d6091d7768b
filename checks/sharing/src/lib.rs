//! `p2p/sharing`: from peers that answer to a cache that is shared.
//!
//! One call climbs to all peers; [`verdict`] says what the rungs mean.

pub mod verdict;

use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::kit::progress;
use seaworthy_check_sdk::sharing::ladder::{self, Attempt, Climbed};
use seaworthy_check_sdk::{
    Check, CitedFinding, Context, ContextExt, Evidence, Findings, Outcome, ip, millis, row_value,
};
use verdict::{Rules, Verdict, fact, rung};

seaworthy_check_sdk::descriptor!();

const PEERS: &str = "CACHE_BOOTSTRAP_PEERS";
const PORT: &str = "CACHE_LISTEN_PORT";
/// What the Python cache announces as its own address.
const ANNOUNCED: [&str; 2] = ["CACHE_ADVERTISE_IP", "IPFS_ACCELERATE_PUBLIC_IP"];
/// The cache's own port, where none is configured.
const DEFAULT_PORT: u16 = 9100;
/// Milliseconds of the budget that are kept for reporting.
const RESERVE: u32 = 300;
/// The rungs above identify.
const RUNGS: [&str; 9] =
    ["security", "protocols", "secret", "clock", "canary", "sized-canary", "dial-back", "plaintext", "propagation"];

/// The check.
pub struct Sharing;

impl Check for Sharing {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let read = vars::read(&[PEERS, PORT, ANNOUNCED[0], ANNOUNCED[1]].map(str::to_owned));
        let addresses = context.addresses();
        if addresses.is_empty() {
            let reason = "CACHE_BOOTSTRAP_PEERS is not set or empty: no peer to share with";
            return Ok(Findings::new().not_configured(reason, Evidence::one(read.id)));
        }
        let (asked, left): (Vec<&String>, Vec<&String>) =
            addresses.iter().partition(|address| is_worth_asking(&context, address));
        if asked.is_empty() {
            let reason = "blocked: no peer is reachable, as Network Connectivity says";
            return Ok(Findings::new().not_applicable(reason, Evidence::one(read.id)));
        }
        progress::step("climbing to a shared cache with every peer");
        let attempts = attempts(&context, &asked, &read.variables);
        let climbed = ladder::climb(&attempts);
        let flag = |key: &str| context.setting(key) == Some("true");
        let rules = Rules {
            skew_warn: number(&context, "skew-warn-ms", 5_000).into(),
            require_dial_back: flag("require-dial-back"),
            announced: ANNOUNCED.iter().find_map(|name| {
                let variable = read.variables.iter().find(|variable| variable.name == *name && variable.present)?;
                ip::parse(variable.value.as_deref()?.trim_ascii())
            }),
        };
        let evidence = Evidence::one(read.id)
            .with(climbed.iter().map(|peer| peer.id))
            .with(climbed.iter().flat_map(|peer| peer.rungs.iter().map(|rung| rung.id)));
        Ok(report(&climbed, left.len(), rules, evidence))
    }
}

seaworthy_check_sdk::export_check!(Sharing);

fn number(context: &Context, key: &str, default: u32) -> u32 {
    context.setting(key).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Not found to be unreachable by an earlier check.
fn is_worth_asking(context: &Context, address: &str) -> bool {
    let unreachable = |code: &str| code.starts_with("peer.") && code != "peer.no-cache-protocol";
    !context.codes.iter().any(|code| code.value == address && unreachable(&code.key))
}

fn attempts(context: &Context, addresses: &[&String], variables: &[vars::Variable]) -> Vec<Attempt> {
    let budget = progress::remaining_ms().min(context.budget).saturating_sub(RESERVE).max(1);
    let timeout = number(context, "timeout-ms", budget).min(budget);
    let propagation = number(context, "propagation-ms", 2_000);
    let port = variables.iter().find(|variable| variable.name == PORT && variable.present);
    let port = match port {
        Some(variable) => variable.value.as_deref().and_then(|text| text.trim_ascii().parse().ok()).unwrap_or(0),
        None => DEFAULT_PORT,
    };
    let port = if context.setting("dial-back") == Some("false") { 0 } else { port };
    let wanted = RUNGS.iter().filter(|name| **name != "propagation" || propagation > 0);
    let rungs: Vec<String> = wanted.map(|name| (*name).to_owned()).collect();
    let attempt = |address: &&String| Attempt {
        address: (*address).clone(),
        secret: context.setting("secret").unwrap_or("cache").to_owned(),
        timeout,
        rungs: rungs.clone(),
        canary_size: number(context, "canary-bytes", 262_144),
        dial_back_port: port,
        propagation,
    };
    addresses.iter().map(attempt).collect()
}

fn report(climbed: &[Climbed], left: usize, rules: Rules, evidence: Evidence) -> Outcome {
    let mut findings = Findings::new();
    for peer in climbed {
        for verdict in verdict::of_peer(&peer.rungs, reached(peer), rules) {
            findings.add(finding(peer, &verdict));
        }
    }
    let directions: Vec<verdict::Direction> =
        climbed.iter().flat_map(|peer| verdict::directions(&peer.address, &peer.rungs)).collect();
    for (from, to) in verdict::one_way(&directions) {
        let message = ["an entry put at ", from, " is read at ", to, ", and not the other way round"].concat();
        let finding = codes::CACHE_ONE_WAY_PROPAGATION.found().message(message);
        let finding = finding.detail("from", from).detail("to", to);
        let own = climbed.iter().filter_map(|peer| Some(rung(&peer.rungs, "propagation")?.id));
        findings.add(match Evidence::of(own) {
            Ok(own) => finding.cite_all(&own),
            Err(_) => finding.cite_all(&evidence),
        });
    }
    let reached = climbed.iter().filter(|peer| peer.outcome.is_ok()).count();
    let sharing = climbed.iter().filter(|peer| shares(peer)).count();
    facts(&mut findings, climbed, sharing, &directions, &evidence);
    let total = (climbed.len() + left).to_string();
    let noun = if climbed.len() + left == 1 { " peer" } else { " peers" };
    let mut parts = vec![[&sharing.to_string(), " of ", &total, noun, " share the cache"].concat()];
    parts.extend(told(climbed, &directions));
    let summary = parts.join("; ");
    if reached == 0 {
        let why = climbed.iter().find_map(|peer| peer.outcome.as_ref().err()).map(|failure| failure.message.as_str());
        let reason = ["no peer could be reached to ask: ", why.unwrap_or("nothing answered")].concat();
        return findings.inconclusive(reason, evidence);
    }
    if sharing == 0 && findings.is_empty() {
        let reason = ["whether the cache is shared could not be seen: ", &untold(climbed)].concat();
        return findings.inconclusive(reason, evidence);
    }
    findings.conclude(summary, evidence)
}

/// The address at which the peer was reached; none through a relay, which hides it.
fn reached(peer: &Climbed) -> Option<std::net::IpAddr> {
    if peer.address.contains("/p2p-circuit") {
        return None;
    }
    verdict::host_of(row_value(peer.outcome.as_ref().ok()?, "remote")?)
}

/// The peer gave an entry back; where none was allowed or possible, it holds our secret.
fn shares(peer: &Climbed) -> bool {
    let went_well = |name: &str| rung(&peer.rungs, name).is_some_and(|rung| rung.outcome.is_ok());
    let not_allowed = |name: &str| {
        rung(&peer.rungs, name).and_then(|rung| rung.outcome.as_ref().err()).is_some_and(|f| f.kind == "not-allowed")
    };
    went_well("secret") && (went_well("canary") || not_allowed("canary") || rung(&peer.rungs, "canary").is_none())
}

/// The first rung that failed, in words.
fn untold(climbed: &[Climbed]) -> String {
    let failed = climbed.iter().flat_map(|peer| &peer.rungs).find_map(|rung| {
        let failure = rung.outcome.as_ref().err()?;
        Some([rung.name.as_str(), ": ", &failure.message].concat())
    });
    failed.unwrap_or_else(|| "the peers speak no protocol that shares".into())
}

fn finding(peer: &Climbed, verdict: &Verdict) -> CitedFinding {
    let mut finding = verdict.code.at(&peer.address).message(&verdict.message);
    if let Some(level) = verdict.level {
        finding = finding.level(level);
    }
    if verdict.likely {
        finding = finding.likely();
    }
    if let Some(observed) = &verdict.observed {
        finding = finding.observed(observed);
    }
    if let Some(expected) = verdict.expected {
        finding = finding.expected(expected);
    }
    for (key, value) in &verdict.details {
        finding = finding.detail(key, value);
    }
    let ids = verdict.rungs.iter().filter_map(|name| Some(rung(&peer.rungs, name)?.id));
    ids.fold(finding.cite(peer.id), CitedFinding::and)
}

fn facts(
    findings: &mut Findings,
    climbed: &[Climbed],
    sharing: usize,
    directions: &[verdict::Direction],
    evidence: &Evidence,
) {
    findings.fact(facts::SHARING_PEERS, sharing, evidence);
    for (key, of) in [(facts::OFFERED_SECURITY, "security"), (facts::OFFERED_MUXERS, "muxers")] {
        let offered = union(climbed, of);
        if !offered.is_empty() {
            findings.fact(key, offered, evidence);
        }
    }
    if let Some(skew) = worst_skew(climbed) {
        findings.fact(facts::CLOCK_SKEW_MS, skew, evidence);
    }
    for (key, name) in [(facts::CANARY_MS, "canary"), (facts::SIZED_CANARY_MS, "sized-canary")] {
        if let Some(slowest) = slowest(climbed, name) {
            findings.fact(key, millis(slowest), evidence);
        }
    }
    if let Some((back, asked)) = dialled_back(climbed) {
        findings.fact(facts::DIALABLE_BACK, [&back.to_string(), " of ", &asked.to_string()].concat(), evidence);
    }
    let slowest = directions.iter().filter_map(|(.., after)| *after).filter_map(micros).max();
    if let Some(slowest) = slowest {
        findings.fact(facts::PROPAGATION_MS, millis(slowest), evidence);
    }
}

/// What people read of it.
fn told(climbed: &[Climbed], directions: &[verdict::Direction]) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(slowest) = slowest(climbed, "canary") {
        parts.push(["a small entry goes out and comes back in ", &millis(slowest), " ms"].concat());
    }
    let bytes = climbed.iter().find_map(|peer| fact(&peer.rungs, "sized-canary", "bytes"));
    if let (Some(slowest), Some(bytes)) = (slowest(climbed, "sized-canary"), bytes) {
        parts.push([bytes, " bytes in ", &millis(slowest), " ms"].concat());
    }
    if let Some(skew) = worst_skew(climbed) {
        parts.push(["clocks differ by ", &skew.to_string(), " ms"].concat());
    }
    if let Some((back, asked)) = dialled_back(climbed) {
        parts.push([&back.to_string(), " of ", &asked.to_string(), " can dial back"].concat());
    }
    if !directions.is_empty() {
        let (got, all) = (directions.iter().filter(|(.., after)| after.is_some()).count(), directions.len());
        parts.push(["entries get from peer to peer in ", &got.to_string(), " of ", &all.to_string(), " ways"].concat());
    }
    parts
}

fn union(climbed: &[Climbed], key: &str) -> String {
    let mut all: Vec<&str> = Vec::new();
    for name in climbed.iter().filter_map(|peer| fact(&peer.rungs, "security", key)).flat_map(verdict::names) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all.join(",")
}

fn worst_skew(climbed: &[Climbed]) -> Option<i64> {
    let skews = climbed.iter().filter_map(|peer| fact(&peer.rungs, "clock", "skew-ms")?.parse::<i64>().ok());
    skews.max_by_key(|skew| skew.unsigned_abs())
}

/// Microseconds of put and get together.
fn slowest(climbed: &[Climbed], name: &str) -> Option<u64> {
    let took = |peer: &Climbed| {
        let time = |key: &str| fact(&peer.rungs, name, key).and_then(micros);
        Some(time("put-ms")? + time("get-ms")?)
    };
    climbed.iter().filter_map(took).max()
}

fn dialled_back(climbed: &[Climbed]) -> Option<(usize, usize)> {
    let answers: Vec<&str> = climbed.iter().filter_map(|peer| fact(&peer.rungs, "dial-back", "reachable")).collect();
    (!answers.is_empty()).then(|| (answers.iter().filter(|answer| **answer == "true").count(), answers.len()))
}

/// Milliseconds with a fraction, as microseconds.
fn micros(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u64>().ok()?.saturating_mul(1000) + digits.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_check_sdk::Failure;
    use seaworthy_check_sdk::sharing::ladder::Rung;

    fn peer(rungs: Vec<Rung>) -> Climbed {
        Climbed { id: 1, address: "/a".into(), elapsed: 1, rungs, outcome: Ok(vec![]) }
    }

    fn rung(name: &str, outcome: Result<&[(&str, &str)], &str>) -> Rung {
        let outcome = match outcome {
            Ok(facts) => Ok(facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
            Err(kind) => Err(Failure {
                kind: kind.into(),
                stage: name.into(),
                os_code: None,
                message: "why".into(),
                details: vec![],
            }),
        };
        Rung { id: 2, name: name.into(), elapsed: 1, outcome }
    }

    #[test]
    fn figures() {
        assert_eq!(
            (micros("1.5"), micros("12"), micros("0.042"), micros("x")),
            (Some(1_500), Some(12_000), Some(42), None)
        );
        let slow = peer(vec![rung("canary", Ok(&[("put-ms", "2.5"), ("get-ms", "1.25")]))]);
        let quick = peer(vec![rung("canary", Ok(&[("put-ms", "1"), ("get-ms", "1")]))]);
        let skewed =
            peer(vec![rung("clock", Ok(&[("skew-ms", "-70")])), rung("dial-back", Ok(&[("reachable", "false")]))]);
        let all = [slow, quick, skewed];
        assert_eq!(
            (slowest(&all, "canary"), worst_skew(&all), dialled_back(&all)),
            (Some(3_750), Some(-70), Some((0, 1)))
        );
        assert_eq!(slowest(&all, "sized-canary"), None);
    }

    #[test]
    fn what_counts_as_sharing() {
        let secret = || rung("secret", Ok(&[]));
        assert!(shares(&peer(vec![secret(), rung("canary", Ok(&[]))])));
        assert!(shares(&peer(vec![secret(), rung("canary", Err("not-allowed"))])));
        assert!(shares(&peer(vec![secret()])), "a peer that gives nothing back");
        assert!(!shares(&peer(vec![secret(), rung("canary", Err("canary-lost"))])));
        assert!(!shares(&peer(vec![rung("secret", Err("different-secret"))])));
        assert!(!shares(&peer(vec![])));
    }

    #[test]
    fn nothing_seen_is_no_pass() {
        let evidence = || Evidence::one(1);
        let rules = Rules { skew_warn: 5_000, require_dial_back: false, announced: None };
        let conclusion = |climbed: &[Climbed]| format!("{:?}", report(climbed, 0, rules, evidence()).conclusion);
        assert!(conclusion(&[peer(vec![rung("secret", Err("timeout"))])]).contains("Inconclusive"));
        assert!(conclusion(&[peer(vec![rung("secret", Ok(&[]))])]).contains("Concluded"));
        let Err(failure) = rung("connect", Err("timeout")).outcome else { panic!() };
        let unreached = Climbed { outcome: Err(failure), ..peer(vec![]) };
        assert!(conclusion(&[unreached]).contains("Inconclusive"));
    }
}

//! `cache/operations`: the usable tiers do what a cache has to do.
//!
//! [`exercise`] is the procedure, over a trait; the trait's one implementation
//! here calls the host.

pub mod exercise;

use exercise::{Abilities, Answer, Paces, Refusal, Session, Store, median};
use seaworthy_check_sdk::cache::caches::{self, Tier};
use seaworthy_check_sdk::cache::types::{Blob, CacheError, Capability};
use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::kit::{clock, progress, random};
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome, millis, row_value};

seaworthy_check_sdk::descriptor!();

/// The check.
pub struct Operations;

impl Check for Operations {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let number =
            |key: &str, default: u64| context.setting(key).and_then(|text| text.parse::<u64>().ok()).unwrap_or(default);
        let tiers = caches::open();
        let read = vars::read(&["CACHE_ENABLE_P2P".into(), "CACHE_BOOTSTRAP_PEERS".into(), "CACHE_BACKENDS".into()]);
        let evidence = Evidence::one(read.id).with(tiers.iter().map(|tier| tier.id));
        let usable: Vec<(&Tier, &Capability)> =
            tiers.iter().filter_map(|tier| Some((tier, tier.outcome.as_ref().ok()?))).collect();
        if usable.is_empty() {
            let reason = if tiers.is_empty() { "no tier is open: none is configured" } else { "no tier is open" };
            return Ok(Findings::new().not_configured(reason, evidence));
        }
        let size = usize::try_from(number("object-size", 1024)).unwrap_or(1024).max(1);
        let samples = usize::try_from(number("samples", 5)).unwrap_or(5);
        let ttl = number("ttl-ms", 300);
        let run = ["seaworthy-check/", &random::hex(16), "/"].concat();
        let value = filler(&run, size);

        let mut sessions = Vec::new();
        for (tier, able) in &usable {
            progress::step(&["exercising the tier ", &tier.label].concat());
            let prefix = [run.as_str(), &tier.label, "/"].concat();
            let limit = row_value(&able.limits, "max-value-bytes").and_then(|text| text.parse::<usize>().ok());
            // One byte less than the limit: the second value is longer by one.
            let length = limit.map_or(size, |limit| size.min(limit.saturating_sub(1)));
            let paces = Paces { prefix: &prefix, value: &value[..length], samples, ttl };
            let mut session = Session::new(Live(tier.label.clone()), abilities(able));
            session.begin(&paces);
            sessions.push(session);
        }
        if sessions.iter().any(Session::waits) {
            let grain = usable.iter().filter_map(|(_, able)| row_value(&able.limits, "ttl-granularity-ms"));
            let grain = grain.filter_map(|text| text.parse::<u64>().ok()).max().unwrap_or(0);
            clock::sleep_ms(u32::try_from(ttl + grain + TTL_GRACE).unwrap_or(u32::MAX));
        }
        sessions.iter_mut().for_each(Session::finish);

        let peers = is_shared_wanted(&read.variables) || !context.addresses().is_empty();
        let evidence = evidence.with(sessions.iter().flat_map(|session| session.ids.iter().copied()));
        Ok(report(&usable, &sessions, number("latency-ms", 10), peers, evidence))
    }
}

/// Milliseconds beyond the TTL before an entry counts as overdue.
const TTL_GRACE: u64 = 100;

fn abilities(able: &Capability) -> Abilities {
    let operation = |name: &str| able.operations.iter().any(|other| other == name);
    let property = |name: &str| able.properties.iter().any(|other| other == name);
    Abilities {
        put: operation("put"),
        invalidate: operation("invalidate"),
        expiring: property("expiring"),
        immutable: property("immutable") || property("content-addressed"),
    }
}

/// Bytes that are unique to the run and not all the same.
fn filler(seed: &str, size: usize) -> Vec<u8> {
    seed.bytes().cycle().zip(0_u32..).map(|(byte, at)| byte ^ at.to_le_bytes()[0]).take(size).collect()
}

/// Peers are configured and P2P is not switched off.
fn is_shared_wanted(variables: &[vars::Variable]) -> bool {
    let value = |name: &str| {
        let variable = variables.iter().find(|variable| variable.name == name && variable.present)?;
        variable.value.as_deref()
    };
    let on = value("CACHE_ENABLE_P2P").is_none_or(|value| value.eq_ignore_ascii_case("true"));
    on && value("CACHE_BOOTSTRAP_PEERS").is_some_and(|list| !list.trim_ascii().is_empty())
}

fn report(
    usable: &[(&Tier, &Capability)],
    sessions: &[Session<Live>],
    latency: u64,
    peers: bool,
    evidence: Evidence,
) -> Outcome {
    let mut findings = Findings::new();
    let mut parts = Vec::new();
    let (mut get_ms, mut put_ms) = (None, None);
    for ((tier, able), session) in usable.iter().zip(sessions) {
        let label = tier.label.as_str();
        for problem in &session.problems {
            let mut finding = problem.code.at(label).message([label, ": ", &problem.message].concat());
            finding = problem.level.into_iter().fold(finding, |finding, level| finding.level(level));
            if let Some(kind) = &problem.error_kind {
                finding = finding.observed(kind).detail("error-kind", kind);
            }
            let mut cites = problem.cites.iter().copied();
            if let Some(first) = cites.next() {
                findings.add(cites.fold(finding.cite(first), |finding, id| finding.and(id)));
            }
        }
        let (get, put) = (median(&session.gets), median(&session.puts));
        let own = evidence_of(session, &evidence);
        if let Some(get) = get.filter(|get| *get > latency.saturating_mul(1000)) {
            let message = format!("{label}: a cached answer takes {} ms (median)", millis(get));
            let finding = codes::CACHE_SLOW.at(label).message(message).observed([&millis(get), " ms"].concat());
            findings.add(finding.expected(format!("at most {latency} ms")).cite_all(&own));
        }
        get_ms = get_ms.or(get.map(|time| (time, own.clone())));
        put_ms = put_ms.or(put.map(|time| (time, own)));
        let shared = able.properties.iter().any(|property| property == "shared");
        parts.push(match (get, session.problems.len()) {
            (Some(get), 0) => answers(label, get, latency, shared),
            (None, 0) => format!("{label} is read-only, a miss is a miss"),
            (_, 1) => format!("{label} has one problem"),
            (_, several) => format!("{label} has {several} problems"),
        });
    }
    if let Some((time, own)) = get_ms {
        findings.fact(facts::GET_MS, millis(time), &own);
    }
    if let Some((time, own)) = put_ms {
        findings.fact(facts::PUT_MS, millis(time), &own);
    }
    let labels: Vec<&str> = usable.iter().map(|(tier, _)| tier.label.as_str()).collect();
    findings.fact(facts::TESTED_TIERS, labels.join(","), &evidence);
    if peers && !usable.iter().any(|(_, able)| able.properties.iter().any(|property| property == "shared")) {
        let message =
            format!("peers are configured, but no tier that works is shared with them: {}", labels.join(", "));
        findings.add(codes::CACHE_NOT_SHARED.found().message(message).cite_all(&evidence));
    }
    findings.conclude(parts.join("; "), evidence)
}

/// That a tier works. Of a shared one it is proven that the peer took the value and gave it
/// back to this runner, not that another runner finds it.
fn answers(label: &str, get: u64, latency: u64, shared: bool) -> String {
    let stored = if shared { ", stored at the peer and read back" } else { "" };
    format!("{label} answers in {} ms (limit {latency} ms){stored}", millis(get))
}

/// What one tier's figures rest on; all of it where the tier answered nothing.
fn evidence_of(session: &Session<Live>, all: &Evidence) -> Evidence {
    Evidence::of(session.ids.iter().copied()).unwrap_or_else(|_| all.clone())
}

/// A tier of the host, by its label.
#[derive(Debug)]
struct Live(String);

impl Store for Live {
    fn get(&mut self, key: &str) -> Answer<Option<Vec<u8>>> {
        let got = caches::get(&self.0, key);
        let outcome = got.outcome.map(|blob| blob.map(|blob| blob.bytes)).map_err(refusal);
        Answer { id: got.id, elapsed: got.elapsed, outcome }
    }

    fn put(&mut self, key: &str, value: &[u8], ttl: Option<u64>) -> Answer<()> {
        // An entry without a TTL of its own gets a short one: should it be left behind, it goes by itself.
        let ttl = Some(ttl.unwrap_or(60_000));
        let blob = Blob { bytes: value.to_vec(), created: clock::unix_ms(), ttl, metadata: Vec::new() };
        let done = caches::put(&self.0, key, &blob);
        Answer { id: done.id, elapsed: done.elapsed, outcome: done.outcome.map_err(refusal) }
    }

    fn invalidate(&mut self, key: &str) -> Answer<()> {
        let done = caches::invalidate(&self.0, key);
        Answer { id: done.id, elapsed: done.elapsed, outcome: done.outcome.map_err(refusal) }
    }
}

fn refusal(error: CacheError) -> Refusal {
    Refusal { kind: error.kind, message: error.message }
}

seaworthy_check_sdk::export_check!(Operations);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_the_size_asked_for_and_vary() {
        let value = filler("seaworthy-check/ab/", 1024);
        assert_eq!(value.len(), 1024);
        assert!(value.windows(2).any(|pair| pair[0] != pair[1]));
        assert_ne!(value, filler("seaworthy-check/cd/", 1024));
    }

    #[test]
    fn what_passes_names_its_limit_and_what_is_proven() {
        assert_eq!(answers("memory", 300, 10, false), "memory answers in 0.300 ms (limit 10 ms)");
        let shared = answers("p2p", 300, 25, true);
        assert_eq!(shared, "p2p answers in 0.300 ms (limit 25 ms), stored at the peer and read back");
    }

    #[test]
    fn peers_count_only_while_p2p_is_on() {
        let variable = |name: &str, value: &str| vars::Variable {
            name: name.into(),
            present: true,
            value: Some(value.into()),
            secret: false,
            origin: "process".into(),
            details: vec![],
        };
        let peers = variable("CACHE_BOOTSTRAP_PEERS", "/ip4/10.0.0.1/tcp/9100");
        assert!(is_shared_wanted(std::slice::from_ref(&peers)));
        assert!(!is_shared_wanted(&[peers, variable("CACHE_ENABLE_P2P", "false")]));
        assert!(!is_shared_wanted(&[]));
    }
}

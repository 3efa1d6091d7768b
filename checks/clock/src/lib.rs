//! `system/clock`: this machine's clock beside those of others.
//!
//! [`judge`] decides and does not call the host; this asks.

pub mod judge;

use judge::{Limits, Says, Verdict};
use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::kit::clock;
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::sharing::ladder;
use seaworthy_check_sdk::{
    Check, CitedFinding, Context, ContextExt, Evidence, Failure, Findings, Outcome, endpoint, row_value,
};

seaworthy_check_sdk::descriptor!();

/// S3 refuses requests that are signed so far away, in milliseconds.
const S3: i64 = 900_000;
/// Peers refuse entries that are made so far in the future, in milliseconds.
const PEERS: i64 = 60_000;
/// More sources than this say nothing more, and would not be asked all at once.
const SOURCES: usize = 16;

/// The check.
pub struct Clock;

impl Check for Clock {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        if context.addresses().is_empty() {
            // Asking for nothing is an observation too: the check ran and had no target.
            let seen = vars::read(&[]);
            return Ok(Findings::new().not_configured("the check's targets hold no address", Evidence::one(seen.id)));
        }
        let sources = ask(&context);
        let evidence = Evidence::of(sources.iter().map(|source| source.id))?;
        Ok(report(&sources, limits(&context), evidence))
    }
}

seaworthy_check_sdk::export_check!(Clock);

/// Somebody with a clock.
#[derive(Clone, Debug)]
struct Source {
    id: u32,
    /// As the target is written.
    address: String,
    says: Option<Says>,
    /// A peer of the cache, which refuses entries from the future.
    peer: bool,
    /// Why it says nothing.
    silent: String,
}

fn limits(context: &Context) -> Limits {
    let number = |key: &str, default: i64| context.setting(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    Limits {
        warn: number("warn-s", 30).saturating_mul(1000),
        fail: number("fail-s", 300).saturating_mul(1000),
        least: usize::try_from(number("least-sources", 3)).unwrap_or(3),
    }
}

fn ask(context: &Context) -> Vec<Source> {
    let (mut web, mut peers) = (Vec::new(), Vec::new());
    for target in &context.targets {
        let list = if target.kind == "libp2p" { &mut peers } else { &mut web };
        list.extend(target.addresses.iter().cloned());
    }
    web.truncate(SOURCES);
    peers.truncate(SOURCES);
    let mut sources = ask_web(&web, context.budget / 2 - context.budget / 20);
    sources.extend(ask_peers(
        &peers,
        context.setting("secret").unwrap_or("cache"),
        context.budget / 2 - context.budget / 20,
    ));
    sources
}

/// One URL for an address; a bare `host:port` speaks http, unless its port says otherwise.
fn url(address: &str) -> String {
    if address.contains("://") {
        return address.to_owned();
    }
    let socket = endpoint::socket(address).unwrap_or_else(|| address.to_owned());
    if socket.ends_with(":443") { format!("https://{socket}/") } else { format!("http://{socket}/") }
}

fn ask_web(addresses: &[String], timeout: u32) -> Vec<Source> {
    if addresses.is_empty() {
        return Vec::new();
    }
    let requests: Vec<http::Request> = addresses
        .iter()
        .map(|address| http::Request {
            method: "HEAD".into(),
            url: url(address),
            // Whoever keeps answers on the way shall not answer with an old date.
            headers: vec![("cache-control".into(), "no-cache".into())],
            body: Vec::new(),
            timeout,
            max_body: 0,
            proxy: "environment".into(),
        })
        .collect();
    let started = i64::try_from(clock::unix_ms()).unwrap_or_default();
    let seen = http::send(&requests);
    let source = |(address, seen): (&String, http::Seen)| {
        let says = match &seen.outcome {
            Ok(response) => dated(response, started),
            Err(failure) => refused(failure, started).ok_or_else(|| failure.message.clone()),
        };
        let silent = says.as_ref().err().cloned().unwrap_or_default();
        Source { id: seen.id, address: address.clone(), says: says.ok(), peer: false, silent }
    };
    addresses.iter().zip(seen).map(source).collect()
}

/// The date of an answer, with the time on the way taken off: the host says how long each
/// part took, and all requests started together.
fn dated(response: &http::Response, started: i64) -> Result<Says, String> {
    let header = |name: &str| {
        let found = response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    };
    if header("age").is_some_and(|age| age != "0") {
        return Err("the answer comes from a cache in between, and so does its date".into());
    }
    let date = header("date").ok_or("the answer has no date")?;
    let date = httpdate::parse_http_date(date).map_err(|_| format!("`{date}` is no date"))?;
    let date = date.duration_since(std::time::UNIX_EPOCH).map_err(|_| "a date before 1970")?.as_secs();
    let took =
        |key: &str| row_value(&response.details, key).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0) / 1000;
    let asked = started + took("dns-us") + took("connect-us") + took("tls-us");
    judge::of_date(date, asked, asked + took("first-byte-us")).ok_or_else(|| "the date is out of range".into())
}

fn refused(failure: &Failure, now: i64) -> Option<Says> {
    let of = |key: &str| row_value(&failure.details, key);
    judge::of_certificate(&failure.kind, of("not-before"), of("not-after"), now)
}

/// Peers say their time to those who hold the same secret.
fn ask_peers(addresses: &[String], secret: &str, timeout: u32) -> Vec<Source> {
    if addresses.is_empty() {
        return Vec::new();
    }
    let attempts: Vec<ladder::Attempt> = addresses
        .iter()
        .map(|address| ladder::Attempt {
            address: address.clone(),
            secret: secret.to_owned(),
            timeout,
            rungs: vec!["clock".into()],
            canary_size: 0,
            dial_back_port: 0,
            propagation: 0,
        })
        .collect();
    let source = |(address, peer): (&String, ladder::Climbed)| {
        let rung = peer.rungs.iter().find(|rung| rung.name == "clock");
        let number = |key: &str| {
            let facts = rung?.outcome.as_ref().ok()?;
            row_value(facts, key)?.parse::<i64>().ok()
        };
        // The rung says the peer's clock less ours.
        let says =
            number("skew-ms").map(|skew| Says::Offset { ms: -skew, uncertain: number("uncertainty-ms").unwrap_or(0) });
        let failure = rung.and_then(|rung| rung.outcome.as_ref().err()).or(peer.outcome.as_ref().err());
        let silent =
            failure.map_or_else(|| "the peer does not say its time".to_owned(), |failure| failure.message.clone());
        let id = rung.map_or(peer.id, |rung| rung.id);
        Source { id, address: address.clone(), says, peer: true, silent }
    };
    addresses.iter().zip(ladder::climb(&attempts)).map(source).collect()
}

fn report(sources: &[Source], limits: Limits, evidence: Evidence) -> Outcome {
    let said: Vec<Option<Says>> = sources.iter().map(|source| source.says).collect();
    let verdict = judge::judge(&said, limits);
    let mut findings = Findings::new();
    let heard = said.iter().flatten().count();
    findings.fact(facts::CLOCK_SOURCES, heard, &evidence);
    match verdict {
        Verdict::TooFew(known) => {
            findings.fact(facts::CLOCK_VERDICT, "unknown", &evidence);
            let why: Vec<String> = sources
                .iter()
                .filter(|source| source.says.is_none())
                .map(|source| format!("{}: {}", source.address, source.silent))
                .collect();
            let least = limits.least;
            let reason = format!("{known} sources said their time, {least} are wanted; {}", why.join("; "));
            findings.inconclusive(reason.trim_end_matches([';', ' ']), evidence)
        }
        Verdict::Disagree => {
            findings.fact(facts::CLOCK_VERDICT, "unknown", &evidence);
            let list: Vec<String> = sources.iter().filter_map(told).collect();
            let reason =
                format!("the sources contradict each other ({}), so none of them can be a measure", list.join(", "));
            findings.inconclusive(reason, evidence)
        }
        Verdict::Agreed { offset, apart, bound } => {
            let peers = sources.iter().any(|source| source.peer && source.says.is_some());
            let limits = if peers { Limits { fail: limits.fail.min(PEERS), ..limits } } else { limits };
            let level = judge::level(offset, limits);
            findings.fact(facts::CLOCK_VERDICT, if level.is_some() { "wrong" } else { "right" }, &evidence);
            if !bound {
                findings.fact(facts::CLOCK_OFFSET_MS, offset, &evidence);
            }
            for at in apart {
                findings.add(source_wrong(&sources[at], offset));
            }
            if let Some(level) = level {
                findings.add(wrong(offset, bound, level, heard, limits, &evidence));
            }
            let least = if bound { "at least " } else { "" };
            let summary = format!("this clock is {least}{} of {heard} sources", judge::words(offset));
            findings.conclude(summary, evidence)
        }
    }
}

fn told(source: &Source) -> Option<String> {
    match source.says? {
        Says::Offset { ms, .. } => Some(format!("{}: {}", source.address, judge::words(ms))),
        _ => None,
    }
}

fn wrong(offset: i64, bound: bool, level: &str, heard: usize, limits: Limits, evidence: &Evidence) -> CitedFinding {
    let least = if bound { "at least " } else { "" };
    let what = if offset.abs() > S3 {
        "; S3 refuses requests that are signed 15 minutes off, and certificates and tokens are judged by this clock"
    } else {
        ""
    };
    let finding = codes::CLOCK_WRONG
        .found()
        .message(format!("this machine's clock is {least}{} of what {heard} sources say{what}", judge::words(offset)))
        .level(level)
        .observed(format!("{least}{}", judge::words(offset)))
        .expected(format!("at most {} s", limits.warn / 1000))
        .detail("offset-ms", offset.to_string())
        .detail("sources", heard.to_string())
        .detail("measure", if bound { "certificates" } else { "dates" });
    // An expired certificate may be just that, so what certificates say is not certain.
    let finding = if bound { finding.likely() } else { finding };
    finding.cite_all(evidence)
}

fn source_wrong(source: &Source, offset: i64) -> CitedFinding {
    let own = match source.says {
        Some(Says::Offset { ms, .. }) => ms,
        _ => offset,
    };
    // Ours less theirs is small where theirs is ahead.
    let apart = offset - own;
    codes::CLOCK_SOURCE_WRONG
        .at(&source.address)
        .message(format!("the clock of {} is {} of the other sources", source.address, judge::words(apart)))
        .observed(judge::words(apart))
        .detail("offset-ms", apart.to_string())
        .cite(source.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { warn: 30_000, fail: 300_000, least: 3 };

    fn outcome(offsets: &[Option<i64>]) -> Outcome {
        let source = |(at, ms): (usize, &Option<i64>)| Source {
            id: 1,
            address: format!("http://{at}.test/"),
            says: ms.map(|ms| Says::Offset { ms, uncertain: 500 }),
            peer: false,
            silent: "no answer".into(),
        };
        let sources: Vec<Source> = offsets.iter().enumerate().map(source).collect();
        report(&sources, LIMITS, Evidence::one(1))
    }

    fn codes(outcome: &Outcome) -> Vec<(&str, &str, Option<&str>)> {
        outcome.findings.iter().map(|f| (f.code.as_str(), f.level.as_str(), f.target.as_deref())).collect()
    }

    #[test]
    fn ours_theirs_and_nobodys() {
        assert!(codes(&outcome(&[Some(0), Some(900), Some(-900)])).is_empty());
        let ours = outcome(&[Some(-1_200_000), Some(-1_200_900), Some(-1_199_500)]);
        assert_eq!(codes(&ours), [("clock.wrong", "fail", None)]);
        assert!(
            ours.findings[0].message.contains("1200.0 s behind") && ours.findings[0].message.contains("15 minutes")
        );
        assert_eq!(codes(&outcome(&[Some(60_000), Some(60_100), Some(60_200)])), [("clock.wrong", "warn", None)]);
        let theirs = outcome(&[Some(0), Some(-1_200_000), Some(100)]);
        assert_eq!(codes(&theirs), [("clock.source-wrong", "warn", Some("http://1.test/"))]);
        assert!(theirs.findings[0].message.contains("1200.0 s ahead"), "{}", theirs.findings[0].message);
        for unknown in
            [outcome(&[Some(-1_200_000), Some(-1_200_000), None]), outcome(&[Some(0), Some(60_000), Some(-90_000)])]
        {
            assert!(unknown.findings.is_empty() && unknown.summary.contains("source"), "{}", unknown.summary);
        }
    }

    #[test]
    fn a_minute_is_too_much_where_peers_are_asked() {
        let source = |at: usize, peer: bool| Source {
            id: 1,
            address: format!("{at}"),
            says: Some(Says::Offset { ms: 90_000, uncertain: 500 }),
            peer,
            silent: String::new(),
        };
        let level = |peer: bool| {
            let outcome = report(&[source(0, false), source(1, peer), source(2, false)], LIMITS, Evidence::one(1));
            outcome.findings[0].level.clone()
        };
        assert_eq!((level(false).as_str(), level(true).as_str()), ("warn", "fail"));
    }

    #[test]
    fn a_date_is_read_with_the_way_taken_off() {
        let response = |headers: &[(&str, &str)]| http::Response {
            status: 500,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: vec![],
            truncated: false,
            remote: String::new(),
            details: vec![("connect-us".into(), "400000".into()), ("first-byte-us".into(), "200000".into())],
        };
        let date = ("Date", "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(dated(&response(&[date]), 1_700_000_000_000), Ok(Says::Offset { ms: 0, uncertain: 600 }));
        assert!(dated(&response(&[date, ("age", "7")]), 0).is_err(), "a kept answer has an old date");
        assert!(dated(&response(&[]), 0).is_err() && dated(&response(&[("date", "today")]), 0).is_err());
    }

    #[test]
    fn every_notation_is_a_url() {
        for (address, expected) in [
            ("https://a.test/x", "https://a.test/x"),
            ("a.test:443", "https://a.test:443/"),
            ("a.test:9000", "http://a.test:9000/"),
        ] {
            assert_eq!(url(address), expected);
        }
    }
}

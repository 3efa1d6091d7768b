//! What the numbers mean. Decides; does not call the host.

use crate::codes;
use crate::counts::Counts;
use seaworthy_check_sdk::Code;

/// What counts as what.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Fewer reads are no measure.
    pub least_requests: u64,
    /// Younger caches need not have been asked.
    pub settle_s: u64,
    /// Something should have asked.
    pub expect_requests: bool,
    /// An earlier run filled it.
    pub expect_warm: bool,
    /// Longer look-ups wait for the dead.
    pub slow_lookup_ms: u64,
    /// A key to sign with is set.
    pub signed: bool,
}

/// What the log says, where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// That writes are off.
    pub read_only: bool,
    /// That there were too many requests.
    pub rate_limited: bool,
}

impl Logged {
    /// Reads a log.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|one| text.contains(one));
        Self {
            read_only: says(&["read-only", "readonly", "read only", "read_only"]),
            rate_limited: says(&["ratelimited", "rate limit", "rate-limit", "too many requests"])
                || has_status(&text, "429"),
        }
    }
}

/// Whether a number stands in a log as the status of an answer: `HTTP/1.1 429`,
/// `"status":429`, `status code 429`. By itself it may be anything, as in "took 429 ms".
fn has_status(text: &str, number: &str) -> bool {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.iter().enumerate().filter(|(_, word)| **word == number).any(|(at, _)| {
        let mut before =
            words[..at].iter().rev().skip_while(|word| matches!(**word, "code" | "error" | "0" | "1" | "2"));
        before.next().is_some_and(|word| matches!(*word, "status" | "statuscode" | "http"))
    })
}

/// A finding in the making.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What it is.
    pub code: Code,
    /// A contradicting look was had; certain otherwise.
    pub likely: bool,
    /// In words.
    pub message: String,
    /// For rules.
    pub details: Vec<(&'static str, String)>,
}

fn verdict(code: Code, likely: bool, message: String) -> Verdict {
    Verdict { code, likely, message, details: Vec::new() }
}

/// Everything that the numbers of one cache say, and what they cannot say.
#[must_use]
pub fn counted(counts: &Counts, logged: Logged, rules: Rules) -> (Vec<Verdict>, Vec<String>) {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    match counts.requests() {
        None => unknown.push(format!("{} does not count its reads", counts.source)),
        Some(0) => match counts.age_s {
            _ if !rules.expect_requests => {}
            Some(age) if age < rules.settle_s => {
                unknown.push(format!("it was started {age} s ago and was not asked yet"));
            }
            age => found.push(unasked(counts, age)),
        },
        Some(requests) => {
            found.extend(used(counts, logged, rules, requests));
            let failed = counts.read_errors.unwrap_or(0);
            if failed > 0 && requests < rules.least_requests {
                unknown.push(format!("{failed} of {requests} reads failed, which are too few to judge"));
            }
        }
    }
    (found, unknown)
}

fn unasked(counts: &Counts, age: Option<u64>) -> Verdict {
    let since = age.map_or_else(String::new, |age| format!(" in {age} s"));
    let message = format!("{} is up and was asked for nothing{since}", counts.source);
    let mut told = verdict(codes::USAGE_NO_REQUESTS, age.is_none(), message);
    told.details.push(("source", counts.source.into()));
    told
}

fn used(counts: &Counts, logged: Logged, rules: Rules, requests: u64) -> Vec<Verdict> {
    let mut found = Vec::new();
    let (hits, misses) = (counts.hits.unwrap_or(0), counts.misses.unwrap_or(0));
    let errors = counts.read_errors.unwrap_or(0);
    let enough = requests >= rules.least_requests;
    // One read of ten that fails. A cold cache hits nothing, so a single one is no sign.
    if enough && errors > 0 && errors.saturating_mul(10) >= requests {
        let message = format!("{errors} of {requests} reads failed, and tools count them as misses; {hits} hit");
        let mut told = verdict(codes::USAGE_ERRORS_AS_MISSES, false, message);
        told.details.push(("errors", errors.to_string()));
        found.push(told);
    }
    if let Some((index, gone)) = counts.index.filter(|(index, gone)| *index > 0 && *gone > 0) {
        let message =
            format!("{index} times the index was found, and {gone} of the values that were then fetched are gone");
        let mut told = verdict(codes::USAGE_INDEX_WITHOUT_BLOB, true, message);
        told.details.push(("gone", gone.to_string()));
        found.push(told);
    }
    found.extend(stored(counts, logged, misses, rules.least_requests));
    if enough && counts.company.is_some_and(|others| others > 0) && counts.from_others == Some(0) {
        let message = format!("{requests} requests, and none was answered by a peer though they offer something");
        found.push(verdict(codes::USAGE_PEERS_UNUSED, true, message));
    }
    if let Some(median) = counts.lookup_ms.filter(|median| *median > rules.slow_lookup_ms) {
        let message = format!("half of all look-ups take {median} ms or more");
        let mut told = verdict(codes::USAGE_LOOKUPS_STALL, true, message);
        told.details.push(("lookup-ms", median.to_string()));
        found.push(told);
    }
    let writes = counts.writes.unwrap_or(0) > 0 || counts.writes.is_none();
    if rules.signed && rules.expect_warm && enough && hits == 0 && errors == 0 && misses > 0 && writes {
        let message = format!("{misses} reads missed and none hit, with TURBO_REMOTE_CACHE_SIGNATURE_KEY set");
        found.push(verdict(codes::USAGE_SIGNED_NEVER_HITS, true, message));
    }
    found
}

/// What became of the values that misses bring.
fn stored(counts: &Counts, logged: Logged, misses: u64, least: u64) -> Option<Verdict> {
    let (writes, failed) = (counts.writes?, counts.write_errors.unwrap_or(0));
    // Writes come after their misses, so a few of those say nothing in the middle of a
    // build; and where others store, or nobody does, none need come at all.
    if writes == 0 && misses >= least && (counts.fills || failed > 0) {
        let why = match (logged.read_only, logged.rate_limited) {
            (_, true) => "; its log has a store that asked for fewer requests",
            (true, false) => "; its log says that it only reads",
            (false, false) => "",
        };
        let message = format!("{misses} reads missed, and not one value was stored{why}");
        let mut told = verdict(codes::USAGE_READ_ONLY, !(logged.read_only && logged.rate_limited), message);
        told.details.push(("reason", if logged.rate_limited { "rate-limited" } else { "unknown" }.into()));
        return Some(told);
    }
    if failed == 0 {
        return None;
    }
    let limited = logged.rate_limited || counts.rate_limited.is_some_and(|limited| limited > 0);
    let because = if limited { ", since the store asked for fewer requests" } else { "" };
    let message = format!("{failed} of {} values could not be stored{because}", writes + failed);
    let mut told = verdict(codes::USAGE_WRITES_LOST, false, message);
    told.details.push(("error-kind", if limited { "rate-limited" } else { "unknown" }.into()));
    told.details.push(("lost", failed.to_string()));
    Some(told)
}

/// What became of values that were put into a tier just now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Confirmed.
    pub put: u64,
    /// Kinds of the errors of those that were not, one for each.
    pub put_errors: Vec<String>,
    /// Of the confirmed ones: came back as they were.
    pub back: u64,
    /// Were not there.
    pub gone: u64,
    /// Kinds of the errors of reads, one for each.
    pub get_errors: Vec<String>,
    /// Milliseconds of a look-up of what is nowhere.
    pub lookup_ms: Option<u64>,
}

/// Judges a trial.
#[must_use]
pub fn tried(trial: &Trial, slow_lookup_ms: u64) -> Vec<Verdict> {
    let mut found = Vec::new();
    let kinds = |all: &[String]| {
        let mut kinds: Vec<&str> = Vec::new();
        for kind in all {
            if !kinds.contains(&kind.as_str()) {
                kinds.push(kind);
            }
        }
        kinds.join(",")
    };
    if !trial.get_errors.is_empty() && trial.put > 0 {
        let message = format!(
            "{} of {} values that were just stored cannot be read ({}); a tool would count misses",
            trial.get_errors.len(),
            trial.put,
            kinds(&trial.get_errors)
        );
        let mut told = verdict(codes::USAGE_ERRORS_AS_MISSES, false, message);
        told.details.push(("error-kind", kinds(&trial.get_errors)));
        found.push(told);
    }
    // Where nothing at all can be put the tier does not work; that is for its own check.
    let limited = trial.put_errors.iter().any(|kind| kind == "rate-limited");
    if trial.gone > 0 || !trial.put_errors.is_empty() && (trial.put > 0 || limited) {
        let lost = trial.gone + trial.put_errors.len() as u64;
        let all = trial.put + trial.put_errors.len() as u64;
        let kind = if trial.put_errors.is_empty() { "gone".to_owned() } else { kinds(&trial.put_errors) };
        let message = format!("{lost} of {all} values that were written one after the other are lost ({kind})");
        let mut told = verdict(codes::USAGE_WRITES_LOST, false, message);
        told.details.push(("error-kind", kind));
        told.details.push(("lost", lost.to_string()));
        found.push(told);
    }
    if let Some(took) = trial.lookup_ms.filter(|took| *took > slow_lookup_ms) {
        let message = format!("a look-up of a value that is nowhere took {took} ms");
        let mut told = verdict(codes::USAGE_LOOKUPS_STALL, true, message);
        told.details.push(("lookup-ms", took.to_string()));
        found.push(told);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        least_requests: 20,
        settle_s: 60,
        expect_requests: true,
        expect_warm: false,
        slow_lookup_ms: 2000,
        signed: false,
    };

    fn codes_of(counts: &Counts, logged: Logged, rules: Rules) -> Vec<&'static str> {
        counted(counts, logged, rules).0.iter().map(|verdict| verdict.code.code).collect()
    }

    fn reads(hits: u64, misses: u64, errors: u64) -> Counts {
        Counts { hits: Some(hits), misses: Some(misses), read_errors: Some(errors), ..Counts::default() }
    }

    #[test]
    fn a_cold_and_a_warm_cache_are_healthy() {
        for counts in [
            Counts { writes: Some(50), write_errors: Some(0), ..reads(0, 50, 0) },
            Counts { writes: Some(5), write_errors: Some(0), ..reads(95, 5, 0) },
            Counts { writes: Some(0), write_errors: Some(0), ..reads(95, 0, 0) },
            reads(95, 5, 1),
        ] {
            assert!(codes_of(&counts, Logged::default(), RULES).is_empty(), "{counts:?}");
        }
    }

    #[test]
    fn errors_are_no_misses() {
        assert_eq!(codes_of(&reads(0, 30, 10), Logged::default(), RULES), ["usage.errors-as-misses"]);
        assert_eq!(codes_of(&reads(50, 0, 10), Logged::default(), RULES), ["usage.errors-as-misses"]);
    }

    #[test]
    fn one_failed_read_of_a_cold_cache_is_no_sign() {
        assert!(codes_of(&reads(0, 50, 1), Logged::default(), RULES).is_empty(), "one of fifty");
        let (found, unknown) = counted(&reads(0, 3, 1), Logged::default(), RULES);
        assert!(found.is_empty() && unknown.len() == 1, "too few are not healthy either: {unknown:?}");
    }

    #[test]
    fn misses_in_the_middle_of_a_build_and_of_who_only_reads_store_nothing() {
        let of = |misses, fills, failed| Counts {
            writes: Some(0),
            write_errors: Some(failed),
            fills,
            ..reads(0, misses, 0)
        };
        let codes = |counts: &Counts| codes_of(counts, Logged::default(), RULES);
        assert!(codes(&of(1, true, 0)).is_empty(), "its value is on the way");
        assert_eq!(codes(&of(20, true, 0)), ["usage.read-only"]);
        assert!(codes(&of(20, false, 0)).is_empty(), "a peer that is only read from");
        assert_eq!(codes(&of(20, false, 5)), ["usage.read-only"]);
        assert_eq!(codes(&of(1, true, 5)), ["usage.writes-lost"], "what was lost is counted, not a rate");
    }

    #[test]
    fn a_number_is_a_status_only_beside_a_word_that_says_so() {
        for limited in [
            "GET / HTTP/1.1\" 429 12",
            "{\"status\":429}",
            "StatusCode: 429",
            "status code 429",
            "http error 429",
            "429 Too Many Requests",
            "RateLimited (429)",
        ] {
            assert!(Logged::read(limited).rate_limited, "{limited}");
        }
        for other in
            ["cache hit in 429 ms", "[429] stored", "429 objects", "http://10.0.0.1:4290/", "status 200 in 429 ms"]
        {
            assert!(!Logged::read(other).rate_limited, "{other}");
        }
    }

    #[test]
    fn nobody_asks_and_nobody_asked_yet() {
        let aged = |age_s| Counts { age_s, ..reads(0, 0, 0) };
        assert_eq!(codes_of(&aged(Some(600)), Logged::default(), RULES), ["usage.no-requests"]);
        let (found, _) = counted(&aged(None), Logged::default(), RULES);
        assert!(found[0].likely);
        let (found, unknown) = counted(&aged(Some(5)), Logged::default(), RULES);
        assert!(found.is_empty() && unknown.len() == 1, "too early is not known");
        let rules = Rules { expect_requests: false, ..RULES };
        assert_eq!(counted(&aged(Some(600)), Logged::default(), rules).0.len(), 0);
        let (found, unknown) = counted(&Counts::default(), Logged::default(), RULES);
        assert!(found.is_empty() && unknown.len() == 1, "what is not counted is not zero");
    }

    #[test]
    fn an_index_without_its_values() {
        let of = |index| Counts { index: Some(index), ..reads(5, 1, 0) };
        assert_eq!(codes_of(&of((5, 2)), Logged::default(), RULES), ["usage.index-without-blob"]);
        assert!(codes_of(&of((5, 0)), Logged::default(), RULES).is_empty());
        assert!(codes_of(&of((0, 2)), Logged::default(), RULES).is_empty());
    }

    #[test]
    fn peers_that_are_there_and_not_used() {
        let of = |company, from_others, misses| Counts {
            company: Some(company),
            from_others: Some(from_others),
            ..reads(from_others, misses, 0)
        };
        assert_eq!(codes_of(&of(4, 0, 30), Logged::default(), RULES), ["usage.peers-unused"]);
        assert!(codes_of(&of(0, 0, 30), Logged::default(), RULES).is_empty(), "nobody to ask");
        assert!(codes_of(&of(4, 1, 30), Logged::default(), RULES).is_empty());
        assert!(codes_of(&of(4, 0, 3), Logged::default(), RULES).is_empty(), "too few");
    }

    #[test]
    fn writes_are_lost_or_never_made() {
        let of = |writes, failed| Counts {
            writes: Some(writes),
            write_errors: Some(failed),
            fills: true,
            ..reads(10, 30, 0)
        };
        let log = |read_only, rate_limited| Logged { read_only, rate_limited };
        assert_eq!(codes_of(&of(0, 0), Logged::default(), RULES), ["usage.read-only"]);
        assert_eq!(codes_of(&of(0, 30), Logged::default(), RULES), ["usage.read-only"]);
        let certain = |logged| !counted(&of(0, 0), logged, RULES).0[0].likely;
        assert!(certain(log(true, true)) && !certain(log(true, false)) && !certain(log(false, true)));
        assert_eq!(codes_of(&of(20, 10), Logged::default(), RULES), ["usage.writes-lost"]);
        let (found, _) = counted(&of(20, 10), log(false, true), RULES);
        assert!(found[0].details.contains(&("error-kind", "rate-limited".into())));
        assert!(codes_of(&of(30, 0), log(false, true), RULES).is_empty(), "a warning in a log loses nothing");
    }

    #[test]
    fn stalls_and_signatures() {
        let slow = |ms| Counts { lookup_ms: Some(ms), ..reads(10, 30, 0) };
        assert_eq!(codes_of(&slow(60_000), Logged::default(), RULES), ["usage.lookups-stall"]);
        assert!(codes_of(&slow(2000), Logged::default(), RULES).is_empty());
        let cold = Counts { writes: Some(30), write_errors: Some(0), ..reads(0, 30, 0) };
        let signed = Rules { signed: true, ..RULES };
        assert!(codes_of(&cold, Logged::default(), signed).is_empty(), "a cold cache misses as well");
        let warm = Rules { expect_warm: true, ..signed };
        assert_eq!(codes_of(&cold, Logged::default(), warm), ["usage.signed-never-hits"]);
    }

    #[test]
    fn a_trial_says_what_was_lost() {
        let of = |trial: Trial| tried(&trial, 2000).iter().map(|verdict| verdict.code.code).collect::<Vec<_>>();
        let kinds = |kind: &str, times: usize| vec![kind.to_owned(); times];
        assert!(of(Trial { put: 4, back: 4, lookup_ms: Some(3), ..Trial::default() }).is_empty());
        assert_eq!(
            of(Trial { put: 4, get_errors: kinds("forbidden", 4), ..Trial::default() }),
            ["usage.errors-as-misses"]
        );
        assert_eq!(
            of(Trial { put: 2, back: 2, put_errors: kinds("rate-limited", 2), ..Trial::default() }),
            ["usage.writes-lost"]
        );
        assert_eq!(of(Trial { put_errors: kinds("rate-limited", 4), ..Trial::default() }), ["usage.writes-lost"]);
        assert!(
            of(Trial { put_errors: kinds("unreachable", 4), ..Trial::default() }).is_empty(),
            "it does not work at all"
        );
        assert_eq!(of(Trial { put: 4, back: 3, gone: 1, ..Trial::default() }), ["usage.writes-lost"]);
        assert_eq!(of(Trial { put: 1, back: 1, lookup_ms: Some(9000), ..Trial::default() }), ["usage.lookups-stall"]);
    }

    #[test]
    fn logs_are_read() {
        assert_eq!(
            Logged::read("[WARN] storage write check failed: RateLimited (permanent), set storage ReadOnly"),
            Logged { read_only: true, rate_limited: true }
        );
        assert_eq!(Logged::read("status 429"), Logged { read_only: false, rate_limited: true });
        assert_eq!(Logged::read("all is well, port 4290"), Logged::default());
    }
}

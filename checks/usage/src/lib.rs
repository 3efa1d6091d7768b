//! `cache/effectiveness`: whether the cache is of use, by what it counts and by a trial.
//!
//! [`page`] and [`counts`] read what caches say of themselves, [`judge`] decides; none of them
//! calls the host.

pub mod counts;
pub mod judge;
pub mod page;

use counts::Counts;
use judge::{Logged, Rules, Trial, Verdict};
use seaworthy_check_sdk::cache::{caches, types};
use seaworthy_check_sdk::env::{files, vars};
use seaworthy_check_sdk::kit::{clock, progress, random};
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{
    Check, Context, ContextExt, Evidence, Findings, ObservationId, Outcome, ip, millis, row_value,
};

seaworthy_check_sdk::descriptor!();

const SIGNATURE: &str = "TURBO_REMOTE_CACHE_SIGNATURE_KEY";
/// Enough for any page of metrics; a log is read from its beginning, where a mode is said.
const MOST: u32 = 1 << 20;
/// Bytes of a value that is put.
const VALUE: usize = 512;
/// Milliseconds for which a value that could not be removed lives on.
const LIFE: u64 = 120_000;
/// Milliseconds of the budget that are kept for reporting.
const RESERVE: u32 = 500;

/// The check.
pub struct Usage;

impl Check for Usage {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let read = vars::read(&[SIGNATURE.to_owned()]);
        let number =
            |key: &str, default: u64| context.setting(key).and_then(|text| text.parse().ok()).unwrap_or(default);
        let flag = |key: &str, default: bool| context.setting(key).map_or(default, |text| text == "true");
        let rules = Rules {
            least_requests: number("least-requests", 20),
            settle_s: number("settle-s", 60),
            expect_requests: flag("expect-requests", true),
            expect_warm: flag("expect-warm", false),
            slow_lookup_ms: number("slow-lookup-ms", 2_000),
            signed: read.variables.iter().any(|variable| {
                variable.present
                    && row_value(&variable.details, "length") != Some("0")
                    && variable.value.as_deref() != Some("")
            }),
        };
        let mut run = Run {
            rules,
            variables: read.id,
            findings: Findings::new(),
            ids: vec![read.id],
            parts: Vec::new(),
            unknown: Vec::new(),
            looked: false,
            told: false,
        };
        let logged = run.log(&context);
        run.pages(&context, logged);
        run.file(&context, logged);
        let may_write = context.vantage("allow-writes") == Some("true");
        if flag("trial", true) && may_write {
            run.trials(number("writes", 4));
        }
        run.conclude()
    }
}

seaworthy_check_sdk::export_check!(Usage);

struct Run {
    rules: Rules,
    variables: ObservationId,
    findings: Findings,
    ids: Vec<ObservationId>,
    parts: Vec<String>,
    unknown: Vec<String>,
    /// There was something to look at.
    looked: bool,
    /// The facts are of one cache only, the first.
    told: bool,
}

fn detail(context: &Context, key: &str) -> Option<String> {
    let text = row_value(&context.target()?.details, key)?.trim_ascii();
    text.starts_with('/').then(|| text.to_owned())
}

impl Run {
    fn log(&mut self, context: &Context) -> Logged {
        let Some(path) = detail(context, "log") else { return Logged::default() };
        let Some(seen) = files::read(&[path], MOST).into_iter().next() else { return Logged::default() };
        self.ids.push(seen.id);
        match &seen.outcome {
            Ok(bytes) => Logged::read(&String::from_utf8_lossy(bytes)),
            Err(failure) => {
                self.unknown.push(format!("the log {} cannot be read: {}", seen.path, failure.message));
                Logged::default()
            }
        }
    }

    fn pages(&mut self, context: &Context, logged: Logged) {
        let requests: Vec<http::Request> = context
            .addresses()
            .into_iter()
            .filter(|url| url.starts_with("http"))
            .map(|url| http::Request {
                method: "GET".into(),
                // A proxy for the outside never knows this machine's own loopback.
                proxy: if is_loopback(&url) { "direct" } else { "environment" }.into(),
                url,
                headers: vec![(
                    "accept".into(),
                    "text/plain;version=0.0.4, application/openmetrics-text, application/json".into(),
                )],
                body: Vec::new(),
                timeout: (context.budget / 3).max(1),
                max_body: MOST,
            })
            .collect();
        if requests.is_empty() {
            return;
        }
        self.looked = true;
        for seen in http::send(&requests) {
            self.ids.push(seen.id);
            match &seen.outcome {
                Ok(response) if response.status == 200 => self.numbers(&seen.url, seen.id, &response.body, logged),
                Ok(response) => self
                    .unknown
                    .push(format!("{} answers with {}, so its numbers are not known", seen.url, response.status)),
                Err(failure) => self.unknown.push(format!("{} does not answer: {}", seen.url, failure.message)),
            }
        }
    }

    fn file(&mut self, context: &Context, logged: Logged) {
        let Some(path) = detail(context, "stats") else { return };
        self.looked = true;
        let Some(seen) = files::read(&[path], MOST).into_iter().next() else { return };
        self.ids.push(seen.id);
        match &seen.outcome {
            Ok(bytes) => self.numbers(&seen.path, seen.id, bytes, logged),
            Err(failure) => self.unknown.push(format!("{} cannot be read: {}", seen.path, failure.message)),
        }
    }

    fn numbers(&mut self, place: &str, id: ObservationId, bytes: &[u8], logged: Logged) {
        let Some(counts) = counts::read(bytes, clock::unix_ms() / 1000) else {
            self.unknown.push(format!("{place} has the numbers of no cache that is known here"));
            return;
        };
        self.facts(&counts, id);
        let (found, unknown) = judge::counted(&counts, logged, self.rules);
        for verdict in found {
            self.add(place, &verdict, [id, self.variables]);
        }
        self.unknown.extend(unknown.into_iter().map(|text| format!("{place}: {text}")));
        if let (Some(requests), Some(hits)) = (counts.requests(), counts.hits) {
            self.parts.push(format!("{}: {hits} of {requests} reads hit", counts.source));
        }
    }

    fn facts(&mut self, counts: &Counts, id: ObservationId) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let evidence = Evidence::one(id);
        self.findings.fact(facts::USAGE_SOURCE, counts.source, &evidence);
        let percent = |part: u64, of: u64| (of > 0).then(|| part.saturating_mul(100) / of);
        let requests = counts.requests();
        let hit_rate = counts.hits.zip(counts.misses).and_then(|(hits, misses)| percent(hits, hits + misses));
        let effective = counts.hits.zip(requests).and_then(|(hits, requests)| percent(hits, requests));
        for (key, value) in [
            (facts::USAGE_REQUESTS, requests),
            (facts::USAGE_HIT_RATE, hit_rate),
            (facts::USAGE_EFFECTIVE_RATE, effective),
            (facts::USAGE_WRITES, counts.writes),
            (facts::USAGE_WRITE_ERRORS, counts.write_errors),
            (facts::USAGE_LOOKUP_MS, counts.lookup_ms),
        ] {
            if let Some(value) = value {
                self.findings.fact(key, value, &evidence);
            }
        }
    }

    /// Puts values into every tier that is open, fetches and removes them.
    fn trials(&mut self, writes: u64) {
        let tiers = caches::open();
        self.ids.extend(tiers.iter().map(|tier| tier.id));
        let (mut all, mut back, mut cited) = (0, 0, Vec::new());
        for tier in &tiers {
            let Ok(able) = &tier.outcome else { continue };
            let can = |operation: &str| able.operations.iter().any(|one| one == operation);
            if !can("get") || !can("put") {
                continue;
            }
            if progress::remaining_ms() <= RESERVE {
                self.unknown.push(format!("there was no time to try {}", tier.label));
                continue;
            }
            self.looked = true;
            let (trial, ids) = trial(&tier.label, writes, can("invalidate"));
            self.ids.extend(ids.iter().copied());
            for verdict in judge::tried(&trial, self.rules.slow_lookup_ms) {
                self.add(&tier.label, &verdict, ids.iter().copied().chain([tier.id]));
            }
            all += trial.put + trial.put_errors.len() as u64;
            back += trial.back;
            cited.extend(ids);
            self.parts.push(format!("{}: {} of {} values that were put came back", tier.label, trial.back, trial.put));
        }
        if let (Ok(evidence), true) = (Evidence::of(cited), all > 0) {
            self.findings.fact(facts::TRIAL_EFFECTIVE_RATE, back * 100 / all, &evidence);
        }
    }

    fn add(&mut self, subject: &str, verdict: &Verdict, ids: impl IntoIterator<Item = ObservationId>) {
        let mut finding = verdict.code.at(subject).message(format!("{subject}: {}", verdict.message));
        if verdict.likely {
            finding = finding.likely();
        }
        for (key, value) in &verdict.details {
            finding = finding.detail(key, value);
        }
        if let Ok(evidence) = Evidence::of(ids) {
            self.findings.add(finding.cite_all(&evidence));
        }
    }

    fn conclude(self) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        if !self.looked && self.findings.is_empty() {
            let reason = "no page of metrics, no file of statistics and no tier that stores is configured";
            return Ok(self.findings.not_configured(reason, evidence));
        }
        if self.findings.is_empty() && !self.unknown.is_empty() {
            return Ok(self.findings.inconclusive(self.unknown.join("; "), evidence));
        }
        let mut parts = self.parts;
        parts.extend(self.unknown);
        Ok(self.findings.conclude(parts.join("; "), evidence))
    }
}

/// Whether a URL is of this machine itself.
fn is_loopback(url: &str) -> bool {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let host = if authority.starts_with('[') { authority } else { authority.split(':').next().unwrap_or_default() };
    ip::is_loopback(host)
}

/// What becomes of a few values in one tier. They are removed again.
fn trial(label: &str, writes: u64, removes: bool) -> (Trial, Vec<ObservationId>) {
    let mut told = Trial::default();
    let mut ids = Vec::new();
    let bytes: Vec<u8> = random::hex(32).bytes().cycle().take(VALUE).collect();
    let run = random::hex(8);
    let key = |number: u64| format!("seaworthy-usage/{run}/{number}");
    let mut stored = Vec::new();
    for number in 0..writes {
        let blob =
            types::Blob { bytes: bytes.clone(), created: clock::unix_ms(), ttl: Some(LIFE), metadata: Vec::new() };
        let done = caches::put(label, &key(number), &blob);
        ids.push(done.id);
        match done.outcome {
            Ok(()) => stored.push(key(number)),
            Err(error) => told.put_errors.push(error.kind),
        }
    }
    told.put = stored.len() as u64;
    for key in &stored {
        let got = caches::get(label, key);
        ids.push(got.id);
        match got.outcome {
            Ok(Some(blob)) if blob.bytes == bytes => told.back += 1,
            // What comes back changed is Cache Operations' to name; it did not come back.
            Ok(_) => told.gone += 1,
            Err(error) => told.get_errors.push(error.kind),
        }
    }
    let nowhere = caches::get(label, &key(writes));
    ids.push(nowhere.id);
    // A look-up that fails says how long it waited, too.
    told.lookup_ms = millis(nowhere.elapsed).split('.').next().and_then(|whole| whole.parse().ok());
    for key in stored.iter().filter(|_| removes) {
        ids.push(caches::invalidate(label, key).id);
    }
    (told, ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_asked_directly() {
        assert!(
            is_loopback("http://127.0.0.1:9464/metrics")
                && is_loopback("http://[::1]:1/")
                && is_loopback("http://localhost/x")
        );
        assert!(!is_loopback("http://10.0.0.1:9464/") && !is_loopback("https://localhost.example.com/"));
    }
}

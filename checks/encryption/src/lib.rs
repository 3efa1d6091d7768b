//! `p2p/encryption`: the shared secret is there, works, and is shared.
//!
//! [`secret`] judges; it does not call the host. The secret's text never comes here.

pub mod secret;

use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::kit::{progress, random};
use seaworthy_check_sdk::p2p::secrets;
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome, row_value};
use secret::{Asked, LEAST_LENGTH, PerJob, Reach};

seaworthy_check_sdk::descriptor!();

/// Milliseconds of the budget that are kept for reporting.
const RESERVE: u32 = 250;

/// The check.
pub struct Encryption;

impl Check for Encryption {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let label = context.setting("secret").unwrap_or("cache");
        let names = ["CACHE_ENABLE_P2P", "CACHE_BOOTSTRAP_PEERS", "CACHE_BACKENDS", "CACHE_BACKEND"];
        let read = vars::read(&names.map(String::from));
        let value = |name: &str| {
            let variable = read.variables.iter().find(|variable| variable.name == name && variable.present)?;
            variable.value.as_deref()
        };
        let p2p = value("CACHE_ENABLE_P2P");
        let mut peers = context.addresses();
        if peers.is_empty() {
            let list = value("CACHE_BOOTSTRAP_PEERS").unwrap_or_default();
            peers = list.split(',').map(str::trim_ascii).filter(|peer| !peer.is_empty()).map(str::to_owned).collect();
        }
        let backends = ["CACHE_BACKENDS", "CACHE_BACKEND"].into_iter().find_map(value);
        if peers.is_empty() && backends.is_some_and(secret::shares_nothing) {
            let reason = "no backend shares with peers and no peer is configured, so no secret is needed";
            return Ok(Findings::new().not_configured(reason, Evidence::one(read.id)));
        }
        let status = secrets::inspect(label);
        let mut run = Run { findings: Findings::new(), ids: vec![read.id, status.id], parts: Vec::new() };
        if !status.present {
            let finding = codes::SECRET_MISSING
                .at("CACHE_P2P_SHARED_SECRET")
                .message("no shared secret is set: neither CACHE_P2P_SHARED_SECRET nor GH_TOKEN nor GITHUB_TOKEN")
                .expected("the same secret on every runner and peer")
                .level(secret::missing_level(p2p, peers.len()));
            run.findings.add(finding.cite(status.id).and(read.id));
            return run.conclude("there is no shared secret");
        }
        run.source(&status);
        if let Some(reason) = run.round_trip(label) {
            let evidence = Evidence::of(run.ids)?;
            return Ok(run.findings.inconclusive(reason, evidence));
        }
        let off = p2p.is_some_and(|value| !value.eq_ignore_ascii_case("true"));
        if off && !peers.is_empty() {
            run.parts.push("P2P is off, no peer was asked".into());
        } else if !peers.is_empty() {
            let budget = || progress::remaining_ms().saturating_sub(RESERVE).max(1);
            let timeout = context.setting("timeout-ms").and_then(|text| text.parse().ok()).unwrap_or_else(budget);
            let codes: Vec<(&str, &str)> =
                context.codes.iter().map(|code| (code.key.as_str(), code.value.as_str())).collect();
            let reached = context.inherited("reachable-peers").map(|fact| fact.value.as_str());
            let reach = Reach::of(&codes, reached);
            let (asked, left): (Vec<String>, Vec<String>) =
                peers.into_iter().partition(|peer| reach.is_worth_asking(&codes, peer));
            if !run.agree(label, &asked, left.len(), timeout) {
                return run.unasked(reach);
            }
        } else {
            run.parts.push("no peer is configured to agree with".into());
        }
        let summary = run.parts.join("; ");
        run.conclude(&summary)
    }
}

struct Run {
    findings: Findings,
    ids: Vec<u32>,
    parts: Vec<String>,
}

impl Run {
    fn conclude(self, summary: &str) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        Ok(self.findings.conclude(summary, evidence))
    }

    /// Peers are configured and none could be asked: that is never a pass.
    fn unasked(self, reach: Reach) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        let summary = self.parts.join("; ");
        let outcome = match reach {
            Reach::None if self.findings.is_empty() => {
                let reason = "blocked: no peer is reachable; the local half (round trip, tamper) is right";
                self.findings.not_applicable(reason, evidence)
            }
            // A finding about the local half is not lost in a skip.
            Reach::None => self.findings.conclude(summary, evidence),
            Reach::Open if self.findings.is_empty() => {
                let reason = "the local secret is sound; no peer could be asked whether it holds the same";
                self.findings.inconclusive(reason, evidence)
            }
            Reach::Open => self.findings.inconclusive(summary, evidence),
        };
        Ok(outcome)
    }

    fn source(&mut self, status: &secrets::Status) {
        let evidence = Evidence::one(status.id);
        let detail = |key: &str| row_value(&status.details, key);
        let source = status.source.as_deref();
        let name = source.unwrap_or("an unnamed source");
        self.findings.fact(facts::SECRET_SOURCE, name, &evidence);
        if let Some(fingerprint) = detail("fingerprint") {
            self.findings.fact(facts::SECRET_FINGERPRINT, fingerprint, &evidence);
        }
        let derived = detail("kdf").map(|kdf| {
            self.findings.fact(facts::KEY_DERIVATION, kdf, &evidence);
            format!(" ({kdf})")
        });
        self.parts.push(format!("the secret comes from {name}{}", derived.unwrap_or_default()));
        let per_job = secret::per_job(source, detail("per-job"));
        if per_job != PerJob::Stable {
            let finding = codes::SECRET_PER_JOB_TOKEN
                .at(name)
                .message(format!("the secret is derived from {name}, which GitHub replaces in every job"))
                .observed(name)
                .expected("CACHE_P2P_SHARED_SECRET")
                .detail("source", name);
            let finding = if per_job == PerJob::Likely { finding.likely() } else { finding };
            self.findings.add(finding.cite(status.id));
        }
        let length = detail("length").and_then(|text| text.parse::<usize>().ok());
        if let Some(length) = length.filter(|length| *length < LEAST_LENGTH) {
            let finding = codes::SECRET_WEAK
                .at(name)
                .message(format!("the secret of {name} has {length} characters"))
                .observed(format!("{length} characters"))
                .expected(format!("at least {LEAST_LENGTH} characters"));
            self.findings.add(finding.cite(status.id));
        }
    }

    /// Seals, opens, and tries to cheat. Answers why it could not tell, if so.
    fn round_trip(&mut self, label: &str) -> Option<String> {
        let key = ["seaworthy-check/", &random::hex(8)].concat();
        let plain = random::hex(32).into_bytes();
        let sealed = secrets::seal(label, &key, &plain);
        self.ids.push(sealed.id);
        let text = match sealed.outcome {
            Ok(text) => text,
            Err(failure) => {
                let finding = codes::SECRET_ROUND_TRIP_FAILED
                    .found()
                    .message(format!("nothing can be encrypted with the secret: {}", failure.message))
                    .observed(failure.kind);
                self.findings.add(finding.cite(sealed.id));
                return None;
            }
        };
        let opened = secrets::open(label, &key, &text);
        self.ids.push(opened.id);
        let wrong = match opened.outcome {
            Ok(back) if back == plain => None,
            Ok(_) => Some("other bytes come back than were encrypted".to_owned()),
            Err(failure) => Some(format!("what was encrypted does not decrypt: {}", failure.message)),
        };
        if let Some(message) = wrong {
            let finding = codes::SECRET_ROUND_TRIP_FAILED.found().message(message);
            self.findings.add(finding.cite(opened.id).and(sealed.id));
            return None;
        }
        let mut attempts: Vec<(String, String, Vec<u8>)> = secret::tampered(&text)
            .into_iter()
            .map(|(place, copy)| (format!("a flipped bit in the {place} byte"), key.clone(), copy))
            .collect();
        attempts.push(("another key name".into(), [&key, "-other"].concat(), text));
        for (what, name, copy) in attempts {
            let tried = secrets::open(label, &name, &copy);
            self.ids.push(tried.id);
            match tried.outcome {
                Ok(_) => {
                    let finding = codes::SECRET_TAMPER_ACCEPTED
                        .found()
                        .message(format!("a sealed text with {what} was opened without an error"))
                        .expected("a refusal");
                    self.findings.add(finding.cite(tried.id).and(sealed.id));
                }
                Err(failure) if secret::is_refusal(&failure.kind) => {}
                Err(failure) => return Some(format!("could not try {what}: {}", failure.message)),
            }
        }
        if self.findings.count(codes::SECRET_TAMPER_ACCEPTED) == 0 {
            self.parts.push("encrypts and decrypts, and refuses what was changed".into());
        }
        None
    }

    /// Asks `peers`; `left` more are known to be unreachable and cost no time here.
    /// Answers whether any of them was reached.
    fn agree(&mut self, label: &str, peers: &[String], left: usize, timeout: u32) -> bool {
        let answers = if peers.is_empty() { Vec::new() } else { secrets::agree(label, peers, timeout) };
        let mut counts = [0, 0, 0, left];
        for answer in &answers {
            self.ids.push(answer.id);
            let outcome = answer.outcome.as_ref().map(|same| *same).map_err(|failure| failure.kind.as_str());
            let asked = secret::asked(outcome);
            match asked {
                Asked::Agreed => counts[0] += 1,
                Asked::Different => counts[1] += 1,
                Asked::Unsupported | Asked::Silent => counts[2] += 1,
                Asked::Unreached => counts[3] += 1,
            }
            if asked == Asked::Different {
                let finding = codes::SECRET_DIFFERENT
                    .at(&answer.address)
                    .message("this peer holds another shared secret than this runner")
                    .expected("the same secret on both sides");
                self.findings.add(finding.cite(answer.id));
            } else if asked == Asked::Unsupported {
                let finding = codes::SECRET_AGREEMENT_UNSUPPORTED
                    .at(&answer.address)
                    .message("this peer has no protocol to prove which secret it holds");
                self.findings.add(finding.cite(answer.id));
            } else if asked == Asked::Silent {
                let finding = codes::PEER_NEVER_ACKNOWLEDGES
                    .at(&answer.address)
                    .message("this peer took an encrypted entry and never confirmed it")
                    .expected("OK, or ERROR: Decryption failed");
                self.findings.add(finding.cite(answer.id));
            }
        }
        let [agreed, different, unsupported, unreached] = counts;
        let total = peers.len() + left;
        let (noun, verb) = if total == 1 { ("peer", "holds") } else { ("peers", "hold") };
        let mut said = vec![format!("{agreed} of {total} {noun} {verb} the same secret")];
        for (count, what) in [(different, "another"), (unsupported, "cannot say"), (unreached, "could not be asked")] {
            if count > 0 {
                said.push(format!("{count} {what}"));
            }
        }
        self.parts.push(said.join(", "));
        // Where nobody was asked, the variables and the secret are what this rests on.
        let ids = self.ids.iter().copied().filter(|id| answers.is_empty() || answers.iter().any(|a| a.id == *id));
        if let Ok(evidence) = Evidence::of(ids) {
            self.findings.fact(facts::AGREED_PEERS, agreed, &evidence);
            self.findings.fact(facts::UNASKED_PEERS, unreached, &evidence);
        }
        unreached < total
    }
}

seaworthy_check_sdk::export_check!(Encryption);

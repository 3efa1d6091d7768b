//! Every bootstrap peer: read, resolved, connected, climbed to identify; and where that
//! ends early, why.
//!
//! Two rounds, each one call that does everything at once. The first dials all peers.
//! The second asks again about those that failed, in ways that tell look-alikes apart:
//! the same port with RST and ICMP kept apart, other ports of the host, the link layer,
//! a banner. [`address`] decides what is dialled, [`verdict`] what is wrong, from plain
//! data; [`telling`] says it.

mod address;
mod banner;
mod budget;
mod confirmation;
mod reply;
mod surroundings;
mod telling;
mod verdict;

use address::{Endpoint, Entry, Plan, entries};
use banner::looks_enciphered;
use budget::Budget;
use confirmation::{Confirmation, Stage, confirm};
use reply::Reply;
use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::kit::progress;
use seaworthy_check_sdk::p2p::swarm::{self, Dialed};
use seaworthy_check_sdk::{
    Check, CitedFinding, Context, ContextExt, Evidence, Failure, Findings, Outcome, millis, row_value,
};
use telling::Lesson;

seaworthy_check_sdk::descriptor!();

/// Where the default policy takes the peers from.
const PEERS: &str = "CACHE_BOOTSTRAP_PEERS";
/// Protocols of which a cache peer speaks at least one.
const CACHE_PROTOCOLS: [&str; 2] = ["/seaworthy/cache/1.0.0", "/github-cache/1.0.0"];
const DEFAULT_PINGS: u32 = 3;

struct Connectivity;

impl Check for Connectivity {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let addresses = context.addresses();
        if addresses.is_empty() {
            return Ok(nothing_configured());
        }
        let parsed = swarm::parse(&addresses);
        let entries = entries(&parsed);
        let dialled: Vec<(&Entry, &Endpoint)> = entries
            .iter()
            .filter_map(|entry| match &entry.plan {
                Plan::Dial(endpoint) => Some((entry, endpoint)),
                Plan::Leave => None,
            })
            .collect();

        let budget = Budget::split(progress::remaining_ms().min(context.budget));
        let pings = context.setting("pings").and_then(|n| n.parse().ok()).unwrap_or(DEFAULT_PINGS);
        let dials = if dialled.is_empty() { Vec::new() } else { dial(&dialled, budget, pings) };
        let attempts: Vec<Attempt> = dialled
            .iter()
            .zip(&dials)
            .map(|((entry, endpoint), dialed)| Attempt { entry, endpoint, dialed, budget, confirmation: None })
            .collect();
        let attempts = confirmed(attempts, budget);

        let mut report = Report { findings: Findings::new(), untried: None };
        report.faults(&entries, &attempts);
        report.peers(&context, &attempts);
        report.doubles(&attempts);
        let evidence = Evidence::of(
            parsed
                .iter()
                .map(|p| p.id)
                .chain(attempts.iter().map(|a| a.dialed.id))
                .chain(attempts.iter().flat_map(|a| a.confirmation.iter().flat_map(|c| c.seen.iter().copied()))),
        )?;
        Ok(report.conclude(&entries, &attempts, evidence))
    }
}

seaworthy_check_sdk::export_check!(Connectivity);

fn nothing_configured() -> Outcome {
    let seen = vars::read(&[PEERS.to_owned()]);
    let set =
        seen.variables.first().is_some_and(|v| v.present && v.value.as_deref().is_some_and(|v| !v.trim().is_empty()));
    let reason = if set {
        "CACHE_BOOTSTRAP_PEERS is set, but the targets of this check hold no address; see `targets` in checks.toml"
    } else {
        "CACHE_BOOTSTRAP_PEERS is not set or empty: no peers to connect to"
    };
    Findings::new().not_configured(reason, Evidence::one(seen.id))
}

fn dial(dialled: &[(&Entry, &Endpoint)], budget: Budget, pings: u32) -> Vec<Dialed> {
    progress::step("dialling every peer at once");
    let attempts: Vec<swarm::DialAttempt> = dialled
        .iter()
        .map(|(_, endpoint)| swarm::DialAttempt { address: endpoint.address.clone(), timeout: budget.dial, pings })
        .collect();
    swarm::dial(&attempts)
}

/// One peer that was dialled.
struct Attempt<'a> {
    entry: &'a Entry,
    endpoint: &'a Endpoint,
    dialed: &'a Dialed,
    /// The time that the dial had.
    budget: Budget,
    /// What the second round brought, where the dial failed below libp2p.
    confirmation: Option<Confirmation>,
}

impl Attempt<'_> {
    /// The rung that failed; the stage of the failure where there is none.
    fn failed_rung<'b>(&'b self, failure: &'b Failure) -> &'b str {
        let rung = self.dialed.ladder.iter().find(|rung| rung.outcome.is_err());
        rung.map_or(failure.stage.as_str(), |rung| rung.name.as_str())
    }

    fn rung_us(&self, name: &str) -> u64 {
        self.dialed.ladder.iter().find(|rung| rung.name == name).map_or(0, |rung| rung.elapsed)
    }

    /// The connection alone: TCP, or QUIC with its handshake.
    fn connect_us(&self) -> u64 {
        self.rung_us(if self.endpoint.is_quic() { "quic" } else { "connect" })
    }

    fn stage(&self) -> Option<Stage> {
        let failure = self.dialed.outcome.as_ref().err()?;
        match self.failed_rung(failure) {
            "connect" => Some(Stage::Connect),
            "quic" if !matches!(failure.kind.as_str(), "unsupported" | "protocol" | "self-dial") => {
                Some(Stage::Datagram)
            }
            "multistream" if failure.kind != "protocol" || looks_enciphered(&said(failure)) => Some(Stage::Greeting),
            _ => None,
        }
    }

    /// The expected and the proved id, where they differ.
    fn mistaken(&self) -> Option<(&str, &str)> {
        let (expected, obtained) = (self.endpoint.peer_id.as_deref()?, self.dialed.obtained_peer.as_deref()?);
        (expected != obtained).then_some((expected, obtained))
    }

    fn verdict(&self, failure: &Failure) -> Option<verdict::Verdict> {
        let nothing = Confirmation::default();
        let confirmation = self.confirmation.as_ref().unwrap_or(&nothing);
        match self.failed_rung(failure) {
            "connect" => {
                let first = Reply::of(failure, self.rung_us("connect"));
                let control: Vec<Reply> = confirmation.control.iter().map(|(_, reply)| reply.clone()).collect();
                let verdict = verdict::of_connect(&first, confirmation.again.as_ref(), &control, &confirmation.around);
                // Silence alone, and nobody waited long enough for it to mean something.
                verdict.filter(|v| self.budget.is_patient() || v.code.code != codes::PEER_SILENT.code)
            }
            "quic" => {
                let first = Reply::of(failure, self.rung_us("quic"));
                let control: Vec<Reply> = confirmation.control.iter().map(|(_, reply)| reply.clone()).collect();
                let udp = row_value(&failure.details, "udp");
                verdict::of_quic(&failure.kind, udp, &first, &control, &confirmation.around, self.budget.is_patient())
            }
            rung => {
                let first = said(failure);
                let another = confirmation.enciphered.iter().any(|later| *later != first);
                let afterwards = verdict::Afterwards {
                    secretive: looks_enciphered(&first) && another,
                    ..confirmation.afterwards.clone()
                };
                verdict::of_rung(rung, &failure.kind, &afterwards, self.budget.is_patient())
            }
        }
    }

    /// Why there is no verdict about the peer.
    fn untold(&self, failure: &Failure) -> String {
        let address = self.entry.text.as_str();
        if failure.kind != "timeout" {
            return [address, " could not be tried: ", &failure.message].concat();
        }
        let total = self.budget.total.to_string();
        [address, " did not answer yet; the time budget of ", &total, " ms is too short to tell"].concat()
    }

    fn cited(&self, finding: seaworthy_check_sdk::FindingBuilder) -> CitedFinding {
        let cited = finding.cite(self.entry.parsed_in).and(self.dialed.id);
        let more = self.confirmation.iter().flat_map(|c| c.seen.iter().copied());
        more.fold(cited, CitedFinding::and)
    }
}

/// What the port said in place of a greeting.
fn said(failure: &Failure) -> Vec<u8> {
    row_value(&failure.details, "banner").map(banner::unescape).unwrap_or_default()
}

/// Runs the second round for the attempts that need one.
fn confirmed<'a>(mut attempts: Vec<Attempt<'a>>, budget: Budget) -> Vec<Attempt<'a>> {
    let failed: Vec<(usize, &Endpoint, Stage)> =
        attempts.iter().enumerate().filter_map(|(n, a)| Some((n, a.endpoint, a.stage()?))).collect();
    if failed.is_empty() {
        return attempts;
    }
    progress::step("asking again about the peers that could not be reached");
    let questions: Vec<(&Endpoint, Stage)> = failed.iter().map(|(_, endpoint, stage)| (*endpoint, *stage)).collect();
    let answers = confirm(&questions, budget);
    for ((index, _, _), answer) in failed.into_iter().zip(answers) {
        if let Some(attempt) = attempts.get_mut(index) {
            attempt.confirmation = Some(answer);
        }
    }
    attempts
}

struct Report {
    findings: Findings,
    /// Why nothing can be said about some peer.
    untried: Option<String>,
}

impl Report {
    /// Findings about the text of addresses.
    fn faults(&mut self, entries: &[Entry], attempts: &[Attempt]) {
        for entry in entries {
            let Some(fault) = &entry.fault else { continue };
            let attempt = attempts.iter().find(|attempt| std::ptr::eq(attempt.entry, entry));
            let lesson = match attempt.map(|a| (a.dialed.obtained_peer.as_deref(), &a.dialed.outcome)) {
                None => Lesson::None,
                Some((Some(id), _)) => Lesson::Peer(id),
                Some((None, Ok(peer))) => Lesson::Peer(&peer.peer_id),
                Some((None, Err(failure))) => Lesson::Failed(failure),
            };
            let finding = telling::fault(entry, fault, attempt.map(|a| a.endpoint), &lesson).cite(entry.parsed_in);
            self.findings.add(match attempt {
                Some(attempt) => finding.and(attempt.dialed.id),
                None => finding,
            });
        }
    }

    /// Findings about peers.
    fn peers(&mut self, context: &Context, attempts: &[Attempt]) {
        let wanted: Vec<&str> = context.settings_all("protocols").collect();
        let wanted = if wanted.is_empty() { CACHE_PROTOCOLS.to_vec() } else { wanted };
        let reached = attempts.iter().filter(|a| a.dialed.outcome.is_ok() && a.mistaken().is_none()).count();
        let enough =
            context.setting("min-reachable").and_then(|n| n.parse::<usize>().ok()).is_some_and(|min| reached >= min);
        for attempt in attempts {
            let finding = match (attempt.mistaken(), &attempt.dialed.outcome) {
                (Some((expected, seen)), _) => telling::wrong_id(attempt.entry, attempt.endpoint, expected, seen),
                (None, Ok(peer)) => {
                    if peer.protocols.iter().any(|offered| wanted.contains(&offered.as_str())) {
                        continue;
                    }
                    telling::no_cache_protocol(attempt.entry, &wanted, &peer.protocols, &peer.agent)
                }
                (None, Err(failure)) => {
                    let Some(verdict) = attempt.verdict(failure) else {
                        self.untried.get_or_insert_with(|| attempt.untold(failure));
                        continue;
                    };
                    let confirmation = attempt.confirmation.as_ref();
                    telling::unusable(attempt.entry, attempt.endpoint, &verdict, failure, confirmation)
                }
            };
            let finding = if enough { finding.level("warn") } else { finding };
            self.findings.add(attempt.cited(finding));
        }
    }

    /// Two machines that prove the same identity.
    fn doubles(&mut self, attempts: &[Attempt]) {
        let reached: Vec<(&Attempt, &swarm::Peer)> =
            attempts.iter().filter_map(|attempt| Some((attempt, attempt.dialed.outcome.as_ref().ok()?))).collect();
        for (n, (attempt, peer)) in reached.iter().enumerate() {
            let Some((other, twin)) = reached.iter().take(n).find(|(other, twin)| {
                twin.peer_id == peer.peer_id
                    && other.endpoint.host != attempt.endpoint.host
                    && verdict::are_two(&twin.listen_addresses, &peer.listen_addresses)
            }) else {
                continue;
            };
            let finding = telling::same_identity(attempt.entry, &peer.peer_id, &other.entry.text, twin, peer);
            self.findings.add(attempt.cited(finding).and(other.dialed.id));
        }
    }

    fn conclude(mut self, entries: &[Entry], attempts: &[Attempt], evidence: Evidence) -> Outcome {
        let reached: Vec<&Attempt> =
            attempts.iter().filter(|a| a.dialed.outcome.is_ok() && a.mistaken().is_none()).collect();
        let (count, total) = (reached.len().to_string(), entries.len().to_string());
        let summary = [
            count.as_str(),
            " of ",
            &total,
            if total == "1" { " peer" } else { " peers" },
            " answered as a libp2p peer",
        ];
        let mut summary = summary.concat();
        self.record_facts(entries, attempts, &reached, &evidence);
        if let Some(slowest) = reached.iter().map(|a| a.connect_us()).max() {
            summary.push_str(&[", connected within ", &millis(slowest), " ms"].concat());
        } else if self.untried.is_none() {
            let finding = codes::PEERS_NONE_REACHABLE
                .found()
                .message(["none of the ", &total, " configured peers can be used"].concat())
                .observed(&count)
                .expected("at least 1");
            self.findings.add(finding.cite_all(&evidence));
        }
        match self.untried.take() {
            Some(reason) => self.findings.inconclusive(reason, evidence),
            None => self.findings.conclude(summary, evidence),
        }
    }

    fn record_facts(&mut self, entries: &[Entry], attempts: &[Attempt], reached: &[&Attempt], evidence: &Evidence) {
        let findings = &mut self.findings;
        findings.fact(facts::CONFIGURED_PEERS, entries.len(), evidence);
        findings.fact(facts::REACHABLE_PEERS, reached.len(), evidence);
        let mut seen: Vec<&str> = Vec::new();
        for id in attempts.iter().filter_map(|a| a.dialed.obtained_peer.as_deref()) {
            if !seen.contains(&id) {
                seen.push(id);
            }
        }
        if !seen.is_empty() {
            findings.fact(facts::SEEN_PEER_IDS, seen.join(","), evidence);
        }
        let pings = reached.iter().filter_map(|a| a.dialed.outcome.as_ref().ok()?.ping_rtt).max();
        for (key, micros) in [
            (facts::CONNECT_MS, reached.iter().map(|a| a.connect_us()).max()),
            (facts::IDENTIFY_MS, reached.iter().map(|a| a.rung_us("identify")).max()),
            (facts::PING_MS, pings),
        ] {
            if let Some(micros) = micros {
                findings.fact(key, millis(micros), evidence);
            }
        }
        let control: Vec<String> = attempts
            .iter()
            .filter_map(|a| Some((a, a.confirmation.as_ref()?)))
            .filter(|(_, confirmation)| !confirmation.control.is_empty())
            .map(|(attempt, confirmation)| [attempt.endpoint.host.as_str(), " ", &confirmation.control_list()].concat())
            .collect();
        if !control.is_empty() {
            findings.fact(facts::CONTROL_PORT, control.join("; "), evidence);
        }
    }
}

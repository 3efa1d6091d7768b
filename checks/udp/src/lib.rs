//! `net/udp`: whether UDP gets through, and what QUIC needs besides.
//!
//! Every QUIC listener has to answer a packet of a version that it does not know, so one
//! datagram each way proves UDP without TLS. [`judge`] decides from plain data.

mod judge;
mod knock;
mod telling;

use judge::{Answer, Buffers, Private, Target};
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::kit::progress;
use seaworthy_check_sdk::net::tcp;
use seaworthy_check_sdk::path::datagrams;
use seaworthy_check_sdk::{
    Check, Context, ContextExt, Evidence, Findings, Hop, ObservationId, Outcome, Transport, argument, millis, query,
    row_value,
};

seaworthy_check_sdk::descriptor!();

/// Ports that hardly anyone serves: what a machine answers there, it answers itself.
const CONTROL_PORTS: [u16; 2] = [1, 47113];
/// Longest wait for one round, in milliseconds.
const ROUND_MS: u32 = 3000;
/// A datagram may be lost; nobody loses four.
const TIMES: u32 = 4;
const MARGIN_MS: u32 = 150;
const DEFAULT_BUFFER: u64 = 7_500_000;
const VARIABLES: [&str; 4] = ["LIBP2P_FORCE_PNET", "CACHE_LISTEN_PORT", "IPFS_PATH", "HOME"];

struct Udp;

impl Check for Udp {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let variables = vars::read(&VARIABLES.map(str::to_owned));
        let addresses: Vec<(String, Hop)> =
            context.addresses().iter().filter_map(|text| Some((text.trim().to_owned(), Hop::parse(text)?))).collect();
        let quic = addresses.iter().filter(|(_, hop)| hop.transport == Transport::Quic).count();
        if addresses.is_empty() || quic == 0 {
            let reason = if addresses.is_empty() {
                "the check's targets hold no address"
            } else {
                "no target is reached over QUIC"
            };
            let evidence = Evidence::one(variables.id);
            return Ok(if addresses.is_empty() {
                Findings::new().not_configured(reason, evidence)
            } else {
                Findings::new().not_applicable(reason, evidence)
            });
        }
        let before = system::inspect(&[query("limits", Vec::new())]);
        let mut run = Run {
            context: &context,
            addresses,
            variables,
            full_before: number(&before, "udp-buffer-errors"),
            findings: Findings::new(),
            ids: before.iter().map(|s| s.id).collect(),
        };
        run.ids.push(run.variables.id);
        let targets = run.ask();
        run.judge_ways(&targets);
        run.judge_own_port(&targets);
        run.judge_buffers();
        run.judge_private_network(&targets);
        run.end(&targets)
    }
}

seaworthy_check_sdk::export_check!(Udp);

struct Run<'a> {
    context: &'a Context,
    addresses: Vec<(String, Hop)>,
    variables: vars::Seen,
    /// Datagrams that found a buffer full before anything was asked, and where that was read.
    full_before: Option<(u64, ObservationId)>,
    findings: Findings,
    ids: Vec<ObservationId>,
}

fn left() -> u32 {
    progress::remaining_ms().saturating_sub(MARGIN_MS)
}

/// The first row that has a number under `key`, and where it was seen.
fn number(seen: &[system::Seen], key: &str) -> Option<(u64, ObservationId)> {
    seen.iter().find_map(|s| {
        let row = s.outcome.as_ref().ok()?.first()?;
        Some((row_value(row, key)?.parse().ok()?, s.id))
    })
}

impl Run<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        let found = self.variables.variables.iter().find(|variable| variable.name == name)?;
        found.value.as_deref().map(str::trim).filter(|value| !value.is_empty())
    }

    /// Asks every QUIC address for its versions, and the same machines over TCP.
    fn ask(&mut self) -> Vec<Target> {
        progress::step("asking every QUIC address for its versions");
        let hops: Vec<(String, Hop)> =
            self.addresses.iter().filter(|(_, hop)| hop.transport == Transport::Quic).cloned().collect();
        let sockets: Vec<String> = hops.iter().map(|(_, hop)| hop.socket()).collect();
        let answers = datagrams::quic_versions(&sockets, ROUND_MS.min(left() / 3));
        self.ids.extend(answers.iter().map(|seen| seen.id));
        let mut targets: Vec<Target> = hops
            .into_iter()
            .zip(&answers)
            .map(|((text, hop), seen)| Target {
                text,
                hop,
                answer: Answer::of(seen),
                elapsed: seen.elapsed,
                tcp_lives: None,
                seen: vec![seen.id],
            })
            .collect();
        let silent: Vec<usize> =
            (0..targets.len()).filter(|at| targets.get(*at).is_some_and(|t| t.answer == Answer::Silent)).collect();
        let ports = |target: &Target| [target.hop.port, CONTROL_PORTS[0], CONTROL_PORTS[1]];
        let attempts: Vec<tcp::Attempt> = silent
            .iter()
            .filter_map(|at| targets.get(*at))
            .flat_map(|target| ports(target).map(|port| target.hop.with_port(port)))
            .map(|target| tcp::Attempt { target, timeout: ROUND_MS.min(left() / 2), payload: Vec::new(), read_max: 0 })
            .collect();
        if attempts.is_empty() {
            return targets;
        }
        progress::step("asking the silent machines over TCP");
        let seen = tcp::connect(&attempts);
        self.ids.extend(seen.iter().map(|s| s.id));
        for (at, answers) in silent.into_iter().zip(seen.chunks(3)) {
            if let Some(target) = targets.get_mut(at) {
                target.tcp_lives = Some(answers.iter().any(judge::shows_life));
                target.seen.extend(answers.iter().map(|s| s.id));
            }
        }
        targets
    }

    /// What the answers say of the ways.
    fn judge_ways(&mut self, targets: &[Target]) {
        for target in targets {
            let finding = match (&target.answer, target.tcp_lives) {
                (Answer::Silent, Some(true)) => telling::blocked(target),
                (Answer::Closed { from }, _) => telling::closed(target, from.as_deref()),
                _ => continue,
            };
            if let Ok(evidence) = Evidence::of(target.seen.iter().copied()) {
                self.findings.add(finding.cite_all(&evidence));
            }
        }
    }

    /// The same question from the port that the runner's own peer sends from.
    fn judge_own_port(&mut self, targets: &[Target]) {
        let port = self.context.setting("local-port").or_else(|| self.variable("CACHE_LISTEN_PORT"));
        let Some(port) = port.and_then(|text| text.parse::<u16>().ok()).filter(|port| *port > 0) else { return };
        let answering: Vec<&Target> = targets.iter().filter(|target| target.answer == Answer::Quic).collect();
        // One after the other: a port is bound once.
        for target in answering {
            let timeout = ROUND_MS.min(left() / 2);
            if timeout < 500 {
                return;
            }
            let attempt = datagrams::Attempt {
                target: target.hop.socket(),
                timeout,
                payload: knock::packet(),
                times: TIMES,
                replies: 1,
                local_port: port,
            };
            for seen in datagrams::send(&[attempt]) {
                self.ids.push(seen.id);
                if judge::is_dead(&seen) {
                    let mut cited = telling::stale(target, port).cite(seen.id);
                    for id in &target.seen {
                        cited = cited.and(*id);
                    }
                    self.findings.add(cited);
                }
            }
        }
    }

    fn judge_buffers(&mut self) {
        let mut queries = vec![query("limits", Vec::new())];
        if self.context.vantage("host-report") == Some("true") {
            queries.push(query("host-report", vec![argument("topic", "limits")]));
        }
        let seen = system::inspect(&queries);
        self.ids.extend(seen.iter().map(|s| s.id));
        let Some((receive, id)) = number(&seen, "rmem-max") else { return };
        // The host's counter is another one; the first row is ours.
        let after = number(seen.get(..1).unwrap_or_default(), "udp-buffer-errors");
        let dropped = after.zip(self.full_before).and_then(|((after, _), (before, _))| after.checked_sub(before));
        self.findings.fact(facts::RMEM_MAX, receive, &Evidence::one(id));
        let setting = self.context.setting("receive-buffer").and_then(|text| text.parse().ok());
        let wanted = setting.unwrap_or(DEFAULT_BUFFER);
        let buffers = Buffers { receive, send: number(&seen, "wmem-max").map(|(value, _)| value), wanted, dropped };
        if buffers.are_small() {
            let mut cited = telling::buffers(&buffers).cite(id);
            for (_, counted) in self.full_before.iter().chain(&after) {
                cited = cited.and(*counted);
            }
            self.findings.add(cited);
        }
    }

    fn judge_private_network(&mut self, targets: &[Target]) {
        let named = self.context.setting("swarm-key").map(str::to_owned);
        let of_node = match (self.variable("IPFS_PATH"), self.variable("HOME")) {
            (Some(folder), _) => Some(format!("{folder}/swarm.key")),
            (None, Some(home)) => Some(format!("{home}/.ipfs/swarm.key")),
            (None, None) => None,
        };
        let wanted: Vec<String> =
            named.iter().chain(of_node.iter()).filter(|path| path.starts_with('/')).cloned().collect();
        let mut present: Vec<String> = Vec::new();
        let mut seen_at = self.variables.id;
        if !wanted.is_empty() {
            let paths = wanted.iter().map(|path| argument("path", path)).collect();
            for seen in system::inspect(&[query("paths", paths)]) {
                self.ids.push(seen.id);
                seen_at = seen.id;
                for row in seen.outcome.iter().flatten() {
                    if row_value(row, "exists") == Some("true") {
                        present.extend(row_value(row, "path").map(str::to_owned));
                    }
                }
            }
        }
        let is = |path: &Option<String>| path.clone().filter(|path| present.contains(path));
        let private = Private {
            forced: self.variable("LIBP2P_FORCE_PNET") == Some("1"),
            named: is(&named),
            of_node: is(&of_node),
        };
        let tcp_too = self.addresses.iter().any(|(_, hop)| hop.transport == Transport::Tcp);
        let Some(why) = private.why() else { return };
        for target in targets {
            let finding = telling::private(target, &why, tcp_too);
            self.findings.add(finding.cite(self.variables.id).and(seen_at));
        }
    }

    fn end(mut self, targets: &[Target]) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        let answered: Vec<&Target> = targets.iter().filter(|target| target.answer == Answer::Quic).collect();
        self.findings.fact(facts::QUIC_TARGETS, targets.len(), &evidence);
        self.findings.fact(facts::QUIC_ANSWERED, answered.len(), &evidence);
        if let Some(slowest) = answered.iter().map(|target| target.elapsed).max() {
            self.findings.fact(facts::QUIC_MS, millis(slowest), &evidence);
        }
        let summary = format!("{} of {} QUIC addresses named their versions", answered.len(), targets.len());
        Ok(match judge::untold(targets) {
            Some(reason) => self.findings.inconclusive(reason, evidence),
            None => self.findings.conclude(summary, evidence),
        })
    }
}

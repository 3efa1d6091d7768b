//! `net/path`: where packets to the targets go, and which of them arrive.
//!
//! One round connects to everything at once; later rounds ask only what the first left
//! open. Each judge ([`egress`], [`overlap`], [`hairpin`], [`family`], [`bursts`]) decides
//! from plain data; [`telling`] says it. Nothing is sent over ICMP: hosted runners and
//! many networks drop it, and a silent ping says nothing about TCP.

mod bursts;
mod checksums;
mod egress;
mod family;
mod hairpin;
mod overlap;
mod probe;
mod reply;
mod surroundings;
mod telling;

use bursts::Large;
use checksums::Datagrams;
use egress::Beside;
use probe::Probe;
use reply::Reply;
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::kit::{clock, progress};
use seaworthy_check_sdk::net::tcp;
use seaworthy_check_sdk::path::{flows, names};
use seaworthy_check_sdk::{
    Check, Context, ContextExt, Evidence, Findings, ObservationId, Outcome, argument, ip, query, row_value,
};
use std::net::IpAddr;
use surroundings::{Row, Surroundings};

seaworthy_check_sdk::descriptor!();

/// Ports of the gateway that hardly anyone serves: what it answers there, it answers itself.
const GATEWAY_PORTS: [u16; 2] = [1, 47113];
/// Longer than the 3.07 s after which Linux calls a neighbour dead.
const CONNECT_MS: u32 = 3300;
/// A burst is sent again after 0.2 s, then twice as late each time: three times by then.
const BURST_MS: u32 = 2500;
/// Targets that bursts are sent to; more say nothing more about the way out.
const MOST_BURSTS: usize = 8;
const NAME_SERVER_MS: u32 = 1500;
/// For how long the counter of wrong checksums is watched, where it ever counted.
const WATCH_MS: u32 = 1500;
/// Kept for reporting, in milliseconds.
const MARGIN_MS: u32 = 150;
const DEFAULT_PORT: u16 = 9100;
const ADDRESS_NAMES: [&str; 2] = ["CACHE_ADVERTISE_IP", "IPFS_ACCELERATE_PUBLIC_IP"];

struct Path;

impl Check for Path {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        if context.addresses().iter().all(|address| address.trim().is_empty()) {
            let seen = vars::read(&[]);
            return Ok(Findings::new().not_configured("the check's targets hold no address", Evidence::one(seen.id)));
        }
        let mut run = Run::begin(&context);
        run.connect(&context);
        run.judge_routes()?;
        run.send_bursts(&context);
        run.leave_idle(&context);
        run.judge_checksums();
        run.end()
    }
}

seaworthy_check_sdk::export_check!(Path);

struct Run {
    net: Surroundings,
    seen: Vec<system::Seen>,
    /// Those of the container's host, where its report names them.
    host_addresses: Vec<IpAddr>,
    probes: Vec<Probe>,
    beside: Beside,
    findings: Findings,
    ids: Vec<ObservationId>,
    /// Microseconds of the clock.
    started: u64,
    /// Datagrams with wrong checksums before anything was sent.
    checksums: Option<Datagrams>,
    large: Vec<(usize, Large)>,
    /// Why silence could not be told from a dead link.
    unknown: Option<String>,
    /// Why nothing is known of silent connections, where they were to be tried.
    idle_unknown: Option<String>,
}

/// The rows of a topic; none where it could not be read.
fn rows<'a>(seen: &'a [system::Seen], topic: &str) -> &'a [Row] {
    seen.iter().find(|s| s.topic == topic).and_then(|s| s.outcome.as_deref().ok()).unwrap_or_default()
}

fn number(rows: &[Row], key: &str) -> Option<u64> {
    rows.first().and_then(|row| row_value(row, key)).and_then(|text| text.parse().ok())
}

fn datagrams(limits: &[Row]) -> Option<Datagrams> {
    let wrong = number(limits, "udp-checksum-errors")?;
    Some(Datagrams { wrong, taken: number(limits, "udp-received") })
}

/// The whole time, without what is kept for reporting.
fn left() -> u32 {
    progress::remaining_ms().saturating_sub(MARGIN_MS)
}

impl Run {
    fn begin(context: &Context) -> Self {
        let started = clock::monotonic_us();
        let mut queries: Vec<system::Query> =
            ["container", "interfaces", "routes", "limits", "listeners", "resolver"].map(|t| query(t, vec![])).into();
        let own = queries.len();
        if context.vantage("host-report") == Some("true") {
            queries.extend(["limits", "interfaces"].map(|topic| query("host-report", vec![argument("topic", topic)])));
        }
        let mut seen = system::inspect(&queries);
        let of_host: Vec<system::Seen> = seen.split_off(own.min(seen.len()));
        let reported = |index: usize| of_host.get(index).and_then(|s| s.outcome.as_deref().ok()).unwrap_or_default();
        let net = Surroundings::of(rows(&seen, "container"), rows(&seen, "interfaces"), rows(&seen, "routes"), &[]);
        let checksums = datagrams(rows(&seen, "limits"));
        let host_forwards = number(reported(0), "ip-forward").map(|value| value != 0);
        let host_addresses = reported(1).iter().filter_map(|row| ip::parse(row_value(row, "address")?)).collect();
        let ids = seen.iter().chain(&of_host).map(|s| s.id).collect();
        Self {
            net,
            seen,
            host_addresses,
            probes: Vec::new(),
            beside: Beside { host_forwards, ..Beside::default() },
            findings: Findings::new(),
            ids,
            started,
            checksums,
            large: Vec::new(),
            unknown: None,
            idle_unknown: None,
        }
    }

    /// Every target and the gateway at once; name servers where all targets are silent.
    fn connect(&mut self, context: &Context) {
        progress::step("connecting to every target and to the gateway");
        let timeout = CONNECT_MS.min(left() / 2);
        if timeout < CONNECT_MS {
            self.unknown = Some(format!(
                "the time budget of {} ms is too short to tell silence from a dead link; give the check a timeout of at least 10s",
                context.budget
            ));
        }
        let gateway = self.net.gateway().map(|ip| ip.to_string());
        let further: Vec<String> = gateway
            .iter()
            .flat_map(|host| GATEWAY_PORTS.map(|port| ip::parse(host).map(|ip| std::net::SocketAddr::new(ip, port))))
            .flatten()
            .map(|socket| socket.to_string())
            .collect();
        let (probes, others) = probe::all(&context.addresses(), timeout, &further);
        self.ids.extend(probes.iter().flat_map(|probe| probe.seen.iter().copied()));
        self.ids.extend(others.iter().map(|seen| seen.id));
        self.beside.gateway =
            others.iter().map(|seen| seen.outcome.as_ref().err().map_or(Reply::Connected, Reply::of)).collect();
        self.probes = probes;
        // After the attempts: they are what makes the link layer look for the other side.
        let seen = seaworthy_check_sdk::inspect(["neighbours"]);
        self.ids.extend(seen.iter().map(|s| s.id));
        self.net = Surroundings::of(
            rows(&self.seen, "container"),
            rows(&self.seen, "interfaces"),
            rows(&self.seen, "routes"),
            rows(&seen, "neighbours"),
        );
        let any_silent = self.probes.iter().any(|probe| probe.reply == Reply::Silent);
        if any_silent && egress::beyond(&self.net, &self.probes, &self.beside).1 == 0 {
            self.ask_name_servers();
        }
    }

    /// Name servers beyond the gateway are machines like others, and everybody has some.
    fn ask_name_servers(&mut self) {
        let rows = rows(&self.seen, "resolver");
        let servers: Vec<IpAddr> = rows
            .iter()
            .filter_map(|row| row_value(row, "nameservers"))
            .flat_map(|servers| servers.split(','))
            .filter_map(|server| ip::parse(server.trim()))
            .filter(|ip| self.net.beyond_gateway(*ip))
            .collect();
        if servers.is_empty() {
            return;
        }
        progress::step("asking the name servers beyond the gateway");
        let timeout = NAME_SERVER_MS.min(left() / 2);
        let question = |server: &IpAddr, transport: &str| names::Question {
            server: std::net::SocketAddr::new(*server, 53).to_string(),
            transport: transport.into(),
            name: ".".into(),
            kind: "NS".into(),
            timeout,
        };
        let questions: Vec<names::Question> =
            servers.iter().flat_map(|server| ["udp", "tcp"].map(|transport| question(server, transport))).collect();
        let seen = names::ask(&questions);
        self.ids.extend(seen.iter().map(|s| s.id));
        for (server, answers) in servers.iter().zip(seen.chunks(2)) {
            // UDP first, then TCP; a server that could not be asked says nothing.
            let heard = [false, true].into_iter().zip(answers).filter_map(|(tcp, a)| reply::heard(tcp, &a.outcome));
            if let Some(spoke) = heard.reduce(|one, other| one || other) {
                self.beside.name_servers.push((*server, spoke));
            }
        }
    }

    /// Which way packets take, and which ways lead nowhere.
    fn judge_routes(&mut self) -> Result<(), String> {
        let evidence = Evidence::of(self.ids.iter().copied())?;
        let (own, seen) = self.own();
        let mut explained: Vec<usize> = Vec::new();
        for (index, probe) in self.probes.iter().enumerate() {
            if let Some(overlap) = overlap::judge(&self.net, probe) {
                explained.push(index);
                self.findings.add(telling::overlap(probe, &overlap).cite_all(&evidence));
            } else if let Some(direct) = hairpin::judge(&self.net, &self.probes, index, &own) {
                explained.push(index);
                self.findings.add(telling::hairpin(probe, &direct).cite_all(&evidence).and(seen));
            }
            if let Some(wrong) = family::judge(&self.net, probe) {
                self.findings.add(telling::family(probe, wrong).cite_all(&evidence));
            }
        }
        if let Some(found) = egress::judge(&self.net, &self.probes, &self.beside, &explained) {
            for probe in found.targets.iter().filter_map(|index| self.probes.get(*index)) {
                let finding = telling::no_egress(probe, &found, &self.beside, &self.net);
                self.findings.add(finding.cite_all(&evidence));
            }
        }
        self.ids.push(seen);
        Ok(())
    }

    /// What this runner publishes itself under, as the environment has it.
    fn own(&self) -> (hairpin::Own, ObservationId) {
        let seen = vars::read(&[ADDRESS_NAMES[0].into(), ADDRESS_NAMES[1].into(), "CACHE_LISTEN_PORT".into()]);
        let value = |index: usize| seen.variables.get(index).and_then(|v| v.value.as_deref()).map(str::trim);
        let port = value(2).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_PORT);
        let text = port.to_string();
        let listens = |row: &Row| {
            row_value(row, "protocol") == Some("tcp")
                && row_value(row, "port") == Some(text.as_str())
                && row_value(row, "scope") != Some("loopback")
        };
        let own = hairpin::Own {
            address: value(0).or_else(|| value(1)).and_then(ip::parse),
            port,
            listens: rows(&self.seen, "listeners").iter().any(listens),
            of_host: self.host_addresses.clone(),
        };
        (own, seen.id)
    }

    /// A small and a large burst to everything that could be connected to.
    fn send_bursts(&mut self, context: &Context) {
        let connected: Vec<usize> = (0..self.probes.len())
            .filter(|index| self.probes.get(*index).is_some_and(|probe| probe.reply == Reply::Connected))
            .filter(|index| self.probes.get(*index).and_then(Probe::ip).is_some_and(|ip| !self.net.owns(ip)))
            .take(MOST_BURSTS)
            .collect();
        let timeout = BURST_MS.min(left() / 4);
        if connected.is_empty() || timeout < BURST_MS / 2 {
            return;
        }
        progress::step("sending a small and a large burst");
        let size = context.setting("large").and_then(|text| text.parse().ok()).unwrap_or(16_384);
        let wanted = |index: &usize| Some(bursts::small_and_large(self.probes.get(*index)?, size, timeout));
        let seen = flows::exchange(&connected.iter().filter_map(wanted).collect::<Vec<_>>());
        self.ids.extend(seen.iter().map(|s| s.id));
        for (index, seen) in connected.into_iter().zip(&seen) {
            let Some(large) = seen.outcome.as_ref().ok().and_then(bursts::judge) else { continue };
            if let (Large::Lost { .. }, Some(probe)) = (&large, self.probes.get(index).cloned()) {
                self.find_size(&probe, &large, seen.id);
            }
            self.large.push((index, large));
        }
    }

    /// Which packets get through where full ones do not.
    fn find_size(&mut self, probe: &Probe, lost: &Large, first: ObservationId) {
        let packets = bursts::single_packets(probe, lost, BURST_MS.min(left() / 4));
        let attempts: Vec<flows::Attempt> = packets.iter().map(|(_, attempt)| attempt.clone()).collect();
        let seen = if attempts.is_empty() { Vec::new() } else { flows::exchange(&attempts) };
        let carries = bursts::carries(
            packets.iter().map(|(packet, _)| *packet).zip(seen.iter().map(|s| s.outcome.as_ref().ok())),
        );
        let interface = probe.ip().and_then(|ip| self.net.route(ip)).map(|route| route.interface.clone());
        let mtu = interface.as_deref().and_then(|name| self.net.mtu_of(name));
        let finding = telling::black_hole(probe, lost, carries, interface.as_deref().zip(mtu), &self.net);
        let mut cited = finding.cite(first);
        for seen in &seen {
            cited = cited.and(seen.id);
        }
        self.findings.add(cited);
        if let Some(carries) = carries {
            let evidence = Evidence::one(first).with(seen.iter().map(|s| s.id));
            self.findings.fact(facts::PATH_CARRIES, carries, &evidence);
        }
        self.ids.extend(seen.iter().map(|s| s.id));
    }

    /// Leaves a connection silent, where that is asked for.
    fn leave_idle(&mut self, context: &Context) {
        let Some(seconds) = context.setting("idle").and_then(|text| text.parse::<u32>().ok()) else { return };
        let needed = seconds.saturating_mul(1000).saturating_add(2 * BURST_MS);
        if left() < needed {
            let text = format!("`idle` takes {} s more than the time budget of this check has left", needed / 1000);
            self.idle_unknown = Some(text);
            return;
        }
        progress::step("leaving connections silent");
        let far = |probe: &&Probe| probe.reply == Reply::Connected && probe.ip().is_some_and(|ip| !self.net.owns(ip));
        let probes: Vec<Probe> = self.probes.iter().filter(far).take(MOST_BURSTS).cloned().collect();
        let attempts: Vec<flows::Attempt> =
            probes.iter().map(|probe| bursts::small_and_late(probe, seconds * 1000, BURST_MS / 2)).collect();
        if attempts.is_empty() {
            self.idle_unknown =
                Some("no target beyond this machine could be connected to, so none was left silent".into());
            return;
        }
        let seen = flows::exchange(&attempts);
        let again: Vec<tcp::Attempt> = probes
            .iter()
            .map(|probe| tcp::Attempt {
                target: probe.hop.socket(),
                timeout: (BURST_MS / 2).min(left()),
                payload: Vec::new(),
                read_max: 0,
            })
            .collect();
        let anew = tcp::connect(&again);
        let mut told = false;
        for ((probe, seen), anew) in probes.iter().zip(&seen).zip(&anew) {
            let survived = seen.outcome.as_ref().ok().and_then(bursts::survived);
            told |= survived == Some(true) || survived == Some(false) && anew.outcome.is_ok();
            match survived {
                Some(false) if anew.outcome.is_ok() => {
                    let finding = telling::idle_cut(probe, seconds);
                    self.findings.add(finding.cite(seen.id).and(anew.id));
                }
                Some(true) => self.findings.fact(facts::IDLE_SURVIVED, seconds, &Evidence::one(seen.id)),
                _ => {}
            }
            self.ids.extend([seen.id, anew.id]);
        }
        if !told {
            self.idle_unknown = Some(format!(
                "no connection lasted through {seconds} s of silence for a reason that could be told: the services may have ended them themselves; choose a shorter `idle`"
            ));
        }
    }

    /// Whether datagrams with wrong checksums came in since the beginning.
    fn judge_checksums(&mut self) {
        let Some(before) = self.checksums else { return };
        // Where none was ever wrong nobody waits for the next.
        if before.wrong > 0 {
            let passed = u32::try_from((clock::monotonic_us() - self.started) / 1000).unwrap_or(u32::MAX);
            clock::sleep_ms(WATCH_MS.saturating_sub(passed).min(left() / 2));
        }
        let seen = seaworthy_check_sdk::inspect(["limits"]);
        let after = datagrams(rows(&seen, "limits"));
        let (Some(after), Some(now)) = (after, seen.first().map(|s| s.id)) else { return };
        self.ids.push(now);
        let Some(grown) = checksums::judge(before, after, &self.net) else { return };
        let first = self.seen.iter().find(|s| s.topic == "limits").map_or(now, |s| s.id);
        let is_silent = |probe: &&Probe| grown.serious && probe.reply == Reply::Silent;
        let silent: Vec<&Probe> = self.probes.iter().filter(is_silent).collect();
        for probe in &silent {
            self.findings.add(telling::checksums(Some(probe), &grown).cite(first).and(now));
        }
        if silent.is_empty() {
            self.findings.add(telling::checksums(None, &grown).cite(first).and(now));
        }
    }

    fn end(mut self) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        if self.probes.is_empty() {
            return Ok(self.findings.not_applicable("none of the targets is reached over TCP", evidence));
        }
        let reached = self.probes.iter().filter(|probe| probe.reply == Reply::Connected).count();
        let (beyond, answered) = egress::beyond(&self.net, &self.probes, &self.beside);
        let findings = &mut self.findings;
        findings.fact(facts::REACHABLE, reached, &evidence);
        findings.fact(facts::BEYOND_GATEWAY, beyond, &evidence);
        findings.fact(facts::BEYOND_GATEWAY_ANSWERED, answered, &evidence);
        findings.fact(facts::IPV6, self.net.has_ipv6(), &evidence);
        let first = self.probes.first().and_then(Probe::ip).and_then(|ip| self.net.route(ip));
        if let Some(route) = first {
            findings.fact(facts::PATH_INTERFACE, &route.interface, &evidence);
            if let Some(mtu) = self.net.mtu_of(&route.interface) {
                findings.fact(facts::PATH_MTU, mtu, &evidence);
            }
        }
        let full = self.large.iter().filter(|(_, large)| *large == Large::Carried).count();
        let mut summary = format!("{reached} of {} connected", self.probes.len());
        if full > 0 {
            summary.push_str(&format!(", {full} took full packets"));
        }
        // What was found counts all the same; only what was not found is in doubt.
        let doubt = self.unknown.filter(|_| self.probes.iter().any(|probe| probe.reply != Reply::Connected));
        let doubt = doubt.or_else(|| probe::nothing_heard(&self.probes)).or(self.idle_unknown);
        Ok(match doubt {
            Some(reason) if !self.findings.any_wrong() => self.findings.inconclusive(reason, evidence),
            _ => self.findings.conclude(summary, evidence),
        })
    }
}

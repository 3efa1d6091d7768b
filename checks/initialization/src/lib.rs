//! `cache/initialization`: the cache can start as it is configured.
//!
//! [`port`] judges who holds the port, [`tier`] what opened, [`demand`] whether that is enough, [`listener`] and
//! [`registry`] what the Python cache does with them; none of these calls the host.

pub mod demand;
pub mod listener;
pub mod port;
mod python_cache;
pub mod registry;
pub mod tier;

use demand::Demand;
use port::{Other, State};
use python_cache::Watch;
use seaworthy_check_sdk::cache::caches;
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome, argument, ip, query, row_value};
use tier::{Closed, Tier, Wanted};

seaworthy_check_sdk::descriptor!();

const VARIABLES: [&str; 12] = [
    "CACHE_ENABLE_P2P",
    "CACHE_LISTEN_PORT",
    "CACHE_BOOTSTRAP_PEERS",
    "CACHE_DIR",
    "CACHE_BACKENDS",
    "CACHE_BACKEND",
    "CACHE_DEFAULT_TTL",
    "IPFS_ACCELERATE_CACHE_DIR",
    "IPFS_ACCELERATE_P2P_CACHE_DIR",
    "RUNNER_NAME",
    "RUNNER_TEMP",
    "HOME",
];

/// The check.
pub struct Initialization;

impl Check for Initialization {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let read = vars::read(&VARIABLES.map(String::from));
        let opened = caches::open();
        let value = |name: &str| {
            let variable = read.variables.iter().find(|variable| variable.name == name && variable.present)?;
            variable.value.as_deref().map(str::trim_ascii).filter(|value| !value.is_empty())
        };
        let wanted = Wanted {
            backends: ["CACHE_BACKENDS", "CACHE_BACKEND"]
                .into_iter()
                .find_map(|name| value(name).map(|list| (name, list))),
            p2p: value("CACHE_ENABLE_P2P"),
            ttl: value("CACHE_DEFAULT_TTL"),
            directory: ["CACHE_DIR", "IPFS_ACCELERATE_CACHE_DIR"]
                .into_iter()
                .find_map(|name| value(name).map(|path| (name, path))),
            // Only the Python cache reads the longer name, and it always keeps entries there.
            directory_demanded: context.setting("test-directory") == Some("true")
                || value("CACHE_DIR").is_none() && value("IPFS_ACCELERATE_CACHE_DIR").is_some(),
        };
        let python = context.inherited("client").is_some_and(|fact| fact.value == "python");
        let mut run = Run { findings: Findings::new(), parts: Vec::new(), unknown: Vec::new() };
        let demand = Demand {
            need: context.setting("need").and_then(|need| need.parse().ok()).unwrap_or(1),
            prefer: context.setting("prefer"),
            wants_another: context.setting("need-fallback") == Some("true"),
        };
        let usable = run.tiers(&opened, &wanted, demand, read.id);
        let evidence = Evidence::one(read.id).with(opened.iter().map(|tier| tier.id));

        // What P2P is to listen on matters only while P2P is on.
        let configured =
            context.setting("listen-port").or_else(|| value("CACHE_LISTEN_PORT").filter(|_| !wanted.p2p_off()));
        let number = configured.and_then(port::number);
        if configured.is_some() && number.is_none() {
            run.parts.push("no port was tested, CACHE_LISTEN_PORT holds none".into());
        }
        let peers: Vec<String> = value("CACHE_BOOTSTRAP_PEERS")
            .into_iter()
            .flat_map(|list| list.split(','))
            .map(str::to_owned)
            .chain(context.addresses())
            .collect();
        let home = value("HOME").filter(|_| python);
        let registry = value("IPFS_ACCELERATE_P2P_CACHE_DIR").map(str::to_owned);
        let registry = registry.or_else(|| python_cache::default_registry(home).filter(|_| !wanted.p2p_off()));
        let watch = Watch {
            client: python,
            p2p: !wanted.p2p_off(),
            expected: context.setting("expect-listener") == Some("true"),
            process: context.setting("cache-process"),
            log: context.setting("log-file"),
            port: number,
            registry: registry.clone().filter(|path| path.starts_with('/') && !wanted.p2p_off()),
            runner: value("RUNNER_NAME"),
            temporary: value("RUNNER_TEMP"),
            has_peers: !peers.is_empty(),
        };
        let default = wanted.directory.is_none().then(|| python_cache::default_folder(home)).flatten();
        let directories = directories(&wanted, default.as_deref(), registry.as_deref(), &opened);
        let demanded = number.is_some() || !directories.is_empty() || watch.expected || watch.log.is_some();
        let mut queries = Vec::new();
        if let Some(number) = number {
            let address = context.setting("listen-address").unwrap_or("0.0.0.0");
            let arguments =
                vec![argument("address", address), argument("port", number.to_string()), argument("protocol", "tcp")];
            queries.push(query("port", arguments));
        }
        if number.is_some() || watch.registry.is_some() {
            queries.push(query("interfaces", vec![]));
        }
        if !directories.is_empty() {
            queries.push(query("directory", directories.iter().map(|path| argument("path", path)).collect()));
        }
        queries.extend(watch.queries());
        let seen = if queries.is_empty() { Vec::new() } else { system::inspect(&queries) };
        let answer = |topic: &str| seen.iter().find(|answer| answer.topic == topic);
        let mut taken = false;
        if let (Some(number), Some(probe)) = (number, answer("port")) {
            let glob = context.setting("port-owner").unwrap_or("*seaworthy*");
            let local = local_peer(number, &peers, answer("interfaces"));
            let state = run.port(number, probe, glob, local, value("RUNNER_NAME"));
            taken = state == Some(State::Taken);
        }
        if let Some(directory) = answer("directory") {
            run.directories(directory);
        }
        watch.judge(&seen, taken, &mut run.findings);
        watch.remarks(&peers, read.id, &mut run.findings);
        let evidence = evidence.with(seen.iter().map(|answer| answer.id));
        let Run { findings, parts, unknown } = run;
        if usable == Usable::NotConfigured && findings.is_empty() && unknown.is_empty() && !demanded {
            return Ok(findings.not_configured(parts.join("; "), evidence));
        }
        if unknown.is_empty() || !findings.is_empty() {
            Ok(findings.conclude(parts.join("; "), evidence))
        } else {
            Ok(findings.inconclusive(unknown.join("; "), evidence))
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Usable {
    NotConfigured,
    Judged,
}

/// What comes together during one run.
struct Run {
    findings: Findings,
    parts: Vec<String>,
    unknown: Vec<String>,
}

impl Run {
    fn tiers(&mut self, opened: &[caches::Tier], wanted: &Wanted<'_>, demand: Demand<'_>, read: u32) -> Usable {
        let usable = opened.iter().filter(|tier| tier.outcome.is_ok());
        let open: Vec<&str> = usable.map(|tier| tier.label.as_str()).collect();
        let enough = open.len() >= demand.need;
        let mut shut = Vec::new();
        let mut wrong = 0_usize;
        for tier in opened {
            let Err(error) = &tier.outcome else { continue };
            let closed = tier::closed(&error.kind, reason(&error.context));
            shut.push(tier::shut(&tier.label, &error.kind, closed));
            match closed {
                Closed::NotConfigured => continue,
                Closed::NotImported => {}
                Closed::Failed => {
                    let finding = codes::CACHE_OPEN_FAILED
                        .at(&tier.label)
                        .message(format!("the tier {} does not open: {}", tier.label, error.message))
                        .observed(&error.kind)
                        .detail("error-kind", &error.kind)
                        .detail("retry", &error.retry)
                        .detail("adapter", &tier.adapter);
                    // Whoever has enough of them can do without this one.
                    let finding = if enough { finding.level("warn") } else { finding };
                    self.findings.add(finding.cite(tier.id));
                }
            }
            wrong += 1;
        }
        let evidence = Evidence::one(read).with(opened.iter().map(|tier| tier.id));
        self.findings.fact(facts::USABLE_TIERS, open.join(","), &evidence);
        if demand.unmet(open.len(), wrong) {
            let finding = codes::CACHE_NO_USABLE_BACKEND.found().message(demand.shortage(open.len(), opened.len()));
            let finding = finding.observed(open.len().to_string()).expected(demand.need.to_string());
            self.findings.add(finding.cite_all(&evidence));
        }
        let tiers: Vec<Tier> = opened
            .iter()
            .map(|tier| Tier {
                label: tier.label.clone(),
                adapter: tier.adapter.clone(),
                state: tier
                    .outcome
                    .as_ref()
                    .map(|able| able.properties.clone())
                    .map_err(|error| (error.kind.clone(), reason(&error.context).map(str::to_owned))),
            })
            .collect();
        if let Some(degraded) = demand.degraded(&tiers, wanted.p2p_off()) {
            let said = opened.iter().find(|tier| tier.label == degraded.preferred);
            let why = said.and_then(|tier| tier.outcome.as_ref().err()).map(|error| [": ", &error.message].concat());
            let message = [degraded.message().as_str(), why.as_deref().unwrap_or_default()].concat();
            let finding = codes::CACHE_DEGRADED.at(degraded.preferred).message(message);
            let finding =
                finding.observed(degraded.instead).expected(degraded.preferred).detail("reason", degraded.reason);
            self.findings.add(finding.cite_all(&evidence));
        }
        if demand.wants_another && tier::stands_alone(&tiers) {
            let finding = codes::CACHE_NO_FALLBACK
                .at(tiers.first().map(|tier| tier.label.as_str()).unwrap_or_default())
                .message(format!(
                    "{} is the only tier and is reached over the network: when it is down nothing takes its place",
                    tiers.first().map(|tier| tier.label.as_str()).unwrap_or_default()
                ))
                .expected("a second tier, such as disk");
            self.findings.add(finding.cite_all(&evidence));
        }
        for (name, message) in tier::without_effect(wanted, &tiers) {
            self.findings.add(codes::CACHE_SETTING_NO_EFFECT.at(name).message(message).cite_all(&evidence));
        }
        if open.is_empty() && wrong == 0 && demand.need <= 1 {
            self.parts.push("no cache tier is configured (no peers, no CACHE_BACKENDS)".into());
            return Usable::NotConfigured;
        }
        let names = if open.is_empty() { String::new() } else { format!(": {}", open.join(", ")) };
        let noun = if opened.len() == 1 { "tier" } else { "tiers" };
        let shut = if shut.is_empty() { String::new() } else { format!("; closed: {}", shut.join(", ")) };
        self.parts.push(format!("{} of {} {noun} open{names}{shut}", open.len(), opened.len()));
        Usable::Judged
    }

    /// Answers who has the port, where that could be found out.
    fn port(
        &mut self,
        number: u16,
        seen: &system::Seen,
        glob: &str,
        local_peer: bool,
        runner: Option<&str>,
    ) -> Option<State> {
        let row = match &seen.outcome {
            Ok(rows) => rows.first(),
            Err(failure) => {
                self.unknown.push(format!("port {number} could not be tested: {}", failure.message));
                return None;
            }
        };
        let Some(row) = row else {
            self.unknown.push(format!("the host did not answer for port {number}"));
            return None;
        };
        let owner = row_value(row, "owner-process").filter(|owner| !owner.is_empty());
        let probe = port::Probe {
            bindable: row_value(row, "bindable") == Some("true"),
            error_kind: row_value(row, "error-kind").unwrap_or_default().into(),
            owner: owner.map(str::to_owned),
        };
        let state = port::judge(&probe, glob, local_peer);
        self.findings.fact(facts::LISTEN_PORT_STATE, state.as_str(), &Evidence::one(seen.id));
        let holder = owner.unwrap_or("a process that this user cannot see");
        self.parts.push(match state {
            State::Free => format!("port {number} can be bound"),
            State::Ours => format!("port {number} belongs to the cache"),
            State::Taken => format!("port {number} is held by {holder}"),
            State::Refused => format!("port {number} cannot be bound"),
        });
        // Whose process it is, is looked up only where the port is taken from a runner.
        let named = owner.zip(runner).filter(|_| state == State::Taken);
        let processes = named.and_then(|(owner, _)| {
            let name = owner.rsplit_once(" (").map_or(owner, |(name, _)| name);
            system::inspect(&[query("processes", vec![argument("name", name)])]).into_iter().next()
        });
        let others = processes.as_ref().map(runners).unwrap_or_default();
        let other =
            named.and_then(|(owner, runner)| Some((runner, port::other_runner(number, owner, runner, &others)?)));
        let (code, message) = match state {
            State::Free | State::Ours => return Some(state),
            State::Taken if other.is_some() => {
                let name = other.map(|(_, other)| other.runner.as_str()).unwrap_or_default();
                let message = format!("the cache's port {number} is held by the runner {name} on this machine");
                (codes::CACHE_PORT_OF_OTHER_RUNNER, message)
            }
            State::Taken => (codes::CACHE_PORT_IN_USE, format!("the cache's port {number} is held by {holder}")),
            State::Refused => {
                let message = format!("the cache's port {number} cannot be bound: {}", probe.error_kind);
                (codes::CACHE_PORT_NOT_BINDABLE, message)
            }
        };
        let mut finding = code
            .at(number.to_string())
            .message(message)
            .observed(&probe.error_kind)
            .expected("a free port, or one that the cache holds")
            .detail("port", number.to_string());
        if let Some((runner, other)) = other {
            finding = finding.detail("runner", runner).detail("other-runner", &other.runner).detail("pid", &other.pid);
        }
        for key in ["owner-process", "owner-uid", "owner-address", "os-code"] {
            if let Some(value) = row_value(row, key) {
                finding = finding.detail(key, value);
            }
        }
        let cited = finding.cite(seen.id);
        self.findings.add(match processes.as_ref().filter(|_| other.is_some()) {
            Some(processes) => cited.and(processes.id),
            None => cited,
        });
        Some(state)
    }

    fn directories(&mut self, seen: &system::Seen) {
        let rows = match &seen.outcome {
            Ok(rows) => rows,
            Err(failure) => {
                self.unknown.push(format!("the cache directory could not be tested: {}", failure.message));
                return;
            }
        };
        let mut told = false;
        for row in rows {
            let path = row_value(row, "path").unwrap_or_default();
            let is = |key: &str| row_value(row, key) == Some("true");
            // A directory that is missing is made at the first start.
            if is("writable") || (!is("exists") && is("creatable")) {
                // The first is the cache's own; a fact is reported once.
                if !std::mem::replace(&mut told, true) {
                    self.findings.fact(facts::CACHE_DIRECTORY, path, &Evidence::one(seen.id));
                }
                self.parts.push(format!("{path} can be written"));
                continue;
            }
            let reason = row_value(row, "error").filter(|text| !text.is_empty()).unwrap_or("not writable");
            let mut finding = codes::CACHE_DIRECTORY_UNWRITABLE
                .at(path)
                .message(format!("the cache directory {path} cannot be written: {reason}"))
                .observed(reason)
                .expected("a directory that this user can write");
            for key in ["uid", "mode", "exists", "free-bytes"] {
                if let Some(value) = row_value(row, key) {
                    finding = finding.detail(key, value);
                }
            }
            self.findings.add(finding.cite(seen.id));
            self.parts.push(format!("{path} cannot be written"));
        }
    }
}

/// Why a tier did not open; a trap is marked by a key of its own.
fn reason(context: &[(String, String)]) -> Option<&str> {
    row_value(context, "trap").map(|_| "trap").or_else(|| row_value(context, "reason"))
}

/// The directories in use: the cache's own where something keeps entries in it, the one that
/// the Python cache takes by default, the registry, and those of the tiers.
fn directories(
    wanted: &Wanted<'_>,
    default: Option<&str>,
    registry: Option<&str>,
    opened: &[caches::Tier],
) -> Vec<String> {
    let names = opened.iter().map(|tier| (tier.label.as_str(), tier.adapter.as_str()));
    let main = wanted.directory.map(|(_, path)| path).filter(|_| wanted.uses_directory(names));
    let mut all: Vec<String> = Vec::new();
    let of_tiers = opened.iter().filter_map(|tier| row_value(&tier.details, "directory"));
    for path in main.into_iter().chain(default).chain(registry).chain(of_tiers) {
        // Anything else than an absolute path is a matter of Environment Variables.
        if path.starts_with('/') && !all.iter().any(|other| other == path) {
            all.push(path.to_owned());
        }
    }
    all
}

/// The processes that say which runner they belong to.
fn runners(seen: &system::Seen) -> Vec<Other> {
    let rows = seen.outcome.as_ref().ok().into_iter().flatten();
    rows.filter_map(|row| {
        Some(Other {
            runner: row_value(row, "runner-name")?.to_owned(),
            port: row_value(row, "listen-port").and_then(port::number),
            pid: row_value(row, "pid").unwrap_or_default().to_owned(),
        })
    })
    .collect()
}

/// Whether a configured peer is this machine's own listener on `number`.
fn local_peer(number: u16, peers: &[String], interfaces: Option<&system::Seen>) -> bool {
    let own: Vec<_> = interfaces
        .and_then(|seen| seen.outcome.as_ref().ok())
        .into_iter()
        .flatten()
        .filter_map(|row| row_value(row, "address").and_then(ip::parse))
        .collect();
    peers.iter().filter_map(|peer| port::endpoint(peer)).any(|(host, port)| {
        port == number && (ip::is_loopback(host) || ip::parse(host).is_some_and(|address| own.contains(&address)))
    })
}

seaworthy_check_sdk::export_check!(Initialization);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_directories_are_one_fact() {
        let row = |path: &str| [("path", path), ("exists", "true"), ("writable", "true")].map(|(k, v)| argument(k, v));
        let rows = vec![row("/a").to_vec(), row("/b").to_vec()];
        let seen = system::Seen { id: 1, topic: "directory".into(), elapsed: 1, outcome: Ok(rows) };
        let mut run = Run { findings: Findings::new(), parts: Vec::new(), unknown: Vec::new() };
        run.directories(&seen);
        let outcome = run.findings.conclude("", Evidence::one(1));
        let facts: Vec<_> = outcome.facts.iter().map(|fact| (fact.key.as_str(), fact.value.as_str())).collect();
        assert_eq!(facts, [(facts::CACHE_DIRECTORY, "/a")]);
        assert_eq!(run.parts.len(), 2);
    }
}

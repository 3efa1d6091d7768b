//! `docker/runtime`: the runtime around this process, and what follows from it.
//!
//! Almost all of it is read. [`place`] is where we are, [`judge`] decides from plain data,
//! [`telling`] says it.

mod judge;
mod place;
mod telling;

use judge::Socket;
use place::{Place, Row};
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::kit::progress;
use seaworthy_check_sdk::net::{dns, tcp};
use seaworthy_check_sdk::{
    Check, Context, ContextExt, Evidence, Findings, Hop, ObservationId, Outcome, Transport, argument, query, row_value,
};

seaworthy_check_sdk::descriptor!();

const VARIABLES: [&str; 2] = ["DOCKER_HOST", "RUNNER_ENVIRONMENT"];
const SOCKET: &str = "/var/run/docker.sock";
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// A host that is there answers sooner; slirp4netns says nothing about what it drops.
const CONNECT_MS: u32 = 2000;
const MARGIN_MS: u32 = 150;

struct Runtime;

impl Check for Runtime {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let variables = vars::read(&VARIABLES.map(str::to_owned));
        let docker_host = value(&variables, "DOCKER_HOST").map(str::to_owned);
        let socket = judge::socket_path(docker_host.as_deref()).unwrap_or(SOCKET).to_owned();
        let mut queries: Vec<system::Query> =
            ["container", "kernel", "resolver", "hosts", "process"].map(|topic| query(topic, Vec::new())).into();
        queries.push(query("executables", vec![argument("name", "dockerd")]));
        queries.push(query("paths", vec![argument("path", &socket), argument("path", TOKEN)]));
        if context.vantage("host-report") == Some("true") {
            queries.push(query("host-report", vec![argument("topic", "listeners")]));
        }
        let seen = system::inspect(&queries);
        let evidence = Evidence::one(variables.id).with(seen.iter().map(|s| s.id));
        let container = match seen.first().map(|s| &s.outcome) {
            Some(Ok(rows)) => rows.first().cloned().unwrap_or_default(),
            Some(Err(failure)) => {
                let reason = format!("the host could not tell what kind of place this is: {}", failure.message);
                return Ok(Findings::new().inconclusive(reason, evidence));
            }
            None => return Err("the host answered no topic".into()),
        };
        let rows = |topic: &str| rows(&seen, topic);
        let place = Place::read(&container, rows("kernel"), rows("resolver"), rows("hosts"), rows("executables"));
        let mut run = Run { context: &context, place, seen: &seen, evidence, findings: Findings::new() };
        run.judge_socket(&socket, docker_host.as_deref());
        run.judge_engine_inside();
        run.judge_targets();
        run.record_facts(&variables);
        Ok(run.findings.conclude(telling::summary(&run.place), run.evidence))
    }
}

seaworthy_check_sdk::export_check!(Runtime);

fn value<'a>(seen: &'a vars::Seen, name: &str) -> Option<&'a str> {
    let found = seen.variables.iter().find(|variable| variable.name == name)?;
    found.value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}

/// The rows of a topic; none where it could not be read.
fn rows<'a>(seen: &'a [system::Seen], topic: &str) -> &'a [Row] {
    seen.iter().find(|s| s.topic == topic).and_then(|s| s.outcome.as_deref().ok()).unwrap_or_default()
}

struct Run<'a> {
    context: &'a Context,
    place: Place,
    seen: &'a [system::Seen],
    evidence: Evidence,
    findings: Findings,
}

impl Run<'_> {
    fn needs_docker(&self) -> bool {
        self.context.setting("need-docker") == Some("true")
    }

    fn path(&self, path: &str) -> Option<&Row> {
        rows(self.seen, "paths").iter().find(|row| row_value(row, "path") == Some(path))
    }

    /// An engine over TCP leaves every socket unused.
    fn judge_socket(&mut self, path: &str, docker_host: Option<&str>) {
        let named = judge::socket_path(docker_host).is_some();
        let Some(row) = self.path(path).cloned().filter(|_| named || docker_host.is_none()) else { return };
        let found = judge::socket(&row);
        let needed = self.needs_docker();
        let there = !matches!(found, Socket::Missing | Socket::Unknown);
        if !(needed || named || self.place.in_container() && there) {
            return;
        }
        self.findings.fact(facts::DOCKER_SOCKET, telling::socket_words(path, &found), &self.evidence);
        if judge::wrong_socket(&found, needed, named) {
            self.findings.add(telling::socket(path, &found, &self.place).cite_all(&self.evidence));
        }
    }

    fn judge_engine_inside(&mut self) {
        if !judge::holds_engine(&self.place, self.needs_docker()) {
            return;
        }
        if let Some(module) = judge::missing_module(&self.place) {
            self.findings.add(telling::no_module(&self.place, module).cite_all(&self.evidence));
        }
        if let Some(tables) = judge::mixed(&self.place) {
            self.findings.add(telling::mixed(&tables).cite_all(&self.evidence));
        }
    }

    fn judge_targets(&mut self) {
        if self.place.desktop && self.place.mode == "host" {
            self.findings.add(telling::desktop(&self.place).cite_all(&self.evidence));
        }
        let hops: Vec<(String, Hop)> = self
            .context
            .addresses()
            .iter()
            .filter_map(|text| Some((text.trim().to_owned(), Hop::parse(text)?)))
            .collect();
        let mut on_host: Vec<(String, Hop)> = Vec::new();
        let mut of_cluster: Vec<(String, Hop)> = Vec::new();
        for (text, hop) in hops {
            if judge::overlaps(&self.place, &hop) {
                self.findings.add(telling::overlap(&text, &hop, &self.place).cite_all(&self.evidence));
            }
            if judge::unknown_to_node(&self.place, &hop) {
                of_cluster.push((text.clone(), hop.clone()));
            }
            let is_host = self.place.user_space_network() && self.place.host_address(&hop.host).is_some();
            if is_host && hop.transport == Transport::Tcp {
                on_host.push((text, hop));
            }
        }
        self.look_up(&of_cluster);
        self.connect_to_host(&on_host);
    }

    /// Whether names as of the cluster are known all the same: /etc/hosts and the node's own
    /// name servers may have them.
    fn look_up(&mut self, targets: &[(String, Hop)]) {
        if targets.is_empty() {
            return;
        }
        progress::step("looking up names of the cluster");
        let timeout = CONNECT_MS.min(progress::remaining_ms().saturating_sub(MARGIN_MS));
        let queries: Vec<dns::Query> =
            targets.iter().map(|(_, hop)| dns::Query { name: hop.host.clone(), timeout }).collect();
        let seen = dns::resolve(&queries);
        for ((text, hop), seen) in targets.iter().zip(&seen) {
            if seen.outcome.as_ref().is_err_and(judge::is_no_name) {
                let finding = telling::pod_dns(text, hop, &self.place);
                self.findings.add(finding.cite_all(&self.evidence).and(seen.id));
            }
        }
        self.evidence = self.evidence.clone().with(seen.iter().map(|s| s.id));
    }

    /// Whether services of the host can be reached through a network of user space.
    fn connect_to_host(&mut self, targets: &[(String, Hop)]) {
        if targets.is_empty() {
            return;
        }
        progress::step("connecting to the container's host");
        let timeout = CONNECT_MS.min(progress::remaining_ms().saturating_sub(MARGIN_MS));
        let attempts: Vec<tcp::Attempt> = targets
            .iter()
            .map(|(_, hop)| tcp::Attempt { target: hop.socket(), timeout, payload: Vec::new(), read_max: 0 })
            .collect();
        let seen = tcp::connect(&attempts);
        let listeners = self.seen.iter().find(|s| s.topic == "host-report").and_then(|s| s.outcome.as_deref().ok());
        let mut ids: Vec<ObservationId> = Vec::new();
        for ((text, hop), seen) in targets.iter().zip(&seen) {
            ids.push(seen.id);
            let Err(failure) = &seen.outcome else { continue };
            let on_loopback = judge::on_loopback_only(listeners, hop.port);
            if let Some(confidence) = judge::kept_away(&failure.kind, on_loopback) {
                let finding = telling::loopback(text, hop, &self.place, failure, confidence);
                self.findings.add(finding.cite_all(&self.evidence).and(seen.id));
            }
        }
        self.evidence = self.evidence.clone().with(ids);
    }

    fn record_facts(&mut self, variables: &vars::Seen) {
        let process = rows(self.seen, "process").first();
        let of_process = |key: &str| process.and_then(|row| row_value(row, key)).map(str::to_owned);
        let user = of_process("uid").zip(of_process("gid")).map(|(uid, gid)| format!("{uid}:{gid}"));
        let token = self.path(TOKEN).map(|row| row_value(row, "exists") == Some("true"));
        let pod = self.place.is_pod();
        let facts = [
            (facts::RUNTIME_KIND, Some(self.place.kind.clone())),
            (facts::ROOTLESS, Some(self.place.rootless.clone())),
            (facts::RUNTIME_UID, user),
            (facts::CAPABILITIES, of_process("capabilities")),
            (facts::NO_NEW_PRIVILEGES, of_process("no-new-privs")),
            (facts::KERNEL_RELEASE, self.place.kernel.release.clone()),
            (facts::IPTABLES, self.place.kernel.variant.clone()),
            (facts::SERVICE_ACCOUNT, token.filter(|_| pod).map(|there| there.to_string())),
            (facts::POD_DNS, pod.then(|| if self.place.knows_cluster() { "cluster" } else { "node" }.to_owned())),
            (facts::RUNNER_ENVIRONMENT, value(variables, "RUNNER_ENVIRONMENT").map(str::to_owned)),
        ];
        for (key, value) in facts {
            if let Some(value) = value {
                self.findings.fact(key, value, &self.evidence);
            }
        }
    }
}

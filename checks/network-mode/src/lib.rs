//! The network that this process lives in, and whether the configured peers' addresses
//! make sense from there.
//!
//! The check asks the host for what it knows (`container`, `interfaces`, `routes`,
//! `resolver`, `hosts`, `listeners`), looks up the few names whose meaning depends on
//! the network, and judges every address without connecting to it: [`place`] is where
//! we are, [`sense`] what an address means from there, [`telling`] how it is said.

mod place;
mod public_address;
mod sense;
mod telling;

use place::{Place, Row, serves};
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::net::dns;
use seaworthy_check_sdk::p2p::swarm;
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome, inspect, row_value};
use sense::{Lookup, Peer, Sense};

seaworthy_check_sdk::descriptor!();

const HOST_NAME: &str = "host.docker.internal";
const LISTEN_PORT: &str = "CACHE_LISTEN_PORT";
/// The seed's default for `CACHE_LISTEN_PORT`.
const DEFAULT_LISTEN_PORT: u16 = 9100;
/// Longest wait for the resolver, in milliseconds: names asked here are local ones.
const LOOKUP_MS: u32 = 1500;

struct NetworkMode;

impl Check for NetworkMode {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let seen = inspect(["container", "interfaces", "routes", "resolver", "hosts", "listeners"]);
        let evidence = Evidence::of(seen.iter().map(|s| s.id))?;
        let container = match seen.first().map(|s| &s.outcome) {
            Some(Ok(rows)) => rows.first().cloned().unwrap_or_default(),
            Some(Err(failure)) => {
                let reason =
                    ["the host could not tell what kind of place this is: ", failure.message.as_str()].concat();
                return Ok(Findings::new().inconclusive(reason, evidence));
            }
            None => return Err("the host answered no topic".into()),
        };
        let (interfaces, listeners) = (rows(&seen, "interfaces"), rows(&seen, "listeners"));
        let place = Place::read(&container, interfaces, rows(&seen, "routes"));
        let known = known_host(rows(&seen, "hosts"));
        let leads_out = public_address::leads_out(rows(&seen, "routes")) && place.has_network();
        let mut run = Run { place, listeners, known_host: known, leads_out, evidence, findings: Findings::new() };
        run.judge_addresses(&context)
    }
}

seaworthy_check_sdk::export_check!(NetworkMode);

/// The rows of a topic; none when it could not be read.
fn rows<'a>(seen: &'a [system::Seen], topic: &str) -> &'a [Row] {
    seen.iter().find(|s| s.topic == topic).and_then(|s| s.outcome.as_deref().ok()).unwrap_or_default()
}

struct Run<'a> {
    place: Place,
    listeners: &'a [Row],
    /// What /etc/hosts says of the engine's name for its host.
    known_host: Option<&'a str>,
    /// There is a way out to other networks.
    leads_out: bool,
    evidence: Evidence,
    findings: Findings,
}

/// A name that was looked up.
struct Answer {
    name: String,
    id: u32,
    lookup: Lookup,
}

impl Run<'_> {
    fn judge_addresses(&mut self, context: &Context) -> Result<Outcome, String> {
        let parsed = swarm::parse(&context.addresses());
        let peers: Vec<(u32, Peer)> = parsed.iter().filter_map(|p| Some((p.id, peer(p)?))).collect();
        let answers = self.look_up(&peers, context.budget);
        let host_internal = answers.iter().find(|a| a.name == HOST_NAME).and_then(|a| match &a.lookup {
            Lookup::Found(addresses) => addresses.first().map(ToString::to_string),
            _ => None,
        });
        let host_internal = host_internal.or_else(|| self.known_host.map(str::to_owned));

        let (mut fine, mut wrong, mut inward) = (0, 0, 0);
        for (id, peer) in &peers {
            let answer = answers.iter().find(|a| a.name == peer.host);
            let sense = sense::judge(peer, &self.place, self.listeners, answer.map(|a| &a.lookup));
            if sense == Sense::Fine {
                fine += 1;
                inward += usize::from(seaworthy_check_sdk::ip::is_loopback(&peer.host));
            }
            if let Some(finding) = telling::tell(peer, &sense, &self.place, host_internal.as_deref()) {
                wrong += 1;
                let cited = finding.cite_all(&self.evidence).and(*id);
                self.findings.add(match answer {
                    Some(answer) => cited.and(answer.id),
                    None => cited,
                });
            }
        }
        self.judge_network(inward > 0 && inward == parsed.len());
        self.judge_own_port();
        self.record_facts(host_internal.as_deref());
        let (stall, looked_at) = public_address::look(self.leads_out);
        if let Some(finding) = stall {
            self.findings.add(finding);
        }
        let seen = parsed.iter().map(|p| p.id).chain(answers.iter().map(|a| a.id)).chain(looked_at);
        let evidence = self.evidence.clone().with(seen);
        Ok(std::mem::take(&mut self.findings).conclude(telling::summary(&self.place, fine, wrong), evidence))
    }

    /// Looks up the names whose answer depends on the network, each once.
    fn look_up(&self, peers: &[(u32, Peer)], budget: u32) -> Vec<Answer> {
        let names = to_look_up(peers.iter().map(|(_, peer)| peer), &self.place);
        let timeout = LOOKUP_MS.min(budget / 2);
        let queries: Vec<dns::Query> = names.iter().map(|name| dns::Query { name: (*name).into(), timeout }).collect();
        if queries.is_empty() {
            return Vec::new();
        }
        dns::resolve(&queries)
            .into_iter()
            .map(|seen| Answer {
                lookup: match &seen.outcome {
                    Ok(answer) => Lookup::Found(
                        answer.addresses.iter().filter_map(|a| seaworthy_check_sdk::ip::parse(a)).collect(),
                    ),
                    Err(failure) if failure.kind == "dns-not-found" => Lookup::NotFound,
                    Err(failure) => Lookup::Unknown(failure.message.clone()),
                },
                name: seen.name,
                id: seen.id,
            })
            .collect()
    }

    /// A container without any network. When every peer is served from inside, nothing needs one.
    fn judge_network(&mut self, all_inside: bool) {
        if !self.place.in_container() || self.place.has_network() {
            return;
        }
        let none = self.place.mode == "none";
        let how = if none { "the network mode is none" } else { "no interface but loopback is up" };
        let mut finding = codes::DOCKER_NO_NETWORK
            .found()
            .message(["this container has no network: ", how, "; no peer outside of it can be reached"].concat())
            .observed(how)
            .expected("an interface with an address and a default route")
            .detail("network-mode", self.place.mode.as_str())
            .detail("container-kind", self.place.kind.as_str());
        if !none {
            finding = finding.likely();
        }
        if all_inside {
            finding = finding.level("warn");
        }
        self.findings.add(finding.cite_all(&self.evidence));
    }

    /// Whether peers could dial back: a port of a container is reached through its
    /// publication only, which cannot be seen from inside.
    fn judge_own_port(&mut self) {
        if !self.place.has_own_loopback() || !self.place.has_network() {
            return;
        }
        let seen = vars::read(&[LISTEN_PORT.to_owned()]);
        let value = seen.variables.first().and_then(|v| v.value.as_deref());
        let Ok(port) = value.map_or(Ok(DEFAULT_LISTEN_PORT), |v| v.trim().parse::<u16>()) else { return };
        let text = port.to_string();
        let listens = self.listeners.iter().any(|row| row_value(row, "port") == Some(text.as_str()));
        if !listens {
            return;
        }
        let address = self.place.address.as_deref().and_then(seaworthy_check_sdk::ip::parse);
        let finding = if serves(self.listeners, port, address) {
            let message = [
                "port ",
                &text,
                " is listened on in this container; peers outside reach it only if it was published (-p ",
                &text,
                ":",
                &text,
                "), which cannot be seen from inside",
            ];
            codes::DOCKER_UNPUBLISHED_PORT.found().message(message.concat()).possible()
        } else {
            let message =
                ["port ", &text, " is bound to loopback inside this container: publishing it would lead nowhere"];
            codes::DOCKER_UNPUBLISHED_PORT.found().message(message.concat())
        };
        self.findings.add(finding.detail("port", text).cite_all(&self.evidence).and(seen.id));
    }

    fn record_facts(&mut self, host_internal: Option<&str>) {
        let place = &self.place;
        let evidence = &self.evidence;
        let findings = &mut self.findings;
        findings.fact(facts::CONTAINER_KIND, &place.kind, evidence);
        findings.fact(facts::NETWORK_MODE, &place.mode, evidence);
        findings.fact(facts::IN_CONTAINER, place.in_container(), evidence);
        findings.fact(facts::MODE_CONFIDENCE, &place.confidence, evidence);
        for (key, value) in [
            (facts::MODE_REASON, Some(place.reason.as_str()).filter(|reason| !reason.is_empty())),
            (facts::GATEWAY, place.gateway.as_deref()),
            (facts::OWN_ADDRESS, place.address.as_deref()),
            (facts::SUBNET, place.subnet.as_deref()),
            (facts::HOST_INTERNAL_ADDRESS, host_internal),
        ] {
            if let Some(value) = value {
                findings.fact(key, value, evidence);
            }
        }
    }
}

/// The names to ask the resolver for, each once. A resolver that is silent costs its whole
/// time-out, so the engine's name for its host is asked for only where a peer uses it or
/// Docker Desktop answers it; on Linux it stands in /etc/hosts or nowhere.
fn to_look_up<'p>(peers: impl Iterator<Item = &'p Peer>, place: &Place) -> Vec<&'p str> {
    let mut names: Vec<&str> = Vec::new();
    if place.desktop && place.has_own_loopback() && place.has_network() {
        names.push(HOST_NAME);
    }
    for peer in peers {
        if sense::needs_lookup(peer, place) && !names.contains(&peer.host.as_str()) {
            names.push(&peer.host);
        }
    }
    names
}

/// The address that /etc/hosts gives the engine's name for its host.
fn known_host(hosts: &[Row]) -> Option<&str> {
    let named =
        |row: &&Row| row_value(row, "names").is_some_and(|names| names.split(' ').any(|name| name == HOST_NAME));
    hosts.iter().find(named).and_then(|row| row_value(row, "address"))
}

/// The parts of an address that could be read; what could not is said by `net/connectivity`.
fn peer(parsed: &swarm::Parsed) -> Option<Peer> {
    let address = parsed.outcome.as_ref().ok()?;
    Some(Peer {
        text: parsed.text.clone(),
        host: address.host.clone(),
        is_name: address.host_kind.starts_with("dns"),
        transport: address.transport.clone(),
        port: address.port,
        peer_id: address.peer_id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(host: &str) -> Peer {
        Peer { text: String::new(), host: host.into(), is_name: true, transport: "tcp".into(), port: 1, peer_id: None }
    }

    #[test]
    fn the_resolver_is_asked_only_for_what_somebody_uses() {
        let own = vec![seaworthy_check_sdk::ip::parse("172.17.0.2").unwrap()];
        let bridge = Place { kind: "docker".into(), mode: "bridge".into(), own, ..Place::default() };
        assert!(to_look_up([].iter(), &bridge).is_empty());
        assert_eq!(to_look_up([peer(HOST_NAME), peer(HOST_NAME)].iter(), &bridge), [HOST_NAME]);
        let desktop = Place { desktop: true, ..bridge };
        assert_eq!(to_look_up([].iter(), &desktop), [HOST_NAME]);
    }

    #[test]
    fn the_hosts_file_is_enough() {
        let row = |address: &str, names: &str| -> Row {
            vec![("address".into(), address.into()), ("names".into(), names.into())]
        };
        let rows = [row("127.0.0.1", "localhost"), row("172.17.0.1", "gw host.docker.internal")];
        assert_eq!(known_host(&rows), Some("172.17.0.1"));
        assert_eq!(known_host(&rows[..1]), None);
    }
}

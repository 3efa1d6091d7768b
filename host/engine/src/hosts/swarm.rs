use crate::bindings::wit_p2p::swarm;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream;
use seaworthy_model::Failure;
use seaworthy_p2p::{DialAttempt, Dialed, PeerInfo, Rung, address};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Bytes of one answer that are ever read.
const MAX_RESPONSE: u32 = 4 << 20;

impl swarm::Host for State {
    async fn parse(&mut self, addresses: Vec<String>) -> wasmtime::Result<Vec<swarm::Parsed>> {
        through!(self, "p2p/swarm.parse", [addresses], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("swarm.parse", "", addresses.len())?;
            Ok(addresses.into_iter().map(|text| parse(&scope, text)).collect())
        })
    }

    async fn dial(&mut self, attempts: Vec<swarm::DialAttempt>) -> wasmtime::Result<Vec<swarm::Dialed>> {
        through!(self, "p2p/swarm.dial", [attempts], {
            let scope = self.scope.clone();
            let detail = match attempts.as_slice() {
                [one] => one.address.clone(),
                many => format!("{} addresses", many.len()),
            };
            let _doing = scope.step.enter("swarm.dial", &detail, attempts.len())?;
            Ok(join_all(attempts.iter().map(|attempt| dial(&scope, attempt))).await)
        })
    }

    async fn request(&mut self, requests: Vec<swarm::ProtocolRequest>) -> wasmtime::Result<Vec<swarm::Responded>> {
        through!(self, "p2p/swarm.request", [requests], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("swarm.request", "", requests.len())?;
            let most = super::share(scope.step.handover.batch, MAX_RESPONSE, requests.len());
            Ok(stream::iter(requests.into_iter().map(|asked| request(&scope, asked, most)))
                .buffered(super::AT_ONCE)
                .collect()
                .await)
        })
    }
}

fn parse(scope: &Scope, text: String) -> swarm::Parsed {
    let outcome = address::parse(&text);
    let answer = outcome.as_ref().map(|address| {
        json!({ "canonical": address.canonical, "host-kind": address.host_kind, "host": address.host,
                "transport": address.transport, "port": address.port, "peer-id": address.peer_id })
    });
    let id = scope.record("swarm.parse", json!({ "address": text }), answer, Duration::ZERO);
    swarm::Parsed {
        id,
        text,
        outcome: outcome.map_err(|failure| super::failure(&failure)).map(|address| swarm::Address {
            canonical: address.canonical,
            host_kind: address.host_kind,
            host: address.host,
            transport: address.transport,
            port: address.port,
            peer_id: address.peer_id,
            details: address.details.into_iter().collect(),
        }),
    }
}

async fn dial(scope: &Scope, attempt: &swarm::DialAttempt) -> swarm::Dialed {
    let dialed = match may(scope, "dial") {
        Ok(()) => match scope.run.node().await {
            Ok(node) => {
                let asked = DialAttempt {
                    address: attempt.address.clone(),
                    timeout: scope.step.clamp(attempt.timeout),
                    pings: attempt.pings.min(20),
                };
                node.dial(&asked, scope).await
            }
            Err(failure) => not_dialed(&attempt.address, failure),
        },
        Err(failure) => not_dialed(&attempt.address, failure),
    };
    let ladder: Vec<Value> = dialed.ladder.iter().map(rung_json).collect();
    let seen =
        json!({ "ladder": ladder, "expected-peer": dialed.expected_peer, "obtained-peer": dialed.obtained_peer });
    let question = json!({ "address": attempt.address, "timeout-ms": attempt.timeout, "pings": attempt.pings });
    // How far a failed dial got is its evidence.
    let failed = dialed.outcome.as_ref().err().map(|failure| failure.clone().with("seen", seen.to_string()));
    let answer = dialed.outcome.as_ref().map(|peer| {
        json!({ "ladder": ladder, "expected-peer": dialed.expected_peer, "obtained-peer": dialed.obtained_peer, "peer": peer_json(peer) })
    });
    let id = scope.record(
        "swarm.dial",
        question,
        answer.map_err(|failure| failed.as_ref().unwrap_or(failure)),
        dialed.elapsed,
    );
    swarm::Dialed {
        id,
        address: attempt.address.clone(),
        elapsed: super::micros(dialed.elapsed),
        ladder: dialed
            .ladder
            .into_iter()
            .map(|rung| swarm::Rung {
                name: rung.name,
                elapsed: super::micros(rung.elapsed),
                outcome: rung
                    .outcome
                    .map_err(|failure| super::failure(&failure))
                    .map(|facts| facts.into_iter().collect()),
            })
            .collect(),
        expected_peer: dialed.expected_peer,
        obtained_peer: dialed.obtained_peer,
        outcome: dialed.outcome.map_err(|failure| super::failure(&failure)).map(|peer| swarm::Peer {
            peer_id: peer.peer_id,
            remote: peer.remote,
            agent: peer.agent,
            protocol_version: peer.protocol_version,
            protocols: peer.protocols,
            listen_addresses: peer.listen_addresses,
            observed_address: peer.observed_address,
            ping_rtt: peer.ping_rtt.map(super::micros),
        }),
    }
}

async fn request(scope: &Scope, asked: swarm::ProtocolRequest, most: u32) -> swarm::Responded {
    let started = Instant::now();
    let outcome = match may(scope, &asked.protocol) {
        Ok(()) => match scope.run.node().await {
            Ok(node) => {
                let max = usize::try_from(asked.max_response.min(most)).unwrap_or(usize::MAX);
                node.request(
                    &asked.address,
                    &asked.protocol,
                    &asked.payload,
                    scope.step.clamp(asked.timeout),
                    max,
                    scope,
                )
                .await
            }
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    let elapsed = started.elapsed();
    let question =
        json!({ "address": asked.address, "protocol": asked.protocol, "payload-bytes": asked.payload.len() });
    let id = scope.record("swarm.request", question, outcome.as_ref().map(|response| super::bytes(response)), elapsed);
    swarm::Responded {
        id,
        address: asked.address,
        elapsed: super::micros(elapsed),
        outcome: outcome.map_err(|failure| super::failure(&failure)),
    }
}

pub(super) fn may(scope: &Scope, what: &str) -> Result<(), Failure> {
    if scope.step.grants.p2p.iter().any(|grant| grant == what) { Ok(()) } else { Err(scope.step.deny("p2p", what)) }
}

fn not_dialed(address: &str, failure: Failure) -> Dialed {
    Dialed {
        address: address.into(),
        ladder: Vec::new(),
        expected_peer: None,
        obtained_peer: None,
        outcome: Err(failure),
        elapsed: Duration::ZERO,
    }
}

fn rung_json(rung: &Rung) -> Value {
    match &rung.outcome {
        Ok(facts) => json!({ "rung": rung.name, "elapsed-us": super::micros(rung.elapsed), "facts": facts }),
        Err(failure) => json!({ "rung": rung.name, "elapsed-us": super::micros(rung.elapsed), "failure": failure }),
    }
}

fn peer_json(peer: &PeerInfo) -> Value {
    json!({ "peer-id": peer.peer_id, "remote": peer.remote, "agent": peer.agent, "protocols": peer.protocols,
            "listen-addresses": peer.listen_addresses, "observed-address": peer.observed_address,
            "ping-us": peer.ping_rtt.map(super::micros) })
}

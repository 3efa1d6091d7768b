use super::secrets::secret;
use super::swarm::may;
use crate::bindings::wit_sharing::ladder;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use seaworthy_model::Failure;
use seaworthy_p2p::sharing::{self, Climb, Climbed, WRITING};
use seaworthy_p2p::{PeerInfo, Rung};
use serde_json::json;
use std::time::Duration;

/// The word of the capability `p2p` for these rungs.
const SHARE: &str = "share";
/// Peers of one call.
const MOST: usize = 64;
/// Bytes that all sized canaries of one call may have together.
const CANARY_BYTES: usize = 32 << 20;

impl ladder::Host for State {
    async fn climb(&mut self, attempts: Vec<ladder::Attempt>) -> wasmtime::Result<Vec<ladder::Climbed>> {
        through!(self, "sharing/ladder.climb", [attempts], {
            let scope = self.scope.clone();
            let detail = match attempts.as_slice() {
                [one] => one.address.clone(),
                many => format!("{} addresses", many.len()),
            };
            let _doing = scope.step.enter("sharing.climb", &detail, attempts.len())?;
            let attempts: Vec<Asked> = attempts.into_iter().map(|attempt| Asked::new(&scope, attempt)).collect();
            let climbed = climb(&scope, &attempts).await;
            Ok(attempts.into_iter().zip(climbed).map(|(asked, climbed)| told(&scope, asked, climbed)).collect())
        })
    }
}

/// An attempt, and the rungs of it that the run does not allow.
struct Asked {
    attempt: ladder::Attempt,
    forbidden: Vec<String>,
}

impl Asked {
    fn new(scope: &Scope, mut attempt: ladder::Attempt) -> Self {
        let granted = scope.step.grants.cache.iter().any(|grant| grant == "write");
        let (forbidden, rungs) = attempt
            .rungs
            .into_iter()
            .partition(|rung| WRITING.contains(&rung.as_str()) && !(granted && scope.run.plan.rules.allow_writes));
        attempt.rungs = rungs;
        Self { attempt, forbidden }
    }
}

async fn climb(scope: &Scope, asked: &[Asked]) -> Vec<Climbed> {
    let all = |failure: &Failure| {
        let refused = |asked: &Asked| Climbed {
            address: asked.attempt.address.clone(),
            rungs: Vec::new(),
            outcome: Err(failure.clone()),
            elapsed: Duration::ZERO,
        };
        asked.iter().map(refused).collect()
    };
    if asked.len() > MOST {
        return all(&Failure::new("exhausted", "grant", format!("more than {MOST} peers in one call")));
    }
    let node = match may(scope, SHARE) {
        Ok(()) => scope.run.node().await,
        Err(failure) => Err(failure),
    };
    let node = match node {
        Ok(node) => node,
        Err(failure) => return all(&failure),
    };
    let mut climbs = Vec::new();
    for Asked { attempt, .. } in asked {
        let secret = match secret(scope, &attempt.secret).await {
            Ok((_, key)) => Some(key),
            Err(failure) if failure.kind == "denied" => return all(&failure),
            // That there is none is for the rung to say.
            Err(_) => None,
        };
        let size = usize::try_from(attempt.canary_size).unwrap_or(usize::MAX);
        climbs.push(Climb {
            address: attempt.address.clone(),
            timeout: scope.step.clamp(attempt.timeout),
            rungs: attempt.rungs.clone(),
            secret,
            canary_bytes: size.min(CANARY_BYTES / asked.len().max(1)),
            dial_back_port: attempt.dial_back_port,
            propagation: scope.step.clamp(attempt.propagation),
        });
    }
    sharing::climb(&node, &climbs, scope).await
}

/// Records each rung and the whole, and answers the guest.
fn told(scope: &Scope, asked: Asked, climbed: Climbed) -> ladder::Climbed {
    let Asked { attempt, forbidden } = asked;
    let address = attempt.address;
    let refused = forbidden.into_iter().map(|name| Rung {
        outcome: Err(Failure::new(
            "not-allowed",
            "writes",
            format!(
                "`{name}` writes entries; allow that with --allow-writes, and a plugin with grant.cache = [\"write\"]"
            ),
        )),
        name,
        elapsed: Duration::ZERO,
    });
    // What was not reached was not kept from writing either.
    let refused: Vec<Rung> = if climbed.outcome.is_ok() { refused.collect() } else { Vec::new() };
    let mut rungs = Vec::new();
    for rung in climbed.rungs.into_iter().chain(refused) {
        let probe = format!("sharing.{}", rung.name);
        let answer = rung.outcome.as_ref().map(|facts| json!(facts));
        let id = scope.record(&probe, json!({ "address": address }), answer, rung.elapsed);
        rungs.push(ladder::Rung {
            id,
            name: rung.name,
            elapsed: super::micros(rung.elapsed),
            outcome: rung.outcome.map_err(|failure| super::failure(&failure)).map(|facts| facts.into_iter().collect()),
        });
    }
    let question = json!({ "address": address, "rungs": attempt.rungs, "timeout-ms": attempt.timeout,
                           "canary-size": attempt.canary_size, "dial-back-port": attempt.dial_back_port });
    let tried: Vec<&str> = rungs.iter().map(|rung| rung.name.as_str()).collect();
    let answer = climbed
        .outcome
        .as_ref()
        .map(|peer| json!({ "rungs": tried, "peer": super::object(facts(peer).iter().map(|(k, v)| (k, v))) }));
    let id = scope.record("sharing.climb", question, answer, climbed.elapsed);
    ladder::Climbed {
        id,
        address,
        elapsed: super::micros(climbed.elapsed),
        rungs,
        outcome: climbed.outcome.map_err(|failure| super::failure(&failure)).map(|peer| facts(&peer)),
    }
}

fn facts(peer: &PeerInfo) -> Vec<(String, String)> {
    let mut facts = vec![
        ("peer-id".to_owned(), peer.peer_id.clone()),
        ("remote".to_owned(), peer.remote.clone()),
        ("agent".to_owned(), peer.agent.clone()),
    ];
    facts.extend(peer.observed_address.iter().map(|address| ("observed-address".to_owned(), address.clone())));
    facts
}

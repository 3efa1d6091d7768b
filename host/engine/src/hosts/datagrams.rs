use super::turns::{Turn, in_turn};
use crate::bindings::wit_path::datagrams;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use seaworthy_model::Failure;
use seaworthy_probe::datagram as probe;
use serde_json::{Value, json};
use std::time::Duration;

/// Answers of an attempt that an observation shows.
const SHOWN: usize = 8;

impl datagrams::Host for State {
    async fn send(&mut self, attempts: Vec<datagrams::Attempt>) -> wasmtime::Result<Vec<datagrams::Seen>> {
        through!(self, "path/datagrams.send", [attempts], {
            let scope = self.scope.clone();
            let targets: Vec<&str> = attempts.iter().map(|attempt| attempt.target.as_str()).collect();
            // Each datagram is work, and each is one that others get.
            let times =
                |attempt: &datagrams::Attempt| usize::try_from(attempt.times.clamp(1, probe::MOST)).unwrap_or(1);
            let work: usize = attempts.iter().map(times).sum();
            let _doing = scope.step.enter("datagrams.send", &targets.join(", "), work)?;
            let sent = attempts.into_iter().map(|attempt| {
                let turn = Turn::wait(&scope, attempt.timeout);
                send(&scope, attempt, turn)
            });
            Ok(in_turn(super::AT_ONCE, sent.collect::<Vec<_>>()).await)
        })
    }

    async fn quic_versions(&mut self, targets: Vec<String>, timeout: u32) -> wasmtime::Result<Vec<datagrams::Seen>> {
        through!(self, "path/datagrams.quic-versions", [targets, timeout], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("datagrams.quic-versions", &targets.join(", "), targets.len())?;
            let asked = targets.into_iter().map(|target| versions(&scope, target, Turn::wait(&scope, timeout)));
            Ok(in_turn(super::AT_ONCE, asked.collect::<Vec<_>>()).await)
        })
    }
}

async fn versions(scope: &Scope, target: String, turn: Turn) -> datagrams::Seen {
    let turn = turn.begin(scope, &target);
    let timeout = *turn.as_ref().unwrap_or(&Duration::ZERO);
    let seen = match turn {
        Ok(timeout) => probe::quic_versions(&target, timeout, scope).await,
        Err(failure) => unsent(failure),
    };
    let asked = json!({ "target": target, "timeout-ms": super::millis(timeout) });
    let answer = seen.outcome.as_ref().map(|exchanged| {
        let versions = exchanged.received.iter().take(SHOWN).map(|v| String::from_utf8_lossy(v));
        json!({ "remote": exchanged.remote, "local": exchanged.local, "versions": versions.collect::<Vec<_>>() })
    });
    let id = scope.record("datagrams.quic-versions", asked, answer, seen.elapsed);
    answered(id, target, seen)
}

fn unsent(failure: Failure) -> probe::Seen {
    probe::Seen { elapsed: Duration::ZERO, outcome: Err(failure) }
}

async fn send(scope: &Scope, attempt: datagrams::Attempt, turn: Turn) -> datagrams::Seen {
    let turn = turn.begin(scope, &attempt.target);
    let asked = probe::Attempt {
        target: attempt.target,
        timeout: *turn.as_ref().unwrap_or(&Duration::ZERO),
        limit: scope.step.remaining(),
        payload: attempt.payload,
        times: attempt.times,
        replies: attempt.replies,
        local_port: attempt.local_port,
    };
    let seen = match turn {
        Ok(_) => probe::send(&asked, scope).await,
        Err(failure) => unsent(failure),
    };
    let question = json!({ "target": asked.target, "timeout-ms": super::millis(asked.timeout),
                           "payload": super::bytes(&asked.payload), "times": asked.times, "replies": asked.replies,
                           "local-port": asked.local_port });
    let id = scope.record("datagrams.send", question, seen.outcome.as_ref().map(shown), seen.elapsed);
    answered(id, asked.target, seen)
}

fn answered(id: u32, target: String, seen: probe::Seen) -> datagrams::Seen {
    datagrams::Seen {
        id,
        target,
        elapsed: super::micros(seen.elapsed),
        outcome: seen.outcome.map_err(|failure| super::failure(&failure)).map(|exchanged| datagrams::Exchanged {
            remote: exchanged.remote.to_string(),
            local: exchanged.local.to_string(),
            received: exchanged.received,
        }),
    }
}

fn shown(exchanged: &probe::Exchanged) -> Value {
    let received = exchanged.received.iter().take(SHOWN).map(|answer| super::bytes(answer));
    json!({ "remote": exchanged.remote, "local": exchanged.local, "answers": exchanged.received.len(),
            "received": received.collect::<Vec<_>>() })
}

use super::turns::{Turn, in_turn};
use crate::bindings::wit_path::flows;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use seaworthy_probe::flow as probe;
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of one answer that a guest gets.
const KEPT: u32 = 64 << 10;

impl flows::Host for State {
    async fn exchange(&mut self, attempts: Vec<flows::Attempt>) -> wasmtime::Result<Vec<flows::Seen>> {
        through!(self, "path/flows.exchange", [attempts], {
            let scope = self.scope.clone();
            let targets: Vec<&str> = attempts.iter().map(|attempt| attempt.target.as_str()).collect();
            let bursts: usize = attempts.iter().map(|attempt| attempt.bursts.len()).sum();
            let _doing = scope.step.enter("flows.exchange", &targets.join(", "), attempts.len() + bursts)?;
            let keep = super::share(scope.step.handover.batch, KEPT, bursts);
            let asked = attempts.into_iter().map(|attempt| {
                let turn = Turn::wait(&scope, attempt.timeout);
                exchange(&scope, attempt, keep, turn)
            });
            Ok(in_turn(super::AT_ONCE, asked.collect::<Vec<_>>()).await)
        })
    }
}

async fn exchange(scope: &Scope, attempt: flows::Attempt, keep: u32, turn: Turn) -> flows::Seen {
    let turn = turn.begin(scope, &attempt.target);
    let pause = |burst: &flows::Burst| Duration::from_millis(u64::from(burst.pause));
    let asked = probe::Attempt {
        target: attempt.target,
        timeout: *turn.as_ref().unwrap_or(&Duration::ZERO),
        limit: scope.step.remaining(),
        bursts: attempt
            .bursts
            .into_iter()
            .map(|burst| probe::Burst {
                pause: pause(&burst),
                timeout: Duration::from_millis(u64::from(burst.timeout)),
                payload: burst.payload,
                size: burst.size,
                read_max: burst.read_max,
            })
            .collect(),
        keep: usize::try_from(keep).unwrap_or(usize::MAX),
    };
    let seen = match turn {
        Ok(_) => probe::exchange(&asked, scope).await,
        Err(failure) => probe::Seen { elapsed: Duration::ZERO, outcome: Err(failure) },
    };
    let question = json!({ "target": asked.target, "timeout-ms": super::millis(asked.timeout),
                           "bursts": asked.bursts.iter().take(probe::MAX_BURSTS).map(burst).collect::<Vec<_>>() });
    let id = scope.record("flows.exchange", question, seen.outcome.as_ref().map(shown), seen.elapsed);
    flows::Seen {
        id,
        target: asked.target,
        elapsed: super::micros(seen.elapsed),
        outcome: seen.outcome.map_err(|failure| super::failure(&failure)).map(|flow| flows::Flow {
            remote: flow.remote.to_string(),
            local: flow.local.to_string(),
            connect_elapsed: super::micros(flow.connect_elapsed),
            bursts: flow.bursts.into_iter().map(sent).collect(),
        }),
    }
}

fn sent(sent: probe::Sent) -> flows::Sent {
    flows::Sent {
        size: sent.size,
        acknowledged: sent.acknowledged,
        elapsed: super::micros(sent.elapsed),
        received: sent.received,
        received_bytes: sent.received_bytes,
        read_end: sent.read_end.as_str().into(),
        failure: sent.failure.as_ref().map(super::failure),
        details: sent.details.into_iter().collect(),
    }
}

fn burst(burst: &probe::Burst) -> Value {
    json!({ "pause-ms": super::millis(burst.pause), "size": burst.size, "payload": super::bytes(&burst.payload),
            "timeout-ms": super::millis(burst.timeout), "read-max": burst.read_max })
}

fn shown(flow: &probe::Flow) -> Value {
    let sent = |sent: &probe::Sent| {
        json!({ "size": sent.size, "acknowledged": sent.acknowledged, "elapsed-us": super::micros(sent.elapsed),
                "received": super::bytes(&sent.received), "received-bytes": sent.received_bytes,
                "read-end": sent.read_end.as_str(), "failure": sent.failure, "details": sent.details })
    };
    json!({ "remote": flow.remote, "local": flow.local, "connect-us": super::micros(flow.connect_elapsed),
            "bursts": flow.bursts.iter().map(sent).collect::<Vec<_>>() })
}

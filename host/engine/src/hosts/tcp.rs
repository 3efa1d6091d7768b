use crate::bindings::wit_net::tcp;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::future::join_all;
use seaworthy_model::Failure;
use seaworthy_probe::tcp as probe;
use serde_json::{Value, json};

/// Bytes that one attempt may read.
const MAX_READ: u32 = 64 << 10;

impl tcp::Host for State {
    async fn connect(&mut self, attempts: Vec<tcp::Attempt>) -> wasmtime::Result<Vec<tcp::Seen>> {
        through!(self, "net/tcp.connect", [attempts], {
            let scope = self.scope.clone();
            let detail = match attempts.as_slice() {
                [one] => one.target.clone(),
                many => format!("{} targets", many.len()),
            };
            let _doing = scope.step.enter("tcp.connect", &detail, attempts.len())?;
            Ok(join_all(attempts.into_iter().map(|attempt| connect(&scope, attempt))).await)
        })
    }
}

async fn connect(scope: &Scope, attempt: tcp::Attempt) -> tcp::Seen {
    let asked = probe::Attempt {
        timeout: scope.step.clamp(attempt.timeout),
        target: attempt.target,
        payload: attempt.payload,
        read_max: attempt.read_max.min(MAX_READ),
    };
    let seen = probe::connect(&asked, scope).await;
    let question = json!({ "target": asked.target, "timeout-ms": u64::try_from(asked.timeout.as_millis()).unwrap_or(u64::MAX),
                           "payload-bytes": asked.payload.len(), "read-max": asked.read_max });
    let answer =
        seen.outcome.as_ref().map(|connection| json!({ "connection": shown(connection), "tried": tried(&seen) }));
    // What was tried belongs to the evidence of a failure as well.
    let failed = seen.outcome.as_ref().err().map(|failure| failure.clone().with("tried", tried(&seen).to_string()));
    let id = scope.record(
        "tcp.connect",
        question,
        answer.map_err(|failure| failed.as_ref().unwrap_or(failure)),
        seen.elapsed,
    );
    tcp::Seen {
        id,
        target: asked.target,
        elapsed: super::micros(seen.elapsed),
        tried: seen
            .tried
            .into_iter()
            .map(|tried| tcp::Tried {
                address: tried.address.to_string(),
                elapsed: super::micros(tried.elapsed),
                outcome: answered(tried.outcome),
            })
            .collect(),
        outcome: answered(seen.outcome),
    }
}

fn answered(
    outcome: Result<probe::Connection, Failure>,
) -> Result<tcp::Connection, crate::bindings::wit_types::types::Failure> {
    outcome.map_err(|failure| super::failure(&failure)).map(|connection| tcp::Connection {
        remote: connection.remote.to_string(),
        local: connection.local.to_string(),
        connect_elapsed: super::micros(connection.connect_elapsed),
        received: connection.received,
        read_end: connection.read_end.as_str().into(),
    })
}

fn shown(connection: &probe::Connection) -> Value {
    json!({ "remote": connection.remote, "local": connection.local, "connect-us": super::micros(connection.connect_elapsed),
            "received": super::bytes(&connection.received), "read-end": connection.read_end.as_str() })
}

fn tried(seen: &probe::Seen) -> Value {
    let one = |tried: &probe::Tried| match &tried.outcome {
        Ok(_) => json!({ "address": tried.address, "elapsed-us": super::micros(tried.elapsed), "connected": true }),
        Err(failure) => {
            json!({ "address": tried.address, "elapsed-us": super::micros(tried.elapsed), "failure": failure.kind })
        }
    };
    Value::Array(seen.tried.iter().map(one).collect())
}

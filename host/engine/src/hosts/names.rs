use super::turns::{Turn, in_turn};
use crate::bindings::wit_path::names;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use seaworthy_probe::name_server as probe;
use serde_json::{Value, json};
use std::time::Duration;

/// Questions under way at once. They hold next to nothing while they wait, and a silent
/// server takes the whole time of each: few turns leave time for the rest of a check.
pub(super) const AT_ONCE: usize = 128;
/// Records of an answer that an observation shows.
const SHOWN: usize = 16;

impl names::Host for State {
    async fn ask(&mut self, questions: Vec<names::Question>) -> wasmtime::Result<Vec<names::Seen>> {
        through!(self, "path/names.ask", [questions], {
            let scope = self.scope.clone();
            let asked: Vec<String> = questions.iter().map(|q| format!("{} {} {}", q.server, q.kind, q.name)).collect();
            let _doing = scope.step.enter("names.ask", &asked.join(", "), questions.len())?;
            let asked = questions.into_iter().map(|question| {
                let turn = Turn::wait(&scope, question.timeout);
                ask(&scope, question, turn)
            });
            Ok(in_turn(AT_ONCE, asked.collect::<Vec<_>>()).await)
        })
    }
}

async fn ask(scope: &Scope, question: names::Question, turn: Turn) -> names::Seen {
    let turn = turn.begin(scope, &question.server);
    let timeout = *turn.as_ref().unwrap_or(&Duration::ZERO);
    let asked = json!({ "server": question.server, "transport": question.transport, "name": question.name,
                        "kind": question.kind, "timeout-ms": super::millis(timeout) });
    let (server, name) = (question.server.clone(), question.name.clone());
    let seen = match turn.and_then(|_| question.transport.parse()) {
        Ok(transport) => {
            let question = probe::Question {
                server: question.server,
                transport,
                name: question.name,
                kind: question.kind,
                timeout,
            };
            probe::ask(&question, scope).await
        }
        Err(failure) => probe::Seen { elapsed: Duration::ZERO, outcome: Err(failure) },
    };
    let id = scope.record("names.ask", asked, seen.outcome.as_ref().map(shown), seen.elapsed);
    names::Seen {
        id,
        server,
        name,
        elapsed: super::micros(seen.elapsed),
        outcome: seen.outcome.map_err(|failure| super::failure(&failure)).map(|reply| names::Reply {
            code: reply.code,
            truncated: reply.truncated,
            answers: reply
                .answers
                .into_iter()
                .map(|entry| names::Entry { name: entry.name, kind: entry.kind, ttl: entry.ttl, data: entry.data })
                .collect(),
            details: reply.details.into_iter().collect(),
        }),
    }
}

fn shown(reply: &probe::Reply) -> Value {
    let entries = reply.answers.iter().take(SHOWN);
    let entries: Vec<Value> = entries.map(|e| json!([e.name, e.ttl, e.kind, e.data])).collect();
    json!({ "code": reply.code, "truncated": reply.truncated, "answers": entries, "details": reply.details })
}

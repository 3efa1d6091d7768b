use crate::bindings::wit_net::dns;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::future::join_all;
use seaworthy_probe::dns as probe;
use serde_json::json;

impl dns::Host for State {
    async fn resolve(&mut self, queries: Vec<dns::Query>) -> wasmtime::Result<Vec<dns::Seen>> {
        through!(self, "net/dns.resolve", [queries], {
            let scope = self.scope.clone();
            let names: Vec<&str> = queries.iter().map(|query| query.name.as_str()).collect();
            let _doing = scope.step.enter("dns.resolve", &names.join(", "), queries.len())?;
            Ok(join_all(queries.iter().map(|query| resolve(&scope, query))).await)
        })
    }
}

async fn resolve(scope: &Scope, query: &dns::Query) -> dns::Seen {
    let seen = probe::resolve(&query.name, scope.step.clamp(query.timeout), scope).await;
    let answer =
        seen.outcome.as_ref().map(|answer| json!({ "addresses": answer.addresses, "details": answer.details }));
    let id = scope.record("dns.resolve", json!({ "name": query.name }), answer, seen.elapsed);
    dns::Seen {
        id,
        name: query.name.clone(),
        elapsed: super::micros(seen.elapsed),
        outcome: seen.outcome.map_err(|failure| super::failure(&failure)).map(|answer| dns::Answer {
            addresses: answer.addresses.iter().map(ToString::to_string).collect(),
            details: answer.details.into_iter().collect(),
        }),
    }
}

use crate::bindings::wit_env::system;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::future::join_all;
use seaworthy_model::{Failure, Report};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Instant;

type Rows = Vec<Vec<(String, String)>>;

impl system::Host for State {
    async fn inspect(&mut self, queries: Vec<system::Query>) -> wasmtime::Result<Vec<system::Seen>> {
        through!(self, "env/system.inspect", [queries], {
            let scope = self.scope.clone();
            let topics: Vec<&str> = queries.iter().map(|query| query.topic.as_str()).collect();
            let work: usize = queries.iter().map(|query| 1 + query.arguments.len()).sum();
            let _doing = scope.step.enter("system.inspect", &topics.join(", "), work)?;
            Ok(join_all(queries.iter().map(|query| inspect(&scope, query))).await)
        })
    }
}

async fn inspect(scope: &Scope, query: &system::Query) -> system::Seen {
    let started = Instant::now();
    let grants = &scope.step.grants.system;
    let outcome = if !grants.iter().any(|topic| topic == "*" || *topic == query.topic) {
        Err(scope.step.deny("system", &query.topic))
    } else if let Some(path) = ungranted_path(scope, query) {
        Err(scope.step.deny("read", path))
    } else if query.topic == "host-report" {
        host_report(scope.run.plan.host_report.as_deref(), &query.arguments)
    } else {
        // Reads /proc and walks folders: off the runtime's own thread.
        let (topic, arguments, run) = (query.topic.clone(), query.arguments.clone(), scope.run.clone());
        tokio::task::spawn_blocking(move || seaworthy_probe::system::inspect(&topic, &arguments, &run.system))
            .await
            .unwrap_or_else(|error| Err(Failure::new("other", "inspect", error.to_string())))
    };
    let elapsed = started.elapsed();
    let asked = json!({ "topic": query.topic, "arguments": query.arguments });
    let id = scope.record("system.inspect", asked, outcome.as_ref().map(to_json), elapsed);
    system::Seen {
        id,
        topic: query.topic.clone(),
        elapsed: super::micros(elapsed),
        outcome: outcome.map_err(|failure| super::failure(&failure)),
    }
}

/// A path that a plugin asks about without being granted to read it. Bundled
/// checks name only paths that the cache itself is configured with.
fn ungranted_path<'a>(scope: &Scope, query: &'a system::Query) -> Option<&'a str> {
    let component = scope.run.plan.components.get(&scope.step.plugin);
    if component.is_none_or(|component| component.source.is_builtin()) {
        return None;
    }
    let granted = |path: &str| scope.step.grants.allows_read(Path::new(path));
    query.arguments.iter().map(|(_, value)| value.as_str()).find(|value| value.starts_with('/') && !granted(value))
}

fn to_json(rows: &Rows) -> Value {
    let row = |row: &Vec<(String, String)>| Value::Object(row.iter().map(|(k, v)| (k.clone(), json!(v))).collect());
    Value::Array(rows.iter().map(row).collect())
}

/// The rows that a run on the host saw for the topic in the arguments.
fn host_report(report: Option<&Report>, arguments: &[(String, String)]) -> Result<Rows, Failure> {
    let missing = |message: &str| Failure::new("not-found", "host-report", message);
    let report = report.ok_or_else(|| missing("no report of the host was given (--host-report)"))?;
    let topic = arguments.iter().find(|(key, _)| key == "topic").map(|(_, value)| value.as_str());
    let topic = topic.ok_or_else(|| Failure::new("invalid", "host-report", "the argument `topic` is missing"))?;
    let evidence = report.checks.iter().flat_map(|check| &check.evidence);
    let answers: Vec<&Value> = match topic {
        "variables" => evidence.filter(|o| o.probe.starts_with("vars.")).filter_map(|o| o.answer.as_ref()).collect(),
        topic => evidence
            .filter(|o| o.probe == "system.inspect" && o.asked.get("topic").and_then(Value::as_str) == Some(topic))
            .filter_map(|o| o.answer.as_ref())
            .take(1)
            .collect(),
    };
    if answers.is_empty() {
        return Err(missing(&format!("the host's report says nothing about `{topic}`")));
    }
    let pair = |map: &Map<String, Value>| -> Vec<(String, String)> {
        map.iter()
            .filter_map(|(key, value)| match value {
                Value::String(text) => Some((key.clone(), text.clone())),
                Value::Bool(flag) => Some((key.clone(), flag.to_string())),
                Value::Number(number) => Some((key.clone(), number.to_string())),
                _ => None,
            })
            .collect()
    };
    let mut rows: Rows = Vec::new();
    for row in answers.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_object).map(pair) {
        // Several checks may have asked for the same.
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

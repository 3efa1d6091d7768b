use seaworthy_model::Observation;
use serde_json::Value;
use std::collections::BTreeMap;

/// One thing that a `system.inspect` topic lists.
pub(crate) type Row = BTreeMap<String, String>;

/// The rows that were recorded for a topic of `system.inspect`.
pub(crate) fn rows<'a>(observations: impl Iterator<Item = &'a Observation>, topic: &str) -> Option<Vec<Row>> {
    let mut found = None;
    for observation in observations.filter(|o| o.probe.ends_with("system.inspect")) {
        if observation.asked.get("topic").and_then(Value::as_str) != Some(topic) {
            continue;
        }
        if let Some(answer) = &observation.answer {
            found.get_or_insert_with(Vec::new).extend(read(answer));
        }
    }
    found
}

fn read(answer: &Value) -> Vec<Row> {
    let list = answer.as_array().or_else(|| answer.get("rows").and_then(Value::as_array));
    list.map(|rows| rows.iter().filter_map(row).collect()).unwrap_or_default()
}

/// A row is an object, or a list of `[key, value]` pairs as the WIT has it.
fn row(value: &Value) -> Option<Row> {
    match value {
        Value::Object(map) => Some(map.iter().map(|(key, value)| (key.clone(), text(value))).collect()),
        Value::Array(pairs) => {
            pairs.iter().map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), text(pair.get(1)?)))).collect()
        }
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value of an environment variable, where a check was allowed to read it.
pub(crate) fn variable<'a>(observations: impl Iterator<Item = &'a Observation>, name: &str) -> Option<String> {
    observations.filter(|o| o.probe.contains("vars.")).filter_map(|o| o.answer.as_ref()).find_map(|a| look_up(a, name))
}

fn look_up(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| look_up(item, name)),
        Value::Object(map) if map.get("name").and_then(Value::as_str) == Some(name) => {
            map.get("value").and_then(Value::as_str).map(str::to_owned)
        }
        Value::Object(map) => map.values().find_map(|inner| look_up(inner, name)),
        _ => None,
    }
}

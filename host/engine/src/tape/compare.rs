use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Differences that are shown of one call.
const SHOWN: usize = 8;

/// Where `actual` is not as `written`, each as a line for people. In `part` only what is
/// written counts: fields that are left out may be anything.
pub(crate) fn differences(written: &Value, actual: &Value, part: bool) -> Vec<String> {
    let mut found = Vec::new();
    compare("", written, actual, part, &mut found);
    if found.len() > SHOWN {
        let more = found.len() - SHOWN;
        found.truncate(SHOWN);
        found.push(format!("(and {more} more)"));
    }
    found
}

fn compare(at: &str, written: &Value, actual: &Value, part: bool, found: &mut Vec<String>) {
    match (written, actual) {
        // What a recording does not tell, may be anything.
        (Value::String(hidden), Value::String(_)) if hidden == "***" && !part => {}
        // Pairs may be written either way.
        (Value::Object(map), Value::Array(_)) if part && !map.contains_key("base64") => {
            let pairs = map.iter().map(|(key, value)| Value::Array(vec![key.clone().into(), value.clone()])).collect();
            compare(at, &Value::Array(pairs), actual, part, found);
        }
        (Value::Array(pairs), Value::Object(map)) if part && !map.contains_key("base64") => {
            let actual = map.iter().map(|(key, value)| Value::Array(vec![key.clone().into(), value.clone()])).collect();
            compare(at, &Value::Array(pairs.clone()), &Value::Array(actual), part, found);
        }
        (Value::Object(written), Value::Object(actual)) => {
            for (key, value) in written {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                match actual.get(key) {
                    Some(actual) => compare(&at, value, actual, part, found),
                    None => found.push(format!("{at}: {value} is written, and there is none")),
                }
            }
            if !part {
                let more = actual.iter().filter(|(key, _)| !written.contains_key(*key));
                found.extend(more.map(|(key, value)| format!("{at}.{key}: nothing is written, and there is {value}")));
            }
        }
        (Value::Array(written), Value::Array(actual)) => {
            for (index, (written, actual)) in written.iter().zip(actual).enumerate() {
                compare(&format!("{at}[{index}]"), written, actual, part, found);
            }
            if written.len() != actual.len() {
                found.push(format!("{at}: {} are written, and there are {}", written.len(), actual.len()));
            }
        }
        _ if written == actual || (part && same_text(written, actual)) => {}
        _ => found.push(format!("{at}: {written} is written, and it is {actual}")),
    }
}

/// What is the same though it is written otherwise: a number for its text where the contract
/// has texts, no bytes as an empty text, bytes as base64 that are a text.
fn same_text(written: &Value, actual: &Value) -> bool {
    match (written, actual) {
        (Value::Number(_) | Value::Bool(_), Value::String(text)) => written.to_string().as_str() == text,
        (Value::String(text), Value::Array(items)) => text.is_empty() && items.is_empty(),
        (Value::Object(map), Value::String(text)) => {
            let bytes = map.get("base64").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| bytes == text.as_bytes())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn by_hand_only_what_is_written_is_compared() {
        let actual = json!({ "attempts": [{ "target": "a:1", "timeout": 5, "headers": { "x": "1" } }] });
        assert!(differences(&json!({}), &actual, true).is_empty());
        assert!(
            differences(&json!({ "attempts": [{ "target": "a:1", "headers": { "x": 1 } }] }), &actual, true).is_empty()
        );
        assert_eq!(
            differences(&json!({ "attempts": [{ "target": "b:1" }] }), &actual, true),
            [r#"attempts[0].target: "b:1" is written, and it is "a:1""#]
        );
        assert_eq!(
            differences(&json!({ "attempts": [] }), &actual, true),
            ["attempts: 0 are written, and there are 1"]
        );
        assert_eq!(differences(&json!({ "other": 1 }), &actual, true), ["other: 1 is written, and there is none"]);
        let bytes = json!({ "payload": "PING", "nothing": [] });
        assert!(differences(&json!({ "payload": { "base64": "UElORw==" }, "nothing": "" }), &bytes, true).is_empty());
        assert_eq!(differences(&json!({ "payload": { "base64": "UE9ORw==" } }), &bytes, true).len(), 1);
        let repeated = json!({ "headers": [["x", "1"], ["x", "2"]] });
        assert!(differences(&json!({ "headers": [["x", "1"], ["x", "2"]] }), &repeated, true).is_empty());
        assert!(!differences(&json!({ "headers": { "x": "1" } }), &repeated, true).is_empty());
        assert!(differences(&json!({ "headers": [["x", "1"]] }), &json!({ "headers": { "x": "1" } }), true).is_empty());
    }

    #[test]
    fn a_recording_is_compared_as_a_whole() {
        let actual = json!({ "names": ["A"], "max": 5 });
        assert!(differences(&actual, &actual, false).is_empty());
        assert_eq!(differences(&json!({ "names": ["A"] }), &actual, false).len(), 1);
    }
}

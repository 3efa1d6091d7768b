use crate::error::{ErrorKind, PolicyError};
use crate::origin::Place;
use serde_json::Value;

/// Judges settings by a component's own schema.
///
/// *Behaviour*: one error for each thing that does not fit, with its path inside
/// the settings. A schema that is itself broken is an error of the component.
pub(crate) fn check(subject: &str, schema: &Value, settings: &Value, place: Option<&Place>) -> Vec<PolicyError> {
    if asks_nothing(schema, settings) {
        return Vec::new();
    }
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(e) => {
            let message = format!("{subject} cannot be judged: the component's settings schema is broken: {e}");
            return vec![PolicyError::new(ErrorKind::Component, place, message)];
        }
    };
    let errors = validator.iter_errors(settings).map(|e| {
        let path = e.instance_path().to_string().trim_start_matches('/').replace('/', ".");
        let at = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
        PolicyError::new(ErrorKind::Settings, place, format!("{subject} does not fit{at}: {e}"))
            .maybe_help(accepted(schema))
    });
    errors.collect()
}

/// Nothing is set and nothing is asked for: the common case, decided without a validator.
fn asks_nothing(schema: &Value, settings: &Value) -> bool {
    match schema {
        Value::Null => true,
        Value::Object(schema) if settings.as_object().is_some_and(serde_json::Map::is_empty) => {
            const HARMLESS: [&str; 7] =
                ["type", "properties", "additionalProperties", "title", "description", "$schema", "$id"];
            schema.keys().all(|k| HARMLESS.contains(&k.as_str())) && schema.get("type").is_none_or(|t| t == "object")
        }
        _ => false,
    }
}

fn accepted(schema: &Value) -> Option<String> {
    let keys = schema.get("properties")?.as_object()?.keys().map(|k| format!("`{k}`")).collect::<Vec<_>>();
    if keys.is_empty() { None } else { Some(format!("settings of this component: {}", keys.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_judged_by_the_schema() {
        let schema =
            json!({ "type": "object", "properties": { "port": { "type": "integer" } }, "additionalProperties": false });
        assert!(check("x", &schema, &json!({}), None).is_empty());
        assert!(check("x", &schema, &json!({ "port": 1 }), None).is_empty());
        let errors = check("`with` of `a`", &schema, &json!({ "port": "1" }), None);
        assert_eq!(errors[0].message, "`with` of `a` does not fit at `port`: \"1\" is not of type \"integer\"");
        assert_eq!(errors[0].help.as_deref(), Some("settings of this component: `port`"));
    }

    #[test]
    fn required_settings_are_missed_and_a_broken_schema_is_the_components_fault() {
        assert_eq!(check("x", &json!({ "required": ["a"] }), &json!({}), None).len(), 1);
        assert_eq!(check("x", &json!({ "type": 7 }), &json!({}), None)[0].kind, ErrorKind::Component);
        assert!(check("x", &Value::Null, &json!({ "any": 1 }), None).is_empty());
    }
}

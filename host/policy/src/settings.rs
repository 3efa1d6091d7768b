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

/// What of `settings` does not fit a component's schema, each as a text for people.
#[must_use]
pub fn judge(subject: &str, schema: &Value, settings: &Value) -> Vec<String> {
    check(subject, schema, settings, None).iter().map(ToString::to_string).collect()
}

/// The keyword of a settings schema that names where in the policy a value comes from.
const FROM_POLICY: &str = "x-policy";

/// Gives a component the values of the policy that its schema asks for by `x-policy`, as
/// far as `settings` has none of its own.
///
/// *Behaviour*: a value that is the schema's default is left out. Answers the places that
/// the schema asks for.
///
/// # Errors
/// The places that are asked for and that a policy does not have.
pub(crate) fn from_policy(
    schema: &Value,
    value: impl Fn(&str) -> Option<Option<Value>>,
    settings: &mut Value,
) -> Result<Vec<String>, Vec<String>> {
    let (mut asked, mut unknown) = (Vec::new(), Vec::new());
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, property) in properties.into_iter().flatten() {
        let Some(place) = property.get(FROM_POLICY).and_then(Value::as_str) else { continue };
        let Some(found) = value(place) else {
            unknown.push(place.to_owned());
            continue;
        };
        asked.push(place.to_owned());
        if let (Some(found), Some(settings)) = (found, settings.as_object_mut())
            && property.get("default") != Some(&found)
        {
            settings.entry(key.clone()).or_insert(found);
        }
    }
    if unknown.is_empty() { Ok(asked) } else { Err(unknown) }
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
    fn a_schema_asks_for_values_of_the_policy() {
        let schema = json!({ "properties": {
            "need": { "type": "integer", "default": 1, "x-policy": "fallback.cache.need" },
            "prefer": { "type": "string", "x-policy": "fallback.cache.prefer" },
            "budget": { "type": "integer" }
        } });
        let with = |need: u64, mut settings: Value| {
            let value = |place: &str| match place {
                "fallback.cache.need" => Some(Some(need.into())),
                "fallback.cache.prefer" => Some(None),
                _ => None,
            };
            let asked = from_policy(&schema, value, &mut settings);
            (asked.unwrap().len(), settings)
        };
        assert_eq!(with(2, json!({ "budget": 5 })), (2, json!({ "budget": 5, "need": 2 })));
        assert_eq!(with(1, json!({})), (2, json!({})), "the default is nothing to hand over");
        assert_eq!(with(2, json!({ "need": 3 })).1, json!({ "need": 3 }), "its own setting goes over it");
        assert_eq!(from_policy(&schema, |_| None, &mut json!({})).unwrap_err().len(), 2);
    }

    #[test]
    fn required_settings_are_missed_and_a_broken_schema_is_the_components_fault() {
        assert_eq!(check("x", &json!({ "required": ["a"] }), &json!({}), None).len(), 1);
        assert_eq!(check("x", &json!({ "type": 7 }), &json!({}), None)[0].kind, ErrorKind::Component);
        assert!(check("x", &Value::Null, &json!({ "any": 1 }), None).is_empty());
    }
}

//! What a component says that it needs, beside what it can do at all: an import without a
//! request is denied at every call, a request without an import asks for what is not used.

use seaworthy_model::{CapabilityRequest, ComponentDescriptor};
use serde_json::Value;

/// Which capabilities a call of an interface asks for: any of them will do.
const NEEDS: [(&str, &[&str]); 16] = [
    ("net/dns", &["dns", "net"]),
    ("net/tcp", &["net"]),
    ("net/tls", &["net"]),
    ("net/http", &["net"]),
    ("path/names", &["net"]),
    ("path/flows", &["net"]),
    ("path/datagrams", &["net"]),
    ("env/vars", &["env"]),
    ("env/system", &["system"]),
    ("env/files", &["read"]),
    ("p2p/secrets", &["secret"]),
    ("sharing/ladder", &["p2p"]),
    ("credentials/credentials", &["secret"]),
    ("cache/caches", &["cache"]),
    ("cache/storage", &["read"]),
    ("cache/peers", &["secret"]),
];

/// Interfaces that use a capability without needing it at every call.
const MAY_USE: [(&str, &str); 5] = [
    ("p2p/swarm", "p2p"),
    ("path/proxies", "net"),
    ("credentials/authorized-http", "secret"),
    ("credentials/authorized-http", "net"),
    ("env/system", "read"),
];

/// Where imports and requests of a component do not fit together, each as a sentence.
#[must_use]
pub fn compare(imports: &[String], described: &ComponentDescriptor) -> Vec<String> {
    let requests: Vec<&CapabilityRequest> =
        described.requests.iter().chain(described.checks.iter().flat_map(|check| &check.requests)).collect();
    let asked = |capability: &str| requests.iter().any(|request| request.capability == capability);
    let imported = |path: &str| {
        imports.iter().any(|name| {
            name.strip_prefix("seaworthy:")
                .and_then(|name| name.strip_prefix(path))
                .is_some_and(|rest| rest.starts_with('@'))
        })
    };
    let mut notes = Vec::new();
    for (path, capabilities) in NEEDS {
        if imported(path) && !capabilities.iter().any(|capability| asked(capability)) {
            notes.push(format!(
                "it imports seaworthy:{path} and asks for no `{}`, so every call will be denied; add a request with its reason to the manifest",
                capabilities.join("` or `")
            ));
        }
    }
    let used = |capability: &str| {
        NEEDS.iter().any(|(path, capabilities)| capabilities.contains(&capability) && imported(path))
            || MAY_USE.iter().any(|(path, used)| *used == capability && imported(path))
            // What a check needs of a tier's peers is granted to it as `p2p` too.
            || (capability == "p2p" && imported("cache/peers"))
    };
    let mut told = Vec::new();
    for request in &requests {
        if !used(&request.capability) && !told.contains(&&request.capability) {
            told.push(&request.capability);
            notes.push(format!(
                "it asks for `{}` and imports nothing that uses it; ask for no more than is needed",
                request.capability
            ));
        }
    }
    notes
}

/// One setting of a schema.
pub(crate) struct Setting<'a> {
    pub(crate) name: &'a str,
    /// Its own schema.
    pub(crate) property: &'a Value,
    pub(crate) default: Option<&'a Value>,
    /// It has to be given: it is required and has no default.
    pub(crate) required: bool,
    pub(crate) description: &'a str,
}

impl Setting<'_> {
    /// The name of its type.
    pub(crate) fn kind(&self) -> &str {
        self.property.get("type").and_then(Value::as_str).unwrap_or("any")
    }
}

/// The settings of a schema, in its order.
pub(crate) fn settings_of(schema: &Value) -> Vec<Setting<'_>> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let default = property.get("default");
            Setting {
                name,
                property,
                default,
                required: default.is_none() && required.contains(&name.as_str()),
                description: property.get("description").and_then(Value::as_str).unwrap_or_default(),
            }
        })
        .collect()
}

/// The settings of a schema, one line each: name, type, whether it is required.
#[must_use]
pub fn settings(schema: &Value) -> Vec<String> {
    let line = |setting: Setting<'_>| {
        let more = match setting.default {
            Some(default) => format!(", default {default}"),
            None if setting.required => ", required".into(),
            None => String::new(),
        };
        format!("{} ({}{more}): {}", setting.name, setting.kind(), setting.description)
    };
    settings_of(schema).into_iter().map(line).collect()
}

/// A level or severity as it is written in a manifest.
#[must_use]
pub fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn imports_and_requests_are_held_against_each_other() {
        let described = |requests: Value| -> ComponentDescriptor {
            serde_json::from_value(json!({
                "schema_version": 1, "kind": "check", "name": "x", "version": "1", "wit": "0.1.0",
                "checks": [{ "id": "a/x", "title": "X", "summary": "", "requests": requests }]
            }))
            .unwrap()
        };
        let net = json!([{ "capability": "net", "scope": ["{target}"], "reason": "connect" }]);
        let imports = ["seaworthy:net/tcp@0.1.0".to_owned(), "wasi:io/poll@0.2.6".to_owned()];
        assert!(compare(&imports, &described(net.clone())).is_empty());
        let denied = compare(&imports, &described(json!([])));
        assert!(denied.len() == 1 && denied[0].contains("net/tcp") && denied[0].contains("denied"), "{denied:?}");
        let unused = compare(&["seaworthy:kit/log@0.1.0".to_owned()], &described(net));
        assert!(unused.len() == 1 && unused[0].contains("`net`"), "{unused:?}");
    }
}

use crate::bindings::wit_env::vars;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use data_encoding::HEXLOWER;
use seaworthy_model::{Variable, glob_matches};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// What stands in place of credentials.
const HIDDEN: &str = "[redacted]";

impl vars::Host for State {
    async fn read(&mut self, names: Vec<String>) -> wasmtime::Result<vars::Seen> {
        through!(self, "env/vars.read", [names], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("vars.read", "", names.len())?;
            let variables = names
                .iter()
                .map(|name| {
                    if granted(&scope, name) {
                        variable(&scope, name, scope.run.plan.environment.get(name))
                    } else {
                        scope.step.deny("env", name);
                        variable(&scope, name, None)
                    }
                })
                .collect();
            Ok(seen(&scope, "vars.read", json!({ "names": names }), variables))
        })
    }

    async fn matching(&mut self, globs: Vec<String>) -> wasmtime::Result<vars::Seen> {
        through!(self, "env/vars.matching", [globs], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("vars.matching", "", globs.len())?;
            let variables = scope
                .run
                .plan
                .environment
                .iter()
                .filter(|(name, _)| globs.iter().any(|glob| glob_matches(glob, name)) && granted(&scope, name))
                .map(|(name, found)| variable(&scope, name, Some(found)))
                .collect();
            Ok(seen(&scope, "vars.matching", json!({ "globs": globs }), variables))
        })
    }
}

fn granted(scope: &Scope, name: &str) -> bool {
    scope.step.grants.env.iter().any(|glob| glob_matches(glob, name))
}

/// What a guest may know of a variable: of a secret only that it is there, how
/// long it is, and a fingerprint that is good within this run.
fn variable(scope: &Scope, name: &str, found: Option<&Variable>) -> vars::Variable {
    let secret = found.is_some_and(|v| v.secret);
    let details = match found {
        Some(found) if secret => {
            let text = found.value.expose();
            let digest = Sha256::new().chain_update(scope.run.salt).chain_update(text).finalize();
            let fingerprint = HEXLOWER.encode(&digest[..6]);
            vec![("length".into(), text.chars().count().to_string()), ("fingerprint".into(), fingerprint)]
        }
        _ => Vec::new(),
    };
    vars::Variable {
        name: name.into(),
        present: found.is_some(),
        value: found.filter(|_| !secret).map(|v| v.value.expose().to_owned()),
        secret,
        origin: found.map_or("", |v| v.origin.as_str()).into(),
        details,
    }
}

/// A value as a report shows it: without the credentials of its URLs. A token may
/// stand there alone, and the variable of a proxy may hold them without a scheme.
fn shown(name: &str, value: &str) -> String {
    let name = name.to_ascii_uppercase();
    if name.ends_with("_PROXY") && name != "NO_PROXY" {
        // One URL, in whose password a `/` may be meant.
        let (scheme, rest) = value.split_once("://").map_or((None, value), |(scheme, rest)| (Some(scheme), rest));
        let rest = rest.rsplit_once('@').map_or(rest.to_owned(), |(_, place)| format!("{HIDDEN}@{place}"));
        return scheme.map_or(rest.clone(), |scheme| format!("{scheme}://{rest}"));
    }
    let mut urls = value.split("://");
    let mut text = urls.next().unwrap_or_default().to_owned();
    for rest in urls {
        text.push_str("://");
        let authority = rest.split(|c: char| c == '/' || c.is_whitespace()).next().unwrap_or_default();
        match authority.rsplit_once('@') {
            Some((credentials, _)) => {
                text.push_str(HIDDEN);
                text.push_str(&rest[credentials.len()..]);
            }
            None => text.push_str(rest),
        }
    }
    text
}

fn seen(scope: &Scope, probe: &str, asked: Value, variables: Vec<vars::Variable>) -> vars::Seen {
    let answer: Vec<Value> = variables
        .iter()
        .map(|v| {
            let value = v.value.as_deref().map(|value| shown(&v.name, value));
            json!({ "name": v.name, "present": v.present, "value": value, "secret": v.secret, "origin": v.origin,
                    "details": super::object(v.details.iter().map(|(k, v)| (k, v))) })
        })
        .collect();
    let id = scope.record(probe, asked, Ok(json!(answer)), Duration::ZERO);
    vars::Seen { id, variables }
}

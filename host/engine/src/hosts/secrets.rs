use crate::bindings::wit_p2p::secrets;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::future::join_all;
use seaworthy_model::Failure;
use seaworthy_p2p::{SharedSecret, agree};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Variables whose value GitHub makes anew for every job.
const PER_JOB: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

impl secrets::Host for State {
    async fn inspect(&mut self, label: String) -> wasmtime::Result<secrets::Status> {
        through!(self, "p2p/secrets.inspect", [label], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("secrets.inspect", &label, 1)?;
            let started = Instant::now();
            let found = secret(&scope, &label).await;
            let elapsed = started.elapsed();
            let mut details = Vec::new();
            if let Ok((source, key)) = &found {
                let length = scope.run.plan.secrets.get(&label).map_or(0, |(_, text)| text.expose().chars().count());
                details = vec![
                    ("length".to_owned(), length.to_string()),
                    ("per-job".to_owned(), PER_JOB.contains(&source.as_str()).to_string()),
                    ("kdf".to_owned(), "PBKDF2-HMAC-SHA256, 100000 iterations".to_owned()),
                    ("kdf-us".to_owned(), super::micros(elapsed).to_string()),
                    ("fingerprint".to_owned(), key.fingerprint(&scope.run.salt)),
                ];
            }
            let source = found.as_ref().ok().map(|(source, _)| source.clone());
            let answer = match &found {
                Err(failure) if failure.kind == "denied" => Err(failure),
                _ => Ok(
                    json!({ "present": source.is_some(), "source": source, "details": super::object(details.iter().map(|(k, v)| (k, v))) }),
                ),
            };
            let id = scope.record("secrets.inspect", json!({ "label": label }), answer, elapsed);
            Ok(secrets::Status { id, present: source.is_some(), source, details })
        })
    }

    async fn seal(&mut self, label: String, key_name: String, plaintext: Vec<u8>) -> wasmtime::Result<secrets::Sealed> {
        through!(self, "p2p/secrets.seal", [label, key_name, plaintext], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("secrets.seal", &label, 1)?;
            let started = Instant::now();
            let outcome = secret(&scope, &label).await.and_then(|(_, key)| key.seal(&key_name, &plaintext));
            Ok(sealed(&scope, "secrets.seal", &label, &key_name, plaintext.len(), outcome, started.elapsed()))
        })
    }

    async fn open(&mut self, label: String, key_name: String, input: Vec<u8>) -> wasmtime::Result<secrets::Sealed> {
        through!(self, "p2p/secrets.open", [label, key_name, sealed = input], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("secrets.open", &label, 1)?;
            let started = Instant::now();
            let outcome = secret(&scope, &label).await.and_then(|(_, key)| key.open(&key_name, &input));
            Ok(sealed(&scope, "secrets.open", &label, &key_name, input.len(), outcome, started.elapsed()))
        })
    }

    async fn agree(
        &mut self,
        label: String,
        addresses: Vec<String>,
        timeout: u32,
    ) -> wasmtime::Result<Vec<secrets::Agreement>> {
        through!(self, "p2p/secrets.agree", [label, addresses, timeout], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("secrets.agree", &label, addresses.len())?;
            let budget = scope.step.clamp(timeout);
            let key = secret(&scope, &label).await.map(|(_, key)| key);
            Ok(join_all(addresses.into_iter().map(|address| agreement(&scope, &label, address, key.clone(), budget)))
                .await)
        })
    }
}

async fn agreement(
    scope: &Scope,
    label: &str,
    address: String,
    key: Result<Arc<SharedSecret>, Failure>,
    budget: Duration,
) -> secrets::Agreement {
    let started = Instant::now();
    let outcome = match (key, scope.run.node().await) {
        (Ok(key), Ok(node)) => agree(&node, &address, &key, budget, scope).await,
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    };
    let elapsed = started.elapsed();
    let answer = outcome.as_ref().map(|same| json!({ "same-secret": same }));
    let id = scope.record("secrets.agree", json!({ "label": label, "address": address }), answer, elapsed);
    secrets::Agreement {
        id,
        address,
        elapsed: super::micros(elapsed),
        outcome: outcome.map_err(|failure| super::failure(&failure)),
    }
}

/// The key called `label`, if the step may use it and there is one.
pub(super) async fn secret(scope: &Scope, label: &str) -> Result<(String, Arc<SharedSecret>), Failure> {
    if !scope.step.grants.secret.iter().any(|grant| grant == label) {
        return Err(scope.step.deny("secret", label));
    }
    scope
        .run
        .secret(label)
        .await
        .ok_or_else(|| Failure::new("not-found", "secret", format!("no secret `{label}` is configured")))
}

fn sealed(
    scope: &Scope,
    probe: &str,
    label: &str,
    key_name: &str,
    length: usize,
    outcome: Result<Vec<u8>, Failure>,
    elapsed: Duration,
) -> secrets::Sealed {
    let answer = outcome.as_ref().map(|output| json!({ "bytes": output.len() }));
    let id = scope.record(probe, json!({ "label": label, "key-name": key_name, "bytes": length }), answer, elapsed);
    secrets::Sealed {
        id,
        elapsed: super::micros(elapsed),
        outcome: outcome.map_err(|failure| super::failure(&failure)),
    }
}

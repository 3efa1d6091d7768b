use crate::adapter::{from_blob, from_capability, from_error, to_blob};
use crate::bindings::wit_cache::caches;
use crate::bindings::wit_cache::types as wit;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::future::join_all;
use seaworthy_cache::{Backend, CacheError};
use seaworthy_model::Failure;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Time kept for the guest's own answer when a tier is slow to open.
const ANSWER: Duration = Duration::from_millis(200);

impl caches::Host for State {
    async fn open(&mut self) -> wasmtime::Result<Vec<caches::Tier>> {
        through!(self, "cache/caches.open", [], {
            let scope = self.scope.clone();
            let Some(tiers) = self.tiers.clone() else { return Ok(Vec::new()) };
            let _doing = scope.step.enter("caches.open", "", tiers.tiers().iter().count())?;
            if let Err(error) = granted(&scope, "read", "open") {
                tracing::debug!(%error, "tiers not opened");
                return Ok(Vec::new());
            }
            let scope = &scope;
            let open = tiers.pairs().map(|(tier, opened)| async move {
                let started = Instant::now();
                // Leaves the check time to say what it saw; the tier goes on opening for the next one.
                let budget = scope.step.remaining().saturating_sub(ANSWER);
                let late =
                    || CacheError::timed_out("open", format!("the tier did not open within {} ms", budget.as_millis()));
                let outcome = tokio::time::timeout(budget, opened.open()).await.unwrap_or_else(|_| Err(late()));
                let elapsed = started.elapsed();
                let component = tier.component.as_ref().and_then(|name| scope.run.plan.components.get(name));
                let details: Vec<(String, String)> = component
                    .map(|component| {
                        vec![
                            ("wit-version".into(), component.descriptor.wit.clone()),
                            ("version".into(), component.descriptor.version.clone()),
                            ("digest".into(), component.digest.clone()),
                            ("source".into(), component.source.to_string()),
                        ]
                    })
                    .unwrap_or_default();
                let answer = outcome.as_ref().map(|capability| {
                    json!({ "operations": capability.operations.iter().map(ToString::to_string).collect::<Vec<_>>(),
                        "properties": capability.properties, "limits": capability.limits,
                        "component": super::object(details.iter().map(|(k, v)| (k, v))) })
                });
                let asked = json!({ "tier": tier.label, "adapter": tier.adapter });
                let id = record(scope, "caches.open", asked, answer.map_err(Clone::clone), elapsed);
                caches::Tier {
                    id,
                    label: tier.label.clone(),
                    adapter: tier.adapter.clone(),
                    elapsed: super::micros(elapsed),
                    details,
                    outcome: outcome.as_ref().map(from_capability).map_err(|error| from_error(error.clone())),
                }
            });
            Ok(join_all(open).await)
        })
    }

    async fn get(&mut self, label: String, key: String) -> wasmtime::Result<caches::Got> {
        through!(self, "cache/caches.get", [label, key], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("caches.get", &label, 1)?;
            let started = Instant::now();
            let outcome = match granted(&scope, "read", "get").and_then(|()| self.backend(&label, "get")) {
                Ok(backend) => backend.get(&key).await,
                Err(error) => Err(error),
            };
            let elapsed = started.elapsed();
            let answer = match &outcome {
                Ok(Some(blob)) => Ok(json!({ "hit": true, "bytes": blob.bytes.len(), "ttl-ms": blob.ttl_ms })),
                Ok(None) => Ok(json!({ "hit": false })),
                Err(error) => Err(error.clone()),
            };
            let id = record(&scope, "caches.get", json!({ "tier": label, "key": key }), answer, elapsed);
            let outcome = outcome.map(|blob| blob.map(from_blob)).map_err(from_error);
            Ok(caches::Got { id, elapsed: super::micros(elapsed), outcome })
        })
    }

    async fn put(&mut self, label: String, key: String, value: wit::Blob) -> wasmtime::Result<caches::Operated> {
        through!(self, "cache/caches.put", [label, key, value], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("caches.put", &label, 1)?;
            let started = Instant::now();
            let asked = json!({ "tier": label, "key": key, "bytes": value.bytes.len(), "ttl-ms": value.ttl });
            let outcome = match granted(&scope, "write", "put").and_then(|()| self.backend(&label, "put")) {
                Ok(backend) => backend.put(&key, to_blob(value)).await,
                Err(error) => Err(error),
            };
            Ok(operated(&scope, "caches.put", asked, outcome, started.elapsed()))
        })
    }

    async fn invalidate(&mut self, label: String, key: String) -> wasmtime::Result<caches::Operated> {
        through!(self, "cache/caches.invalidate", [label, key], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("caches.invalidate", &label, 1)?;
            let started = Instant::now();
            let outcome = match granted(&scope, "write", "invalidate").and_then(|()| self.backend(&label, "invalidate"))
            {
                Ok(backend) => backend.invalidate(&key).await,
                Err(error) => Err(error),
            };
            Ok(operated(&scope, "caches.invalidate", json!({ "tier": label, "key": key }), outcome, started.elapsed()))
        })
    }
}

impl State {
    fn backend(&self, label: &str, operation: &str) -> Result<&dyn Backend, CacheError> {
        match &self.tiers {
            Some(tiers) => tiers.backend(label, operation),
            None => Err(CacheError::unsupported(operation, "an adapter has no tiers of its own")),
        }
    }
}

fn granted(scope: &Scope, what: &str, operation: &str) -> Result<(), CacheError> {
    if scope.step.grants.cache.iter().any(|grant| grant == what) {
        return Ok(());
    }
    Err(CacheError::denied(operation, scope.step.deny("cache", what).message))
}

fn operated(
    scope: &Scope,
    probe: &str,
    asked: Value,
    outcome: Result<(), CacheError>,
    elapsed: Duration,
) -> caches::Operated {
    let id = record(scope, probe, asked, outcome.clone().map(|()| json!({ "done": true })), elapsed);
    caches::Operated { id, elapsed: super::micros(elapsed), outcome: outcome.map_err(from_error) }
}

/// Records an answer of a tier; a cache error becomes the observation's failure.
fn record(scope: &Scope, probe: &str, asked: Value, answer: Result<Value, CacheError>, elapsed: Duration) -> u32 {
    match answer {
        Ok(answer) => scope.record(probe, asked, Ok(answer), elapsed),
        Err(error) => {
            let failure =
                Failure { details: error.context, ..Failure::new(&error.kind, &error.operation, error.message) };
            scope.record(probe, asked, Err(&failure), elapsed)
        }
    }
}

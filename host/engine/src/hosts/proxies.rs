use super::turns::{Turn, in_turn};
use crate::bindings::wit_path::proxies;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use seaworthy_model::{Failure, glob_matches};
use seaworthy_probe::proxy_choice::{self, Choice};
use seaworthy_probe::proxy_connect as probe;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What choosing reads. What a proxy is called is no secret, and its credentials are never shown.
const VARIABLES: [&str; 2] = ["HTTPS_PROXY", "NO_PROXY"];

impl proxies::Host for State {
    async fn choose(&mut self, urls: Vec<String>) -> wasmtime::Result<proxies::Chosen> {
        through!(self, "path/proxies.choose", [urls], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("proxies.choose", &urls.join(", "), urls.len())?;
            let started = Instant::now();
            let outcome = permitted(&scope).and_then(|()| proxy_choice::choose(&urls, &scope.run.plan.environment));
            let answer = outcome.as_ref().map(|choices| json!(choices.iter().map(shown).collect::<Vec<_>>()));
            let id = scope.record("proxies.choose", json!({ "urls": urls }), answer, started.elapsed());
            // What could not be read has no choice; the observation says why.
            let choices = outcome.unwrap_or_default().into_iter().map(|choice| proxies::Choice {
                url: choice.url,
                client: choice.client,
                proxy: choice.proxy,
                details: choice.details.into_iter().collect(),
            });
            Ok(proxies::Chosen { id, choices: choices.collect() })
        })
    }

    async fn connect(&mut self, attempts: Vec<proxies::Attempt>) -> wasmtime::Result<Vec<proxies::Seen>> {
        through!(self, "path/proxies.connect", [attempts], {
            let scope = self.scope.clone();
            let targets: Vec<&str> = attempts.iter().map(|attempt| attempt.target.as_str()).collect();
            let _doing = scope.step.enter("proxies.connect", &targets.join(", "), attempts.len())?;
            let asked = attempts.into_iter().map(|attempt| {
                let turn = Turn::wait(&scope, attempt.timeout);
                connect(&scope, attempt, turn)
            });
            Ok(in_turn(super::AT_ONCE, asked.collect::<Vec<_>>()).await)
        })
    }
}

/// Whether a step may know what the proxy variables say.
fn permitted(scope: &Scope) -> Result<(), Failure> {
    let granted = |name: &str| scope.step.grants.env.iter().any(|glob| glob_matches(glob, name));
    match VARIABLES.into_iter().find(|name| !granted(name)) {
        Some(name) => Err(scope.step.deny("env", name)),
        None => Ok(()),
    }
}

async fn connect(scope: &Scope, attempt: proxies::Attempt, turn: Turn) -> proxies::Seen {
    let turn = turn.begin(scope, &attempt.target);
    let asked = probe::Attempt {
        proxy: attempt.proxy,
        target: attempt.target,
        timeout: *turn.as_ref().unwrap_or(&Duration::ZERO),
        idle: Duration::from_millis(u64::from(attempt.idle)),
        limit: scope.step.remaining(),
    };
    let seen = match turn {
        Ok(_) => probe::connect(&asked, &scope.run.plan.environment, scope).await,
        Err(failure) => probe::Seen { elapsed: Duration::ZERO, outcome: Err(failure) },
    };
    let question = json!({ "proxy": asked.label(), "target": asked.target, "timeout-ms": super::millis(asked.timeout),
                           "idle-ms": super::millis(asked.idle) });
    let id = scope.record("proxies.connect", question, seen.outcome.as_ref().map(|facts| json!(facts)), seen.elapsed);
    proxies::Seen {
        id,
        target: asked.target,
        elapsed: super::micros(seen.elapsed),
        outcome: seen.outcome.map_err(|failure| super::failure(&failure)).map(|facts| facts.into_iter().collect()),
    }
}

fn shown(choice: &Choice) -> Value {
    json!({ "url": choice.url, "client": choice.client, "proxy": choice.proxy, "details": choice.details })
}

use super::{Call, Case, Target};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seaworthy_model as model;
use seaworthy_model::{
    CheckDescriptor, ComponentDescriptor, ComponentKind, ComponentSource, Denial, Environment, Grants, HostCall,
    Limits, Plan, PlannedComponent, RecordedStep, Recording, RunRules, Severity, Step, Tier, TierRules,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// When it is in a case that does not say.
const NOW: &str = "2026-01-01T00:00:00Z";
/// Time for an attempt in a case that does not say.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A case, ready for the engine.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// One step or one tier.
    pub plan: Plan,
    /// The host calls, in order, of everything that is done.
    pub calls: Vec<HostCall>,
    /// What the clock says at first.
    pub now_ms: u64,
    /// Time for an attempt.
    pub budget_ms: u32,
    /// In place of calls: one step of a recording, under the id of the plan's.
    pub recording: Option<Recording>,
}

/// Why a case cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It says something that cannot be.
    #[error("{0}")]
    Wrong(String),
}

fn wrong<T>(message: impl Into<String>) -> Result<T, CaseError> {
    Err(CaseError::Wrong(message.into()))
}

/// Makes a case into what the engine runs. `recorded` is the recording that the case names.
///
/// # Errors
/// The case is about a check that the component does not have, or holds what cannot be read.
pub fn prepare(
    case: &Case,
    name: &str,
    path: &Path,
    descriptor: &Arc<ComponentDescriptor>,
    digest: &str,
    recorded: Option<&Recording>,
) -> Result<Prepared, CaseError> {
    let timeout = match &case.timeout {
        Some(text) => humantime::parse_duration(text)
            .map_err(|error| CaseError::Wrong(format!("timeout = \"{text}\": {error}; write e.g. \"5s\"")))?,
        None => TIMEOUT,
    };
    let now = case.now.as_deref().unwrap_or(NOW);
    let now: jiff::Timestamp =
        now.parse().map_err(|error| CaseError::Wrong(format!("now = \"{now}\": {error}; write e.g. \"{NOW}\"")))?;
    let component = PlannedComponent {
        name: name.into(),
        source: ComponentSource::File(path.to_owned()),
        descriptor: descriptor.clone(),
        digest: digest.into(),
        refused: Vec::new(),
    };
    let mut plan = Plan {
        run_id: "case".into(),
        components: BTreeMap::from([(name.to_owned(), component)]),
        environment: Environment::from_pairs(case.env.clone()),
        rules: RunRules { concurrency: 1, deadline: timeout + TIMEOUT, fail_fast: false, allow_writes: true },
        ..Plan::empty()
    };
    let mut calls: Vec<HostCall> = case.call.iter().map(host_call).collect();
    let mut recording = None;
    match (descriptor.kind, case.expect.is_some()) {
        (ComponentKind::Check, true) => {
            let check = check_of(case, descriptor)?;
            plan.steps = vec![step(case, name, check, timeout)];
            if let Some(recorded) = recorded {
                recording = Some(only(case, recorded, &check.id)?);
            }
        }
        (ComponentKind::Adapter, false) => {
            plan.tiers = vec![tier(case, name)];
            calls.extend(case.r#do.iter().flat_map(|deed| deed.call.iter().map(host_call)));
            if case.recording.is_some() {
                return wrong("a recording is of checks; write the calls of an adapter under its `[[do]]`");
            }
        }
        (ComponentKind::Check, false) => {
            return wrong("`[[do]]` is for adapters, and this is a check: write `[expect]`");
        }
        (ComponentKind::Adapter, true) => {
            return wrong("`[expect]` is for checks, and this is an adapter: write `[[do]]`");
        }
    }
    let budget_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Ok(Prepared { plan, calls, now_ms, budget_ms, recording })
}

fn check_of<'a>(case: &Case, descriptor: &'a ComponentDescriptor) -> Result<&'a CheckDescriptor, CaseError> {
    let ids = || descriptor.checks.iter().map(|check| format!("`{}`", check.id)).collect::<Vec<_>>().join(", ");
    match (&case.check, descriptor.checks.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => wrong(format!("the component has several checks, so write `check = ..`: {}", ids())),
        (Some(id), checks) => match checks.iter().find(|check| check.id == *id) {
            Some(check) => Ok(check),
            None => wrong(format!("check = \"{id}\": the component has {}", ids())),
        },
    }
}

/// Everything is granted: what a case answers is decided by the case.
fn grants() -> Grants {
    Grants { env: vec!["*".into()], ..Grants::default() }
}

fn step(case: &Case, name: &str, check: &CheckDescriptor, timeout: Duration) -> Step {
    let short = (!case.targets.is_empty()).then(|| Target {
        label: String::new(),
        kind: String::new(),
        addresses: case.targets.clone(),
        details: BTreeMap::new(),
    });
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    let targets = case.target.iter().chain(&short).map(|target| model::Target {
        label: or(&target.label, "target"),
        kind: or(&target.kind, "tcp"),
        addresses: target.addresses.clone(),
        details: target.details.clone(),
    });
    Step {
        id: check.id.clone(),
        title: check.title.clone(),
        component: name.into(),
        check: check.id.clone(),
        used_as: format!("{name}:{}", check.id),
        severity: Severity::Major,
        skip: None,
        unusable: None,
        targets: targets.collect(),
        settings: case.with.clone(),
        grants: grants(),
        limits: Limits::default(),
        needs: Vec::new(),
        timeout,
        retries: model::RetryRules::default(),
        expect: Vec::new(),
        mutates: check.mutates,
        tags: Vec::new(),
        owner: None,
        docs: None,
        source: None,
    }
}

fn tier(case: &Case, name: &str) -> Tier {
    Tier {
        label: name.into(),
        component: Some(name.into()),
        adapter: name.into(),
        config: case.config.clone(),
        grants: grants(),
        rules: TierRules::default(),
    }
}

fn host_call(call: &Call) -> HostCall {
    let denied = |denied: &super::Denied| Denial {
        capability: denied.capability.clone(),
        wanted: denied.wanted.clone(),
        add: String::new(),
    };
    HostCall {
        function: call.function.clone(),
        asked: call.asked.clone(),
        answer: Some(call.answer.clone()),
        denials: call.denied.iter().map(denied).collect(),
    }
}

/// The one step of a recording that the case is about, as the plan's step calls it.
fn only(case: &Case, recording: &Recording, id: &str) -> Result<Recording, CaseError> {
    let checks: BTreeSet<&str> = recording.steps.iter().map(|step| step.check.as_str()).collect();
    let chosen = match (&case.step, checks.iter().next()) {
        (Some(step), _) if checks.contains(step.as_str()) => step.as_str(),
        (None, Some(only)) if checks.len() == 1 => only,
        _ => {
            let list: Vec<&str> = checks.into_iter().collect();
            return wrong(format!("say which check of the recording is meant: step = one of {}", list.join(", ")));
        }
    };
    let mut only = Recording { skipped: Vec::new(), ..recording.clone() };
    only.steps.retain(|step| step.check == chosen);
    only.observations.retain(|seen| seen.check == chosen);
    for RecordedStep { check, .. } in &mut only.steps {
        *check = id.to_owned();
    }
    for seen in &mut only.observations {
        seen.check = id.to_owned();
    }
    Ok(only)
}

/// Bytes as a case writes them: a text, or `{ base64 = ".." }`.
///
/// # Errors
/// It is neither.
pub(super) fn bytes(value: &Value) -> Result<Vec<u8>, String> {
    match (value, value.get("base64").and_then(Value::as_str)) {
        (Value::String(text), _) => Ok(text.clone().into_bytes()),
        (_, Some(text)) => STANDARD.decode(text).map_err(|error| format!("base64 = \"{text}\": {error}")),
        _ => Err(format!("bytes are a text or {{ base64 = \"..\" }}, not {value}")),
    }
}

impl super::Wanted {
    /// The bytes that are written.
    ///
    /// # Errors
    /// They are neither a text nor base64.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        self.bytes.as_ref().map_or_else(|| Ok(Vec::new()), bytes)
    }
}

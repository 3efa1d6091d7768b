use crate::bindings::check::exports::seaworthy::check::checks as wit;
use crate::catalog::Catalog;
use crate::grantor::Grantor;
use crate::scope::{RunScope, Scope, StepScope, lock, round};
use crate::state::State;
use crate::tape::{Playback, Tape, value};
use crate::trap;
use crate::validate::{self, Concluded};
use seaworthy_model::{
    Attempt, Backoff, Disposition, ErrorReason, Event, Inherited, RecordedStep, Recording, RetryRules, Status, Step,
    StepRecord,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time beyond the attempt's own that the guest gets to return what it has seen.
/// Probes end at the budget, so this is only the way back.
const GRACE: Duration = Duration::from_millis(60);

/// What a step needs besides its plan.
pub(crate) struct StepContext<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) run: Arc<RunScope>,
    pub(crate) tiers: Arc<crate::tier_set::TierSet>,
}

/// Runs one step with its retries.
pub(crate) async fn run(context: &StepContext<'_>, step: &Step, inherited: &Inherited) -> StepRecord {
    let started = Instant::now();
    let mut attempts = Vec::new();
    let mut log = Vec::new();
    loop {
        let began = Instant::now();
        // What is left of the run bounds an attempt too, with time to tell what it saw.
        let left = context.run.plan.rules.deadline.saturating_sub(context.run.started.elapsed() + GRACE);
        let number = u32::try_from(attempts.len() + 1).unwrap_or(u32::MAX);
        // A replayed attempt has the time that it had then: less, where the deadline was near.
        let budget = recorded_budget(&context.run, step, number).unwrap_or_else(|| step.timeout.min(left));
        let mut scope = StepScope::new(&step.id, &step.component, step.grants.clone(), step.limits.clone(), budget);
        let handed = input(step, inherited, &context.run.plan, budget);
        let (tape, handed) = thread(&context.run, step, number, handed);
        scope.grantor = Grantor::of_step(&context.run.plan, step);
        scope.tape = tape;
        let scope = Scope { run: context.run.clone(), step: Arc::new(scope) };
        let mut concluded = match &handed {
            Ok(handed) => attempt(context, step, handed, &scope, budget).await,
            Err(missing) => Concluded::error(ErrorReason::Replay, missing.clone()),
        };
        if let Ok(handed) = &handed {
            taken(context, step, number, handed, &scope);
        }
        // One that broke off asks for nothing more, and says why itself.
        let ended = matches!(concluded.error, None | Some(ErrorReason::Inconclusive));
        if let Some(left) = scope.step.tape.left_over().filter(|_| ended) {
            concluded = Concluded::error(ErrorReason::Replay, left);
        }
        if budget < step.timeout {
            cut_short(&mut concluded, step, budget, &scope);
        }
        log.extend(scope.step.take_log());
        attempts.push(Attempt {
            status: concluded.status,
            reason: (concluded.status != Status::Pass).then(|| concluded.message.clone()),
            duration_s: round(began.elapsed()),
        });
        if number <= step.retries.count && worth_retrying(&concluded, &step.retries, &scope) {
            let check = step.id.clone();
            context.run.sink.event(Event::Retrying { check, attempt: number, reason: concluded.message });
            if !matches!(context.run.playback, Playback::Replay(_)) {
                tokio::time::sleep(delay(&step.retries, number)).await;
            }
            continue;
        }
        let flaky = attempts.len() > 1 && matches!(concluded.status, Status::Pass | Status::Warn);
        return StepRecord {
            status: concluded.status,
            skip: concluded.skip,
            error: concluded.error,
            message: concluded.message,
            findings: concluded.findings,
            facts: concluded.facts,
            evidence: concluded.evidence,
            attempts,
            flaky,
            duration_s: round(started.elapsed()),
            log,
            ..StepRecord::of(step)
        };
    }
}

/// The recorded attempt that answers this one.
fn recorded<'a>(recording: &'a Recording, step: &Step, number: u32) -> Option<&'a RecordedStep> {
    recording.steps.iter().find(|recorded| recorded.check == step.id && recorded.attempt == number)
}

/// The time that a recorded attempt had.
fn recorded_budget(run: &RunScope, step: &Step, number: u32) -> Option<Duration> {
    let Playback::Replay(recording) = &run.playback else { return None };
    recorded(recording, step, number)?.context.get("budget")?.as_u64().map(Duration::from_millis)
}

/// The tape of an attempt, and what the check is handed: what it was handed then, where it is
/// replayed. The error says that the recording has no such attempt.
fn thread(run: &RunScope, step: &Step, number: u32, handed: wit::Context) -> (Tape, Result<wit::Context, String>) {
    match &run.playback {
        Playback::Live => (Tape::Live, Ok(handed)),
        Playback::Record(_) => (Tape::recording(), Ok(handed)),
        Playback::Rehearse(scripted) => (Tape::by_hand(scripted), Ok(handed)),
        Playback::Replay(recording) => {
            let Some(recorded) = recorded(recording, step, number) else {
                let known: BTreeSet<&str> = recording.steps.iter().map(|step| step.check.as_str()).collect();
                let known: Vec<&str> = known.into_iter().collect();
                let missing = format!("the recording has no attempt {number} of it; it has {}", known.join(", "));
                return (Tape::Live, Err(missing));
            };
            let handed = value::read(&recorded.context, &mut |_| 0)
                .map_err(|error| format!("the recording's context cannot be read: {error}"));
            (Tape::of(recorded, recording), handed)
        }
    }
}

/// Writes an attempt down, where the run is recorded; what it took, where it is rehearsed.
fn taken(context: &StepContext<'_>, step: &Step, attempt: u32, handed: &wit::Context, scope: &Scope) {
    if let Playback::Rehearse(scripted) = &context.run.playback {
        *lock(&scripted.used) = scope.step.used();
    }
    let Playback::Record(recorder) = &context.run.playback else { return };
    let entry = context.catalog.entries().get(&step.component);
    recorder.add(RecordedStep {
        check: step.id.clone(),
        attempt,
        component: step.component.clone(),
        digest: entry.map(|entry| entry.digest.clone()).unwrap_or_default(),
        context: value::written(handed),
        calls: scope.step.tape.taken(),
    });
}

/// One attempt: a fresh store, instantiation and the call, all within the budget.
async fn attempt(
    context: &StepContext<'_>,
    step: &Step,
    handed: &wit::Context,
    scope: &Scope,
    budget: Duration,
) -> Concluded {
    let catalog = context.catalog;
    let Some(check) = catalog
        .entries()
        .get(&step.component)
        .and_then(|entry| entry.descriptor.checks.iter().find(|check| check.id == step.check))
    else {
        return Concluded::error(
            ErrorReason::Load,
            format!("component `{}` has no check `{}`", step.component, step.check),
        );
    };
    let pre = match catalog.load_check(&step.component) {
        Ok(pre) => pre,
        Err(refusal) => {
            return Concluded::error(ErrorReason::Load, format!("component `{}`: {refusal}", step.component));
        }
    };
    let mut store = State::store(&catalog.runtime.engine, scope.clone(), Some(context.tiers.clone()));
    let call = async {
        let instance = pre.instantiate_async(&mut store).await?;
        instance.seaworthy_check_checks().call_run(&mut store, &step.check, handed).await
    };
    let ended = tokio::time::timeout(budget + GRACE, call).await;
    scope.step.had(store.data().peak_memory());
    for (name, pipe) in [("stdout", &store.data().stdout), ("stderr", &store.data().stderr)] {
        for line in String::from_utf8_lossy(&pipe.contents()).lines() {
            scope.step.log(format!("{name}: {line}"));
        }
    }
    match ended {
        Ok(Ok(Ok(outcome))) => validate::conclude(outcome, step, check, scope),
        Ok(Ok(Err(message))) => validate::denied(
            Concluded::error(ErrorReason::Inconclusive, format!("the check broke: {}", validate::cut(message))),
            scope,
        ),
        Ok(Err(error)) => {
            let (reason, message) = trap::explain(&error, store.data());
            Concluded::error(reason, message)
        }
        Err(_) => {
            let doing = scope.step.doing().map_or_else(|| "computing".to_owned(), |call| format!("in {call}"));
            let message = format!("no result after {} while {doing}", human(budget));
            validate::denied(Concluded::error(ErrorReason::Timeout, message), scope)
        }
    }
}

/// The run's deadline left an attempt less than its own time, and something did not
/// answer within that: what was found is shown, but it cannot be told whether the
/// full time would have found it too.
fn cut_short(concluded: &mut Concluded, step: &Step, budget: Duration, scope: &Scope) {
    let own = scope.step.own_observations();
    let waited = lock(&scope.run.observations)
        .iter()
        .any(|seen| own.contains(&seen.id) && seen.failure.as_ref().is_some_and(|failure| failure.kind == "timeout"));
    if !waited
        || !matches!(concluded.status, Status::Fail | Status::Error)
        || concluded.error == Some(ErrorReason::Denied)
    {
        return;
    }
    concluded.status = Status::Error;
    concluded.error = Some(ErrorReason::Deadline);
    concluded.message =
        format!("the run's deadline left it {} of its {}: {}", human(budget), human(step.timeout), concluded.message);
    for finding in &mut concluded.findings {
        finding.disposition = Disposition::Advisory;
    }
}

/// A duration as people write it: `5s`, `250ms`.
fn human(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// Failed with a kind of failure that may pass by itself.
fn worth_retrying(concluded: &Concluded, rules: &RetryRules, scope: &Scope) -> bool {
    match (concluded.status, concluded.error) {
        (Status::Error, Some(ErrorReason::Timeout)) => rules.on.iter().any(|kind| kind == "timeout"),
        (Status::Fail, _) | (Status::Error, Some(ErrorReason::Inconclusive)) => {
            let own = scope.step.own_observations();
            lock(&scope.run.observations)
                .iter()
                .filter(|observation| own.contains(&observation.id))
                .filter_map(|observation| observation.failure.as_ref())
                .any(|failure| rules.on.contains(&failure.kind))
        }
        _ => false,
    }
}

/// How long to wait after attempt `number`.
fn delay(rules: &RetryRules, number: u32) -> Duration {
    let factor = match rules.backoff {
        Backoff::Fixed => 1,
        Backoff::Exponential => 2_u32.saturating_pow(number - 1),
    };
    let delay = rules.delay.saturating_mul(factor).min(rules.max_delay);
    if rules.jitter { delay.mul_f64(rand::random_range(0.5..=1.0)) } else { delay }
}

/// The context handed to the guest.
fn input(step: &Step, inherited: &Inherited, plan: &seaworthy_model::Plan, budget: Duration) -> wit::Context {
    let mut settings = Vec::new();
    flatten("", &step.settings, &mut settings);
    let triple = |(check, key, value): &(String, String, String)| wit::Inherited {
        check: check.clone(),
        key: key.clone(),
        value: value.clone(),
    };
    let mut vantage: Vec<(String, String)> = plan.vantage.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    vantage.push(("allow-writes".into(), plan.rules.allow_writes.to_string()));
    vantage.push(("host-report".into(), plan.host_report.is_some().to_string()));
    wit::Context {
        settings_json: step.settings.to_string(),
        settings,
        targets: step
            .targets
            .iter()
            .map(|target| wit::Target {
                label: target.label.clone(),
                kind: target.kind.clone(),
                addresses: target.addresses.clone(),
                details: target.details.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            })
            .collect(),
        facts: inherited.facts.iter().map(triple).collect(),
        codes: inherited.codes.iter().map(triple).collect(),
        budget: u32::try_from(budget.as_millis()).unwrap_or(u32::MAX),
        vantage,
    }
}

/// `{"a": {"b": 1}, "c": ["x", "y"]}` becomes `a.b=1`, `c=x`, `c=y`.
fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&key, value, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| flatten(prefix, item, out)),
        Value::Null => {}
        Value::String(text) => out.push((prefix.into(), text.clone())),
        other => out.push((prefix.into(), other.to_string())),
    }
}

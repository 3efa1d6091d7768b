use crate::catalog::Catalog;
use crate::scope::{RunScope, lock, round};
use crate::step::{self, StepContext};
use crate::tape::Playback;
use crate::tier_set::TierSet;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use seaworthy_model::{
    ErrorReason, Event, EventSink, Inherited, Level, Plan, PluginInfo, RunRecord, SkipReason, Status, Step, StepRecord,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{AcquireError, Mutex, Semaphore, SemaphorePermit, watch};

/// What a finished step leaves for those that wait for it.
type Slot = watch::Sender<Option<Arc<StepRecord>>>;

/// Runs a plan. Steps run at once as far as their needs and `concurrency` allow.
///
/// *Behaviour*: ends when every step has ended, at the plan's deadline, or as soon
/// as `stop` turns true; every step of the plan has a record in any case, those
/// that did not end as `error/deadline` or `error/interrupted`. `started` is the
/// RFC 3339 time that the record carries; `playback` says whether host calls look at the
/// world, are written down, or are answered from what was.
pub async fn run(
    plan: Plan,
    catalog: &Arc<Catalog>,
    sink: Arc<dyn EventSink>,
    started: String,
    stop: watch::Receiver<bool>,
    playback: Playback,
) -> RunRecord {
    // A task of its own: each wake of what the runtime blocks on costs a system call.
    let task = tokio::spawn(all(plan, catalog.clone(), sink, started, stop, playback));
    match task.await {
        Ok(record) => record,
        // Never cancelled, so it panicked; whoever called handles that.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn all(
    mut plan: Plan,
    catalog: Arc<Catalog>,
    sink: Arc<dyn EventSink>,
    started: String,
    mut stop: watch::Receiver<bool>,
    playback: Playback,
) -> RunRecord {
    let catalog = &catalog;
    playback.begin(&mut plan);
    let mut run = RunScope::new(plan, sink.clone());
    run.playback = playback;
    let run = Arc::new(run);
    let plan = &run.plan;
    sink.event(Event::RunStarted { steps: plan.steps.iter().filter(|step| step.skip.is_none()).count() });
    let _ticker = catalog.runtime.ticker();
    let context = StepContext { catalog, run: run.clone(), tiers: Arc::new(TierSet::new(catalog, &run)) };
    let slots: BTreeMap<&str, Slot> =
        plan.steps.iter().map(|step| (step.id.as_str(), watch::channel(None).0)).collect();
    let at_once = plan.rules.concurrency.clamp(1, catalog.runtime.at_once);
    let admission = Admission { permits: Semaphore::new(at_once), turn: Mutex::new(()) };
    let mut running: FuturesUnordered<_> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let (context, slots, admission) = (&context, &slots, &admission);
            async move { (index, one(context, step, slots, admission).await) }
        })
        .collect();

    let mut records: Vec<Option<Arc<StepRecord>>> = vec![None; plan.steps.len()];
    let deadline = tokio::time::sleep_until((run.started + plan.rules.deadline).into());
    tokio::pin!(deadline);
    let mut ended = None;
    while ended.is_none() {
        tokio::select! {
            next = running.next() => match next {
                Some((index, record)) => {
                    let failed = record.status == Status::Fail;
                    records[index] = Some(record);
                    if failed && plan.rules.fail_fast {
                        ended = Some(Ended::FailFast);
                    }
                }
                None => break,
            },
            () = &mut deadline => ended = Some(Ended::Deadline),
            () = stopped(&mut stop) => ended = Some(Ended::Interrupted),
        }
    }
    drop(running);
    let interrupted = ended == Some(Ended::Interrupted);
    let steps = plan
        .steps
        .iter()
        .zip(records)
        .map(|(step, record)| match record {
            Some(record) => Arc::unwrap_or_clone(record),
            None => unfinished(step, ended),
        })
        .collect();
    let observations = std::mem::take(&mut *lock(&run.observations));
    RunRecord {
        run_id: plan.run_id.clone(),
        started,
        duration_s: round(run.started.elapsed()),
        interrupted,
        steps,
        observations,
        plugins: plugins(plan, catalog),
        vantage: plan.vantage.clone(),
    }
}

/// Which steps may start.
struct Admission {
    permits: Semaphore,
    turn: Mutex<()>,
}

impl Admission {
    /// Waits for a place, and for its turn.
    ///
    /// *Behaviour*: between two starts the runtime looks once at its sockets, so that what
    /// was answered meanwhile ends first and leaves its memory and stack, still warm, to the
    /// next. Checks whose targets are silent wait side by side all the same.
    async fn enter(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        let permit = self.permits.acquire().await?;
        let _turn = self.turn.lock().await;
        tokio::task::yield_now().await;
        Ok(permit)
    }
}

/// Why a run ended before all its steps did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Deadline,
    Interrupted,
    FailFast,
}

/// The record of a step that the run did not wait for.
fn unfinished(step: &Step, ended: Option<Ended>) -> StepRecord {
    let error = |reason, message: &str| StepRecord {
        status: Status::Error,
        error: Some(reason),
        message: message.into(),
        ..StepRecord::of(step)
    };
    match ended {
        Some(Ended::FailFast) => StepRecord {
            skip: Some(SkipReason::DependencyFailed),
            message: "not finished: an earlier check failed, and fail-fast is set".into(),
            ..StepRecord::of(step)
        },
        Some(Ended::Interrupted) => error(ErrorReason::Interrupted, "the run was interrupted before it ended"),
        Some(Ended::Deadline) | None => error(ErrorReason::Deadline, "the run's deadline came before it ended"),
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Nobody can stop this run any more.
        std::future::pending::<()>().await;
    }
}

/// One step: wait for what it needs, then run it, or skip it.
async fn one(
    context: &StepContext<'_>,
    step: &Step,
    slots: &BTreeMap<&str, Slot>,
    admission: &Admission,
) -> Arc<StepRecord> {
    let record = match prepare(step, slots).await {
        Ok(inherited) => match admission.enter().await {
            Ok(_permit) => {
                let sink = &context.run.sink;
                sink.event(Event::StepStarted { check: step.id.clone() });
                let record = step::run(context, step, &inherited).await;
                let (check, status, duration_s) = (step.id.clone(), record.status, record.duration_s);
                sink.event(Event::StepFinished { check, status, duration_s });
                record
            }
            Err(_) => StepRecord { status: Status::Error, error: Some(ErrorReason::Deadline), ..StepRecord::of(step) },
        },
        Err(skipped) => *skipped,
    };
    let record = Arc::new(record);
    if let Some(slot) = slots.get(step.id.as_str()) {
        slot.send_replace(Some(record.clone()));
    }
    record
}

/// Waits for what the step needs, and gathers what it learns from them; the error
/// is the record of a step that is not run.
async fn prepare(step: &Step, slots: &BTreeMap<&str, Slot>) -> Result<Inherited, Box<StepRecord>> {
    if let Some((reason, message)) = &step.skip {
        return Err(Box::new(StepRecord { skip: Some(*reason), message: message.clone(), ..StepRecord::of(step) }));
    }
    if let Some(message) = &step.unusable {
        let (status, error) = (Status::Error, Some(ErrorReason::Load));
        return Err(Box::new(StepRecord { status, error, message: message.clone(), ..StepRecord::of(step) }));
    }
    let mut inherited = Inherited::default();
    for need in &step.needs {
        let Some(slot) = slots.get(need.check.as_str()) else { continue };
        let mut receiver = slot.subscribe();
        let other = match receiver.wait_for(Option::is_some).await {
            Ok(record) => record.clone(),
            Err(_) => None,
        };
        let Some(other) = other else { continue };
        if !need.optional && blocks(&other) {
            let worst = other
                .findings
                .iter()
                .filter(|f| f.level == Level::Fail)
                .max_by_key(|f| (f.severity, std::cmp::Reverse(f.layer)));
            return Err(Box::new(StepRecord {
                skip: Some(SkipReason::DependencyFailed),
                blocked_by: Some((need.check.clone(), worst.map(|finding| finding.code.clone()))),
                message: format!("blocked by {} ({})", need.check, other.status.as_str()),
                ..StepRecord::of(step)
            }));
        }
        inherited.facts.extend(other.facts.iter().map(|f| (other.id.clone(), f.key.clone(), f.value.clone())));
        inherited.codes.extend(
            other.findings.iter().map(|f| (other.id.clone(), f.code.clone(), f.target.clone().unwrap_or_default())),
        );
    }
    Ok(inherited)
}

/// Whether a step that requires `other` cannot run. One that does not apply or is
/// not configured blocks nothing: there is nothing wrong with it.
fn blocks(other: &StepRecord) -> bool {
    match other.status {
        Status::Fail | Status::Error => true,
        Status::Skip => {
            !matches!(other.skip, Some(SkipReason::NotApplicable | SkipReason::NotConfigured | SkipReason::Filtered))
        }
        Status::Pass | Status::Warn => false,
    }
}

/// The components that the plan uses, as the report shows them.
fn plugins(plan: &Plan, catalog: &Catalog) -> Vec<PluginInfo> {
    let used: BTreeSet<&str> = plan
        .steps
        .iter()
        .filter(|step| step.skip.is_none())
        .map(|step| step.component.as_str())
        .chain(plan.tiers.iter().filter_map(|tier| tier.component.as_deref()))
        .collect();
    let info = |name: &str| {
        let component = plan.components.get(name)?;
        let how = lock(catalog.loaded_components()).get(name).map_or("not loaded", |loaded| loaded.how);
        let mut granted: Vec<String> =
            plan.steps.iter().filter(|step| step.component == name).flat_map(|step| step.grants.lines()).collect();
        granted.sort();
        granted.dedup();
        Some(PluginInfo {
            id: name.into(),
            version: component.descriptor.version.clone(),
            digest: component.digest.clone(),
            wit: component.descriptor.wit.clone(),
            source: component.source.to_string(),
            loaded: how.into(),
            granted,
            refused: component
                .refused
                .iter()
                .map(|r| format!("{} {} ({})", r.denial.capability, r.denial.wanted, r.reason))
                .collect(),
        })
    };
    used.into_iter().filter_map(info).collect()
}

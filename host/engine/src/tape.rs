//! The seam through which every host call goes: `through!` asks the tape of the step whether
//! the call is live, is to be written down, or has its answer already.
//!
//! A replayed call touches nothing of this machine. It brings back the observations that
//! were made then, under new numbers, so that what the guest cites is there to be cited.
//! What a guest asks must be what it asked then, in the same order; in a case written by hand
//! only what is written is compared.

mod compare;
mod hand;
mod still;
pub(crate) mod value;

use crate::scope::{Scope, lock};
use hand::Hand;
use seaworthy_model::{
    Failure, HostCall, Observation, ObservationId, Plan, RECORDING_SCHEMA_VERSION, RecordedStep, Recording, RunRecord,
    SkipReason, SkippedStep,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use hand::{Scripted, Used};
pub(crate) use still::stand_still;

/// What becomes of the host calls of a run.
#[derive(Clone, Default)]
pub enum Playback {
    /// They look at the world.
    #[default]
    Live,
    /// They look at the world, and are written down.
    Record(Arc<Recorder>),
    /// They are answered from a recording.
    Replay(Arc<Recording>),
    /// They are answered from a case written by hand.
    Rehearse(Arc<Scripted>),
}

/// Takes down the host calls of a run.
#[derive(Default)]
pub struct Recorder {
    steps: Mutex<Vec<RecordedStep>>,
    skipped: Mutex<Vec<SkippedStep>>,
}

impl Recorder {
    /// What was taken down of a run that ended with `record`; leaves nothing.
    #[must_use]
    pub fn take(&self, record: &RunRecord, tool_version: &str) -> Recording {
        Recording {
            schema_version: RECORDING_SCHEMA_VERSION,
            tool_version: tool_version.into(),
            started: record.started.clone(),
            steps: std::mem::take(&mut *lock(&self.steps)),
            skipped: std::mem::take(&mut *lock(&self.skipped)),
            observations: record.observations.clone(),
        }
    }

    pub(crate) fn add(&self, step: RecordedStep) {
        lock(&self.steps).push(step);
    }
}

impl Playback {
    /// Takes down which steps the plan leaves out, or leaves out those that were left out
    /// then: what is set on this machine is not what was set there.
    pub(crate) fn begin(&self, plan: &mut Plan) {
        match self {
            Self::Live | Self::Rehearse(_) => {}
            Self::Record(recorder) => {
                let skipped = plan.steps.iter().filter_map(|step| {
                    let (reason, message) = step.skip.clone()?;
                    Some(SkippedStep { check: step.id.clone(), reason, message })
                });
                *lock(&recorder.skipped) = skipped.collect();
            }
            Self::Replay(recording) => {
                for step in &mut plan.steps {
                    let skipped = recording.skipped.iter().find(|skipped| skipped.check == step.id);
                    let filtered = matches!(step.skip, Some((SkipReason::Filtered, _)));
                    if !filtered {
                        step.skip = skipped.map(|skipped| (skipped.reason, skipped.message.clone()));
                    }
                }
            }
        }
    }
}

/// What becomes of the host calls of one attempt.
#[derive(Clone, Default)]
pub(crate) enum Tape {
    #[default]
    Live,
    Recording(Arc<Mutex<Taken>>),
    Replaying(Arc<Mutex<Reel>>),
}

/// The calls of an attempt so far.
#[derive(Default)]
pub(crate) struct Taken {
    calls: Vec<HostCall>,
    /// The one whose answer is awaited.
    open: Option<HostCall>,
}

/// The calls that are to be answered, and how far it got.
pub(crate) struct Reel {
    calls: Vec<HostCall>,
    next: usize,
    /// The observations of the recording that are not brought back yet.
    observations: BTreeMap<ObservationId, Observation>,
    /// Written by hand: compared by what is written, and with answers of its own for what is not.
    hand: Option<Hand>,
    /// What time it is, in milliseconds since the epoch.
    now_ms: u64,
}

impl Tape {
    pub(crate) fn recording() -> Self {
        Self::Recording(Arc::default())
    }

    /// Answers from a recording, exactly.
    pub(crate) fn of(step: &RecordedStep, recording: &Recording) -> Self {
        let own = recording.observations.iter().filter(|seen| seen.check == step.check);
        let observations = own.map(|seen| (seen.id, seen.clone())).collect();
        let started = recording.started.parse::<jiff::Timestamp>().unwrap_or_default();
        let now_ms = u64::try_from(started.as_millisecond()).unwrap_or_default();
        let reel = Reel { calls: step.calls.clone(), next: 0, observations, hand: None, now_ms };
        Self::Replaying(Arc::new(Mutex::new(reel)))
    }

    /// Answers from what was written by hand.
    pub(crate) fn by_hand(scripted: &Scripted) -> Self {
        let hand = Some(Hand::new(scripted));
        let (calls, now_ms) = (scripted.calls.clone(), scripted.now_ms);
        let reel = Reel { calls, next: 0, observations: BTreeMap::new(), hand, now_ms };
        Self::Replaying(Arc::new(Mutex::new(reel)))
    }

    /// What was taken down; the call whose answer never came is the last.
    pub(crate) fn taken(&self) -> Vec<HostCall> {
        let Self::Recording(taken) = self else { return Vec::new() };
        let mut taken = lock(taken);
        let open = taken.open.take();
        std::mem::take(&mut taken.calls).into_iter().chain(open).collect()
    }

    /// The time that a replayed guest is to see, in milliseconds since the epoch; none where it is live.
    pub(crate) fn stands_at(&self) -> Option<u64> {
        if let Self::Replaying(reel) = self { Some(lock(reel).now_ms) } else { None }
    }

    /// Calls that were answered from the tape so far.
    pub(crate) fn played(&self) -> usize {
        if let Self::Replaying(reel) = self { lock(reel).next } else { 0 }
    }

    /// What of the tape was not asked for, as a sentence.
    pub(crate) fn left_over(&self) -> Option<String> {
        let Self::Replaying(reel) = self else { return None };
        let reel = lock(reel);
        let rest = reel.calls.get(reel.next..).unwrap_or_default();
        let first = rest.first()?;
        let more = if rest.len() > 1 { format!(" and {} more", rest.len() - 1) } else { String::new() };
        Some(format!(
            "the component ended without asking for what comes next: call {} `{}`{more}",
            reel.next + 1,
            first.function
        ))
    }
}

/// The component, replayed, did something else than what there is an answer to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Departed(pub(crate) String);

/// The recording ends within this call: its answer never came.
#[derive(Debug, thiserror::Error)]
#[error("the recording ends while {0} was awaited")]
pub(crate) struct Unanswered(pub(crate) String);

/// One call on its way through the seam.
pub(crate) struct Call {
    scope: Scope,
    function: &'static str,
    way: Way,
}

enum Way {
    /// Denials that there were before it.
    Recorded { denials: usize },
    /// Has its answer.
    Replayed(Box<HostCall>),
    /// Written by hand, and not about this: looks as a live one does.
    Live,
}

impl Scope {
    /// Begins a call of `function` with the arguments that `asked` writes down; none where the
    /// step is live.
    ///
    /// # Errors
    /// [`Departed`]: it is not what comes next. Or it is one call too many.
    pub(crate) fn call(&self, function: &'static str, asked: impl FnOnce() -> Value) -> wasmtime::Result<Option<Call>> {
        let way = match &self.step.tape {
            Tape::Live => return Ok(None),
            Tape::Recording(taken) => {
                let call = HostCall { function: function.into(), asked: asked(), ..HostCall::default() };
                lock(taken).open = Some(call);
                Way::Recorded { denials: self.step.denials().len() }
            }
            Tape::Replaying(reel) => {
                let asked = asked();
                let work =
                    asked.as_object().and_then(|named| named.values().find_map(Value::as_array)).map_or(1, Vec::len);
                let way = lock(reel).play(function, asked)?;
                // What is live counts itself, and what is of the kit costs nothing.
                if !matches!(way, Way::Live) && !function.starts_with("kit/") {
                    drop(self.step.enter(function, "", work)?);
                }
                way
            }
        };
        Ok(Some(Call { scope: self.clone(), function, way }))
    }
}

impl Reel {
    fn play(&mut self, function: &str, asked: Value) -> Result<Way, Departed> {
        let next = self.calls.get(self.next);
        if let Some(hand) = self.hand.as_mut().filter(|_| next.is_none_or(|call| call.function != function)) {
            match hand.answer(function, &asked) {
                hand::Answer::Given(answer) => {
                    let call = HostCall { function: function.into(), asked, answer: Some(answer), denials: Vec::new() };
                    return Ok(Way::Replayed(Box::new(call)));
                }
                hand::Answer::Live => return Ok(Way::Live),
                hand::Answer::None => {}
            }
        }
        let number = self.next + 1;
        let Some(next) = next else {
            let before = match self.calls.len() {
                0 => "no call is written down".to_owned(),
                count => format!("all {count} calls that are written down were made"),
            };
            return Err(Departed(format!("the component asks `{function}` of {asked}, and {before}")));
        };
        if next.function != function {
            return Err(Departed(format!(
                "call {number}: the component asks `{function}` of {asked}, where `{}` is written down",
                next.function
            )));
        }
        let differences = compare::differences(&next.asked, &asked, self.hand.is_some());
        if !differences.is_empty() {
            let list: String = differences.iter().map(|difference| format!("\n  {difference}")).collect();
            return Err(Departed(format!("call {number}, `{function}`, is asked differently:{list}")));
        }
        self.next += 1;
        Ok(Way::Replayed(Box::new(next.clone())))
    }
}

impl Call {
    /// The answer, where the call has one already.
    pub(crate) fn replayed<T: DeserializeOwned>(&self) -> Option<wasmtime::Result<T>> {
        let Way::Replayed(call) = &self.way else { return None };
        for denial in &call.denials {
            self.scope.step.deny(&denial.capability, &denial.wanted);
        }
        let Some(answer) = &call.answer else {
            return Some(Err(Unanswered(format!("the answer of `{}`", self.function)).into()));
        };
        let mut observed = |item: &Value| self.observe(&call.asked, item);
        let read = value::read(answer, &mut observed);
        let wrong =
            |error| Departed(format!("the answer written down for `{}` cannot be read: {error}", self.function));
        Some(read.map_err(|error| wrong(error).into()))
    }

    /// Writes the answer down, where calls are.
    pub(crate) fn answered<T: Serialize>(&self, answer: &wasmtime::Result<T>) {
        let (Way::Recorded { denials }, Tape::Recording(taken)) = (&self.way, &self.scope.step.tape) else { return };
        let mut taken = lock(taken);
        let Some(mut call) = taken.open.take() else { return };
        // A guest that goes over a limit ends there; replayed it goes over the same one.
        if let Ok(answer) = answer {
            call.answer = Some(value::written(answer));
            call.denials = self.scope.step.denials().split_off(*denials);
            taken.calls.push(call);
        }
    }

    /// The new number of the observation that an answer refers to: brought back from the
    /// recording, or made of what is written.
    fn observe(&self, asked: &Value, item: &Value) -> u32 {
        let known = item.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let recorded = known.and_then(|id| match &self.scope.step.tape {
            Tape::Replaying(reel) => lock(reel).observations.get(&ObservationId(id)).cloned(),
            _ => None,
        });
        if let Some(seen) = recorded {
            let elapsed = Duration::try_from_secs_f64(seen.elapsed_s).unwrap_or_default();
            let answer = match (&seen.answer, &seen.failure) {
                (_, Some(failure)) => Err(failure),
                (answer, None) => Ok(answer.clone().unwrap_or_default()),
            };
            return self.scope.record(&seen.probe, seen.asked.clone(), answer, elapsed);
        }
        let probe = self.function.split_once('/').map_or(self.function, |(_, probe)| probe);
        let failure = item.pointer("/outcome/err").map(|err| {
            let text = |key: &str| err.get(key).and_then(Value::as_str).unwrap_or_default();
            Failure::new(text("kind"), text("stage"), text("message"))
        });
        let answer = match &failure {
            Some(failure) => Err(failure),
            None => Ok(item.clone()),
        };
        let micros = item.get("elapsed").and_then(Value::as_u64).unwrap_or_default();
        self.scope.record(probe, asked.clone(), answer, Duration::from_micros(micros))
    }
}

/// Arguments by the name of their parameter.
pub(crate) fn arguments<const N: usize>(named: [(&str, Value); N]) -> Value {
    Value::Object(named.into_iter().map(|(name, value)| (name.replace('_', "-"), value)).collect::<Map<_, _>>())
}

/// The body of a host function: `through!(self, "net/tcp.connect", [attempts], { .. })`. The
/// names in brackets are the parameters, as the WIT has them; `[sealed = input]` where the
/// variable has another name.
macro_rules! through {
    ($state:ident, $function:literal, [$($name:ident $(= $variable:ident)?),*], $body:block) => {{
        let call = $state.scope.call($function, || {
            $crate::tape::arguments([
                $((stringify!($name), $crate::tape::value::written(&$crate::tape::variable!($name $($variable)?)))),*
            ])
        })?;
        if let Some(answer) = call.as_ref().and_then($crate::tape::Call::replayed) {
            return answer;
        }
        let answer = async move $body.await;
        if let Some(call) = call {
            call.answered(&answer);
        }
        answer
    }};
}
pub(crate) use through;

macro_rules! variable {
    ($name:ident) => {
        $name
    };
    ($name:ident $variable:ident) => {
        $variable
    };
}
pub(crate) use variable;

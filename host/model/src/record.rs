use crate::{
    ErrorReason, Finding, Observation, ObservationId, PluginInfo, Severity, SkipReason, SourceLocation, Status, Step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened in a run, complete and unjudged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Id of the run.
    pub run_id: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// Seconds.
    pub duration_s: f64,
    /// Ended by a signal before everything was done.
    pub interrupted: bool,
    /// One for each step of the plan, in its order.
    pub steps: Vec<StepRecord>,
    /// Everything the host saw, in order.
    pub observations: Vec<Observation>,
    /// The components used.
    pub plugins: Vec<PluginInfo>,
    /// Name and facts of the vantage point.
    pub vantage: BTreeMap<String, String>,
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Id in checks.toml.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// As written: `bundled:p2p/connectivity`.
    pub used_as: String,
    /// Labels of its targets.
    pub target: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// What the host concluded.
    pub status: Status,
    /// Why it was skipped.
    pub skip: Option<SkipReason>,
    /// Why we could not tell.
    pub error: Option<ErrorReason>,
    /// The check that blocked it, and the code of its worst finding.
    pub blocked_by: Option<(String, Option<String>)>,
    /// One line for people.
    pub message: String,
    /// Everything found.
    pub findings: Vec<Finding>,
    /// Everything learned.
    pub facts: Vec<Fact>,
    /// What the conclusion rests on.
    pub evidence: Vec<ObservationId>,
    /// Each attempt.
    pub attempts: Vec<Attempt>,
    /// It failed first and passed later.
    pub flaky: bool,
    /// Seconds, all attempts.
    pub duration_s: f64,
    /// Ids it waited for.
    pub needs: Vec<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where to read on.
    pub docs: Option<String>,
    /// Where it is written.
    pub source: Option<SourceLocation>,
    /// What the component printed to stdout, stderr and its log, bounded.
    pub log: Vec<String>,
}

/// Something learned, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Lower-kebab key.
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// What it rests on.
    pub evidence_ids: Vec<ObservationId>,
}

/// One attempt of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// What came of it.
    pub status: Status,
    /// Why, where it was not a pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Seconds.
    pub duration_s: f64,
}

/// What a step learns from the steps it needs: (check, key or code, value or target).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Their facts.
    pub facts: Vec<(String, String, String)>,
    /// The codes they found, with their targets.
    pub codes: Vec<(String, String, String)>,
}

impl StepRecord {
    /// The record of a step that has not been run: everything that the plan knows of it.
    #[must_use]
    pub fn of(step: &Step) -> Self {
        Self {
            id: step.id.clone(),
            title: step.title.clone(),
            used_as: step.used_as.clone(),
            target: step.targets.first().map(|target| target.label.clone()),
            severity: step.severity,
            status: Status::Skip,
            skip: None,
            error: None,
            blocked_by: None,
            message: String::new(),
            findings: Vec::new(),
            facts: Vec::new(),
            evidence: Vec::new(),
            attempts: Vec::new(),
            flaky: false,
            duration_s: 0.0,
            needs: step.needs.iter().map(|need| need.check.clone()).collect(),
            tags: step.tags.clone(),
            owner: step.owner.clone(),
            docs: step.docs.clone(),
            source: step.source.clone(),
            log: Vec::new(),
        }
    }
}

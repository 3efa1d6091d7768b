use crate::{
    Attempt, Cause, ErrorReason, Fact, Finding, Gate, Observation, Severity, SkipReason, SourceLocation, Status,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the report's format; additive within 1.x.
pub const REPORT_SCHEMA_VERSION: &str = "1.0";

/// A run, judged: what every output format is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// `1.0`.
    pub schema_version: String,
    /// Id of the run.
    pub run_id: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// Seconds.
    pub duration_s: f64,
    /// Ended by a signal before everything was done.
    pub interrupted: bool,
    /// What made it.
    pub tool: ToolInfo,
    /// The policy it was judged by.
    pub config: ConfigInfo,
    /// Where it was run.
    pub vantage: VantageInfo,
    /// The components used.
    pub plugins: Vec<PluginInfo>,
    /// What the gate decided.
    pub gate: Gate,
    /// Counts.
    pub summary: Summary,
    /// Root causes, most explaining first.
    pub causes: Vec<Cause>,
    /// Every check, in the policy's order.
    pub checks: Vec<CheckResult>,
    /// Waivers, and whether they forgave anything.
    pub waivers: Vec<WaiverUse>,
}

/// What made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolInfo {
    /// `seaworthy`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The policy a run was judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigInfo {
    /// Path, or `embedded`.
    pub path: String,
    /// `sha256:...` of its text.
    pub digest: String,
    /// Profile in use.
    pub profile: String,
}

/// Where a run was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VantageInfo {
    /// `--vantage`, or what the container probe found.
    pub name: String,
    /// Facts of the place.
    pub facts: BTreeMap<String, String>,
}

/// A component that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginInfo {
    /// Name in checks.toml, or of the bundled component.
    pub id: String,
    /// Its own version.
    pub version: String,
    /// `sha256:...`.
    pub digest: String,
    /// WIT version it was built against.
    pub wit: String,
    /// `builtin` or `file:...`.
    pub source: String,
    /// How its code got ready: `embedded`, `cached`, `compiled`.
    pub loaded: String,
    /// What it was granted, as lines of checks.toml.
    pub granted: Vec<String>,
    /// What it asked for and was not granted.
    pub refused: Vec<String>,
}

/// Counts over all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// All checks.
    pub total: usize,
    /// Passed.
    pub pass: usize,
    /// Passed with warnings.
    pub warn: usize,
    /// Failed.
    pub fail: usize,
    /// Could not tell.
    pub error: usize,
    /// Not looked at.
    pub skip: usize,
    /// Findings forgiven by a waiver.
    pub waived: usize,
    /// Observations recorded.
    pub observations: usize,
}

/// One check in a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// Id in checks.toml.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// As written: `bundled:p2p/connectivity`.
    #[serde(rename = "use")]
    pub used_as: String,
    /// Label of its target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// What the host concluded.
    pub status: Status,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skip_reason: Option<SkipReason>,
    /// Why we could not tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_reason: Option<ErrorReason>,
    /// The check that blocked it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked_by: Option<String>,
    /// Code of the cause that explains why it failed or was blocked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caused_by: Option<String>,
    /// One line for people.
    pub message: String,
    /// How much it matters.
    pub severity: Severity,
    /// Seconds.
    pub duration_s: f64,
    /// It failed first and passed later.
    pub flaky: bool,
    /// Each attempt.
    pub attempts: Vec<Attempt>,
    /// Everything found.
    pub findings: Vec<Finding>,
    /// The observations it rests on and made.
    pub evidence: Vec<Observation>,
    /// Everything learned.
    pub facts: Vec<Fact>,
    /// Ids it waited for.
    pub needs: Vec<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// Where to read on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub docs: Option<String>,
    /// Where it is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<SourceLocation>,
    /// What the component printed, bounded.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub log: Vec<String>,
}

/// A waiver and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverUse {
    /// Check id or glob.
    pub check: String,
    /// Finding code or glob.
    pub code: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds.
    pub expires: String,
    /// Findings it forgave.
    pub used: usize,
    /// Its day is past.
    pub expired: bool,
    /// It ends soon.
    pub ends_soon: bool,
}

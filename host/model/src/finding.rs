use crate::{Layer, ObservationId, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Works, but should be mended.
    Warn,
    /// Wrong.
    Fail,
}

/// How sure a finding or a cause is. The rule is written, not felt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// No contradicting probe ran.
    Possible,
    /// A probe that could have contradicted it ran and did not.
    Likely,
    /// The symptom cannot arise otherwise.
    Certain,
}

/// What became of a finding at the gate. Never changes a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// Counts.
    Counted,
    /// Forgiven by a waiver.
    Waived,
    /// Information only.
    Advisory,
}

/// Something a check found, or the host found about a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Dotted code, declared by the component: `peer.refused`.
    pub code: String,
    /// Short title of the code.
    pub title: String,
    /// What was found, with the values.
    pub message: String,
    /// How bad.
    pub level: Level,
    /// How much it matters.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where in the stack.
    pub layer: Layer,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub observed: Option<String>,
    /// What was wanted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<String>,
    /// What it rests on.
    pub evidence_ids: Vec<ObservationId>,
    /// Anything else, for rules and machines.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub details: BTreeMap<String, String>,
    /// What to do.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub remediations: Vec<Remediation>,
    /// Stable over runs: hash of check, code and target.
    pub fingerprint: String,
    /// What the gate does with it.
    pub disposition: Disposition,
    /// Reason of the waiver that forgives it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waiver: Option<String>,
    /// Code of the cause that explains it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caused_by: Option<String>,
}

/// What a remedy may touch. `fix --apply` takes `None` and `Config` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Changes nothing that others see.
    None,
    /// Changes configuration.
    Config,
    /// Opens something.
    Security,
    /// May lose data.
    Data,
}

/// A change that removes a cause, and the check that proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remediation {
    /// Stable id, e.g. `use-gateway-address`.
    pub id: String,
    /// One line.
    pub title: String,
    /// Why it helps.
    pub why: String,
    /// In order.
    pub steps: Vec<RemedyStep>,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tradeoff: Option<String>,
    /// What it touches.
    pub risk: Risk,
    /// Where to read on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub docs: Option<String>,
    /// Id of the check that proves it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verified_by: Option<String>,
}

/// One step of a remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemedyStep {
    /// What to do.
    pub text: String,
    /// The command, ready to paste.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
    /// A piece of a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub snippet: Option<Snippet>,
}

/// A piece of a file to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snippet {
    /// `yaml`, `sh`, `toml`, `json`.
    pub language: String,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// Its text.
    pub text: String,
}

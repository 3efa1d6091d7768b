use crate::{Confidence, Layer, ObservationId, Remediation, RunRecord};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why things are wrong: one root, and the findings that follow from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Dotted code: `docker.loopback-in-bridge`.
    pub code: String,
    /// One line.
    pub title: String,
    /// What it means here, with the values.
    pub message: String,
    /// How sure.
    pub confidence: Confidence,
    /// Where in the stack the root sits.
    pub layer: Layer,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// Fingerprints of the findings it explains, its own root first.
    pub explains: Vec<String>,
    /// Checks that were blocked by it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocks: Vec<String>,
    /// Observations that support it.
    pub supported_by: Vec<ObservationId>,
    /// Observations that speak against it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub contradicted_by: Vec<ObservationId>,
    /// What to do, least privilege first.
    pub remediations: Vec<Remediation>,
    /// How many findings and blocked checks it accounts for.
    pub would_fix: usize,
}

/// A record, read: its causes, worst first, and the same steps with findings
/// that name what caused them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What was run.
    pub record: RunRecord,
    /// Root causes, most explaining first.
    pub causes: Vec<Cause>,
}

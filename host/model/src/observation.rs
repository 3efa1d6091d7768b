use crate::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Number of an observation, unique in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ObservationId(pub u32);

impl std::fmt::Display for ObservationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "o{}", self.0)
    }
}

/// What the host saw when a guest asked it to look. Recorded by the host alone;
/// the only thing a verdict may rest on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Unique in the run.
    pub id: ObservationId,
    /// The check during whose step it was made.
    pub check: String,
    /// `interface.function`, e.g. `tcp.connect`.
    pub probe: String,
    /// What was asked. Secrets are already replaced.
    pub asked: Value,
    /// What came back, when something did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<Value>,
    /// Why nothing came back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// Seconds after the start of the run.
    pub at_s: f64,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
}

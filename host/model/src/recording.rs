use crate::{Denial, Observation, SkipReason};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Version of the recording's format.
pub const RECORDING_SCHEMA_VERSION: u32 = 1;

/// Every host call of a run with its answer: enough to run its checks again without a
/// network. Made by `seaworthy run --record`, or written by hand for `plugin test`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Format version; 1.
    pub schema_version: u32,
    /// Version of the seaworthy that made it.
    pub tool_version: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// One for each attempt of each check that ran, in the order in which they ended.
    pub steps: Vec<RecordedStep>,
    /// Checks that were not run, by what the plan decided.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub skipped: Vec<SkippedStep>,
    /// The observations that the answers refer to.
    pub observations: Vec<Observation>,
}

/// An answer that is there, even where it is nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// What is wrong with the text, and where; or that it is of another format.
    pub fn read(text: &str) -> Result<Self, String> {
        let version = |value: &Value| value.get("schema_version").and_then(Value::as_u64);
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        match version(&value) {
            Some(known) if known == u64::from(RECORDING_SCHEMA_VERSION) => {
                serde_json::from_str(text).map_err(|error| format!("it is not a recording: {error}"))
            }
            Some(other) => Err(format!(
                "it is a recording of format {other}, and this seaworthy reads {RECORDING_SCHEMA_VERSION}; use the seaworthy that made it"
            )),
            None => {
                Err("it is not a recording: it has no `schema_version`; `seaworthy run --record FILE` makes one".into())
            }
        }
    }
}

/// A check that the plan left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkippedStep {
    /// Id in checks.toml.
    pub check: String,
    /// Why, as a word.
    pub reason: SkipReason,
    /// Why, for people.
    pub message: String,
}

/// One attempt of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedStep {
    /// Id in checks.toml.
    pub check: String,
    /// From 1.
    pub attempt: u32,
    /// Name of the component.
    pub component: String,
    /// `sha256:...` of the component that asked.
    pub digest: String,
    /// What the check was handed: `context` of the WIT.
    pub context: Value,
    /// What it asked of the host, in order.
    pub calls: Vec<HostCall>,
}

/// One host call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostCall {
    /// `INTERFACE.FUNCTION` of the WIT without `seaworthy:` and version: `net/tcp.connect`.
    pub function: String,
    /// The arguments by parameter name, as in the WIT.
    pub asked: Value,
    /// The answer as in the WIT; none where it was still awaited when the attempt ended.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub answer: Option<Value>,
    /// What was refused during the call.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub denials: Vec<Denial>,
}

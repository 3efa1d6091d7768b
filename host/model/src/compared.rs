use crate::{Layer, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the format of [`Compared`]; additive within 1.x.
pub const COMPARED_SCHEMA_VERSION: &str = "1.0";

/// Two reports, read together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// `1.0`.
    pub schema_version: String,
    /// What the two are to each other.
    pub relation: Relation,
    /// The first report.
    pub first: Side,
    /// The second report.
    pub second: Side,
    /// Whether the second is worse: something that passed in the first fails in it, or
    /// it has a cause that the first has not.
    pub worse: bool,
    /// Addresses that only one of the two could use.
    pub addresses: Vec<AddressDifference>,
    /// Causes of either, those of both included.
    pub causes: Vec<CauseDifference>,
    /// Checks whose status differs, and those that only one of the two has.
    pub checks: Vec<CheckDifference>,
    /// Facts that differ.
    pub facts: Vec<FactDifference>,
}

/// What two reports are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The container's host and the container. The causes of the second are those that
    /// both reports tell together.
    HostAndContainer,
    /// One place at two times.
    BeforeAndAfter,
    /// Two places of which neither is known to be the other's host.
    TwoPlaces,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Name of its vantage point.
    pub vantage: String,
    /// Id of the run.
    pub run_id: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// Its own exit code.
    pub exit_code: u8,
}

/// An address that was tried from both sides and could be used from one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressDifference {
    /// As it was asked for.
    pub address: String,
    /// The probe that was used: `swarm.dial`.
    pub probe: String,
    /// How it failed in the first; absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<String>,
    /// How it failed in the second.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second: Option<String>,
}

/// Where a cause was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// In the first only: before and after a change, this one is gone.
    First,
    /// In the second only.
    Second,
    /// In both.
    Both,
}

/// A cause, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CauseDifference {
    /// Dotted code.
    pub code: String,
    /// One line.
    pub title: String,
    /// What it means, as the report it was found in says.
    pub message: String,
    /// Where in the stack.
    pub layer: Layer,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// Where it was found.
    pub found: Found,
}

/// A check whose status is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckDifference {
    /// Id in checks.toml.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// Absent where the first has no such check.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Status>,
    /// Absent where the second has no such check.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second: Option<Status>,
}

/// A fact that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactDifference {
    /// Check that reported it; `vantage` for facts of the place.
    pub check: String,
    /// Lower-kebab key.
    pub key: String,
    /// Its value in the first; absent where it is not known there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<String>,
    /// Its value in the second.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second: Option<String>,
}

//! The nouns of a run: observations, findings, verdicts, plans, reports.
//!
//! This crate has no I/O and no behaviour beyond small, total functions over its
//! own data. Every other host crate speaks in these words; guests do not see
//! them, they share only the WIT contract.

#![deny(missing_docs)]

mod cause;
mod compared;
mod descriptor;
mod environment;
mod event;
mod exit;
mod failure;
mod finding;
mod gate;
mod glob;
mod grant;
mod layer;
mod observation;
mod plan;
mod record;
mod recording;
mod reference;
mod report;
mod secret;
mod size;
mod status;

pub use cause::{Cause, Diagnosis};
pub use compared::{
    AddressDifference, COMPARED_SCHEMA_VERSION, CauseDifference, CheckDifference, Compared, FactDifference, Found,
    Relation, Side,
};
pub use descriptor::{
    CapabilityRequest, CheckDescriptor, CodeDescriptor, ComponentDescriptor, ComponentKind, DESCRIPTOR_SCHEMA_VERSION,
    FactDescriptor,
};
pub use environment::{Environment, Origin, Variable};
pub use event::{Event, EventSink, NoEvents};
pub use exit::ExitCode;
pub use failure::Failure;
pub use finding::{Confidence, Disposition, Finding, Level, Remediation, RemedyStep, Risk, Snippet};
pub use gate::{Comparison, ErrorRule, FailOn, Gate, GateRules, Threshold, Verdict, Waiver, WaiverRules};
pub use glob::{glob_matches, glob_matches_ignoring_case};
pub use grant::{Denial, Grants, HostPattern, NetRule, NetRuleError, Permit, PermitAll, PortPattern, Surroundings};
pub use layer::Layer;
pub use observation::{Observation, ObservationId};
pub use plan::{
    Backoff, CacheRules, ComponentSource, Limits, Need, Plan, PlannedComponent, RefusedGrant, RetryRules, RunRules,
    SourceLocation, Step, Target, Tier, TierRules, Trust, WriteRule,
};
pub use record::{Attempt, Fact, Inherited, RunRecord, StepRecord};
pub use recording::{HostCall, RECORDING_SCHEMA_VERSION, RecordedStep, Recording, SkippedStep};
pub use reference::{BadReference, RegistryReference, is_digest, is_loopback};
pub use report::{
    CheckResult, ConfigInfo, PluginInfo, REPORT_SCHEMA_VERSION, Report, Summary, ToolInfo, VantageInfo, WaiverUse,
};
pub use secret::Secret;
pub use size::{Size, SizeError};
pub use status::{ErrorReason, Severity, SkipReason, Status};

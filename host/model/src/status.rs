use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the host concluded about one check. A guest never sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Looked, and it is right.
    Pass,
    /// Not looked at, for a reason.
    Skip,
    /// Right, with something to mend.
    Warn,
    /// We could not tell.
    Error,
    /// The target is wrong.
    Fail,
}

impl Status {
    /// The word printed for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Skip => "SKIP",
            Status::Warn => "WARN",
            Status::Error => "ERROR",
            Status::Fail => "FAIL",
        }
    }

    /// The name used in checks.toml and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Skip => "skip",
            Status::Warn => "warn",
            Status::Error => "error",
            Status::Fail => "fail",
        }
    }
}

/// How much a check matters to the gate. Ordered: `Info` is least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For information.
    Info,
    /// A nuisance.
    Minor,
    /// The cache suffers.
    Major,
    /// The cache does not work.
    Critical,
}

/// Why a check was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// `when` was false, or the check said that it does not apply here.
    NotApplicable,
    /// What it would look at is not configured.
    NotConfigured,
    /// A check that it needs failed or was skipped.
    DependencyFailed,
    /// Left out by `--skip`, `--tag`, `--target` or a list of ids.
    Filtered,
    /// It changes something, and `--allow-writes` was not given.
    DeniedWrite,
    /// It needs the network, and `--offline` was given.
    Offline,
}

/// Why we could not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorReason {
    /// The attempt's time budget ran out.
    Timeout,
    /// The run's deadline came first, or the run was interrupted.
    Deadline,
    /// The run was interrupted.
    Interrupted,
    /// The component trapped.
    Trap,
    /// The component wanted more memory than its limit.
    OutOfMemory,
    /// The component used up its processor time.
    CpuBudget,
    /// The component made more host calls, log lines or output than its limits.
    OutputLimit,
    /// It asked for something that the policy does not grant.
    Denied,
    /// It concluded without citing an observation.
    NoEvidence,
    /// It cited an observation that the host did not record for it.
    ForgedEvidence,
    /// Its result breaks the contract (undeclared code, bad level ...).
    BadOutput,
    /// It said itself that it could not tell.
    Inconclusive,
    /// It could not be loaded or instantiated.
    Load,
    /// Replayed, it asked for something else than the recording has an answer to.
    Replay,
}

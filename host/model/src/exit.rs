use serde::{Deserialize, Serialize};

/// What the process says when it ends: the same, whatever the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExitCode {
    /// The gate passed.
    Passed,
    /// The gate failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Configuration, policy or plugin manifest invalid, or a version is not met.
    Config,
    /// Nothing was evaluated, or a required check was not.
    NothingEvaluated,
    /// We could not tell.
    Indeterminate,
    /// A cache command looked, and the key is not there.
    Missing,
    /// A bug in the tool.
    Bug,
    /// A report could not be written.
    CannotWrite,
    /// Ended by SIGINT; what was done is written.
    Interrupted,
    /// Ended by SIGTERM; what was done is written.
    Terminated,
}

impl ExitCode {
    /// Every code, in the order in which they are documented.
    pub const ALL: [ExitCode; 11] = [
        ExitCode::Passed,
        ExitCode::Failed,
        ExitCode::Usage,
        ExitCode::Config,
        ExitCode::NothingEvaluated,
        ExitCode::Indeterminate,
        ExitCode::Missing,
        ExitCode::Bug,
        ExitCode::CannotWrite,
        ExitCode::Interrupted,
        ExitCode::Terminated,
    ];

    /// The number given to the operating system.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            ExitCode::Passed => 0,
            ExitCode::Failed => 1,
            ExitCode::Usage => 2,
            ExitCode::Config => 3,
            ExitCode::NothingEvaluated => 4,
            ExitCode::Indeterminate => 5,
            ExitCode::Missing => 6,
            ExitCode::Bug => 70,
            ExitCode::CannotWrite => 74,
            ExitCode::Interrupted => 130,
            ExitCode::Terminated => 143,
        }
    }

    /// What it means, in a line.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            ExitCode::Passed => "the gate passed",
            ExitCode::Failed => "the gate failed: a check found the target wrong, or a cache bench a wrong value",
            ExitCode::Usage => "the command line is wrong",
            ExitCode::Config => "the policy or a plugin is invalid, or a required version is not met",
            ExitCode::NothingEvaluated => "nothing was evaluated, or a required check was not",
            ExitCode::Indeterminate => "could not tell: a check ended in error, or the cache did not answer",
            ExitCode::Missing => "the cache looked, and the key is not there (cache get, cache stat)",
            ExitCode::Bug => "a bug in seaworthy",
            ExitCode::CannotWrite => "a report could not be written",
            ExitCode::Interrupted => "interrupted; what was done is reported",
            ExitCode::Terminated => "terminated; what was done is reported",
        }
    }
}

use seaworthy_model::ExitCode;
use std::fmt::Write as _;

/// Why a command ended early. Each variant knows its exit code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A plugin or a file that the policy names cannot be used.
    #[error("{0}")]
    Config(String),
    /// The policy or the flags over it are wrong; every error with its place.
    #[error(transparent)]
    Policy(#[from] seaworthy_policy::PolicyErrors),
    /// The command cannot be carried out as it was asked.
    #[error("{0}")]
    Usage(String),
    /// A file could not be written.
    #[error("{0}")]
    CannotWrite(String),
    /// The cache did not do what was asked of it; told and made safe to show already.
    #[error("{text}")]
    Cache {
        /// How the command ends.
        exit: ExitCode,
        /// What to print.
        text: String,
    },
    /// A signal came before there was anything to report.
    #[error("ended by a signal before anything was run")]
    Stopped(ExitCode),
    /// It could not be told, for a reason outside the policy: a peer that does not start.
    #[error("{0:#}")]
    Runtime(anyhow::Error),
}

impl CliError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            CliError::Config(_) => ExitCode::Config,
            CliError::Policy(errors) => errors.exit_code(),
            CliError::Usage(_) => ExitCode::Usage,
            CliError::CannotWrite(_) => ExitCode::CannotWrite,
            CliError::Cache { exit, .. } | CliError::Stopped(exit) => *exit,
            CliError::Runtime(_) => ExitCode::Indeterminate,
        }
    }

    /// As it is printed on stderr: `error:` on the first line, the rest as it is.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        let _ = write!(text, "error: {self}");
        text
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        CliError::Runtime(error)
    }
}

use crate::CacheError;

/// What a backend did that it must not do, or did not do that it must.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

impl Violation {
    /// `asked` ended in an error where an answer was due.
    pub(super) fn failed(asked: &str, error: &CacheError) -> Self {
        Self(format!("{asked} must work and ended in: {error}{}", context(error)))
    }

    /// `asked` was answered otherwise than it must be.
    pub(super) fn wrong(asked: &str, must: &str, did: &str) -> Self {
        Self(format!("{asked} must {must}, and {did}"))
    }
}

/// What is known around an error, for whoever has to mend the backend.
pub(super) fn context(error: &CacheError) -> String {
    error.context.iter().map(|(name, value)| format!("; {name}: {value}")).collect()
}

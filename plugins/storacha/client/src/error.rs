/// Bytes or a text that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct Malformed {
    what: &'static str,
    reason: String,
}

impl Malformed {
    /// `what` cannot be read, because of `reason`, which must not repeat a secret.
    pub(crate) fn new(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { what, reason: reason.to_string() }
    }
}

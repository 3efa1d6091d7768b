use crate::Operation;
use seaworthy_model::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The kinds of a [`CacheError`] that this crate and the bundled adapters use. The
/// set is open: an adapter may say something newer, and the host passes it on.
pub mod kind {
    /// Nothing answered at the address.
    pub const UNREACHABLE: &str = "unreachable";
    /// No answer within the time budget.
    pub const TIMED_OUT: &str = "timed-out";
    /// The credentials are missing or wrong.
    pub const UNAUTHENTICATED: &str = "unauthenticated";
    /// The credentials are right and do not allow this, or the file system refuses.
    pub const FORBIDDEN: &str = "forbidden";
    /// What came back is not what was stored.
    pub const INTEGRITY: &str = "integrity";
    /// The value or the key is larger than the backend takes.
    pub const TOO_LARGE: &str = "too-large";
    /// The backend asks for patience.
    pub const RATE_LIMITED: &str = "rate-limited";
    /// Two clocks differ too much for times to mean anything.
    pub const CLOCK: &str = "clock";
    /// The backend does not have this operation.
    pub const UNSUPPORTED: &str = "unsupported";
    /// The configuration is wrong, or names something that is not there.
    pub const CONFIGURATION: &str = "configuration";
    /// The provider ended the service.
    pub const RETIRED: &str = "retired";
    /// The policy did not grant it.
    pub const DENIED: &str = "denied";
    /// The disk or the quota is full.
    pub const NO_SPACE: &str = "no-space";
    /// The caller asked for something that makes no sense, such as an empty key.
    pub const INVALID: &str = "invalid";
    /// What a tier holds may be older than what was last written; said by the host.
    pub const STALE: &str = "stale";
    /// Anything else.
    pub const OTHER: &str = "other";
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Not without a change: a wrong secret stays wrong.
    Permanent,
    /// The next attempt may succeed.
    Temporary,
    /// Was temporary, was retried, and did not go away.
    Persistent,
}

/// Why a cache operation could not be done.
///
/// Absence is never one of them: a key that is not there is `Ok(None)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("cache {operation} failed ({kind}, {retry}): {message}")]
#[serde(deny_unknown_fields)]
pub struct CacheError {
    /// Machine-matchable, lower-kebab, open set; see [`kind`].
    pub kind: String,
    /// Whether trying again can help.
    pub retry: Retry,
    /// `open`, `get`, `put`, `stat`, `invalidate` or `list`.
    pub operation: String,
    /// What failed, where, and what to do. Never holds a secret.
    pub message: String,
    /// Anything else worth keeping: an address, an errno, a path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub context: BTreeMap<String, String>,
    /// How long the backend asks to be left alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after: Option<Duration>,
}

/// Context of an error that a breaker answered without asking.
const BREAKER: &str = "breaker";

/// One constructor a kind, so that a kind never comes with the wrong [`Retry`].
macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident = $kind:ident, $retry:ident;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(operation: &str, message: impl Into<String>) -> Self {
            Self::new(kind::$kind, Retry::$retry, operation, message)
        })*
    };
}

impl CacheError {
    /// An error of any kind. Prefer the constructor of the kind, which knows its [`Retry`].
    #[must_use]
    pub fn new(kind: &str, retry: Retry, operation: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            retry,
            operation: operation.into(),
            message: message.into(),
            context: BTreeMap::new(),
            retry_after: None,
        }
    }

    constructors! {
        /// Nothing answered at the address; temporary.
        unreachable = UNREACHABLE, Temporary;
        /// No answer within the time budget; temporary.
        timed_out = TIMED_OUT, Temporary;
        /// The credentials are missing or wrong; permanent.
        unauthenticated = UNAUTHENTICATED, Permanent;
        /// Not allowed with these credentials; permanent.
        forbidden = FORBIDDEN, Permanent;
        /// What came back is not what was stored; permanent, until it is overwritten.
        integrity = INTEGRITY, Permanent;
        /// Larger than the backend takes; permanent.
        too_large = TOO_LARGE, Permanent;
        /// The clocks differ too much; permanent.
        clock = CLOCK, Permanent;
        /// The backend does not have this operation; permanent.
        unsupported = UNSUPPORTED, Permanent;
        /// The configuration is wrong; permanent.
        configuration = CONFIGURATION, Permanent;
        /// The provider ended the service; permanent.
        retired = RETIRED, Permanent;
        /// The policy did not grant it; permanent.
        denied = DENIED, Permanent;
        /// The disk or the quota is full; persistent, as it lasts until someone makes room.
        no_space = NO_SPACE, Persistent;
        /// What it holds may be older than what was last written; temporary.
        stale = STALE, Temporary;
        /// The request makes no sense; permanent.
        invalid = INVALID, Permanent;
    }

    /// The backend asks for patience, for `retry_after` when it said so; temporary.
    #[must_use]
    pub fn rate_limited(operation: &str, message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..Self::new(kind::RATE_LIMITED, Retry::Temporary, operation, message) }
    }

    /// None of the other kinds. `retry` is the caller's judgement.
    #[must_use]
    pub fn other(operation: &str, retry: Retry, message: impl Into<String>) -> Self {
        Self::new(kind::OTHER, retry, operation, message)
    }

    /// The failure of a system call on a file or folder at `path`.
    ///
    /// *Behaviour*: the context holds `path`, the failure's kind as `cause` and the
    /// errno as `os-code`. "Not found" becomes `configuration`: callers for whom
    /// it means absence handle it before.
    #[must_use]
    pub fn from_io(operation: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let failure = Failure::from_io(operation, error);
        let message = |advice: &str| format!("{}: {error}; {advice}", path.display());
        let made = match failure.kind.as_str() {
            "permission-denied" => Self::forbidden(
                operation,
                message("give this user read and write access, or configure another directory"),
            ),
            "read-only-file-system" => {
                Self::forbidden(operation, message("mount a writable volume there, or configure another directory"))
            }
            "no-space" => Self::no_space(operation, message("free some space, or configure another directory")),
            // EDQUOT has no kind of its own in std.
            _ if error.raw_os_error() == Some(122) => {
                Self::no_space(operation, message("the quota of this user is used up"))
            }
            "not-found" => Self::configuration(operation, message("it was removed while in use")),
            "too-many-open-files" => {
                Self::other(operation, Retry::Temporary, message("raise the limit of open files (ulimit -n)"))
            }
            _ if error.kind() == std::io::ErrorKind::NotADirectory => {
                Self::configuration(operation, message("a part of the path is not a directory"))
            }
            _ => Self::other(operation, Retry::Temporary, format!("{}: {error}", path.display())),
        };
        let made = made.with("path", path.display().to_string()).with("cause", failure.kind);
        match failure.os_code {
            Some(code) => made.with("os-code", code.to_string()),
            None => made,
        }
    }

    /// Adds one piece of context.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.insert(key.into(), value.into());
        self
    }

    /// The answer of a breaker that this error opened, and that stays open for `left`.
    #[must_use]
    pub(crate) fn refused_by_breaker(self, operation: Operation, left: Duration) -> Self {
        let message = if left.is_zero() {
            format!("another operation is trying it, after: {}", self.message)
        } else {
            format!("left alone for {} ms more, after: {}", left.as_millis(), self.message)
        };
        let refused = Self { operation: operation.as_str().into(), message, retry_after: Some(left), ..self };
        refused.with(BREAKER, "open")
    }

    /// Whether a breaker answered, and nobody was asked: the kind is that of the error
    /// that opened it.
    #[must_use]
    pub fn is_from_breaker(&self) -> bool {
        self.context.get(BREAKER).is_some_and(|state| state == "open")
    }

    /// Whether the next attempt may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.retry == Retry::Temporary
    }
}

impl Retry {
    /// The word of the WIT contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Retry::Permanent => "permanent",
            Retry::Temporary => "temporary",
            Retry::Persistent => "persistent",
        }
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not a [`Retry`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of permanent, temporary, persistent")]
pub struct UnknownRetry(pub String);

impl FromStr for Retry {
    type Err = UnknownRetry;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Retry::Permanent, Retry::Temporary, Retry::Persistent]
            .into_iter()
            .find(|retry| retry.as_str() == text)
            .ok_or_else(|| UnknownRetry(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::path::Path;

    #[test]
    fn words_read_back() {
        for retry in [Retry::Permanent, Retry::Temporary, Retry::Persistent] {
            assert_eq!(retry.as_str().parse::<Retry>(), Ok(retry));
        }
        assert_eq!("Temporary".parse::<Retry>(), Err(UnknownRetry("Temporary".into())));
    }

    #[test]
    fn the_message_says_what_where_and_whether_to_retry() {
        let error = CacheError::unreachable("get", "10.0.0.1:9100 refused the connection");
        assert_eq!(
            error.to_string(),
            "cache get failed (unreachable, temporary): 10.0.0.1:9100 refused the connection"
        );
    }

    #[test]
    fn file_errors_become_kinds() {
        for (errno, kind, retry) in [
            (13, kind::FORBIDDEN, Retry::Permanent),
            (30, kind::FORBIDDEN, Retry::Permanent),
            (28, kind::NO_SPACE, Retry::Persistent),
            (122, kind::NO_SPACE, Retry::Persistent),
            (20, kind::CONFIGURATION, Retry::Permanent),
            (24, kind::OTHER, Retry::Temporary),
            (5, kind::OTHER, Retry::Temporary),
        ] {
            let error = CacheError::from_io("put", Path::new("/c"), &io::Error::from_raw_os_error(errno));
            assert_eq!((error.kind.as_str(), error.retry), (kind, retry), "errno {errno}");
            assert_eq!(error.context["os-code"], errno.to_string());
            assert_eq!(error.context["path"], "/c");
        }
    }
}

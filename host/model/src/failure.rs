use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a probe got no answer. The kinds are an open set of lower-kebab strings
/// so that a plugin built against an older contract can always hold them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Machine-matchable: `connection-refused`, `timeout`, `dns-not-found` ...
    pub kind: String,
    /// How far it got: `grant`, `parse`, `dns`, `connect`, `read`, `tls`, `noise` ...
    pub stage: String,
    /// errno of the operating system, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub os_code: Option<i32>,
    /// For people; never holds a secret.
    pub message: String,
    /// Anything else worth keeping, such as the ICMP type that ended a connect.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub details: BTreeMap<String, String>,
}

impl Failure {
    /// A failure without errno or details.
    #[must_use]
    pub fn new(kind: &str, stage: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            stage: stage.into(),
            os_code: None,
            message: message.into(),
            details: BTreeMap::new(),
        }
    }

    /// The time budget ran out at `stage`.
    #[must_use]
    pub fn timeout(stage: &str, message: impl Into<String>) -> Self {
        Self::new("timeout", stage, message)
    }

    /// Adds one detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.details.insert(key.into(), value.into());
        self
    }

    /// The failure of an operating system call at `stage`. *Behaviour*: the kind
    /// follows the errno, and falls back to the error's kind where there is none.
    #[must_use]
    pub fn from_io(stage: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        // Linux numbers; the tool diagnoses Linux containers.
        let kind = match (error.raw_os_error(), error.kind()) {
            (Some(111), _) | (_, K::ConnectionRefused) => "connection-refused",
            (Some(104), _) | (_, K::ConnectionReset) => "connection-reset",
            (Some(113), _) | (_, K::HostUnreachable) => "host-unreachable",
            (Some(101), _) | (_, K::NetworkUnreachable) => "network-unreachable",
            (Some(99), _) | (_, K::AddrNotAvailable) => "address-not-available",
            (Some(98), _) | (_, K::AddrInUse) => "address-in-use",
            (Some(90), _) => "message-too-long",
            (Some(110), _) | (_, K::TimedOut) => "timeout",
            (Some(24 | 23), _) => "too-many-open-files",
            (Some(13 | 1), _) | (_, K::PermissionDenied) => "permission-denied",
            (Some(2), _) | (_, K::NotFound) => "not-found",
            (Some(30), _) => "read-only-file-system",
            (Some(28), _) => "no-space",
            (_, K::UnexpectedEof | K::BrokenPipe | K::ConnectionAborted) => "closed",
            _ => "other",
        };
        Self { os_code: error.raw_os_error(), ..Self::new(kind, stage, error.to_string()) }
    }
}

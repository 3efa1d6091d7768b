use seaworthy_model::Failure;
use std::collections::BTreeMap;

/// Why a cache operation has no result. A miss is not one of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct CacheFailure {
    /// `unreachable`, `timed-out`, `unauthenticated`, `integrity`, `too-large`,
    /// `rate-limited`, `clock`, `unsupported`, `configuration`, `denied`, `other`.
    pub kind: String,
    /// `permanent`, `temporary` (try again) or `persistent` (trying again did not help).
    pub retry: String,
    /// `open`, `get`, `put`, `has`, `invalidate`, `stats`, `since`.
    pub operation: String,
    /// For people.
    pub message: String,
    /// Addresses and what each of them said.
    pub context: BTreeMap<String, String>,
}

impl CacheFailure {
    pub(crate) fn new(kind: &str, operation: &str, message: impl Into<String>) -> Self {
        let retry = match kind {
            "unreachable" | "timed-out" | "rate-limited" => "temporary",
            _ => "permanent",
        };
        Self {
            kind: kind.into(),
            retry: retry.into(),
            operation: operation.into(),
            message: message.into(),
            context: BTreeMap::new(),
        }
    }

    /// One failure for those of several peers: the kind of the first that is
    /// more than a broken connection, and what each of them said.
    pub(crate) fn of_peers(operation: &str, failures: &[(String, Failure)], note: &str) -> Self {
        let telling = failures.iter().map(|(_, f)| f).find(|f| !matches!(kind_of(f), "unreachable" | "timed-out"));
        let Some(chosen) = telling.or_else(|| failures.first().map(|(_, f)| f)) else {
            return Self::new("configuration", operation, note);
        };
        let mut failure = Self::new(kind_of(chosen), operation, format!("{note}: {}", chosen.message));
        failure.context = failures
            .iter()
            .map(|(address, f)| (address.clone(), format!("{} at {}: {}", f.kind, f.stage, f.message)))
            .collect();
        failure
    }
}

/// The cache's word for a failure of the network.
fn kind_of(failure: &Failure) -> &'static str {
    match failure.kind.as_str() {
        "timeout" => "timed-out",
        "denied" => "denied",
        "unsupported" => "unsupported",
        "unauthenticated" | "wrong-peer-id" | "different-secret" => "unauthenticated",
        "integrity" => "integrity",
        "too-large" => "too-large",
        "clock" => "clock",
        "invalid" | "self-dial" => "configuration",
        "exhausted" | "rate-limited" => "rate-limited",
        "connection-refused"
        | "connection-reset"
        | "closed"
        | "host-unreachable"
        | "network-unreachable"
        | "address-not-available"
        | "dns-not-found"
        | "dns-failure"
        | "cancelled" => "unreachable",
        _ => "other",
    }
}

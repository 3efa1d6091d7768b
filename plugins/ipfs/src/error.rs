//! What went wrong with the node or the service, as the cache's errors.

use ipfs_client::Refusal;
use ipfs_client::pinning::PinRefusal;
use seaworthy_adapter_sdk::CacheError;
use seaworthy_adapter_sdk::bindings::seaworthy::types::types::Failure;

/// Why a request to the node brought nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// It did not get there, or nothing came back.
    Failed(Failure),
    /// The node, or what answers in its place, says no.
    Refused(Refusal),
    /// The node, or what stands before it, asks for patience, for so many milliseconds
    /// where it says so.
    Limited(Option<u32>),
    /// More came than there is room for.
    Overlong,
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Trouble {
    /// Whether the node only says that there is nothing.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_absent())
    }

    /// Whether the node knows the content and does not have its blocks.
    pub(crate) fn is_without_blocks(&self) -> bool {
        matches!(self, Self::Refused(Refusal::NoBlocks(_)))
    }

    /// Whether it is about what the credentials allow.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(Refusal::AccessDenied | Refusal::Unauthorized(..)))
    }

    /// *Behaviour*: never a miss; `command` is what the node was asked.
    pub(crate) fn error(self, operation: &str, command: &str) -> CacheError {
        match self {
            Self::Failed(failure) => failed(operation, &failure),
            Self::Refused(refusal) => refused(operation, refusal),
            Self::Limited(patience) => {
                CacheError::rate_limited(operation, "status 429: the node asks for patience", patience)
            }
            Self::Overlong => CacheError::new(
                "other",
                "permanent",
                operation,
                "the node's answer is longer than can be read; keep fewer keys below this folder",
            ),
        }
        .with("command", command)
    }
}

/// A failure of the host's HTTP.
pub(crate) fn failed(operation: &str, failure: &Failure) -> CacheError {
    let message = failure.message.as_str();
    let error = match failure.kind.as_str() {
        "timeout" => CacheError::timed_out(operation, message),
        "denied" => CacheError::new("denied", "permanent", operation, message),
        "not-found" if failure.stage == "secret" => CacheError::unauthenticated(operation, message),
        "invalid" => CacheError::configuration(operation, message),
        "protocol" if failure.stage != "tls" => {
            let message = format!("{message}; another server answers there, or one that speaks TLS");
            CacheError::configuration(operation, message)
        }
        _ => CacheError::unreachable(operation, message),
    };
    error.with("failure", failure.kind.as_str()).with("stage", failure.stage.as_str())
}

fn refused(operation: &str, refusal: Refusal) -> CacheError {
    let message = refusal.to_string();
    match refusal {
        Refusal::NoBlocks(_) => {
            let message = format!(
                "the index names content that the node no longer has ({message}); store the value again, and see what removes its blocks"
            );
            CacheError::integrity(operation, message).with("reason", "no-blocks")
        }
        Refusal::AccessDenied if operation == "open" => {
            let message = format!("{message}; give them in IPFS_API_AUTH: a token, or `user:password`");
            CacheError::unauthenticated(operation, message)
        }
        Refusal::AccessDenied => {
            let message = format!("{message}; add the command to its `AllowedPaths`");
            CacheError::forbidden(operation, message)
        }
        Refusal::Unauthorized(401, _) => CacheError::unauthenticated(operation, message),
        Refusal::Unauthorized(..) => CacheError::forbidden(operation, message),
        Refusal::Forged => CacheError::configuration(operation, message),
        Refusal::Stranger(_) => {
            let message =
                format!("{message}; set CACHE_IPFS_API to the RPC, `ipfs config Addresses.API` has its address");
            CacheError::configuration(operation, message).with("reason", "no-rpc")
        }
        Refusal::NoSpace(_) => CacheError::new("no-space", "persistent", operation, message),
        Refusal::Repository(_) | Refusal::Offline(_) => CacheError::configuration(operation, message),
        Refusal::RateLimited(_) => CacheError::rate_limited(operation, message, None),
        Refusal::TimedOut(_) => CacheError::timed_out(operation, message),
        Refusal::Unavailable(_) => CacheError::unreachable(operation, message),
        Refusal::TooLarge => CacheError::too_large(operation, message),
        Refusal::Absent(_) | Refusal::Failed(..) => CacheError::new("other", "temporary", operation, message),
    }
}

/// A refusal of the pinning service.
pub(crate) fn unpinned(operation: &str, refusal: &PinRefusal) -> CacheError {
    let message = refusal.to_string();
    let error = match refusal {
        PinRefusal::Unauthorized(_) => CacheError::unauthenticated(operation, message),
        PinRefusal::Quota(_) => CacheError::new("no-space", "persistent", operation, message),
        PinRefusal::RateLimited(_) => CacheError::rate_limited(operation, message, None),
        PinRefusal::Unavailable(..) => CacheError::unreachable(operation, message),
        PinRefusal::Absent(_) | PinRefusal::Invalid(..) => CacheError::new("other", "permanent", operation, message),
        PinRefusal::Stranger(_) => CacheError::configuration(operation, message),
    };
    error.with("service", "pinning")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipfs_client::Stranger;

    fn failure(kind: &str, stage: &str) -> Failure {
        Failure { kind: kind.into(), stage: stage.into(), os_code: None, message: "m".into(), details: Vec::new() }
    }

    #[test]
    fn every_trouble_has_its_kind() {
        for (trouble, kind, retry) in [
            (Trouble::Failed(failure("connection-refused", "connect")), "unreachable", "temporary"),
            (Trouble::Failed(failure("timeout", "head")), "timed-out", "temporary"),
            (Trouble::Failed(failure("denied", "grant")), "denied", "permanent"),
            (Trouble::Failed(failure("not-found", "secret")), "unauthenticated", "permanent"),
            (Trouble::Failed(failure("dns-not-found", "dns")), "unreachable", "temporary"),
            (Trouble::Failed(failure("protocol", "head")), "configuration", "permanent"),
            (Trouble::Refused(Refusal::NoBlocks("x".into())), "integrity", "permanent"),
            (Trouble::Refused(Refusal::AccessDenied), "forbidden", "permanent"),
            (Trouble::Refused(Refusal::Stranger(Stranger::NoSuchCommand)), "configuration", "permanent"),
            (Trouble::Refused(Refusal::NoSpace("x".into())), "no-space", "persistent"),
            (Trouble::Refused(Refusal::RateLimited("x".into())), "rate-limited", "temporary"),
            (Trouble::Limited(Some(37_000)), "rate-limited", "temporary"),
            (Trouble::Refused(Refusal::Unavailable(502)), "unreachable", "temporary"),
            (Trouble::Refused(Refusal::Failed(500, "x".into())), "other", "temporary"),
        ] {
            let error = trouble.clone().error("get", "cat");
            assert_eq!((error.kind.as_str(), error.retry.as_str()), (kind, retry), "{trouble:?}");
        }
        assert_eq!(Trouble::Refused(Refusal::AccessDenied).error("open", "version").kind, "unauthenticated");
    }
}

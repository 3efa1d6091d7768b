//! What went wrong, in the words of the contract.

use seaworthy_adapter_sdk::bindings::seaworthy::types::types::Failure;
use seaworthy_adapter_sdk::{CacheError, http};
use storacha_client::{Malformed, Meaning, Refusal, authority as host, retired};

/// Sends one request.
pub(crate) fn send(operation: &str, request: http::Request) -> Result<http::Response, CacheError> {
    let url = request.url.clone();
    let seen = http::send(&[request]).into_iter().next();
    let outcome = seen.map(|seen| seen.outcome);
    outcome.unwrap_or_else(|| Err(unanswered(&url))).map_err(|failure| failed(operation, &url, &failure))
}

/// The error of a request that got no answer.
pub(crate) fn failed(operation: &str, url: &str, failure: &Failure) -> CacheError {
    let host = host(url);
    let says = &failure.message;
    let error = match failure.kind.as_str() {
        kind if retired::is_gone(host, kind) => gone(operation, format!("{host} does not exist any more")),
        "denied" => CacheError::new(
            "denied",
            "permanent",
            operation,
            format!("{says}; a tier may reach what its target names: `url`, `gateway` and `storage`"),
        ),
        "timeout" => CacheError::timed_out(operation, format!("{host} did not answer in time: {says}")),
        "invalid" => CacheError::configuration(operation, format!("the address of {host} cannot be used: {says}")),
        "certificate" | "tls" => {
            CacheError::new("unreachable", "permanent", operation, format!("{host} cannot be trusted: {says}"))
        }
        _ => CacheError::unreachable(operation, format!("{host} cannot be reached: {says}")),
    };
    error.with("address", host).with("cause", &failure.kind)
}

/// The error of an answer with a status that is not expected.
pub(crate) fn status(operation: &str, address: &str, response: &http::Response) -> CacheError {
    let status = response.status;
    let header = |name: &str| {
        let found = response.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    };
    let said = format!("{} answers with status {status}", host(address));
    let error = match status {
        status if retired::is_gone_status(status) => gone(operation, format!("{said} (Gone)")),
        429 => {
            let seconds = header("retry-after").and_then(|text| text.parse::<u32>().ok());
            CacheError::rate_limited(operation, said, seconds.map(|seconds| seconds.saturating_mul(1000)))
        }
        401 => {
            CacheError::unauthenticated(operation, format!("{said}: it wants a log-in that this tier does not have"))
        }
        403 => CacheError::forbidden(operation, said),
        408 | 504 => CacheError::timed_out(operation, format!("{said}: what it asks did not answer it in time")),
        413 => CacheError::too_large(operation, said),
        300..=399 => {
            let to = header("location").map(|to| format!(" to {}", host(to))).unwrap_or_default();
            CacheError::configuration(
                operation,
                format!("{said}, a redirection{to}; configure the address that it leads to"),
            )
        }
        500..=599 => CacheError::unreachable(operation, format!("{said}: it has a problem of its own")),
        _ => CacheError::new("other", "permanent", operation, said),
    };
    error.with("status", status.to_string())
}

/// The error of a refusal. `task` is what was asked, for telling a proof that expired
/// from a clock that is behind.
pub(crate) fn refused(operation: &str, ability: &str, task: &str, refusal: &Refusal) -> CacheError {
    let said = format!("the service refuses {ability}: {refusal}");
    let error = match refusal.meaning() {
        Meaning::Retired => gone(operation, said),
        Meaning::NotProvisioned => CacheError::configuration(
            operation,
            format!("{said}; give the space a provider: `storacha space provision`"),
        ),
        Meaning::Full => CacheError::new("no-space", "persistent", operation, said),
        Meaning::Expired if refusal.message.contains(task) => CacheError::clock(
            operation,
            format!("{said}; it was made just now, so this machine's clock is behind: set it by NTP"),
        ),
        Meaning::Expired | Meaning::Revoked | Meaning::OtherAgent => CacheError::unauthenticated(operation, said),
        Meaning::NotDelegated => CacheError::forbidden(operation, said),
        Meaning::TooLarge => CacheError::too_large(operation, said),
        Meaning::Busy => CacheError::rate_limited(operation, said, None),
        Meaning::Unknown => CacheError::unsupported(operation, said),
        Meaning::Absent | Meaning::Other => CacheError::new("other", "permanent", operation, said),
    };
    error.with("ability", ability).with("error-name", &refusal.name)
}

/// The provider has ended: another tier is the way out, and no retry.
pub(crate) fn gone(operation: &str, what: String) -> CacheError {
    let message = format!(
        "the provider has ended this service: {what}. Use another tier, s3, or ipfs with a pinning service; named successors are {}",
        retired::SUCCESSORS
    );
    CacheError::retired(operation, message)
}

/// The error of an answer that cannot be read.
pub(crate) fn unreadable(operation: &str, address: &str, wrong: &Malformed) -> CacheError {
    let message = format!("{} answers, and it is no Storacha service: {wrong}", host(address));
    CacheError::configuration(operation, message).with("address", host(address))
}

/// Cannot happen with what was made here.
pub(crate) fn internal(operation: &str, wrong: &Malformed) -> CacheError {
    CacheError::new("other", "permanent", operation, format!("{wrong}; this is a bug in the adapter"))
}

fn unanswered(url: &str) -> Failure {
    Failure {
        kind: "other".into(),
        stage: "http".into(),
        os_code: None,
        message: format!("no answer of {}", host(url)),
        details: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: &str) -> Failure {
        Failure {
            kind: kind.into(),
            stage: "dns".into(),
            os_code: None,
            message: "what happened".into(),
            details: Vec::new(),
        }
    }

    fn answer(status: u16, headers: &[(&str, &str)]) -> http::Response {
        http::Response {
            status,
            headers: headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            body: Vec::new(),
            truncated: false,
            remote: String::new(),
            details: Vec::new(),
        }
    }

    #[test]
    fn a_provider_that_is_gone_is_no_network_fault() {
        for (url, kind, wanted) in [
            ("https://up.storacha.network/version", "dns-not-found", "retired"),
            ("https://up.storacha.network:443/", "dns-not-found", "retired"),
            ("https://up.storacha.network/", "dns-failure", "unreachable"),
            ("https://up.storacha.network/", "timeout", "timed-out"),
            ("https://cache.test/", "dns-not-found", "unreachable"),
            ("https://cache.test/", "denied", "denied"),
        ] {
            let error = failed("get", url, &failure(kind));
            assert_eq!(error.kind, wanted, "{url} {kind}");
            assert_eq!(error.retry == "permanent", matches!(wanted, "retired" | "denied"), "{url} {kind}");
        }
        let error = status("get", "https://w3s.link", &answer(410, &[]));
        assert_eq!(error.kind, "retired");
        assert!(error.message.contains("Filebase") && error.message.contains("s3"), "{}", error.message);
    }

    #[test]
    fn statuses_are_told_apart() {
        for (code, wanted, temporary) in [
            (429, "rate-limited", true),
            (401, "unauthenticated", false),
            (403, "forbidden", false),
            (504, "timed-out", true),
            (502, "unreachable", true),
            (301, "configuration", false),
            (413, "too-large", false),
            (418, "other", false),
        ] {
            let error = status(
                "get",
                "https://g.test",
                &answer(code, &[("Retry-After", "3"), ("location", "https://x@h.test/s?t=1")]),
            );
            assert_eq!((error.kind.as_str(), error.retry == "temporary"), (wanted, temporary), "{code}");
            assert_eq!(error.retry_after, (code == 429).then_some(3000), "{code}");
            assert!(!error.message.contains("t=1") && !error.message.contains("x@"), "{}", error.message);
        }
    }

    #[test]
    fn refusals_have_their_kinds() {
        let refusal = |name: &str, message: &str| Refusal { name: name.into(), message: message.into() };
        for (name, message, wanted) in [
            ("ServiceUnavailable", "space/blob/add capability is currently disabled", "retired"),
            ("InsufficientStorage", "did:key:z has no storage provider", "configuration"),
            ("Unauthorized", "Claim: Proof bafyproof has expired on Tue", "unauthenticated"),
            ("Unauthorized", "Claim: Proof bafytask has expired on Tue", "clock"),
            ("Unauthorized", "Claim: Delegation audience is 'a' instead of 'b'", "unauthenticated"),
            ("Unauthorized", "Claim: Delegated capability not found", "forbidden"),
            ("BlobSizeOutsideOfSupportedRange", "", "too-large"),
        ] {
            assert_eq!(refused("put", "space/blob/add", "bafytask", &refusal(name, message)).kind, wanted, "{message}");
        }
    }
}

//! What went wrong, in the words of the contract.

use crate::config::Settings;
use origin_client::{Refusal, Refused};
use seaworthy_adapter_sdk::CacheError;
use seaworthy_adapter_sdk::bindings::seaworthy::types::types::Failure;

/// The error of an answer that holds no value.
pub(crate) fn refused(operation: &str, settings: &Settings, refused: &Refused) -> CacheError {
    let url = settings.base.as_str();
    let made = match &refused.refusal {
        Refusal::Unauthenticated => {
            let message = match &settings.token {
                Some(label) => {
                    format!("{url} does not take the token `{label}` ({refused}); it is wrong, expired or revoked")
                }
                None => format!("{url} wants a token ({refused}); set the variable that [vars] names for it"),
            };
            CacheError::unauthenticated(operation, message)
        }
        Refusal::SingleSignOn { url: link } => {
            let where_to = link.as_deref().unwrap_or("https://github.com/settings/tokens");
            let message =
                format!("{url} wants the token authorised for single sign-on ({refused}); do it at {where_to}");
            CacheError::forbidden(operation, message).with("reason", "sso")
        }
        Refusal::Scope { needed, held } => {
            let held = held.as_deref().map(|held| format!("; it has `{held}`")).unwrap_or_default();
            let message = format!("the token lacks what {url} wants for this ({refused}): {needed}{held}");
            CacheError::forbidden(operation, message).with("reason", "scope").with("needed", needed)
        }
        Refusal::RateLimited { retry_after_ms } => {
            let message =
                format!("the rate limit of {url} is used up ({refused}); it is renewed in {} s", retry_after_ms / 1000);
            CacheError::rate_limited(operation, message, millis(*retry_after_ms)).with("reason", "primary")
        }
        Refusal::Secondary { retry_after_ms } => {
            let message = format!("{url} asks for a pause of {} s ({refused})", retry_after_ms / 1000);
            CacheError::rate_limited(operation, message, millis(*retry_after_ms)).with("reason", "secondary")
        }
        Refusal::Forbidden => CacheError::forbidden(operation, format!("{url} refuses ({refused})")),
        Refusal::Moved { location } => {
            let to = location.as_deref().unwrap_or("nowhere");
            let message =
                format!("{url} sends to {to}, which is not below it; the token is not sent there. Is the URL right?");
            CacheError::configuration(operation, message)
        }
        Refusal::Intercepted => {
            let message = format!("not {url} answered but something before it ({refused}): a proxy or a log-in page");
            CacheError::new("intercepted", "permanent", operation, message)
        }
        Refusal::Unavailable { retry_after_ms } => {
            let made = CacheError::unreachable(operation, format!("{url} fails for now ({refused})"));
            CacheError { retry_after: retry_after_ms.and_then(millis), ..made }
        }
        Refusal::Other => CacheError::new(
            "other",
            "permanent",
            operation,
            format!("{url} gave an answer that is no value ({refused})"),
        ),
    };
    made.with("url", url).with("status", refused.status.to_string())
}

/// The error of a request without an answer.
pub(crate) fn failed(operation: &str, settings: &Settings, failure: &Failure) -> CacheError {
    let url = settings.base.as_str();
    let message = format!("{url}: {}", failure.message);
    let made = match failure.kind.as_str() {
        "denied" => CacheError::new("denied", "permanent", operation, message),
        "timeout" => CacheError::timed_out(operation, message),
        "invalid" => CacheError::configuration(operation, message),
        "not-found" if failure.stage == "secret" => CacheError::unauthenticated(operation, message),
        // An expired certificate may be a wrong clock; the check of this service compares clocks.
        kind if kind.starts_with("tls-") && kind != "tls-handshake" => CacheError::configuration(operation, message),
        _ => CacheError::unreachable(operation, message),
    };
    made.with("url", url).with("cause", failure.kind.as_str()).with("stage", failure.stage.as_str())
}

/// The value does not fit.
pub(crate) fn too_large(operation: &str, most: u32) -> CacheError {
    CacheError::too_large(operation, format!("the value has more than {most} bytes"))
        .with("max-value-bytes", most.to_string())
}

/// An answer that does not fit the question.
pub(crate) fn out_of_step() -> CacheError {
    CacheError::new(
        "other",
        "temporary",
        "get",
        "the answer does not fit the question; this is a bug in the API or in this adapter",
    )
}

fn millis(time: u64) -> Option<u32> {
    Some(u32::try_from(time).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_adapter_sdk::Config;

    fn settings(token: bool) -> Settings {
        let text = if token { r#"{"url":"https://a","credentials":{"token":"t"}}"# } else { r#"{"url":"https://a"}"# };
        Settings::read(&Config::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn every_refusal_has_its_kind() {
        for (refusal, kind, retry, after) in [
            (Refusal::Unauthenticated, "unauthenticated", "permanent", None),
            (Refusal::SingleSignOn { url: None }, "forbidden", "permanent", None),
            (Refusal::Scope { needed: "repo".into(), held: None }, "forbidden", "permanent", None),
            (Refusal::RateLimited { retry_after_ms: 5_000 }, "rate-limited", "temporary", Some(5_000)),
            (Refusal::Secondary { retry_after_ms: 60_000 }, "rate-limited", "temporary", Some(60_000)),
            (Refusal::Forbidden, "forbidden", "permanent", None),
            (Refusal::Moved { location: None }, "configuration", "permanent", None),
            (Refusal::Intercepted, "intercepted", "permanent", None),
            (Refusal::Unavailable { retry_after_ms: Some(7) }, "unreachable", "temporary", Some(7)),
            (Refusal::Other, "other", "permanent", None),
        ] {
            let made =
                refused("get", &settings(true), &Refused { status: 403, refusal: refusal.clone(), words: "w".into() });
            assert_eq!(
                (made.kind.as_str(), made.retry.as_str(), made.retry_after),
                (kind, retry, after),
                "{refusal:?}"
            );
            assert!(made.message.contains("https://a") || made.kind == "forbidden", "{}", made.message);
        }
    }

    #[test]
    fn no_answer_is_no_miss() {
        let of = |kind: &str, stage: &str| {
            let failure = Failure {
                kind: kind.into(),
                stage: stage.into(),
                os_code: None,
                message: "m".into(),
                details: Vec::new(),
            };
            let made = failed("get", &settings(false), &failure);
            (made.kind, made.retry)
        };
        let pair = |kind: &str, retry: &str| (kind.to_owned(), retry.to_owned());
        assert_eq!(of("timeout", "connect"), pair("timed-out", "temporary"));
        assert_eq!(of("connection-refused", "connect"), pair("unreachable", "temporary"));
        assert_eq!(of("dns-not-found", "dns"), pair("unreachable", "temporary"));
        assert_eq!(of("tls-unknown-issuer", "tls"), pair("configuration", "permanent"));
        assert_eq!(of("denied", "grant"), pair("denied", "permanent"));
        assert_eq!(of("not-found", "secret"), pair("unauthenticated", "permanent"));
    }
}

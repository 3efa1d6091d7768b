//! Where a key lies, and what an answer means: plain functions, with ordinary tests.

use seaworthy_adapter_sdk::CacheError;
use std::fmt::Write as _;

/// What the host reads of a body at most.
pub(crate) const MOST_BYTES: u32 = 32 << 20;

/// Where the values lie.
pub(crate) struct Store {
    base: String,
    /// Milliseconds for one request.
    pub(crate) timeout: u32,
}

/// What is at a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    There,
    Absent,
}

impl Store {
    pub(crate) fn new(url: &str, timeout: u32) -> Self {
        Self { base: url.trim_end_matches('/').into(), timeout }
    }

    /// One segment a key, whatever is in it.
    pub(crate) fn url(&self, key: &str) -> String {
        let mut url = format!("{}/", self.base);
        for byte in key.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && key.len() > 2) {
                url.push(char::from(byte));
            } else {
                let _ = write!(url, "%{byte:02X}");
            }
        }
        url
    }
}

/// Absence is no error, and everything else that is not the value is one.
pub(crate) fn judge(operation: &str, url: &str, status: u16, retry_after: Option<u32>) -> Result<Thing, CacheError> {
    let message = format!("{url} answers {status}");
    let error = match status {
        200..=299 => return Ok(Thing::There),
        404 | 410 => return Ok(Thing::Absent),
        401 => CacheError::unauthenticated(operation, message),
        403 => CacheError::forbidden(operation, message),
        405 | 501 => CacheError::unsupported(operation, message),
        413 => CacheError::too_large(operation, message),
        429 => CacheError::rate_limited(operation, message, retry_after),
        500..=599 => CacheError { retry_after, ..CacheError::unreachable(operation, message) },
        _ => CacheError::new("other", "permanent", operation, message),
    };
    Err(error.with("status", status.to_string()))
}

/// The error of a request without an answer.
pub(crate) fn unanswered(operation: &str, kind: &str, message: String) -> CacheError {
    let error = match kind {
        "timeout" => CacheError::timed_out(operation, message),
        "denied" => CacheError::new("denied", "permanent", operation, message),
        "invalid" => CacheError::configuration(operation, message),
        _ => CacheError::unreachable(operation, message),
    };
    error.with("cause", kind)
}

/// Bytes of the value, where the answer says so.
pub(crate) fn length(headers: &[(String, String)]) -> Option<u64> {
    header(headers, "content-length")?.parse().ok()
}

/// Milliseconds that the store wants to be left alone.
pub(crate) fn retry_after(headers: &[(String, String)]) -> Option<u32> {
    header(headers, "retry-after")?.parse::<u32>().ok().map(|seconds| seconds.saturating_mul(1000))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_segment() {
        let store = Store::new("http://cache.test/builds/", 1);
        assert_eq!(store.url("a/b c?"), "http://cache.test/builds/a%2Fb%20c%3F");
        assert_eq!(store.url("v1.2_x-ä"), "http://cache.test/builds/v1.2_x-%C3%A4");
        assert_eq!(store.url(".."), "http://cache.test/builds/%2E%2E", "no way up");
    }

    #[test]
    fn absence_is_no_error_and_an_error_no_absence() {
        assert_eq!(judge("get", "u", 204, None), Ok(Thing::There));
        assert_eq!(judge("get", "u", 404, None), Ok(Thing::Absent));
        for (status, kind, retry) in [
            (302, "other", "permanent"),
            (401, "unauthenticated", "permanent"),
            (403, "forbidden", "permanent"),
            (405, "unsupported", "permanent"),
            (413, "too-large", "permanent"),
            (429, "rate-limited", "temporary"),
            (503, "unreachable", "temporary"),
        ] {
            let error = judge("get", "u", status, Some(5000)).unwrap_err();
            assert_eq!((error.kind.as_str(), error.retry.as_str()), (kind, retry), "{status}");
        }
        assert_eq!(judge("get", "u", 429, Some(5000)).unwrap_err().retry_after, Some(5000));
        assert_eq!(unanswered("get", "timeout", "m".into()).kind, "timed-out");
        assert_eq!(unanswered("get", "connection-refused", "m".into()).kind, "unreachable");
    }

    #[test]
    fn headers_have_no_case() {
        let headers = vec![("Content-Length".into(), "12".into()), ("RETRY-AFTER".into(), "3".into())];
        assert_eq!((length(&headers), retry_after(&headers)), (Some(12), Some(3000)));
        assert_eq!((length(&[]), retry_after(&[])), (None, None));
    }
}

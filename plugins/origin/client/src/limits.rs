use crate::headers::{Headers, header, http_date, number};

/// What an API says of how much may still be asked of it.
///
/// The headers are GitHub's (docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api);
/// other APIs use the same names, and some those of the IETF draft without `x-`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in a window.
    pub limit: Option<u64>,
    /// Requests that are left in this one.
    pub remaining: Option<u64>,
    /// When the next begins, in seconds since the epoch, by the API's clock.
    pub reset: Option<u64>,
    /// Which of several limits: `core`, `search`, `graphql`.
    pub resource: Option<String>,
}

/// The answer to a limit without a word of when it ends: what GitHub asks for at least.
pub(crate) const PATIENCE_MS: u64 = 60_000;
/// No API means a longer pause; who writes one has another unit in mind.
const LONGEST_MS: u64 = 24 * 3600 * 1000;

impl RateLimit {
    /// Reads the headers; all `None` where there are none.
    #[must_use]
    pub fn of(headers: &Headers) -> Self {
        let read = |name: &str| {
            number(headers, &format!("x-ratelimit-{name}")).or_else(|| number(headers, &format!("ratelimit-{name}")))
        };
        Self {
            limit: read("limit"),
            remaining: read("remaining"),
            reset: number(headers, "x-ratelimit-reset"),
            resource: header(headers, "x-ratelimit-resource").map(str::to_owned),
        }
    }

    /// Milliseconds until the window ends, at the moment of the answer: by the API's own
    /// clock where it told the time, so that a wrong clock here does not count.
    #[must_use]
    pub fn reset_in_ms(&self, headers: &Headers, now_ms: u64) -> Option<u64> {
        let now = http_date(headers, "date").unwrap_or(now_ms / 1000);
        self.reset.map(|reset| reset.saturating_sub(now).saturating_mul(1000).min(LONGEST_MS))
    }
}

/// Retry-After (RFC 9110 section 10.2.3) in milliseconds: seconds, or a date.
pub(crate) fn retry_after_ms(headers: &Headers, now_ms: u64) -> Option<u64> {
    let seconds = number(headers, "retry-after").or_else(|| {
        let now = http_date(headers, "date").unwrap_or(now_ms / 1000);
        http_date(headers, "retry-after").map(|until| until.saturating_sub(now))
    });
    seconds.map(|seconds| seconds.saturating_mul(1000).min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn headers_of_github() {
        let headers = pairs(&[
            ("X-RateLimit-Limit", "5000"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000060"),
            ("x-ratelimit-resource", "core"),
            ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ]);
        let limit = RateLimit::of(&headers);
        assert_eq!((limit.limit, limit.remaining, limit.resource.as_deref()), (Some(5000), Some(0), Some("core")));
        // Our clock is a day off, and it does not matter.
        assert_eq!(limit.reset_in_ms(&headers, 1_700_086_400_000), Some(60_000));
        assert_eq!(limit.reset_in_ms(&[], 1_700_000_050_000), Some(10_000));
        assert_eq!(RateLimit::of(&[]), RateLimit::default());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after_ms(&pairs(&[("Retry-After", "7")]), 0), Some(7_000));
        let dated =
            pairs(&[("retry-after", "Tue, 14 Nov 2023 22:13:30 GMT"), ("date", "Tue, 14 Nov 2023 22:13:20 GMT")]);
        assert_eq!(retry_after_ms(&dated, 0), Some(10_000));
        assert_eq!(retry_after_ms(&pairs(&[("retry-after", "99999999999")]), 0), Some(LONGEST_MS));
        assert_eq!(retry_after_ms(&pairs(&[("retry-after", "soon")]), 0), None);
    }
}

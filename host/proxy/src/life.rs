//! How long an answer lives, and what may be done with it afterwards.

use crate::answer::Answer;
use crate::directives::Directives;
use http_cache_semantics::{CacheOptions, CachePolicy};
use hyper::header::{AGE, AUTHORIZATION, CACHE_CONTROL, COOKIE, ETAG, HeaderValue, LAST_MODIFIED, SET_COOKIE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use std::time::{Duration, SystemTime};

/// Ages above this are not told apart, so that no sum of times overflows: 68 years.
const OLDEST: u64 = (1 << 31) - 1;

/// The life of an answer at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Whether it may be kept at all.
    pub(crate) storable: bool,
    /// Whether the origin can be asked if it is still right.
    pub(crate) validator: bool,
    pub(crate) age: Duration,
    /// What is left of its life.
    pub(crate) left: Duration,
    /// How long it is over.
    pub(crate) past: Duration,
    /// How long past its life it may be served while it is validated.
    pub(crate) while_revalidate: Duration,
    /// How long past its life it may be served when the origin fails; `None` when the
    /// answer says nothing of it.
    pub(crate) if_error: Option<Duration>,
}

impl Life {
    /// Judges an answer to a GET.
    ///
    /// *Behaviour*: an answer that was made for credentials is kept under a name of
    /// theirs and read by their holder alone, so the rules of a private cache hold;
    /// everything else is judged as by a shared cache (RFC 9111 section 3).
    pub(crate) fn of(answer: &Answer, private: bool, now: SystemTime) -> Self {
        Self::judge(answer.status, &answer.headers, answer.received, private, now)
    }

    /// The same of parts of it.
    pub(crate) fn judge(
        status: StatusCode,
        headers: &HeaderMap,
        received: SystemTime,
        private: bool,
        now: SystemTime,
    ) -> Self {
        let said = Directives::of(headers);
        let policy = policy(status, headers, &said, received, private);
        let age = policy.age(now);
        let whole = policy.time_to_live(received) + policy.age(received);
        let left = policy.time_to_live(now);
        // RFC 9111 section 4.2.4: what these forbid nobody else may allow.
        let strict = ["must-revalidate", "no-cache"].iter().any(|name| said.has(name))
            || (!private && ["proxy-revalidate", "s-maxage"].iter().any(|name| said.has(name)));
        let allowed = |name: &str| said.seconds(name).filter(|_| !said.has("must-revalidate") && !said.has("no-cache"));
        Self {
            storable: policy.is_storable() && !headers.contains_key(SET_COOKIE),
            validator: headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED),
            age,
            left,
            past: if left.is_zero() { age.saturating_sub(whole) } else { Duration::ZERO },
            while_revalidate: allowed("stale-while-revalidate").unwrap_or_default(),
            if_error: allowed("stale-if-error").or(strict.then_some(Duration::ZERO)),
        }
    }

    pub(crate) fn fresh(&self) -> bool {
        !self.left.is_zero()
    }

    /// How long it is worth keeping: its life, and the time in which it can be confirmed
    /// or has to stand in. `None` when it is not worth it, or not allowed.
    pub(crate) fn worth(&self, keep_stale: Duration, stale_if_error: Duration) -> Option<Duration> {
        let stale = if self.validator { keep_stale } else { Duration::ZERO };
        let stale = stale.max(self.while_revalidate).max(self.if_error.unwrap_or(stale_if_error));
        let worth = self.left + stale;
        let useful = self.fresh() || self.validator;
        (self.storable && useful && !worth.is_zero()).then_some(worth)
    }
}

fn policy(
    status: StatusCode,
    headers: &HeaderMap,
    said: &Directives,
    received: SystemTime,
    private: bool,
) -> CachePolicy {
    // The crate compares names of directives by case, and adds ages without a bound.
    let mut judged = headers.clone();
    if judged.contains_key(CACHE_CONTROL) {
        let line = HeaderValue::from_str(&said.line()).unwrap_or(HeaderValue::from_static("no-store"));
        judged.insert(CACHE_CONTROL, line);
    }
    if let Some(age) = judged.remove(AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok()) {
        judged.insert(AGE, HeaderValue::from(age.min(OLDEST)));
    }
    // Only what decides whether it may be kept is told of the request: nothing secret.
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    if private {
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("-"));
        request.headers_mut().insert(COOKIE, HeaderValue::from_static("-"));
    }
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = judged;
    CachePolicy::new_options(
        &request,
        &response,
        received,
        CacheOptions { shared: !private, ..CacheOptions::default() },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const RECEIVED: Duration = Duration::from_secs(1_700_000_000);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn life(pairs: &[(&'static str, &'static str)], private: bool, after: u64) -> Life {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let received = UNIX_EPOCH + RECEIVED;
        Life::judge(StatusCode::OK, &headers, received, private, received + seconds(after))
    }

    #[test]
    fn what_may_be_kept() {
        for (control, private, storable) in [
            ("public, max-age=60", false, true),
            ("private, max-age=60, s-maxage=60", false, false),
            ("private, max-age=60, s-maxage=60", true, true),
            ("No-Store", true, false),
            ("no-store", false, false),
            ("no-cache", true, true),
        ] {
            assert_eq!(life(&[("cache-control", control)], private, 0).storable, storable, "{control} {private}");
        }
        assert!(!life(&[("cache-control", "public, max-age=60"), ("set-cookie", "a=b")], false, 0).storable);
    }

    #[test]
    fn a_life_is_counted_from_the_origin() {
        let one = life(&[("cache-control", "max-age=60"), ("age", "20")], true, 30);
        assert_eq!((one.age, one.left, one.past), (seconds(50), seconds(10), Duration::ZERO));
        let over = life(&[("cache-control", "max-age=60"), ("age", "20")], true, 45);
        assert_eq!((over.left, over.past), (Duration::ZERO, seconds(5)));
        // What is meant for shared caches counts for public answers alone.
        assert_eq!(life(&[("cache-control", "max-age=60, s-maxage=5")], false, 0).left, seconds(5));
        assert_eq!(life(&[("cache-control", "max-age=60, s-maxage=5")], true, 0).left, seconds(60));
        let expires = [("date", "Tue, 14 Nov 2023 22:13:20 GMT"), ("expires", "Tue, 14 Nov 2023 22:14:20 GMT")];
        assert_eq!(life(&expires, false, 0).left, seconds(60));
        assert!(!life(&[("cache-control", "no-cache, max-age=60")], true, 0).fresh());
    }

    #[test]
    fn no_age_overflows() {
        assert!(!life(&[("cache-control", "max-age=60"), ("age", "18446744073709551615")], true, 5).fresh());
    }

    #[test]
    fn serving_stale_is_allowed_or_forbidden_or_left_open() {
        for (control, private, if_error, while_revalidate) in [
            ("max-age=1", true, None, 0),
            ("max-age=1, stale-if-error=30, stale-while-revalidate=9", true, Some(30), 9),
            ("max-age=1, must-revalidate", true, Some(0), 0),
            ("max-age=1, must-revalidate, stale-if-error=30, stale-while-revalidate=9", true, Some(0), 0),
            ("max-age=1, s-maxage=1", false, Some(0), 0),
            ("max-age=1, s-maxage=1", true, None, 0),
            ("s-maxage=1, stale-if-error=30", false, Some(30), 0),
        ] {
            let life = life(&[("cache-control", control)], private, 5);
            assert_eq!(life.if_error, if_error.map(seconds), "{control}");
            assert_eq!(life.while_revalidate, seconds(while_revalidate), "{control}");
        }
    }

    #[test]
    fn what_can_never_be_used_again_is_not_kept() {
        let worth = |pairs: &[(&'static str, &'static str)]| life(pairs, true, 0).worth(seconds(100), seconds(10));
        assert_eq!(worth(&[]), None, "no life and nothing to confirm it by");
        assert_eq!(worth(&[("etag", "\"a\"")]), Some(seconds(100)));
        assert_eq!(worth(&[("cache-control", "max-age=5")]), Some(seconds(15)));
        assert_eq!(worth(&[("cache-control", "max-age=5, must-revalidate")]), Some(seconds(5)));
        assert_eq!(worth(&[("cache-control", "no-store"), ("etag", "\"a\"")]), None);
    }
}

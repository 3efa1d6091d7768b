use crate::headers::{Headers, header};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};
use std::time::{Duration, UNIX_EPOCH};

/// Ages above this are not told apart, so that no sum of times overflows: 68 years.
const OLDEST: u64 = (1 << 31) - 1;

/// Whether and how long others may keep an answer (RFC 9111).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// What is left of its life.
    pub left_ms: u64,
    /// Its origin allows nobody but the one who asked to keep it: it says `private` or
    /// `no-store`, or was made for a token and says nothing of others.
    pub restricted: bool,
    /// Its origin says how long it lives, rather than leaving it to a guess.
    pub explicit: bool,
}

impl Freshness {
    /// Judges an answer to a GET, received at `now_ms`. `authorized` says that the request
    /// held a token.
    #[must_use]
    pub fn of(status: u16, headers: &Headers, authorized: bool, now_ms: u64) -> Self {
        let received = UNIX_EPOCH + Duration::from_millis(now_ms);
        let policy = |shared: bool| policy(status, headers, authorized, shared, received);
        let shared = policy(true);
        let restricted = !shared.is_storable();
        let judge = if restricted { policy(false) } else { shared };
        let left = if judge.is_storable() { judge.time_to_live(received) } else { Duration::ZERO };
        let control = header(headers, "cache-control").unwrap_or_default().to_ascii_lowercase();
        Self {
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            restricted,
            explicit: control.contains("max-age")
                || control.contains("s-maxage")
                || ["no-cache", "no-store"].iter().any(|word| control.contains(word))
                || header(headers, "expires").is_some(),
        }
    }
}

fn policy(
    status: u16,
    headers: &Headers,
    authorized: bool,
    shared: bool,
    received: std::time::SystemTime,
) -> CachePolicy {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) else {
            continue;
        };
        // The crate compares names of directives by case, and adds ages without a bound.
        if name == "cache-control" {
            let lower = value.to_str().unwrap_or("no-store").to_ascii_lowercase();
            value = HeaderValue::from_str(&lower).unwrap_or(HeaderValue::from_static("no-store"));
        } else if name == "age" {
            let Some(age) = value.to_str().ok().and_then(|age| age.trim().parse::<u64>().ok()) else { continue };
            value = HeaderValue::from(age.min(OLDEST));
        }
        map.append(name, value);
    }
    let mut request = Request::new(());
    if authorized {
        request.headers_mut().insert("authorization", HeaderValue::from_static("-"));
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    *response.headers_mut() = map;
    CachePolicy::new_options(&request, &response, received, CacheOptions { shared, ..CacheOptions::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(control: &str, authorized: bool) -> Freshness {
        Freshness::of(200, &[("Cache-Control".into(), control.into())], authorized, 1_700_000_000_000)
    }

    #[test]
    fn answers_of_github() {
        // As api.github.com answers without a token, and with one.
        let public = of("public, max-age=60, s-maxage=60", false);
        assert_eq!(public, Freshness { left_ms: 60_000, restricted: false, explicit: true });
        let private = of("private, max-age=60, s-maxage=60", true);
        assert_eq!(private, Freshness { left_ms: 60_000, restricted: true, explicit: true });
    }

    #[test]
    fn who_may_keep_it() {
        assert!(!of("public, max-age=5", true).restricted);
        assert!(of("max-age=5", true).restricted, "RFC 9111 section 3.5");
        assert!(!of("max-age=5", false).restricted);
        let never = of("No-Store, Max-Age=5", false);
        assert!(never.restricted && never.left_ms == 0);
        assert_eq!(of("no-cache", false).left_ms, 0);
        assert!(!Freshness::of(200, &[], false, 0).explicit);
    }

    #[test]
    fn ages_dates_and_nonsense() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let aged = pairs(&[("cache-control", "max-age=60"), ("age", "20")]);
        assert_eq!(Freshness::of(200, &aged, false, 0).left_ms, 40_000);
        let expires = pairs(&[("date", "Tue, 14 Nov 2023 22:13:20 GMT"), ("expires", "Tue, 14 Nov 2023 22:14:20 GMT")]);
        assert_eq!(Freshness::of(200, &expires, false, 1_700_000_000_000).left_ms, 60_000);
        let nonsense = pairs(&[("cache-control", "max-age=60"), ("age", "18446744073709551615"), ("b ad", "\n")]);
        assert_eq!(Freshness::of(200, &nonsense, false, 0).left_ms, 0);
    }
}

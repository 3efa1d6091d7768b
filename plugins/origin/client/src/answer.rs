use crate::Validators;
use crate::freshness::Freshness;
use crate::headers::{Headers, header};
use crate::refusal::Refused;

/// Headers that say something of a value and nothing of the exchange.
const DESCRIBING: [&str; 8] = [
    "etag",
    "last-modified",
    "content-type",
    "content-encoding",
    "content-language",
    "cache-control",
    "link",
    "x-github-media-type",
];

/// What an answer to a request for a value means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The value, which is the body.
    Value(Value),
    /// What is known already is still right (304), and has this life from now on.
    Confirmed(Value),
    /// There is none: 404 or 410. At GitHub that is also the answer for a private
    /// repository to a token that may not see it.
    Absent,
    /// None was given.
    Refused(Refused),
}

/// What belongs to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What describes it, names in lower case.
    pub metadata: Vec<(String, String)>,
    /// By which a later request asks whether it changed.
    pub validators: Validators,
    /// How long it lives, and for whom.
    pub freshness: Freshness,
}

/// Reads an answer to a GET or HEAD. `conditional` says that validators were sent.
#[must_use]
pub fn read(status: u16, headers: &Headers, body: &[u8], authorized: bool, conditional: bool, now_ms: u64) -> Answer {
    let value = |status: u16| Value {
        metadata: DESCRIBING
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), header(headers, name)?.to_owned())))
            .collect(),
        validators: Validators::of(headers),
        freshness: Freshness::of(status, headers, authorized, now_ms),
    };
    match status {
        200 | 203 | 204 => Answer::Value(value(status)),
        // It is the life of the value that it confirms.
        304 if conditional => Answer::Confirmed(value(200)),
        404 | 410 => Answer::Absent,
        _ => Answer::Refused(Refused::read(status, headers, body, now_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn values_absence_and_refusals() {
        let headers = pairs(&[("ETag", "W/\"a\""), ("Content-Type", "application/json"), ("Set-Cookie", "secret=1")]);
        let Answer::Value(value) = read(200, &headers, b"{}", false, false, 0) else { panic!("a value came") };
        assert_eq!(value.validators.etag.as_deref(), Some("W/\"a\""));
        let names: Vec<&str> = value.metadata.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["etag", "content-type"]);
        for status in [404, 410] {
            assert_eq!(read(status, &[], b"", true, false, 0), Answer::Absent);
        }
        for status in [400, 401, 403, 429, 500, 301, 418] {
            assert!(matches!(read(status, &[], b"", true, false, 0), Answer::Refused(_)), "{status} is no miss");
        }
    }

    #[test]
    fn a_304_confirms_only_who_asked_for_it() {
        let headers = pairs(&[("cache-control", "public, max-age=9")]);
        let Answer::Confirmed(value) = read(304, &headers, b"", false, true, 0) else { panic!("it was asked for") };
        assert_eq!(value.freshness.left_ms, 9_000);
        let Answer::Refused(refused) = read(304, &headers, b"", false, false, 0) else { panic!("nobody asked") };
        assert_eq!(refused.refusal, Refusal::Other);
    }
}

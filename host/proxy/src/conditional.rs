//! Requests that ask for less than a whole answer (RFC 9110 sections 13 and 14).

use crate::headers::list;
use hyper::HeaderMap;
use hyper::header::{ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE};
use std::time::SystemTime;

/// The headers by which a client makes its request depend on what it has.
pub(crate) const CONDITIONS: [HeaderName; 5] =
    [IF_NONE_MATCH, IF_MODIFIED_SINCE, hyper::header::IF_MATCH, hyper::header::IF_UNMODIFIED_SINCE, IF_RANGE];

/// What of an answer a client is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// From the first byte up to the last, both included.
    Bytes(usize, usize),
    /// What was asked for lies outside.
    Outside,
}

/// Whether the client has this very answer already.
pub(crate) fn not_modified(request: &HeaderMap, answer: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        // If-Modified-Since is ignored then.
        let Some(etag) = text(answer, &ETAG) else { return false };
        return list(request, &IF_NONE_MATCH).any(|known| known == "*" || weak(known) == weak(etag));
    }
    match (date(request, &IF_MODIFIED_SINCE), date(answer, &LAST_MODIFIED)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// The part that a client asks for of an answer of `length` bytes. *Behaviour*: several
/// ranges, other units and what cannot be read are ignored, as a server may.
pub(crate) fn part(request: &HeaderMap, answer: &HeaderMap, length: usize) -> Part {
    let Some(asked) = text(request, &RANGE).and_then(|range| range.strip_prefix("bytes=")) else { return Part::Whole };
    if asked.contains(',') || !still_the_same(request, answer) {
        return Part::Whole;
    }
    let Some((from, to)) = asked.trim().split_once('-') else { return Part::Whole };
    let (first, last) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) if from <= to => (from, to),
        (Ok(from), Err(_)) if to.is_empty() => (from, usize::MAX),
        // The last so many bytes.
        (Err(_), Ok(0)) if from.is_empty() => return Part::Outside,
        (Err(_), Ok(count)) if from.is_empty() => (length.saturating_sub(count), usize::MAX),
        _ => return Part::Whole,
    };
    if first >= length { Part::Outside } else { Part::Bytes(first, last.min(length - 1)) }
}

/// Whether a part may be sent at all: If-Range holds, or is not there.
fn still_the_same(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(known) = text(request, &IF_RANGE) else { return true };
    if known.starts_with('"') {
        return text(answer, &ETAG) == Some(known);
    }
    // A weak tag never fits here, and is no date.
    date(request, &IF_RANGE).is_some_and(|known| date(answer, &LAST_MODIFIED) == Some(known))
}

fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    text(headers, name).and_then(|value| httpdate::parse_http_date(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn map(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_tag_is_compared_weakly_and_goes_before_a_date() {
        let answer = map(&[(ETAG, "W/\"a\""), (LAST_MODIFIED, LATER)]);
        for (request, same) in [
            (map(&[(IF_NONE_MATCH, "\"x\", \"a\"")]), true),
            (map(&[(IF_NONE_MATCH, "*")]), true),
            (map(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, LATER)]), false),
            (map(&[(IF_MODIFIED_SINCE, LATER)]), true),
            (map(&[(IF_MODIFIED_SINCE, EARLIER)]), false),
            (map(&[(IF_MODIFIED_SINCE, "yesterday")]), false),
            (map(&[]), false),
        ] {
            assert_eq!(not_modified(&request, &answer), same, "{request:?}");
        }
        assert!(!not_modified(&map(&[(IF_NONE_MATCH, "*")]), &map(&[])), "nothing to compare with");
    }

    #[test]
    fn ranges_of_ten_bytes() {
        for (range, expected) in [
            ("bytes=0-3", Part::Bytes(0, 3)),
            ("bytes=4-", Part::Bytes(4, 9)),
            ("bytes=-3", Part::Bytes(7, 9)),
            ("bytes=-99", Part::Bytes(0, 9)),
            ("bytes=9-99", Part::Bytes(9, 9)),
            ("bytes=10-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes=a-b", Part::Whole),
        ] {
            assert_eq!(part(&map(&[(RANGE, range)]), &map(&[]), 10), expected, "{range}");
        }
        assert_eq!(part(&map(&[(RANGE, "bytes=0-")]), &map(&[]), 0), Part::Outside);
    }

    #[test]
    fn a_part_of_another_version_is_never_sent() {
        let answer = map(&[(ETAG, "\"a\""), (LAST_MODIFIED, LATER)]);
        for (known, expected) in [
            ("\"a\"", Part::Bytes(0, 1)),
            ("\"b\"", Part::Whole),
            ("W/\"a\"", Part::Whole),
            (LATER, Part::Bytes(0, 1)),
            (EARLIER, Part::Whole),
        ] {
            assert_eq!(part(&map(&[(RANGE, "bytes=0-1"), (IF_RANGE, known)]), &answer, 10), expected, "{known}");
        }
    }
}

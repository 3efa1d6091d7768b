//! Which headers belong to a message and which to a connection.

use hyper::HeaderMap;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VARY,
};

/// Says how the proxy answered.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-seaworthy-cache");

/// RFC 9110 section 7.6.1, and what proxies have sent each other since.
const HOP_BY_HOP: [&str; 6] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-authentication-info",
    "http2-settings",
];

/// Removes what belongs to the connection, and what `Connection` says belongs to it.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = list(headers, &CONNECTION).filter_map(|name| name.parse().ok()).collect();
    for name in named.iter().chain(&[CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE]) {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The elements of a header that is a list, over all of its lines.
pub(crate) fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|element| !element.is_empty())
}

/// The request headers that an answer was selected by, in lower case, each once and in
/// order; `None` when nothing but the request itself selects it (`*`).
pub(crate) fn selecting(answer: &HeaderMap) -> Option<Vec<String>> {
    let mut names: Vec<String> = list(answer, &VARY).map(str::to_ascii_lowercase).collect();
    names.sort_unstable();
    names.dedup();
    (!names.iter().any(|name| name == "*")).then_some(names)
}

/// Leaves one of two encodings to ask for, so that clients with other lists of
/// encodings share an answer.
pub(crate) fn settle_encoding(headers: &mut HeaderMap) {
    let takes_gzip = list(headers, &ACCEPT_ENCODING).any(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        name.eq_ignore_ascii_case("gzip") && !refused
    });
    headers.remove(ACCEPT_ENCODING);
    if takes_gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

/// Puts the headers of a 304 over those of the answer it confirms (RFC 9111 section
/// 3.2), but for those that describe the body that was kept.
pub(crate) fn update(kept: &mut HeaderMap, confirmed: &HeaderMap) {
    let describing = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE, TRANSFER_ENCODING];
    for name in confirmed.keys().filter(|name| !describing.contains(name)) {
        kept.remove(name);
        for value in confirmed.get_all(name) {
            kept.append(name.clone(), value.clone());
        }
    }
    // An age that is not repeated was of the answer before.
    if !confirmed.contains_key(hyper::header::AGE) {
        kept.remove(hyper::header::AGE);
    }
}

/// Removes what was true only at the moment of the origin's own answer: how many
/// requests were left then.
pub(crate) fn strip_momentary(headers: &mut HeaderMap) {
    let momentary: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-ratelimit-") || *name == "retry-after")
        .cloned()
        .collect();
    for name in momentary {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn what_belongs_to_the_connection_ends_here() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic x"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("accept", "*/*")]));
    }

    #[test]
    fn a_304_replaces_headers_but_those_of_the_body() {
        let mut kept = map(&[("etag", "\"a\""), ("content-length", "5"), ("age", "9"), ("link", "x"), ("link", "y")]);
        update(&mut kept, &map(&[("etag", "\"b\""), ("content-length", "0"), ("link", "z")]));
        assert_eq!(kept, map(&[("etag", "\"b\""), ("content-length", "5"), ("link", "z")]));
    }

    #[test]
    fn encodings_are_two() {
        for (given, left) in [
            ("gzip, deflate, br", Some("gzip")),
            ("br;q=1, GZIP;q=0.5", Some("gzip")),
            ("gzip;q=0", None),
            ("identity", None),
            ("br", None),
        ] {
            let mut headers = map(&[("accept-encoding", given)]);
            settle_encoding(&mut headers);
            assert_eq!(headers.get(ACCEPT_ENCODING).map(|v| v.to_str().unwrap()), left, "{given}");
        }
    }

    #[test]
    fn vary_names_are_sorted_and_a_star_is_none() {
        assert_eq!(selecting(&map(&[("vary", "Accept, X-B"), ("vary", "accept")])).unwrap(), ["accept", "x-b"]);
        assert_eq!(selecting(&map(&[("vary", "Accept, *")])), None);
        assert_eq!(selecting(&map(&[])), Some(vec![]));
    }
}

//! The cache service of GitHub Actions: what it is asked, and what its answers mean.

use serde_json::{Value, json};

/// The version of an entry is a hash of what made it; this one is of nobody.
const NO_VERSION: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A host of those that GitHub keeps values on.
pub const BLOB_HOST: &str = "productionresultssa0.blob.core.windows.net";

/// What the service said to a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is an entry, and the value is there.
    Hit(String),
    /// There is none.
    Miss,
    /// This version is shut down.
    Retired,
    /// The token is not taken.
    Rejected,
    /// Too many requests.
    Limited,
    /// It has a fault of its own.
    Failing,
    /// What answers is not this service.
    Stranger,
}

/// Address and body of a look-up in the second version (Twirp, JSON).
#[must_use]
pub fn question_v2(base: &str, key: &str) -> (String, Vec<u8>) {
    let url =
        [base.trim_end_matches('/'), "/twirp/github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL"];
    let body = json!({ "key": key, "restore_keys": [], "version": NO_VERSION });
    (url.concat(), body.to_string().into_bytes())
}

/// Address of a look-up in the first version.
#[must_use]
pub fn question_v1(base: &str, key: &str) -> String {
    [base.trim_end_matches('/'), "/_apis/artifactcache/cache?keys=", &encode(key), "&version=", NO_VERSION].concat()
}

/// Address of the list of caches in the REST API.
#[must_use]
pub fn list(api: &str, repository: &str, key: &str) -> String {
    [api.trim_end_matches('/'), "/repos/", repository, "/actions/caches?per_page=100&key=", &encode(key)].concat()
}

/// The unreserved characters of RFC 3986 stay as they are.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |n: u8| char::from_digit(n.into(), 16).unwrap_or('0').to_ascii_uppercase();
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// What every version's refusals have in common.
fn refusal(status: u16, text: &str) -> Option<Answer> {
    let says = |words: &str| text.to_ascii_lowercase().contains(words);
    Some(match status {
        401 | 403 => Answer::Rejected,
        429 => Answer::Limited,
        410 => Answer::Retired,
        422 if says("shut") || says("deprecat") || says("legacy") || says("retire") || says("sunset") => {
            Answer::Retired
        }
        500.. => Answer::Failing,
        _ => return None,
    })
}

/// Reads an answer of the second version.
#[must_use]
pub fn read_v2(status: u16, body: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(body);
    if let Some(refused) = refusal(status, &text) {
        return refused;
    }
    let Ok(Value::Object(told)) = serde_json::from_slice::<Value>(body) else { return Answer::Stranger };
    if status != 200 {
        // Twirp says what is wrong by a code; without one it is nobody's error.
        return match told.get("code").and_then(Value::as_str) {
            Some("not_found") => Answer::Miss,
            Some("unauthenticated" | "permission_denied") => Answer::Rejected,
            Some("resource_exhausted") => Answer::Limited,
            Some("bad_route") | None => Answer::Stranger,
            Some(_) => Answer::Failing,
        };
    }
    // Absent is false, as proto3 writes it.
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| told.get(name)?.as_str()).map(str::to_owned);
    match (told.get("ok").and_then(Value::as_bool), text(["signed_download_url", "signedDownloadUrl"])) {
        (Some(true), Some(url)) => Answer::Hit(url),
        (Some(true), None) => Answer::Stranger,
        _ => Answer::Miss,
    }
}

/// Reads an answer of the first version.
#[must_use]
pub fn read_v1(status: u16, body: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(body);
    if let Some(refused) = refusal(status, &text) {
        return refused;
    }
    let location = || serde_json::from_slice::<Value>(body).ok()?.get("archiveLocation")?.as_str().map(str::to_owned);
    match status {
        204 => Answer::Miss,
        200 => location().map_or(Answer::Stranger, Answer::Hit),
        // Its address is gone, and whoever has the host now knows no such path.
        404 => Answer::Retired,
        _ => Answer::Stranger,
    }
}

/// Which version a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// The first.
    V1,
    /// The second.
    V2,
}

/// By the setting, else as clients decide it.
#[must_use]
pub fn speaks(setting: &str, enterprise_server: bool, v2_switch: bool, has_v1: bool) -> Speaks {
    match setting {
        "v1" => Speaks::V1,
        "v2" => Speaks::V2,
        _ if enterprise_server => Speaks::V1,
        // Without either hint nothing says that a client of the first version is at work.
        _ if v2_switch || !has_v1 => Speaks::V2,
        _ => Speaks::V1,
    }
}

/// Host and port to connect to of an address: a multiaddr, a URL, or `host:port`.
#[must_use]
pub fn endpoint(text: &str) -> Option<(String, u16)> {
    let text = text.trim_ascii();
    if let Some(rest) = text.strip_prefix('/') {
        let mut parts = rest.split('/');
        let (kind, host, transport, port) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let known = matches!(kind, "ip4" | "ip6" | "dns" | "dns4" | "dns6") && transport == "tcp";
        return known.then_some((host.to_owned(), port.parse().ok()?));
    }
    let (default, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Some(80), rest),
        Some(("https", rest)) => (Some(443), rest),
        Some(_) => return None,
        None => (None, text),
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, Some(port.parse().ok()?))
        }
        _ => (authority, default),
    };
    let host = host.trim_matches(['[', ']']);
    (!host.is_empty()).then_some((host.to_owned(), port?))
}

/// `host:port` as a probe takes it.
#[must_use]
pub fn target(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_second_version() {
        for (status, body, answer) in [
            (200, r#"{"ok":false}"#, Answer::Miss),
            (200, "{}", Answer::Miss),
            (200, r#"{"ok":true,"signed_download_url":"https://b/x?sig=1"}"#, Answer::Hit("https://b/x?sig=1".into())),
            (200, r#"{"ok":true,"signedDownloadUrl":"https://b/x"}"#, Answer::Hit("https://b/x".into())),
            (200, r#"{"ok":true}"#, Answer::Stranger),
            (200, "<html>", Answer::Stranger),
            (404, r#"{"code":"bad_route","msg":"no handler"}"#, Answer::Stranger),
            (404, r#"{"code":"not_found"}"#, Answer::Miss),
            (400, r#"{"code":"invalid_argument"}"#, Answer::Failing),
            (401, "", Answer::Rejected),
            (403, "", Answer::Rejected),
            (429, "", Answer::Limited),
            (503, "", Answer::Failing),
        ] {
            assert_eq!(read_v2(status, body.as_bytes()), answer, "{status} {body}");
        }
    }

    #[test]
    fn answers_of_the_first_version() {
        for (status, body, answer) in [
            (204, "", Answer::Miss),
            (200, r#"{"archiveLocation":"https://b/x"}"#, Answer::Hit("https://b/x".into())),
            (422, "This legacy service is shutting down, effective April 15, 2025.", Answer::Retired),
            (422, r#"{"message":"invalid key"}"#, Answer::Stranger),
            (404, "", Answer::Retired),
            (410, "", Answer::Retired),
            (401, "", Answer::Rejected),
            (429, "", Answer::Limited),
            (200, "<html>", Answer::Stranger),
        ] {
            assert_eq!(read_v1(status, body.as_bytes()), answer, "{status} {body}");
        }
    }

    #[test]
    fn clients_choose_by_the_variables() {
        assert_eq!(speaks("auto", false, true, true), Speaks::V2);
        assert_eq!(speaks("auto", false, false, true), Speaks::V1);
        assert_eq!(speaks("auto", false, false, false), Speaks::V2, "nothing says that it is the first");
        assert_eq!(speaks("auto", true, true, true), Speaks::V1);
        assert_eq!((speaks("v1", false, true, false), speaks("v2", true, false, true)), (Speaks::V1, Speaks::V2));
    }

    #[test]
    fn questions_are_encoded() {
        assert_eq!(encode("a b/ü"), "a%20b%2F%C3%BC");
        assert!(
            question_v1("http://c/x/", "k&v=1")
                .starts_with("http://c/x/_apis/artifactcache/cache?keys=k%26v%3D1&version=0000")
        );
        let (url, body) = question_v2("http://r/", "k");
        assert_eq!(url, "http://r/twirp/github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL");
        assert!(String::from_utf8(body).unwrap().starts_with(r#"{"key":"k","restore_keys":[],"version":"0"#));
    }

    #[test]
    fn endpoints() {
        let at = |text: &str| endpoint(text).map(|(host, port)| target(&host, port));
        assert_eq!(at("/ip4/127.0.0.1/tcp/9100/p2p/12D3").as_deref(), Some("127.0.0.1:9100"));
        assert_eq!(at("http://localhost:5001/api").as_deref(), Some("localhost:5001"));
        assert_eq!(at("https://u:p@minio").as_deref(), Some("minio:443"));
        assert_eq!(at("http://[::1]:80").as_deref(), Some("[::1]:80"));
        assert_eq!(at("redis:6379").as_deref(), Some("redis:6379"));
        for none in ["redis", "", "ftp://x", "/ip4/1.2.3.4/udp/9", "x:99999"] {
            assert_eq!(at(none), None, "{none}");
        }
    }
}

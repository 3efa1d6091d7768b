use crate::headers::{Headers, header};
use crate::limits::{PATIENCE_MS, RateLimit, retry_after_ms};
use std::fmt;

/// Characters of an API's own words that are passed on.
const MOST_WORDS: usize = 200;

/// Why an API did not give what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401: the token is wrong, expired or revoked, or there is none and one is needed.
    Unauthenticated,
    /// The token has to be authorised for the organisation's single sign-on.
    SingleSignOn {
        /// Where that is done.
        url: Option<String>,
    },
    /// The token lacks a scope or a permission.
    Scope {
        /// What would do.
        needed: String,
        /// What it has, where it is known.
        held: Option<String>,
    },
    /// Nothing is left until the window ends.
    RateLimited {
        /// How long that is.
        retry_after_ms: u64,
    },
    /// Too much at once, or too fast: GitHub's secondary limits, or a 429.
    Secondary {
        /// How long to wait.
        retry_after_ms: u64,
    },
    /// 403 for another reason.
    Forbidden,
    /// It lies elsewhere.
    Moved {
        /// Where, as the API says it.
        location: Option<String>,
    },
    /// Something in between answered, not the API: a proxy that wants credentials, a
    /// log-in page.
    Intercepted,
    /// 5xx: the API itself fails for now.
    Unavailable {
        /// How long it asks to be left alone.
        retry_after_ms: Option<u64>,
    },
    /// Any other status.
    Other,
}

/// A refusal with the status and the API's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// Why.
    pub refusal: Refusal,
    /// What the API says, in one line; may be empty.
    pub words: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        if self.words.is_empty() { Ok(()) } else { write!(f, ", `{}`", self.words) }
    }
}

impl Refused {
    /// Reads an answer that holds no value.
    ///
    /// *Source*: docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api.
    /// A 403 has six meanings there; they are told apart by headers where there are
    /// some, and by the message where there are none.
    #[must_use]
    pub fn read(status: u16, headers: &Headers, body: &[u8], now_ms: u64) -> Self {
        let words = words(body);
        let refusal = refusal(status, headers, body, &words, now_ms);
        Self { status, refusal, words }
    }
}

fn refusal(status: u16, headers: &Headers, body: &[u8], words: &str, now_ms: u64) -> Refusal {
    let limit = RateLimit::of(headers);
    let retry_after = retry_after_ms(headers, now_ms);
    let lower = words.to_ascii_lowercase();
    match status {
        407 | 511 => Refusal::Intercepted,
        301 | 302 | 303 | 307 | 308 => Refusal::Moved { location: header(headers, "location").map(str::to_owned) },
        403 | 429 if lower.contains("secondary rate limit") || lower.contains("abuse detection") => {
            Refusal::Secondary { retry_after_ms: retry_after.unwrap_or(PATIENCE_MS) }
        }
        403 | 429 if limit.remaining == Some(0) => {
            let reset = limit.reset_in_ms(headers, now_ms);
            Refusal::RateLimited { retry_after_ms: retry_after.or(reset).unwrap_or(PATIENCE_MS) }
        }
        429 => Refusal::Secondary { retry_after_ms: retry_after.unwrap_or(PATIENCE_MS) },
        401 | 403 if is_page(headers, body) => Refusal::Intercepted,
        401 => Refusal::Unauthenticated,
        403 => forbidden(headers, &lower, retry_after),
        500..=599 => Refusal::Unavailable { retry_after_ms: retry_after },
        _ => Refusal::Other,
    }
}

fn forbidden(headers: &Headers, words: &str, retry_after: Option<u64>) -> Refusal {
    // `required; url=https://github.com/orgs/ORG/sso?authorization_request=...`
    if let Some(said) = header(headers, "x-github-sso").filter(|said| said.starts_with("required")) {
        let url = said.split(';').find_map(|part| part.trim().strip_prefix("url="));
        return Refusal::SingleSignOn { url: url.map(str::to_owned) };
    }
    if words.contains("saml") {
        return Refusal::SingleSignOn { url: None };
    }
    if let Some(retry_after_ms) = retry_after {
        return Refusal::Secondary { retry_after_ms };
    }
    // Fine-grained tokens and those of apps.
    if let Some(needed) = header(headers, "x-accepted-github-permissions").filter(|needed| !needed.is_empty()) {
        return Refusal::Scope { needed: needed.to_owned(), held: None };
    }
    let held = header(headers, "x-oauth-scopes");
    if let Some(needed) = header(headers, "x-accepted-oauth-scopes").filter(|needed| !needed.is_empty()) {
        let has = |scopes: &str| scopes.split(',').any(|one| needed.split(',').any(|want| want.trim() == one.trim()));
        if !held.is_some_and(has) {
            return Refusal::Scope { needed: needed.to_owned(), held: held.map(str::to_owned) };
        }
    }
    if words.contains("resource not accessible") {
        return Refusal::Scope {
            needed: "a permission that the message does not name".into(),
            held: held.map(str::to_owned),
        };
    }
    Refusal::Forbidden
}

/// Whether a page for people came where data was asked for.
fn is_page(headers: &Headers, body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let begins = |text: &[u8]| start.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    let html = header(headers, "content-type").is_some_and(|kind| kind.starts_with("text/html"));
    html && (begins(b"<!doctype html") || begins(b"<html"))
}

/// The API's own words: the string `message` of a JSON object, as far as it can be shown.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    let Some(rest) = text.split_once("\"message\"").map(|(_, rest)| rest.trim_start()) else { return String::new() };
    let Some(rest) = rest.strip_prefix(':').and_then(|rest| rest.trim_start().strip_prefix('"')) else {
        return String::new();
    };
    let mut said = String::new();
    let mut characters = rest.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\' | '/')) => said.push(escaped),
                _ => said.push(' '),
            },
            c if c.is_control() => said.push(' '),
            c => said.push(c),
        }
        if said.len() >= MOST_WORDS {
            break;
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, headers: &[(&str, &str)], body: &str) -> Refused {
        let headers: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        Refused::read(status, &headers, body.as_bytes(), 1_700_000_000_000)
    }

    /// Bodies and headers as GitHub documents and sends them.
    #[test]
    fn six_meanings_of_403() {
        let held = Some("repo".to_owned());
        for (headers, body, expected) in [
            (
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000030")][..],
                r#"{"message":"API rate limit exceeded for user ID 1."}"#,
                Refusal::RateLimited { retry_after_ms: 30_000 },
            ),
            (
                &[("retry-after", "9"), ("x-ratelimit-remaining", "4000")],
                r#"{"message":"You have exceeded a secondary rate limit. Please wait"}"#,
                Refusal::Secondary { retry_after_ms: 9_000 },
            ),
            (
                &[("x-github-sso", "required; url=https://github.com/orgs/o/sso?authorization_request=A")],
                r#"{"message":"Resource protected by organization SAML enforcement."}"#,
                Refusal::SingleSignOn { url: Some("https://github.com/orgs/o/sso?authorization_request=A".into()) },
            ),
            (
                &[("x-accepted-oauth-scopes", "admin:org, read:org"), ("x-oauth-scopes", "repo")],
                r#"{"message":"Must have admin rights"}"#,
                Refusal::Scope { needed: "admin:org, read:org".into(), held: held.clone() },
            ),
            (
                &[("x-accepted-github-permissions", "contents=read")],
                r#"{"message":"Resource not accessible by personal access token"}"#,
                Refusal::Scope { needed: "contents=read".into(), held: None },
            ),
            (
                &[("x-accepted-oauth-scopes", "repo"), ("x-oauth-scopes", "repo")],
                r#"{"message":"Repository access blocked"}"#,
                Refusal::Forbidden,
            ),
        ] {
            assert_eq!(read(403, headers, body).refusal, expected, "{body}");
        }
    }

    #[test]
    fn statuses_keep_apart() {
        let bad = r#"{"message":"Bad credentials","status":"401"}"#;
        assert_eq!(read(401, &[], bad).refusal, Refusal::Unauthenticated);
        assert_eq!(read(401, &[], bad).to_string(), "status 401, `Bad credentials`");
        assert_eq!(read(429, &[], "").refusal, Refusal::Secondary { retry_after_ms: 60_000 });
        assert_eq!(
            read(503, &[("Retry-After", "2")], "").refusal,
            Refusal::Unavailable { retry_after_ms: Some(2_000) }
        );
        assert_eq!(read(407, &[], "").refusal, Refusal::Intercepted);
        let page = [("content-type", "text/html; charset=utf-8")];
        assert_eq!(read(403, &page, "\n<!DOCTYPE html><title>Log in").refusal, Refusal::Intercepted);
        assert_eq!(read(418, &[], "").refusal, Refusal::Other);
        let moved = Refusal::Moved { location: Some("/x".into()) };
        assert_eq!(read(301, &[("location", "/x")], "").refusal, moved);
    }

    #[test]
    fn words_are_short_and_on_one_line() {
        assert_eq!(words(br#"{"message" : "a\n\"b\"\u0000c", "x":1}"#), "a \"b\" 0000c");
        assert_eq!(words(br#"{"message":1}"#), "");
        assert_eq!(words(b"\xff\"message\":\"x"), "x");
        assert_eq!(words(format!("{{\"message\":\"{}\"}}", "a".repeat(5000)).as_bytes()).len(), MOST_WORDS);
    }
}

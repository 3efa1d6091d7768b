use crate::codes;
use seaworthy_check_sdk::Code;
use serde_json::Value;

/// GitHub's limit for those without a token.
const STRANGERS: u64 = 60;

/// An answer to `GET /rate_limit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    /// Whether the token was sent.
    pub(crate) authenticated: bool,
}

impl<'a> Answer<'a> {
    fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// The message of an error of the API.
    fn message(&self) -> String {
        let json: Option<Value> = serde_json::from_slice(self.body).ok();
        let message = json.and_then(|json| json.get("message")?.as_str().map(str::to_owned));
        message.unwrap_or_default().chars().take(200).collect()
    }
}

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// Seconds since 1970.
    pub(crate) reset: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Counts(Left),
    /// An Enterprise Server without limits.
    Unlimited,
    /// What is wrong, in a code, words, and what was seen.
    Wrong(Code, String, String),
}

/// Tells what an answer says of a resource's limit.
pub(crate) fn answer(answer: &Answer<'_>, resource: &str) -> Verdict {
    let message = answer.message();
    let wrong = |code: Code, words: &str| Verdict::Wrong(code, words.into(), message.clone());
    match answer.status {
        200 => match left(answer.body, resource) {
            Some(left) => Verdict::Counts(left),
            None => wrong(codes::RATE_NOT_API, "it answers with something else than limits"),
        },
        401 if answer.authenticated => wrong(codes::RATE_BAD_TOKEN, "it refuses the token"),
        403 | 429 => limited(answer, &message),
        404 if message.contains("Rate limiting is not enabled") => Verdict::Unlimited,
        500.. => wrong(codes::RATE_FAILING, "it answers with an error of its own"),
        _ => wrong(codes::RATE_NOT_API, "it has no limits at this address"),
    }
}

/// *Behaviour*: a count at zero says more than the request for patience that comes with it.
fn limited(answer: &Answer<'_>, message: &str) -> Verdict {
    let said = message.to_ascii_lowercase();
    if answer.header("x-ratelimit-remaining") == Some("0") {
        return Verdict::Wrong(codes::RATE_EXHAUSTED, "none is left".into(), message.into());
    }
    if let Some(patience) = answer.header("retry-after") {
        let words = ["it asks for ", patience, " seconds of patience"].concat();
        return Verdict::Wrong(codes::RATE_SECONDARY, words, ["Retry-After: ", patience].concat());
    }
    if said.contains("secondary rate limit") || said.contains("abuse detection") || answer.status == 429 {
        return Verdict::Wrong(codes::RATE_SECONDARY, "it asks for patience".into(), message.into());
    }
    if said.contains("rate limit exceeded") {
        return Verdict::Wrong(codes::RATE_EXHAUSTED, "none is left".into(), message.into());
    }
    Verdict::Wrong(codes::RATE_FORBIDDEN, "it refuses this client".into(), message.into())
}

fn left(body: &[u8], resource: &str) -> Option<Left> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let found = json.get("resources")?.get(resource)?;
    let number = |key: &str| found.get(key)?.as_u64();
    Some(Left { limit: number("limit")?, remaining: number("remaining")?, reset: number("reset")? })
}

/// What is wrong with what is left.
pub(crate) fn shortage(left: Left, needed: u64, authenticated: bool) -> Option<Code> {
    if left.remaining == 0 || left.remaining < needed {
        return Some(codes::RATE_EXHAUSTED);
    }
    (!authenticated && left.limit <= STRANGERS).then_some(codes::RATE_UNAUTHENTICATED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str = r#"{"resources":{"core":{"limit":5000,"remaining":4999,"reset":1372700873,"used":1},
        "search":{"limit":30,"remaining":0,"reset":1}},"rate":{"limit":5000}}"#;

    fn told(status: u16, headers: &[(&str, &str)], body: &str) -> String {
        let headers: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let asked = Answer { status, headers: &headers, body: body.as_bytes(), authenticated: true };
        match answer(&asked, "core") {
            Verdict::Counts(left) => left.remaining.to_string(),
            Verdict::Unlimited => "unlimited".into(),
            Verdict::Wrong(code, ..) => code.code.into(),
        }
    }

    #[test]
    fn counts_are_read_by_resource() {
        assert_eq!(left(LIMITS.as_bytes(), "core"), Some(Left { limit: 5000, remaining: 4999, reset: 1_372_700_873 }));
        assert_eq!(left(LIMITS.as_bytes(), "search").map(|left| left.remaining), Some(0));
        assert_eq!(left(LIMITS.as_bytes(), "graphql"), None);
        assert_eq!(told(200, &[], LIMITS), "4999");
        assert_eq!(told(404, &[], r#"{"message":"Rate limiting is not enabled."}"#), "unlimited");
    }

    #[test]
    fn limits_are_told_apart() {
        let none = ("X-RateLimit-Remaining", "0");
        assert_eq!(told(403, &[none], r#"{"message":"API rate limit exceeded for 1.2.3.4."}"#), "rate.exhausted");
        assert_eq!(told(429, &[none, ("retry-after", "5")], "{}"), "rate.exhausted");
        assert_eq!(told(403, &[], r#"{"message":"API rate limit exceeded"}"#), "rate.exhausted");
        let some = ("x-ratelimit-remaining", "4000");
        assert_eq!(told(403, &[some, ("Retry-After", "60")], "{}"), "rate.secondary");
        let secondary = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert_eq!(told(403, &[some], secondary), "rate.secondary");
        assert_eq!(told(403, &[some], r#"{"message":"IP allow list enabled"}"#), "rate.forbidden");
    }

    #[test]
    fn other_answers_are_told_apart() {
        assert_eq!(told(401, &[], r#"{"message":"Bad credentials"}"#), "rate.bad-token");
        assert_eq!(told(200, &[("content-type", "text/html")], "<html>Sign in"), "rate.not-api");
        assert_eq!(told(200, &[], "{}"), "rate.not-api");
        assert_eq!(told(404, &[], r#"{"message":"Not Found"}"#), "rate.not-api");
        assert_eq!(told(302, &[("location", "https://portal")], ""), "rate.not-api");
        assert_eq!(told(502, &[], ""), "rate.failing");
    }

    #[test]
    fn what_is_left_has_to_be_enough() {
        let short = |limit, remaining, needed, authenticated| {
            shortage(Left { limit, remaining, reset: 0 }, needed, authenticated).map(|code| code.code)
        };
        assert_eq!(short(5000, 100, 100, true), None);
        assert_eq!(short(5000, 99, 100, true), Some("rate.exhausted"));
        assert_eq!(short(5000, 0, 0, true), Some("rate.exhausted"));
        assert_eq!(short(60, 60, 10, false), Some("rate.unauthenticated"));
        assert_eq!(short(60, 5, 10, false), Some("rate.exhausted"));
        assert_eq!(short(60, 60, 10, true), None, "a server's own limit");
    }
}

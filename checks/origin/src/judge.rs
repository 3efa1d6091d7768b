//! What answers of an API mean.

use origin_client::{Base, Headers, Refusal, Refused, header, http_date};

/// A token that ends sooner is worth a warning.
pub const SOON_DAYS: i64 = 7;

/// Whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GitHub's own.
    GitHub,
    /// A GitHub Enterprise Server.
    EnterpriseServer,
    /// Any other, or not known.
    Http,
}

impl Kind {
    /// By what it says of itself, else by where it is.
    #[must_use]
    pub fn of(base: &Base, headers: &Headers) -> Self {
        if header(headers, "x-github-enterprise-version").is_some() {
            return Kind::EnterpriseServer;
        }
        let github = header(headers, "x-github-request-id").is_some()
            || header(headers, "server").is_some_and(|server| server.eq_ignore_ascii_case("github.com"));
        match github {
            _ if base.is_github_com() => Kind::GitHub,
            true if base.as_str().ends_with("/api/v3") => Kind::EnterpriseServer,
            true => Kind::GitHub,
            false if base.as_str().ends_with("/api/v3") => Kind::EnterpriseServer,
            false => Kind::Http,
        }
    }

    /// The value of the fact.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::GitHub => "github.com",
            Kind::EnterpriseServer => "github-enterprise-server",
            Kind::Http => "http",
        }
    }
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symptom {
    /// Somebody else's answer.
    Intercepted,
    /// Not an API's answer.
    NotAnApi,
    /// 5xx.
    Failing,
    /// 401.
    TokenRejected,
    /// 403 for single sign-on.
    SingleSignOn,
    /// 403 for a scope.
    Scope,
    /// Nothing left.
    RateLimited,
    /// A pause is asked for.
    Secondary,
    /// 403 for another reason.
    Forbidden,
}

impl Symptom {
    /// For the message.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Intercepted => "that is a proxy or a log-in page, not the API",
            Self::NotAnApi => "that is not how this API answers; is the URL right?",
            Self::Failing => "it is out of order",
            Self::TokenRejected => "the token is wrong, expired or revoked, or one is needed",
            Self::SingleSignOn => "the token has to be authorised for single sign-on",
            Self::Scope => "the token lacks a scope or a permission",
            Self::RateLimited => "no request is left in this window",
            Self::Secondary => "it asks for a pause",
            Self::Forbidden => "it refuses",
        }
    }
}

/// Judges an answer. `custom` says that the path is the user's own, which has to be there.
#[must_use]
pub fn symptom(
    kind: Kind,
    status: u16,
    headers: &Headers,
    body: &[u8],
    refused: &Refused,
    custom: bool,
) -> Option<Symptom> {
    let html = header(headers, "content-type").is_some_and(|kind| kind.starts_with("text/html"));
    let page = html && body.trim_ascii_start().first() == Some(&b'<');
    match (status, &refused.refusal) {
        (200..=299, _) if page && kind != Kind::Http => Some(Symptom::NotAnApi),
        (200..=299 | 304, _) => None,
        (_, Refusal::Intercepted) => Some(Symptom::Intercepted),
        (_, Refusal::Unauthenticated) => Some(Symptom::TokenRejected),
        (_, Refusal::SingleSignOn { .. }) => Some(Symptom::SingleSignOn),
        (_, Refusal::Scope { .. }) => Some(Symptom::Scope),
        (_, Refusal::RateLimited { .. }) => Some(Symptom::RateLimited),
        (_, Refusal::Secondary { .. }) => Some(Symptom::Secondary),
        (_, Refusal::Forbidden) => Some(Symptom::Forbidden),
        (_, Refusal::Unavailable { .. }) => Some(Symptom::Failing),
        (_, Refusal::Moved { .. }) => Some(Symptom::NotAnApi),
        // A server with its limits switched off answers 404 with a message in JSON, and an
        // API that is not GitHub's has no such path.
        (404, _) if custom || page || (kind != Kind::Http && refused.words.is_empty()) => Some(Symptom::NotAnApi),
        (404, _) => None,
        _ => Some(Symptom::NotAnApi),
    }
}

/// What a refusal holds for rules and machines.
#[must_use]
pub fn details(refusal: &Refusal) -> Vec<(&'static str, String)> {
    match refusal {
        Refusal::RateLimited { retry_after_ms } | Refusal::Secondary { retry_after_ms } => {
            vec![("retry-after-s", (retry_after_ms / 1000).to_string())]
        }
        Refusal::SingleSignOn { url: Some(url) } => vec![("sso-url", url.clone())],
        Refusal::Scope { needed, held } => {
            let mut details = vec![("needed", needed.clone())];
            details.extend(held.iter().map(|held| ("held", held.clone())));
            details
        }
        _ => Vec::new(),
    }
}

/// What is known of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// There is none.
    Missing,
    /// The API took it.
    Accepted,
    /// The API refused it.
    Rejected,
    /// The API may not have looked at it.
    Unproven,
}

impl TokenState {
    /// The value of the fact.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Unproven => "unproven",
        }
    }
}

/// Judges a token by the status of the answer with it, and of the one without it.
#[must_use]
pub fn token(kind: Kind, with: u16, without: Option<u16>) -> TokenState {
    match (kind, with) {
        (_, 401) => TokenState::Rejected,
        // GitHub looks at every token, and refuses a wrong one even where none is needed.
        (Kind::GitHub | Kind::EnterpriseServer, 200..=299 | 404) => TokenState::Accepted,
        (_, 200..=299) if without.is_some_and(|status| matches!(status, 401 | 403 | 404)) => TokenState::Accepted,
        _ => TokenState::Unproven,
    }
}

/// Why a certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// The machine's store holds too little.
    NoRoots,
    /// A company's own.
    PrivateAuthority,
    /// For another name.
    OtherName,
    /// Not valid at this time.
    Time,
    /// For another reason: its form, its signature, or revoked.
    Handshake,
}

impl Untrusted {
    /// For rules.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::NoRoots => "no-roots",
            Self::PrivateAuthority => "private-authority",
            Self::OtherName => "other-name",
            Self::Time => "time",
            Self::Handshake => "handshake",
        }
    }

    /// For the message.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NoRoots => "a public authority signed it, and this machine's store does not hold that one",
            Self::PrivateAuthority => {
                "no public authority signed it: it is a company's own, of the server or of an inspecting proxy"
            }
            Self::OtherName => "it is for another name",
            Self::Time => "it is not valid at this machine's time",
            Self::Handshake => "it is of a form that is not taken, or revoked",
        }
    }
}

/// Whether a failure of TLS is the certificate's: it was judged and refused, or what fails with
/// the machine's roots succeeds when nobody judges. `shown` is how that went, where it was tried.
#[must_use]
pub fn blames_certificate(kind: &str, shown: Option<bool>) -> bool {
    kind != "tls-handshake" || shown == Some(true)
}

/// Judges by the kind of the failure with the machine's roots, and whether those that are
/// compiled in accept it.
#[must_use]
pub fn untrusted(kind: &str, bundled: bool) -> Untrusted {
    match kind {
        "tls-no-roots" => Untrusted::NoRoots,
        "tls-unknown-issuer" if bundled => Untrusted::NoRoots,
        "tls-unknown-issuer" => Untrusted::PrivateAuthority,
        "tls-name-mismatch" => Untrusted::OtherName,
        "tls-expired" | "tls-not-yet-valid" => Untrusted::Time,
        _ => Untrusted::Handshake,
    }
}

/// This machine's clock minus the API's, in seconds. `None` for an answer that a cache
/// in between kept: its date is that of the first answer.
#[must_use]
pub fn clock_offset_s(headers: &Headers, now_ms: u64) -> Option<i64> {
    if header(headers, "age").is_some_and(|age| age != "0") {
        return None;
    }
    let theirs = i64::try_from(http_date(headers, "date")?).ok()?;
    Some(i64::try_from(now_ms / 1000).ok()?.saturating_sub(theirs))
}

/// Days until the token ends, by the API's own clock. `None` where it does not say so.
#[must_use]
pub fn expires_in_days(headers: &Headers) -> Option<i64> {
    // `2026-12-01 09:30:00 UTC`, or with an offset; the day is exact enough.
    let text = header(headers, "github-authentication-token-expiration")?;
    let mut parts = text.get(..10)?.split('-');
    let mut next = || parts.next()?.parse::<i64>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    let now = i64::try_from(http_date(headers, "date")?).ok()?;
    Some(days(year, month, day) - now.div_euclid(86_400))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar
/// (howardhinnant.github.io/date_algorithms.html#days_from_civil).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Wanted scopes that a classic token has not. *Behaviour*: of a token without scopes,
/// one with permissions instead, nothing is missing that could be told here.
#[must_use]
pub fn missing_scopes<'a>(headers: &Headers, wanted: &[&'a str]) -> Vec<&'a str> {
    let Some(held) = header(headers, "x-oauth-scopes") else { return Vec::new() };
    let held: Vec<&str> = held.split(',').map(str::trim).collect();
    // A scope contains those below it: `repo` also `repo:status`, `admin:org` also `read:org`.
    let covers = |wanted: &str| {
        held.iter().any(|held| {
            let narrower = wanted.strip_prefix(held).is_some_and(|rest| rest.starts_with(':'));
            let same_thing = held.split_once(':').map(|(_, of)| of) == wanted.split_once(':').map(|(_, of)| of);
            let wider = matches!(
                (held.split(':').next(), wanted.split(':').next()),
                (Some("admin"), Some("write" | "read")) | (Some("write"), Some("read"))
            );
            *held == wanted || narrower || (wider && same_thing) || (*held == "repo" && wanted == "public_repo")
        })
    };
    wanted.iter().copied().filter(|wanted| !covers(wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn judged(kind: Kind, status: u16, headers: &[(&str, &str)], body: &str, custom: bool) -> Option<Symptom> {
        let headers = pairs(headers);
        let refused = Refused::read(status, &headers, body.as_bytes(), 0);
        symptom(kind, status, &headers, body.as_bytes(), &refused, custom)
    }

    #[test]
    fn answers_and_their_look_alikes() {
        let html = [("content-type", "text/html")];
        for (kind, status, headers, body, custom, expected) in [
            (Kind::GitHub, 200, &[][..], "{}", false, None),
            (Kind::GitHub, 200, &html, "<html>Log in", false, Some(Symptom::NotAnApi)),
            (Kind::Http, 200, &html, "<html>Docs", false, None),
            // Without limits, a GitHub Enterprise Server answers so.
            (Kind::EnterpriseServer, 404, &[], r#"{"message":"Rate limiting is not enabled."}"#, false, None),
            (Kind::EnterpriseServer, 404, &html, "<html>Not here", false, Some(Symptom::NotAnApi)),
            (Kind::Http, 404, &[], "", false, None),
            (Kind::Http, 404, &[], "", true, Some(Symptom::NotAnApi)),
            (Kind::Http, 401, &[], "", false, Some(Symptom::TokenRejected)),
            (Kind::GitHub, 403, &html, "<!doctype html>", false, Some(Symptom::Intercepted)),
            (Kind::GitHub, 407, &[], "", false, Some(Symptom::Intercepted)),
            (Kind::GitHub, 403, &[("x-ratelimit-remaining", "0")], "", false, Some(Symptom::RateLimited)),
            (Kind::GitHub, 429, &[("retry-after", "5")], "", false, Some(Symptom::Secondary)),
            (Kind::GitHub, 403, &[("x-github-sso", "required")], "", false, Some(Symptom::SingleSignOn)),
            (Kind::GitHub, 403, &[], "", false, Some(Symptom::Forbidden)),
            (Kind::GitHub, 301, &[("location", "https://github.com")], "", false, Some(Symptom::NotAnApi)),
            (Kind::GitHub, 502, &[], "", false, Some(Symptom::Failing)),
        ] {
            assert_eq!(judged(kind, status, headers, body, custom), expected, "{kind:?} {status} {body}");
        }
    }

    #[test]
    fn whose_api_it_is() {
        let kind = |url: &str, headers: &[(&str, &str)]| Kind::of(&Base::parse(url).unwrap(), &pairs(headers));
        assert_eq!(kind("https://api.github.com", &[]), Kind::GitHub);
        assert_eq!(kind("https://ghe/api/v3", &[("X-GitHub-Enterprise-Version", "3.14")]), Kind::EnterpriseServer);
        assert_eq!(kind("http://127.0.0.1:1", &[("x-github-request-id", "A")]), Kind::GitHub);
        assert_eq!(kind("http://127.0.0.1:1", &[("server", "Caddy")]), Kind::Http);
    }

    #[test]
    fn a_token_is_proven_only_where_it_is_looked_at() {
        assert_eq!(token(Kind::GitHub, 200, Some(200)), TokenState::Accepted);
        assert_eq!(token(Kind::Http, 200, Some(200)), TokenState::Unproven);
        assert_eq!(token(Kind::Http, 200, Some(401)), TokenState::Accepted);
        assert_eq!(token(Kind::GitHub, 401, Some(200)), TokenState::Rejected);
        assert_eq!(token(Kind::GitHub, 403, Some(200)), TokenState::Unproven);
    }

    #[test]
    fn clocks_and_ends_go_by_the_apis_date() {
        let headers = pairs(&[("date", "Tue, 14 Nov 2023 22:13:20 GMT")]);
        assert_eq!(clock_offset_s(&headers, 1_700_000_000_000), Some(0));
        assert_eq!(clock_offset_s(&headers, 1_699_999_900_000), Some(-100));
        let kept = pairs(&[("date", "Tue, 14 Nov 2023 22:13:20 GMT"), ("age", "9")]);
        assert_eq!(clock_offset_s(&kept, 1_700_000_000_000), None);
        assert_eq!((days(1970, 1, 1), days(2024, 2, 29), days(2024, 3, 1)), (0, 19_782, 19_783));
        let ends = pairs(&[
            ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ("github-authentication-token-expiration", "2023-11-20 09:30:00 UTC"),
        ]);
        assert_eq!(expires_in_days(&ends), Some(6));
        assert_eq!(expires_in_days(&headers), None);
    }

    #[test]
    fn scopes_contain_others() {
        let held = pairs(&[("x-oauth-scopes", "repo, admin:org")]);
        assert!(missing_scopes(&held, &["repo", "repo:status", "public_repo", "read:org", "write:org"]).is_empty());
        assert_eq!(
            missing_scopes(&held, &["workflow", "read:packages", "repository"]),
            ["workflow", "read:packages", "repository"]
        );
        assert!(missing_scopes(&[], &["repo"]).is_empty(), "a token with permissions has no scopes to look at");
    }

    #[test]
    fn why_a_certificate_is_refused() {
        assert_eq!(untrusted("tls-unknown-issuer", true), Untrusted::NoRoots);
        assert_eq!(untrusted("tls-unknown-issuer", false), Untrusted::PrivateAuthority);
        assert_eq!(untrusted("tls-name-mismatch", false), Untrusted::OtherName);
        assert_eq!(untrusted("tls-not-yet-valid", false), Untrusted::Time);
        assert_eq!(untrusted("tls-handshake", false), Untrusted::Handshake);
        assert!(
            blames_certificate("tls-unknown-issuer", Some(false)) && blames_certificate("tls-handshake", Some(true))
        );
        assert!(!blames_certificate("tls-handshake", Some(false)), "it fails whoever judges");
        assert!(!blames_certificate("tls-handshake", None), "what was not tried proves nothing");
    }
}

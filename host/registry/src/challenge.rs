//! How a registry wants to be told who asks (RFC 7235, and the token flow of Docker's registry).

use http_auth::parse_challenges;
use hyper::HeaderMap;
use hyper::header::WWW_AUTHENTICATE;

/// What it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// Where tokens are had.
        realm: String,
        /// For whom.
        service: Option<String>,
    },
}

/// The challenge that is answered: a token where one is taken, as it goes to fewer places than a password.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = None;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(challenges) = value.to_str().map_err(drop).and_then(|text| parse_challenges(text).map_err(drop)) else {
            continue;
        };
        for one in challenges {
            let parameter = |name: &str| {
                let found = one.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if one.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                return Some(Challenge::Bearer { realm, service: parameter("service") });
            }
            if one.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
    }
    basic
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn read(values: &[&'static str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        challenge(&headers)
    }

    #[test]
    fn a_token_comes_before_a_password() {
        let bearer = r#"Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a:pull""#;
        let token =
            Challenge::Bearer { realm: "https://auth.example.com/token".into(), service: Some("registry".into()) };
        assert_eq!(read(&["Basic realm=\"x\"", bearer]), Some(token));
        assert_eq!(read(&["Basic realm=\"Registry Realm\""]), Some(Challenge::Basic));
        assert_eq!(read(&["Negotiate"]), None);
        assert_eq!(read(&["Bearer error=\"x\""]), None, "a token from nowhere");
        assert_eq!(read(&["\"\\"]), None);
        assert_eq!(read(&[]), None);
    }
}

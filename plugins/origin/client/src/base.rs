use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::fmt;

/// What may not stand in a path or query as it is (RFC 3986 section 3.3 and 3.4). A percent
/// sign may: a key that is a URL is encoded already.
const ENCODED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// The URL below which all values lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(String);

/// A URL that is no base; the text says why, and does not repeat credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongBase(pub String);

/// A key that names nothing below the base; the text says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongKey(pub String);

impl fmt::Display for WrongBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for WrongKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Base {
    /// Reads `https://HOST[:PORT][/PATH]`; a slash at the end has no meaning.
    ///
    /// # Errors
    /// It is no http or https URL, or holds credentials, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, WrongBase> {
        let text = text.trim().trim_end_matches('/');
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
            return Err(WrongBase(format!("`{text}` is no http or https URL; write https://HOST[:PORT][/PATH]")));
        };
        let authority = rest.split('/').next().unwrap_or(rest);
        if authority.contains('@') {
            return Err(WrongBase("the URL holds credentials; give them as the target's `credentials`".into()));
        }
        if rest.contains(['?', '#']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(WrongBase(format!("`{text}` has more than a host and a path")));
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL itself, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is spoken to over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// `host[:port]`.
    #[must_use]
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// `host:port`, the port given or that of the scheme.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        let authority = self.authority();
        let bare = authority.rsplit_once(':').is_none_or(|(_, port)| port.ends_with(']') || port.is_empty());
        let port = if self.is_https() { 443 } else { 80 };
        if bare { format!("{}:{port}", authority.trim_end_matches(':')) } else { authority.to_owned() }
    }

    /// Whether it is GitHub's own API, and not that of a GitHub Enterprise Server or
    /// anything else.
    #[must_use]
    pub fn is_github_com(&self) -> bool {
        self.authority().eq_ignore_ascii_case("api.github.com")
    }

    /// The URL of a key: a path below the base, or a whole URL that lies below it.
    ///
    /// *Behaviour*: characters that a URL cannot have are encoded, percent signs are
    /// left alone. What would lead out of the base is refused, not resolved: the token
    /// travels there.
    ///
    /// # Errors
    /// Another host, dots in place of a name, or a fragment.
    pub fn url(&self, key: &str) -> Result<String, WrongKey> {
        let path = if key.contains("://") {
            let below = key.strip_prefix(self.as_str()).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
            below.ok_or_else(|| WrongKey(format!("the key is a URL that does not lie below {}", self.0)))?
        } else {
            key
        };
        if path.contains('#') {
            return Err(WrongKey("a key has no fragment; write # as %23".into()));
        }
        let names = path.split('?').next().unwrap_or(path).split('/');
        let dots = |name: &str| matches!(name.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        if names.into_iter().any(dots) {
            return Err(WrongKey("a part of the key is `.` or `..`, which would lead elsewhere".into()));
        }
        let encoded = utf8_percent_encode(path.trim_start_matches('/'), ENCODED);
        Ok(if path.is_empty() || path.starts_with('?') {
            format!("{}{encoded}", self.0)
        } else {
            format!("{}/{encoded}", self.0)
        })
    }

    /// The key of a URL that a redirect leads to, when it lies below the base.
    #[must_use]
    pub fn key_of(&self, location: &str) -> Option<String> {
        let absolute = if location.starts_with('/') && !location.starts_with("//") {
            let origin = &self.0[..self.0.len() - self.0.split_once("://").map_or(0, |(_, rest)| rest.len())];
            format!("{origin}{}{location}", self.authority())
        } else {
            location.to_owned()
        };
        self.url(&absolute).ok().map(|_| absolute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        Base::parse(text).unwrap()
    }

    #[test]
    fn keys_are_paths_or_urls_below_the_base() {
        let ghes = base("https://ghe.example.com/api/v3/");
        for (key, url) in [
            ("repos/a/b", "https://ghe.example.com/api/v3/repos/a/b"),
            ("/repos/a/b?per_page=1&page=2", "https://ghe.example.com/api/v3/repos/a/b?per_page=1&page=2"),
            ("https://ghe.example.com/api/v3/user", "https://ghe.example.com/api/v3/user"),
            ("a b/ä/%2F", "https://ghe.example.com/api/v3/a%20b/%C3%A4/%2F"),
            ("a..b/.c", "https://ghe.example.com/api/v3/a..b/.c"),
        ] {
            assert_eq!(ghes.url(key).unwrap(), url, "{key}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_base() {
        let ghes = base("https://ghe.example.com/api/v3");
        for key in [
            "../admin",
            "a/../../x",
            "a/%2E%2e/x",
            "./a",
            "a#b",
            "https://evil.example.com/api/v3/x",
            "https://ghe.example.com/api/v3evil",
            "http://ghe.example.com/api/v3/x",
            "https://ghe.example.com/api/v3/../x",
        ] {
            assert!(ghes.url(key).is_err(), "{key}");
        }
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for text in ["", "api.github.com", "ftp://a", "https://", "https:///x", "https://a/?q", "https://a b"] {
            assert!(Base::parse(text).is_err(), "{text}");
        }
        assert!(!Base::parse("https://me:hunter2@a").unwrap_err().0.contains("hunter2"));
    }

    #[test]
    fn parts_of_a_base() {
        assert_eq!(base("https://api.github.com").host_and_port(), "api.github.com:443");
        assert_eq!(base("http://[::1]/x").host_and_port(), "[::1]:80");
        assert_eq!(base("http://[::1]:8080").host_and_port(), "[::1]:8080");
        assert!(
            base("https://API.github.com/").is_github_com() && !base("https://api.github.com.evil").is_github_com()
        );
    }

    #[test]
    fn redirects_are_followed_below_the_base_alone() {
        let ghes = base("https://ghe.example.com/api/v3");
        assert!(ghes.key_of("/api/v3/repositories/1").is_some());
        assert!(ghes.key_of("https://ghe.example.com/api/v3/repositories/1").is_some());
        for elsewhere in ["/login", "//evil.example.com/api/v3/x", "https://evil.example.com/", "x"] {
            let key = ghes.key_of(elsewhere);
            assert!(
                key.is_none() || ghes.url(&key.unwrap()).unwrap().starts_with("https://ghe.example.com/api/v3/"),
                "{elsewhere}"
            );
        }
    }
}

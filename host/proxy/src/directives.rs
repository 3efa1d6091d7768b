//! The directives of Cache-Control (RFC 9111 section 5.2).

use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, PRAGMA};
use std::time::Duration;

/// Directives of a message, names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    /// Those of Cache-Control; of a request without any, those that Pragma stands for.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        let mut all: Vec<_> = lines.flat_map(split).filter_map(|text| read(&text)).collect();
        let pragma = headers.get(PRAGMA).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if all.is_empty() && pragma.to_ascii_lowercase().contains("no-cache") {
            all.push(("no-cache".into(), None));
        }
        Self(all)
    }

    /// Whether there is one called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The seconds that `name` gives. What is no number counts as 0, the cautious reading.
    pub(crate) fn seconds(&self, name: &str) -> Option<Duration> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        let seconds = value.as_deref().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        Some(Duration::from_secs(seconds.into()))
    }

    /// Written in one line, names in lower case.
    pub(crate) fn line(&self) -> String {
        let one = |(name, value): &(String, Option<String>)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Splits at commas that are not in a quoted string.
fn split(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in line.chars() {
        match c {
            ',' if !quoted => {
                parts.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn read(text: &str) -> Option<(String, Option<String>)> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.trim().trim_matches('"').to_owned())),
        None => (text, None),
    };
    let name = name.trim().to_ascii_lowercase();
    (!name.is_empty()).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Directives {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, line.parse().unwrap());
        Directives::of(&headers)
    }

    #[test]
    fn names_have_no_case_and_quotes_hold_commas() {
        let read = of(r#"Private="a, no-store", MAX-AGE=60 , ,stale-if-error="30""#);
        assert!(read.has("private") && !read.has("no-store"));
        assert_eq!(read.seconds("max-age"), Some(Duration::from_secs(60)));
        assert_eq!(read.seconds("stale-if-error"), Some(Duration::from_secs(30)));
        assert_eq!((read.seconds("s-maxage"), of("max-age=x").seconds("max-age")), (None, Some(Duration::ZERO)));
        assert_eq!(of("No-Store, Max-Age=1").line(), "no-store, max-age=1");
    }

    #[test]
    fn pragma_stands_for_no_cache_where_there_is_nothing_else() {
        let mut headers = HeaderMap::new();
        headers.insert(PRAGMA, "No-Cache".parse().unwrap());
        assert!(Directives::of(&headers).has("no-cache"));
        headers.insert(CACHE_CONTROL, "max-age=1".parse().unwrap());
        assert!(!Directives::of(&headers).has("no-cache"));
    }
}

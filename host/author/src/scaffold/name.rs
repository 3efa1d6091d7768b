use std::fmt;

/// The word that ids of checks begin with where the author gives none: to be replaced, as
/// `example.com` is.
const DOMAIN: &str = "acme";
/// Packages and files are called so, and no registry takes more.
const MAX: usize = 60;

/// What a new plugin is called: `redis-reach`, or `acme/redis-reach` with the domain of its ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginName {
    domain: String,
    name: String,
}

/// Why something is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is no name for a plugin: {why}; names are like `redis-reach`, or `acme/redis-reach` with the domain of your checks' ids"
)]
pub struct NameError {
    name: String,
    why: String,
}

impl PluginName {
    /// Reads `NAME` or `DOMAIN/NAME`, both in lower-kebab-case.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (domain, name) = text.split_once('/').unwrap_or((DOMAIN, text));
        let wrong = |why: String| NameError { name: text.into(), why };
        for (what, part) in [("the domain", domain), ("the name", name)] {
            if let Some(why) = flaw(part) {
                return Err(wrong(format!("{what} {why}")));
            }
        }
        if RESERVED.contains(&name) {
            return Err(wrong(format!("`{name}` means something else to Rust")));
        }
        Ok(Self { domain: domain.into(), name: name.into() })
    }

    /// In lower-kebab-case.
    #[must_use]
    pub fn kebab(&self) -> &str {
        &self.name
    }

    /// The first half of its checks' ids.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// `Redis Reach`.
    pub(super) fn title(&self) -> String {
        let words = self.name.split('-').map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What no crate can be called.
const RESERVED: [&str; 42] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move",
    "mut", "priv", "pub", "ref", "return", "self", "static", "std", "struct", "super", "test", "trait", "true", "type",
];

fn flaw(part: &str) -> Option<String> {
    if part.is_empty() {
        return Some("is empty".into());
    }
    if part.len() > MAX {
        return Some(format!("is longer than {MAX} characters"));
    }
    if let Some(other) = part.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        let hint = if other.is_ascii_uppercase() {
            "use lower case"
        } else if matches!(other, '_' | ' ') {
            "use `-` between words"
        } else {
            "use a to z, 0 to 9 and `-`"
        };
        return Some(format!("has `{other}`; {hint}"));
    }
    if !part.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("does not begin with a letter".into());
    }
    // WIT wants a letter after each hyphen, and so do names of classes.
    if part.split('-').any(|word| !word.starts_with(|c: char| c.is_ascii_lowercase())) {
        return Some("has a `-` without a letter after it".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_forms_that_texts_want() {
        let name = PluginName::parse("redis-reach2").unwrap();
        assert_eq!((name.domain(), name.kebab()), ("acme", "redis-reach2"));
        assert_eq!((name.to_string(), name.title()), ("redis-reach2".into(), "Redis Reach2".into()));
        assert_eq!(PluginName::parse("team-a/x").unwrap().domain(), "team-a");
    }

    #[test]
    fn what_is_wrong_with_a_name_is_said() {
        for (name, why) in [
            ("", "is empty"),
            ("/x", "the domain is empty"),
            ("a/", "the name is empty"),
            ("Redis", "use lower case"),
            ("redis_reach", "use `-`"),
            ("a/b/c", "has `/`"),
            ("../x", "has `.`"),
            ("2x", "begin with a letter"),
            ("-x", "begin with a letter"),
            ("x--y", "without a letter"),
            ("x-", "without a letter"),
            ("x-2", "without a letter"),
            ("crate", "something else"),
            ("ä", "use a to z"),
        ] {
            let error = PluginName::parse(name).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
        assert!(PluginName::parse(&"x".repeat(61)).unwrap_err().to_string().contains("60"));
    }
}

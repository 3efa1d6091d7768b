//! YAML, written. Every text is quoted as JSON quotes it, which YAML 1.2 takes, so
//! nothing in it can be read as anything but a text.

use serde_json::Value;
use std::fmt::Write as _;

/// Lines with their indentation.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// One line, `depth` steps of two blanks in.
    pub(crate) fn line(&mut self, depth: usize, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{:1$}{text}", "", depth * 2);
    }

    /// A key with a text.
    pub(crate) fn pair(&mut self, depth: usize, key: &str, value: &str) {
        self.line(depth, &format!("{}: {}", self::key(key), quoted(value)));
    }

    /// A key with texts, one a line; nothing for none.
    pub(crate) fn list<'a>(&mut self, depth: usize, key: &str, values: impl IntoIterator<Item = &'a str>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            self.line(depth, &format!("{key}:"));
            values.for_each(|value| self.line(depth + 1, &format!("- {}", quoted(value))));
        }
    }

    pub(crate) fn end(self) -> String {
        self.text
    }
}

/// A text between double quotes.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A key, quoted unless it is a plain name.
pub(crate) fn key(text: &str) -> String {
    let plain = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        );
    if plain { text.to_owned() } else { quoted(text) }
}

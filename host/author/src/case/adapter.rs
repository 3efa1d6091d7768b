use super::{Call, like};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One thing that is done with an adapter, and what it is to answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Deed {
    /// What is done.
    pub operation: Operation,
    /// For all but `open` and `list`.
    #[serde(default)]
    pub key: String,
    /// For `put`.
    pub value: Option<Wanted>,
    /// For `list`.
    #[serde(default)]
    pub prefix: String,
    /// For `list`; a thousand without it.
    pub limit: Option<u32>,
    /// What the host answers meanwhile.
    #[serde(default)]
    pub call: Vec<Call>,
    /// What the adapter is to answer.
    pub expect: Expected,
}

/// An operation of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are those of the WIT")]
pub enum Operation {
    Open,
    Get,
    Put,
    Stat,
    Invalidate,
    List,
}

/// A value, or what is to be seen of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wanted {
    /// A text, or `{ base64 = ".." }`.
    pub bytes: Option<Value>,
    /// Remaining life in milliseconds.
    pub ttl: Option<u64>,
    /// Compared as far as it is written.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// What an adapter is to answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expected {
    /// `get` finds this value.
    Hit(Wanted),
    /// There is nothing.
    Miss(bool),
    /// It succeeded.
    Done(bool),
    /// It failed: `kind`, `retry`, `operation`, `message`, `context`, as far as written.
    Error(Map<String, Value>),
    /// `open` answers these: `operations`, `properties`, `limits`, as far as written.
    Capability(Map<String, Value>),
    /// `stat` finds this: `size`, `details`, as far as written.
    Entry(Map<String, Value>),
    /// `list` answers these keys.
    Entries(Vec<String>),
}

impl Expected {
    /// Compares with what was answered; the error says what it is instead. Values are JSON with
    /// the names of the WIT.
    ///
    /// # Errors
    /// One line for each difference.
    pub fn compare(&self, answered: &Answered) -> Result<(), Vec<String>> {
        let differences = match (self, answered) {
            (Self::Miss(true), Answered::Miss) | (Self::Done(true), Answered::Done) => Vec::new(),
            (Self::Hit(wanted), Answered::Hit { bytes, ttl, metadata }) => hit(wanted, bytes, *ttl, metadata),
            (Self::Error(wanted), Answered::Error(value))
            | (Self::Capability(wanted), Answered::Capability(value))
            | (Self::Entry(wanted), Answered::Entry(value)) => fields(wanted, value),
            (Self::Entries(wanted), Answered::Entries(keys)) if wanted == keys => Vec::new(),
            (Self::Entries(wanted), Answered::Entries(keys)) => {
                vec![format!("keys: [{}] are expected, and there are [{}]", wanted.join(", "), keys.join(", "))]
            }
            (wanted, answered) => vec![format!("{} is expected, and it is {answered}", wanted.word())],
        };
        if differences.is_empty() { Ok(()) } else { Err(differences) }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Hit(_) => "a hit",
            Self::Miss(_) => "a miss",
            Self::Done(_) => "success",
            Self::Error(_) => "an error",
            Self::Capability(_) => "a capability",
            Self::Entry(_) => "an entry",
            Self::Entries(_) => "a list of entries",
        }
    }
}

/// What an adapter answered.
#[derive(Clone, Debug)]
pub enum Answered {
    /// A value.
    Hit {
        /// The bytes.
        bytes: Vec<u8>,
        /// Remaining life.
        ttl: Option<u64>,
        /// With it.
        metadata: BTreeMap<String, String>,
    },
    /// Nothing.
    Miss,
    /// Success.
    Done,
    /// `kind`, `retry`, `operation`, `message`, `context`.
    Error(Value),
    /// `operations`, `properties`, `limits`.
    Capability(Value),
    /// `size`, `details`.
    Entry(Value),
    /// Keys.
    Entries(Vec<String>),
}

impl std::fmt::Display for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hit { bytes, .. } => write!(f, "a hit of {} bytes", bytes.len()),
            Self::Miss => f.write_str("a miss"),
            Self::Done => f.write_str("success"),
            Self::Error(error) => {
                let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
                write!(f, "the error {}: {}", text("kind"), text("message"))
            }
            Self::Capability(value) => write!(f, "the capability {value}"),
            Self::Entry(value) => write!(f, "the entry {value}"),
            Self::Entries(keys) => write!(f, "the entries [{}]", keys.join(", ")),
        }
    }
}

fn hit(wanted: &Wanted, bytes: &[u8], ttl: Option<u64>, metadata: &BTreeMap<String, String>) -> Vec<String> {
    let mut differences = Vec::new();
    match wanted.bytes.as_ref().map(super::plan::bytes) {
        Some(Ok(wanted)) if wanted != bytes => differences.push(format!(
            "bytes: \"{}\" is expected, and it is \"{}\"",
            wanted.escape_ascii(),
            bytes.escape_ascii()
        )),
        Some(Err(wrong)) => differences.push(wrong),
        _ => {}
    }
    if wanted.ttl.is_some() && wanted.ttl != ttl {
        differences.push(format!("ttl: {:?} is expected, and it is {ttl:?}", wanted.ttl));
    }
    for (key, value) in &wanted.metadata {
        if metadata.get(key) != Some(value) {
            differences.push(format!("metadata {key}: {value:?} is expected, and it is {:?}", metadata.get(key)));
        }
    }
    differences
}

/// What of `wanted` is not so in `value`.
pub(super) fn fields(wanted: &Map<String, Value>, value: &Value) -> Vec<String> {
    let differs = |(key, wanted): (&String, &Value)| {
        let actual = value.get(key).unwrap_or(&Value::Null);
        let same = match (wanted, actual) {
            (Value::String(pattern), Value::String(text)) => like(pattern, text),
            (Value::Object(wanted), actual @ Value::Object(_)) => fields(wanted, actual).is_empty(),
            // A number may stand for its text.
            (wanted, Value::String(text)) => wanted.to_string().as_str() == text,
            (wanted, actual) => wanted == actual,
        };
        (!same).then(|| format!("{key}: {wanted} is expected, and it is {actual}"))
    };
    wanted.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expected(text: &str) -> Expected {
        #[derive(Deserialize)]
        struct Line {
            expect: Expected,
        }
        toml::from_str::<Line>(text).unwrap().expect
    }

    #[test]
    fn a_miss_is_no_error_and_an_error_no_miss() {
        let error = Answered::Error(json!({ "kind": "timed-out", "message": "no answer", "context": { "a": "1" } }));
        assert!(expected("expect = { miss = true }").compare(&Answered::Miss).is_ok());
        assert!(expected("expect = { miss = true }").compare(&error).unwrap_err()[0].contains("timed-out"));
        assert!(expected("expect = { error = { kind = 'timed-out', context = { a = 1 } } }").compare(&error).is_ok());
        assert!(expected("expect = { error = { kind = 'denied' } }").compare(&error).is_err());
        assert!(expected("expect = { error = { kind = 'denied' } }").compare(&Answered::Miss).is_err());
    }

    #[test]
    fn a_value_is_compared_as_far_as_it_is_written() {
        let hit = Answered::Hit { bytes: b"v".to_vec(), ttl: Some(5), metadata: [("a".into(), "1".into())].into() };
        assert!(expected("expect = { hit = { bytes = 'v' } }").compare(&hit).is_ok());
        assert!(expected("expect = { hit = { bytes = { base64 = 'dg==' }, ttl = 5 } }").compare(&hit).is_ok());
        assert!(expected("expect = { hit = { bytes = 'w' } }").compare(&hit).is_err());
        assert!(expected("expect = { hit = { metadata = { a = '2' } } }").compare(&hit).is_err());
    }
}

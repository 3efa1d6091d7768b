//! Case files of `plugin test`: what a component is given, what the host answers, and what
//! it is to say. A case is read, made into a plan for the engine, and judged; running it is
//! the engine's.

mod adapter;
mod judge;
mod junit;
mod plan;
mod update;

pub use adapter::{Answered, Deed, Expected, Operation, Wanted};
pub use judge::{Verdict, judge};
pub use junit::junit;
pub use plan::{CaseError, Prepared, prepare};
pub use update::{UpdateError, updated};

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A case as it is written. Every field but `expect` (or `do`) may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Case {
    /// What is shown, for people.
    #[serde(default)]
    pub title: String,
    /// Which check of the component; may be left out where it has one.
    pub check: Option<String>,
    /// The check's settings.
    #[serde(default = "nothing")]
    pub with: Value,
    /// Addresses of the only target.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Targets with more than addresses.
    #[serde(default)]
    pub target: Vec<Target>,
    /// The variables that are set; names that stand for secrets stay secret.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What the clock says at first, RFC 3339; 2026-01-01T00:00:00Z without it.
    pub now: Option<String>,
    /// Time for the attempt, e.g. "5s"; five seconds without it.
    pub timeout: Option<String>,
    /// A recording of `seaworthy run --record`, relative to the case, in place of `call`.
    pub recording: Option<PathBuf>,
    /// Which check of the recording, by its id in checks.toml; may be left out where it has one.
    pub step: Option<String>,
    /// What the host answers, in the order in which it is asked.
    #[serde(default)]
    pub call: Vec<Call>,
    /// What the check is to say.
    pub expect: Option<Expect>,
    /// An adapter's configuration.
    #[serde(default = "nothing")]
    pub config: Value,
    /// What is done with an adapter, in order.
    #[serde(default)]
    pub r#do: Vec<Deed>,
}

/// What a check looks at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// Name in checks.toml; "target" without it.
    #[serde(default)]
    pub label: String,
    /// "tcp", "http", ...; "tcp" without it.
    #[serde(default)]
    pub kind: String,
    /// As they would be configured.
    pub addresses: Vec<String>,
    /// Anything else configured for it.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

/// One host call.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Call {
    /// `net/tcp.connect`: interface and function of the WIT.
    pub function: String,
    /// Arguments by parameter name; only what is written is compared.
    #[serde(default = "nothing")]
    pub asked: Value,
    /// The answer as in the WIT; what is left out is 0, "", [] or none.
    #[serde(default)]
    pub answer: Value,
    /// What is refused during the call, as a policy without the grant would.
    #[serde(default)]
    pub denied: Vec<Denied>,
}

/// A grant that is missing.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Denied {
    /// `net`, `env`, ...
    pub capability: String,
    /// What was wanted.
    pub wanted: String,
}

/// What a check is to say. Texts may hold `[..]` for anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// `pass`, `warn`, `fail`, `skip` or `error`.
    pub status: String,
    /// The line for people.
    pub message: Option<String>,
    /// All findings in order, of each what is written.
    #[serde(default)]
    pub findings: Vec<Map<String, Value>>,
    /// All facts with their values.
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// What is wrong, with its line; or that it expects nothing, so that it could not fail.
    pub fn read(text: &str) -> Result<Self, String> {
        let case: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if case.expect.is_none() && case.r#do.is_empty() {
            return Err("it expects nothing: write `[expect]` for a check, `[[do]]` for an adapter".into());
        }
        if case.expect.is_some() && !case.r#do.is_empty() {
            return Err("`[expect]` is about a check and `[[do]]` about an adapter; write one of them".into());
        }
        if case.recording.is_some() && !case.call.is_empty() {
            return Err("`recording` stands in place of `[[call]]`; write one of them".into());
        }
        if !case.targets.is_empty() && !case.target.is_empty() {
            return Err("`targets` is short for one `[[target]]`; write one of them".into());
        }
        Ok(case)
    }
}

/// Whether `text` is as `pattern` says, in which `[..]` stands for anything.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut rest = rest;
    let mut last = None;
    for part in parts {
        match rest.find(part) {
            Some(at) => {
                last = Some(part);
                rest = &rest[at + part.len()..];
            }
            None => return false,
        }
    }
    match last {
        None => rest.is_empty(),
        Some(end) => end.is_empty() || text.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_could_not_fail_is_refused() {
        assert!(Case::read("title = 'x'").unwrap_err().contains("expects nothing"));
        assert!(Case::read("[expect]\nstatus = 'pass'\n[[do]]\noperation = 'open'\nexpect = { done = true }").is_err());
        let unknown = Case::read("[expect]\nstatus = 'pass'\nfindigs = []").unwrap_err();
        assert!(unknown.contains("findigs") && unknown.contains("3"), "{unknown}");
        assert!(Case::read("[expect]\nstatus = 'pass'").is_ok());
    }

    #[test]
    fn a_wildcard_stands_for_anything() {
        for (pattern, text) in [("a", "a"), ("a[..]", "abc"), ("[..]c", "abc"), ("a[..]c", "abc"), ("[..]b[..]", "abc")]
        {
            assert!(like(pattern, text), "{pattern} is not like {text}");
        }
        for (pattern, text) in
            [("a", "ab"), ("a[..]", "b"), ("[..]c", "abcd"), ("a[..]c", "ab"), ("a[..]x[..]c", "abc")]
        {
            assert!(!like(pattern, text), "{pattern} is like {text}");
        }
    }
}

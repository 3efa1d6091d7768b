use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The WIT version that the SDKs generate bindings for.
pub const WIT_VERSION: &str = "0.1.0";

/// What `check.toml` or `adapter.toml` declares.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The descriptor, as the component returns it from `describe`.
    pub descriptor: String,
    /// Whether it is of an adapter.
    pub adapter: bool,
    /// Codes of findings, each once.
    pub codes: Vec<Declared>,
    /// Keys of facts, each once.
    pub facts: Vec<Declared>,
}

/// A code or a fact that a check may report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// As reports have it, e.g. `tcp.refused`.
    pub key: String,
    /// As programs have it, e.g. `TCP_REFUSED`.
    pub constant: String,
    /// The declared level of a code; empty for a fact.
    pub level: String,
    /// What people read of it.
    pub title: String,
}

impl Manifest {
    /// Reads the text of a manifest; `version` is the component's.
    ///
    /// # Errors
    /// What is wrong with it, naming the key.
    pub fn read(text: &str, version: &str) -> Result<Self, String> {
        let mut root: serde_json::Value = toml::from_str(text).map_err(|e| e.to_string())?;
        let table = root.as_object_mut().ok_or("not a table")?;
        table.insert("schema_version".into(), 1.into());
        table.insert("version".into(), version.into());
        table.insert("wit".into(), WIT_VERSION.into());
        rename(table, "request", "requests");
        let checks = table.remove("check");
        let adapter = checks.is_none();
        if let Some(checks) = checks {
            table.insert("kind".into(), "check".into());
            table.insert("checks".into(), checks);
        } else {
            table.insert("kind".into(), "adapter".into());
        }
        let (mut codes, mut facts) = (Vec::new(), Vec::new());
        let (mut known_codes, mut known_facts) = (BTreeSet::new(), BTreeSet::new());
        for check in table.get_mut("checks").and_then(|c| c.as_array_mut()).into_iter().flatten() {
            let check = check.as_object_mut().ok_or("`check` is not a table")?;
            for (one, many) in [("request", "requests"), ("fact", "facts"), ("code", "codes")] {
                rename(check, one, many);
            }
            for code in check.get("codes").and_then(|c| c.as_array()).into_iter().flatten() {
                let (key, level, title) = (field(code, "code")?, field(code, "level")?, field(code, "title")?);
                if known_codes.insert(key.to_owned()) {
                    codes.push(Declared::new(key, level, title));
                }
            }
            for fact in check.get("facts").and_then(|c| c.as_array()).into_iter().flatten() {
                let (key, title) = (field(fact, "key")?, field(fact, "description")?);
                if known_facts.insert(key.to_owned()) {
                    facts.push(Declared::new(key, "", title));
                }
            }
        }
        Ok(Self { descriptor: root.to_string(), adapter, codes, facts })
    }

    /// The constants as Rust, for the check SDK.
    pub(crate) fn rust(&self) -> String {
        if self.adapter {
            return String::new();
        }
        let mut rust = String::from(
            "/// Codes that the descriptor declares.\npub mod codes {\n    use seaworthy_check_sdk::Code;\n",
        );
        for Declared { key, constant, level, title } in &self.codes {
            let _ = writeln!(
                rust,
                "    /// {title}\n    pub const {constant}: Code = Code {{ code: {key:?}, level: {level:?} }};"
            );
        }
        rust.push_str("}\n/// Facts that the descriptor declares.\npub mod facts {\n");
        for Declared { key, constant, title, .. } in &self.facts {
            let _ = writeln!(rust, "    /// {title}\n    pub const {constant}: &str = {key:?};");
        }
        rust + "}\n"
    }
}

impl Declared {
    fn new(key: &str, level: &str, title: &str) -> Self {
        let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        Self { key: key.into(), constant: key.chars().map(upper).collect(), level: level.into(), title: title.into() }
    }
}

fn rename(table: &mut serde_json::Map<String, serde_json::Value>, from: &str, to: &str) {
    if let Some(value) = table.remove(from) {
        table.insert(to.into(), value);
    }
}

fn field<'a>(value: &'a serde_json::Value, key: &str) -> Result<&'a str, String> {
    value.get(key).and_then(|v| v.as_str()).ok_or_else(|| format!("an entry lacks `{key}`: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_becomes_descriptor_and_constants() {
        let manifest = Manifest::read(
            "name='x'\n[[check]]\nid='net/x'\ntitle='X'\nsummary='s'\n[[check.code]]\ncode='a.b-c'\nlevel='fail'\ntitle='T'\n[[check.fact]]\nkey='rtt-ms'\ndescription='d'",
            "1.2.3",
        )
        .unwrap();
        let json = &manifest.descriptor;
        assert!(
            json.contains(r#""kind":"check""#)
                && json.contains(r#""version":"1.2.3""#)
                && json.contains(r#""codes":[{"#)
        );
        let rust = manifest.rust();
        assert!(rust.contains(r#"pub const A_B_C: Code = Code { code: "a.b-c", level: "fail" };"#));
        assert!(rust.contains(r#"pub const RTT_MS: &str = "rtt-ms";"#));
    }

    #[test]
    fn an_adapter_has_no_constants() {
        let manifest = Manifest::read("name='x'", "1").unwrap();
        assert!(manifest.adapter && manifest.rust().is_empty() && manifest.descriptor.contains(r#""kind":"adapter""#));
    }

    #[test]
    fn a_missing_key_is_named() {
        assert!(Manifest::read("name='x'\n[[check]]\n[[check.code]]\ncode='a'", "1").unwrap_err().contains("`level`"));
    }
}

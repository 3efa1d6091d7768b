//! Build-time half of the SDKs: turns `check.toml` (or `adapter.toml`) into the
//! JSON descriptor that the component returns from `describe`, and into constants
//! for the codes and facts it declares. A check can only report what it declared,
//! and a misspelt code is a compile error.
//!
//! The whole `main` of a check's `build.rs`:
//! ```no_run
//! seaworthy_check_build::generate("check.toml");
//! ```

use std::fmt::Write as _;
use std::path::Path;

/// The WIT version that this SDK generates bindings for.
pub const WIT_VERSION: &str = "0.1.0";

/// Bytes of a component's stack. rustc's default of 1 MiB would put every stack far from
/// the data, and the host wipes and keeps the first pages of a memory for its next user.
const STACK: u32 = 128 << 10;

/// Reads `manifest` beside `Cargo.toml` and writes `descriptor.json` and
/// `descriptor.rs` into `OUT_DIR`. Gives the component a stack of 128 KiB.
///
/// *Behaviour*: a manifest that cannot be read or lacks a key ends the build with
/// a message that names the file and the key.
pub fn generate(manifest: &str) {
    println!("cargo::rerun-if-changed={manifest}");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
    if let Err(message) = try_generate(manifest) {
        println!("cargo::error={manifest}: {message}");
        std::process::exit(1);
    }
}

fn try_generate(manifest: &str) -> Result<(), String> {
    let env = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set; call this from build.rs"));
    let root = env("CARGO_MANIFEST_DIR")?;
    let out = env("OUT_DIR")?;
    let text = std::fs::read_to_string(Path::new(&root).join(manifest)).map_err(|e| e.to_string())?;
    let (json, rust) = convert(&text, &env("CARGO_PKG_VERSION")?)?;
    std::fs::write(Path::new(&out).join("descriptor.json"), json).map_err(|e| e.to_string())?;
    std::fs::write(Path::new(&out).join("descriptor.rs"), rust).map_err(|e| e.to_string())
}

/// The descriptor as JSON, and the constants as Rust.
fn convert(text: &str, version: &str) -> Result<(String, String), String> {
    let mut root: serde_json::Value = toml::from_str(text).map_err(|e| e.to_string())?;
    let table = root.as_object_mut().ok_or("not a table")?;
    table.insert("schema_version".into(), 1.into());
    table.insert("version".into(), version.into());
    table.insert("wit".into(), WIT_VERSION.into());
    rename(table, "request", "requests");
    if let Some(checks) = table.remove("check") {
        table.insert("kind".into(), "check".into());
        table.insert("checks".into(), checks);
    } else {
        table.insert("kind".into(), "adapter".into());
    }
    let mut rust =
        String::from("/// Codes that the descriptor declares.\npub mod codes {\n    use seaworthy_check_sdk::Code;\n");
    let mut facts = String::from("/// Facts that the descriptor declares.\npub mod facts {\n");
    let mut seen = std::collections::BTreeSet::new();
    for check in table.get_mut("checks").and_then(|c| c.as_array_mut()).into_iter().flatten() {
        let check = check.as_object_mut().ok_or("`check` is not a table")?;
        for (one, many) in [("request", "requests"), ("fact", "facts"), ("code", "codes")] {
            rename(check, one, many);
        }
        for code in check.get("codes").and_then(|c| c.as_array()).into_iter().flatten() {
            let (name, level) = (field(code, "code")?, field(code, "level")?);
            if seen.insert(name.to_owned()) {
                let _ = writeln!(
                    rust,
                    "    /// {}\n    pub const {}: Code = Code {{ code: {name:?}, level: {level:?} }};",
                    field(code, "title")?,
                    constant(name)
                );
            }
        }
        for fact in check.get("facts").and_then(|c| c.as_array()).into_iter().flatten() {
            let key = field(fact, "key")?;
            if seen.insert(format!("fact {key}")) {
                let _ = writeln!(
                    facts,
                    "    /// {}\n    pub const {}: &str = {key:?};",
                    field(fact, "description")?,
                    constant(key)
                );
            }
        }
    }
    rust.push_str("}\n");
    facts.push_str("}\n");
    if root.get("kind").and_then(|k| k.as_str()) == Some("adapter") {
        rust.clear();
        facts.clear();
    }
    Ok((root.to_string(), rust + &facts))
}

fn rename(table: &mut serde_json::Map<String, serde_json::Value>, from: &str, to: &str) {
    if let Some(value) = table.remove(from) {
        table.insert(to.into(), value);
    }
}

fn field<'a>(value: &'a serde_json::Value, key: &str) -> Result<&'a str, String> {
    value.get(key).and_then(|v| v.as_str()).ok_or_else(|| format!("an entry lacks `{key}`: {value}"))
}

fn constant(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_becomes_descriptor_and_constants() {
        let (json, rust) = convert(
            "name='x'\n[[check]]\nid='net/x'\ntitle='X'\nsummary='s'\n[[check.code]]\ncode='a.b-c'\nlevel='fail'\ntitle='T'\n[[check.fact]]\nkey='rtt-ms'\ndescription='d'",
            "1.2.3",
        )
        .unwrap();
        assert!(
            json.contains(r#""kind":"check""#)
                && json.contains(r#""version":"1.2.3""#)
                && json.contains(r#""codes":[{"#)
        );
        assert!(rust.contains(r#"pub const A_B_C: Code = Code { code: "a.b-c", level: "fail" };"#));
        assert!(rust.contains(r#"pub const RTT_MS: &str = "rtt-ms";"#));
    }

    #[test]
    fn a_missing_key_is_named() {
        assert!(convert("name='x'\n[[check]]\n[[check.code]]\ncode='a'", "1").unwrap_err().contains("`level`"));
    }
}

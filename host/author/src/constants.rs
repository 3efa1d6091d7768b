//! What a Python or JavaScript project has of its manifest: the description, and a constant
//! for each code and fact. A misspelt one cannot be imported, so it ends the build. (Rust
//! has the same from `build.rs`.)

use crate::project::{Language, Project, ProjectError};
use seaworthy_check_build::{Declared, Manifest};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Why they could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConstantsError {
    /// The project is wrong.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// They cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Writes the module of the constants where it is not what the manifest says already.
///
/// # Errors
/// When the manifest is wrong, or the file cannot be written.
pub(crate) fn write(project: &Project) -> Result<(), ConstantsError> {
    let file = match project.language {
        Language::Rust => return Ok(()),
        Language::Python => "src/manifest.py",
        Language::JavaScript => "src/manifest.js",
    };
    let manifest = project.manifest()?;
    unambiguous(&manifest).map_err(|why| ProjectError::Wrong {
        file: project.folder.join(project.kind.manifest()).display().to_string(),
        why,
    })?;
    let head = format!("Made from {} by `seaworthy plugin build`: do not edit.", project.kind.manifest());
    let text = match project.language {
        Language::Python => python(&manifest, &head),
        _ => javascript(&manifest, &head),
    };
    let path = project.folder.join(file);
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
    written.map_err(|source| ConstantsError::Write { path: path.display().to_string(), source })
}

/// Codes and facts share a module, so no two may have one name.
fn unambiguous(manifest: &Manifest) -> Result<(), String> {
    let mut known = BTreeMap::new();
    for Declared { key, constant, .. } in manifest.codes.iter().chain(&manifest.facts) {
        if let Some(other) = known.insert(constant, key) {
            return Err(format!(
                "`{other}` and `{key}` would both be the constant {constant}; call one of them differently"
            ));
        }
        if constant == "DESCRIPTOR" || !constant.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(format!("`{key}` cannot be the constant {constant}; call it differently"));
        }
    }
    Ok(())
}

fn python(manifest: &Manifest, head: &str) -> String {
    let mut text = format!("\"\"\"{head}\"\"\"\n\nfrom typing import Final\n");
    if !manifest.adapter {
        text.push_str("\nfrom seaworthy_check import Code, Fact\n");
    }
    // JSON's quotes and escapes are Python's too.
    let _ = write!(text, "\nDESCRIPTOR: Final = {}\n", quoted(&manifest.descriptor));
    for Declared { key, constant, level, title } in &manifest.codes {
        let _ = write!(text, "\n#: {}\n{constant}: Final = Code({}, {})\n", line(title), quoted(key), quoted(level));
    }
    for Declared { key, constant, title, .. } in &manifest.facts {
        let _ = write!(text, "\n#: {}\n{constant}: Final = Fact({})\n", line(title), quoted(key));
    }
    text
}

fn javascript(manifest: &Manifest, head: &str) -> String {
    let mut text = format!("// {head}\n\nexport const DESCRIPTOR = {};\n", quoted(&manifest.descriptor));
    let comment = |title: &str| line(title).replace("*/", "* /");
    for Declared { key, constant, level, title } in &manifest.codes {
        let _ = write!(
            text,
            "\n/**\n * {}\n *\n * @type {{import(\"seaworthy-check\").Code}}\n */\nexport const {constant} = {{ code: {}, level: {} }};\n",
            comment(title),
            quoted(key),
            quoted(level)
        );
    }
    for Declared { key, constant, title, .. } in &manifest.facts {
        let _ = write!(text, "\n/** {} */\nexport const {constant} = {{ key: {} }};\n", comment(title), quoted(key));
    }
    text
}

/// A text as JSON has it, which is as both languages have it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(codes: &str) -> Manifest {
        Manifest::read(&format!("name = 'x'\n[[check]]\nid = 'a/x'\n{codes}"), "1.0.0").unwrap()
    }

    #[test]
    fn every_code_and_fact_is_a_constant() {
        let manifest = manifest(
            "[[check.code]]\ncode = 'x.is-\"down\"'\nlevel = 'warn'\ntitle = '''It */\nis'''\n[[check.fact]]\nkey = 'rtt-ms'\ndescription = 'd'",
        );
        let python = python(&manifest, "head");
        for part in [
            "\"\"\"head\"\"\"",
            "#: It */ is\nX_IS__DOWN_: Final = Code(\"x.is-\\\"down\\\"\", \"warn\")",
            "RTT_MS: Final = Fact(\"rtt-ms\")",
        ] {
            assert!(python.contains(part), "{part}\n{python}");
        }
        let javascript = javascript(&manifest, "head");
        for part in [
            " * It * / is\n",
            "export const X_IS__DOWN_ = { code: \"x.is-\\\"down\\\"\", level: \"warn\" };",
            "export const RTT_MS = { key: \"rtt-ms\" };",
        ] {
            assert!(javascript.contains(part), "{part}\n{javascript}");
        }
    }

    #[test]
    fn two_things_of_one_name_are_refused() {
        let clash = manifest(
            "[[check.code]]\ncode = 'x.y'\nlevel = 'fail'\ntitle = 't'\n[[check.fact]]\nkey = 'x-y'\ndescription = 'd'",
        );
        let why = unambiguous(&clash).unwrap_err();
        assert!(why.contains("`x.y` and `x-y`") && why.contains("X_Y"), "{why}");
        let taken = manifest("[[check.fact]]\nkey = 'descriptor'\ndescription = 'd'");
        assert!(unambiguous(&taken).is_err());
        let number = manifest("[[check.fact]]\nkey = '5xx'\ndescription = 'd'");
        assert!(unambiguous(&number).is_err());
    }
}

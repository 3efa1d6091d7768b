use super::programs::asked;
use super::{BuildError, Programs, io};
use crate::project::{Language, Project};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-wasip2";
/// What is meant for the user's other programs and would break a component. (`CARGO_TARGET_DIR` is respected.)
const NOT_FOR_GUESTS: [&str; 5] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WORKSPACE_WRAPPER"];

pub(super) fn build(project: &Project, programs: &Programs, fresh: &Path) -> Result<(), BuildError> {
    let (cargo, rustc) = (tool(programs, "cargo")?, tool(programs, "rustc")?);
    require_target(&rustc, programs, project)?;
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .current_dir(&project.folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    for name in NOT_FOR_GUESTS {
        command.env_remove(name);
    }
    // Cargo says on stdout where it left what, and to people on stderr what it does.
    let output = command.output().map_err(|source| BuildError::Io { what: "cannot start cargo".into(), source })?;
    if !output.status.success() {
        return Err(BuildError::Failed { tool: "cargo build".into(), hint: String::new() });
    }
    let component = artifact(&String::from_utf8_lossy(&output.stdout), &project.folder).ok_or_else(|| {
        BuildError::NoComponent(
            "cargo made no component: `crate-type` in [lib] of Cargo.toml has to contain \"cdylib\"".into(),
        )
    })?;
    std::fs::copy(&component, fresh).map_err(|source| io(&component, source))?;
    Ok(())
}

fn tool(programs: &Programs, name: &str) -> Result<PathBuf, BuildError> {
    programs.find(name).ok_or_else(|| BuildError::Missing {
        what: name.into(),
        language: Language::Rust,
        get: match programs.beside_path(name) {
            Some(file) => format!("adding {} to PATH", file.parent().unwrap_or(&file).display()),
            None => "curl https://sh.rustup.rs -sSf | sh".into(),
        },
    })
}

fn require_target(rustc: &Path, programs: &Programs, project: &Project) -> Result<(), BuildError> {
    let folder = asked(rustc, &["--print", "target-libdir", "--target", TARGET], &project.folder);
    if folder.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    let get = match programs.find("rustup") {
        Some(_) => format!("rustup target add {TARGET}"),
        None => format!("installing Rust by rustup (https://rustup.rs) and `rustup target add {TARGET}`"),
    };
    Err(BuildError::Missing { what: format!("the Rust target {TARGET}"), language: Language::Rust, get })
}

/// The component among what cargo says that it made.
fn artifact(messages: &str, folder: &Path) -> Option<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let manifest = manifest.canonicalize().unwrap_or(manifest);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = messages.filter(|message| {
        message["reason"] == "compiler-artifact"
            && message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest)
    });
    let files: Vec<Value> = ours.filter_map(|message| message["filenames"].as_array().cloned()).flatten().collect();
    files
        .iter()
        .rev()
        .filter_map(Value::as_str)
        .map(PathBuf::from)
        .find(|file| file.extension().is_some_and(|e| e == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_projects_own() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/p/vendor/Cargo.toml","filenames":["/t/other.wasm"]}
not json
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/ours.wasm","/t/libours.rlib"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(artifact(messages, Path::new("/p")), Some("/t/ours.wasm".into()));
        assert_eq!(artifact(messages, Path::new("/q")), None);
    }
}

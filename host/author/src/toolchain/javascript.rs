use super::programs::{asked, run};
use super::python::fresh_name;
use super::{BuildError, Programs, Say, version_in};
use crate::project::{Language, Project};
use std::path::{Path, PathBuf};
use std::process::Command;

const TOOL: &str = "componentize-qjs";
/// What the SDK's tests and the tool want.
const OLDEST: u32 = 20;

pub(super) fn build(project: &Project, programs: &Programs, say: Say<'_>, fresh: &Path) -> Result<(), BuildError> {
    let node = node(programs, project)?;
    let npm = programs.find("npm").ok_or_else(|| missing("npm".into()))?;
    let package: serde_json::Value = serde_json::from_str(&project.read("package.json")?).unwrap_or_default();
    let tool = project.folder.join("node_modules/.bin").join(TOOL);
    if !installed(&project.folder, &package) {
        let locked = project.folder.join("package-lock.json").is_file();
        let how = if locked { "ci" } else { "install" };
        say(&format!("npm {how}: what package.json names, into node_modules"));
        let mut command = Command::new(&npm);
        command.args([how, "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&project.folder);
        run(command, &format!("npm {how}"))?;
    }
    let main = package["main"].as_str().map_or_else(|| format!("src/{}.js", project.kind), str::to_owned);
    let mut command = Command::new(node);
    command
        .arg(&tool)
        // No WASI at all: this host has no files or sockets to link. `--sync`, since the contract is; the engine for
        // size, since what a check computes is little, and what is compiled before its first run is most of the wait.
        .args(["--sync", "--stub-wasi", "--opt-size", "--wit", "wit", "--js", &main, "--module-root", ".", "--output"])
        .arg(fresh_name(fresh))
        .current_dir(&project.folder);
    run(command, TOOL).map_err(|error| match error {
        BuildError::Failed { tool, .. } => BuildError::Failed { tool, hint: outside_the_world(&project.folder) },
        other => other,
    })
}

/// What the sources import of the contract and the component does not: the tool says only
/// that there is no such module.
fn outside_the_world(folder: &Path) -> String {
    let world = std::fs::read_to_string(folder.join("wit/world.wit")).unwrap_or_default();
    // An example in a comment imports nothing.
    let world: Vec<&str> = world.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut sources = Vec::new();
    let files = std::fs::read_dir(folder.join("src")).into_iter().flatten().flatten();
    for path in files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "js")) {
        sources.push(std::fs::read_to_string(path).unwrap_or_default());
    }
    let mut missing: Vec<&str> = sources.iter().flat_map(|text| contract_modules(text)).collect();
    missing.retain(|module| !world.iter().any(|line| line.contains(module)));
    missing.sort_unstable();
    missing.dedup();
    let lines: Vec<String> = missing.iter().map(|module| format!("`import {module};`")).collect();
    if lines.is_empty() { String::new() } else { format!("; add {} to wit/world.wit", lines.join(" and ")) }
}

/// The modules of the contract that a source names in an import.
fn contract_modules(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.trim_start().starts_with("import ") || line.contains(" from ")).filter_map(|line| {
        let start = line.find("\"seaworthy:").or_else(|| line.find("'seaworthy:"))? + 1;
        let module = line.get(start..)?.split(['"', '\'']).next()?;
        // A type is imported for editors only.
        (!line.contains("import type")).then_some(module)
    })
}

fn node(programs: &Programs, project: &Project) -> Result<PathBuf, BuildError> {
    let node = programs.find("node").ok_or_else(|| missing("node".into()))?;
    let said = asked(&node, &["--version"], &project.folder).unwrap_or_default();
    if version_in(&said).is_some_and(|(major, _)| major >= OLDEST) {
        return Ok(node);
    }
    Err(missing(format!("Node.js {OLDEST} or newer ({} is {said})", node.display())))
}

fn missing(what: String) -> BuildError {
    BuildError::Missing {
        what,
        language: Language::JavaScript,
        get: "your system's package manager (e.g. apt-get install nodejs npm), or https://nodejs.org/en/download"
            .into(),
    }
}

/// Whether the tool of the project is there, in the version that package.json names.
fn installed(folder: &Path, package: &serde_json::Value) -> bool {
    let text = std::fs::read_to_string(folder.join("node_modules").join(TOOL).join("package.json")).unwrap_or_default();
    let there: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let wanted = package.pointer(&format!("/devDependencies/{TOOL}")).and_then(|version| version.as_str());
    let exact = wanted.filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
    match there["version"].as_str() {
        Some(version) => exact.is_none_or(|wanted| wanted == version),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_world_lacks_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["src", "wit"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(
            folder.path().join("wit/world.wit"),
            "/// import seaworthy:net/http@0.1.0;\nworld x { import seaworthy:net/tcp@0.1.0; }",
        )
        .unwrap();
        let source = "import * as tcp from \"seaworthy:net/tcp@0.1.0\";\nimport * as http from 'seaworthy:net/http@0.1.0';\nimport { x } from \"seaworthy-check\";\n";
        std::fs::write(folder.path().join("src/check.js"), source).unwrap();
        assert_eq!(outside_the_world(folder.path()), "; add `import seaworthy:net/http@0.1.0;` to wit/world.wit");
        std::fs::write(folder.path().join("src/check.js"), "syntax error").unwrap();
        assert_eq!(outside_the_world(folder.path()), "");
    }
}

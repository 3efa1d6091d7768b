use super::programs::{asked, run};
use super::{BuildError, Programs, Say, version_in};
use crate::project::{Language, Project};
use std::path::{Path, PathBuf};
use std::process::Command;

const TOOL: &str = "componentize-py";
/// `typing.Self`, which the bindings use, came with it.
const OLDEST: (u32, u32) = (3, 11);

pub(super) fn build(project: &Project, programs: &Programs, say: Say<'_>, fresh: &Path) -> Result<(), BuildError> {
    let environment = project.folder.join(".venv");
    let tool = environment.join("bin").join(TOOL);
    let requirements = project.read("requirements.txt")?;
    if !installed(&tool, &requirements, project) {
        install(project, programs, say, &environment)?;
    }
    let mut command = Command::new(&tool);
    command
        // No WASI at all: this host has no files or sockets to link, and what goes wrong is told by the SDK, which
        // needs no stderr for it.
        .args(["--quiet", "--wit-path", "wit", "componentize", "--stub-wasi"])
        .args(["--python-path", "src", "--python-path"])
        .arg(format!("vendor/seaworthy-{}", project.kind))
        .arg("--output")
        .arg(fresh_name(fresh))
        .arg(project.kind.to_string())
        .current_dir(&project.folder)
        // For what requirements.txt adds, and not for what the user's own Python has.
        .env("VIRTUAL_ENV", &environment)
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME");
    run(command, TOOL)
}

/// Relative to the project, so that no path of this machine gets into the component.
pub(super) fn fresh_name(fresh: &Path) -> PathBuf {
    Path::new("dist").join(fresh.file_name().unwrap_or_default())
}

/// Whether the tool of the project is there, in the version that requirements.txt pins.
fn installed(tool: &Path, requirements: &str, project: &Project) -> bool {
    let Some(said) = asked(tool, &["--version"], &project.folder) else { return false };
    let pinned = requirements.lines().find_map(|line| line.trim().strip_prefix(TOOL)?.strip_prefix("=="));
    pinned.is_none_or(|version| said.split_whitespace().any(|word| word == version.trim()))
}

fn install(project: &Project, programs: &Programs, say: Say<'_>, environment: &Path) -> Result<(), BuildError> {
    let interpreter = environment.join("bin/python");
    if !interpreter.is_file() {
        let python = python(programs, project)?;
        say("making .venv, for the tools of this project alone");
        let mut command = Command::new(&python);
        command.args(["-m", "venv", ".venv"]).current_dir(&project.folder);
        run(command, "python3 -m venv").map_err(|error| match error {
            BuildError::Failed { tool, .. } => BuildError::Failed {
                tool,
                hint: "; on Debian and Ubuntu it is a package of its own: apt-get install python3-venv".into(),
            },
            other => other,
        })?;
    }
    say("installing what requirements.txt names into .venv");
    let mut command = Command::new(&interpreter);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"])
        .current_dir(&project.folder);
    run(command, "pip install")
}

/// An interpreter that is new enough.
fn python(programs: &Programs, project: &Project) -> Result<PathBuf, BuildError> {
    let (major, minor) = OLDEST;
    let missing = |what: String| {
        BuildError::Missing {
        what,
        language: Language::Python,
        get: "your system's package manager (e.g. apt-get install python3 python3-venv), or https://www.python.org/downloads".into(),
    }
    };
    let found: Vec<PathBuf> = ["python3", "python"].iter().filter_map(|name| programs.find(name)).collect();
    let Some(first) = found.first() else { return Err(missing("python3".into())) };
    let new_enough = |python: &&PathBuf| {
        asked(python, &["--version"], &project.folder).and_then(|said| version_in(&said)) >= Some(OLDEST)
    };
    let said = asked(first, &["--version"], &project.folder).unwrap_or_default();
    found
        .iter()
        .find(new_enough)
        .cloned()
        .ok_or_else(|| missing(format!("Python {major}.{minor} or newer ({} is {said})", first.display())))
}

//! From a project to a component, by the language's own tools.
//!
//! Nothing is installed into the user's system: what is missing is named with the command
//! that gets it. What a project needs of its own goes into its own folder (`.venv`,
//! `node_modules`), by its own installer, and is said.

mod javascript;
mod programs;
mod python;
mod rust;

use crate::constants::{self, ConstantsError};
use crate::project::{Language, Project, ProjectError};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use programs::Programs;

/// A component that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Where it is.
    pub component: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// `sha256:...`, as checks.toml pins it.
    pub digest: String,
    /// How long the tools took.
    pub took: Duration,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The project is wrong.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The constants could not be made.
    #[error(transparent)]
    Constants(#[from] ConstantsError),
    /// Something that the build needs is not on this machine.
    #[error("{what} is missing, and {language} plugins are built with it; get it by: {get}")]
    Missing {
        /// A program, a version of it, a target.
        what: String,
        /// Whose build.
        language: Language,
        /// A command, or where it is described.
        get: String,
    },
    /// A tool said no; it told why on stderr.
    #[error("{tool} failed{hint}")]
    Failed {
        /// What was run.
        tool: String,
        /// What to do, where that is known; empty, or with a leading `; `.
        hint: String,
    },
    /// A tool could not be run, or a file not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it did not work.
        source: std::io::Error,
    },
    /// The tools succeeded and left no component.
    #[error("{0}")]
    NoComponent(String),
}

/// What is told while a build runs.
pub type Say<'a> = &'a dyn Fn(&str);

/// Builds a project, and writes its component to `dist/`.
///
/// *Behaviour*: the tools write to stderr; nothing is written to stdout.
///
/// # Errors
/// What is missing, or that a tool failed.
pub fn build(project: &Project, programs: &Programs, say: Say<'_>) -> Result<Built, BuildError> {
    let start = Instant::now();
    for part in crate::scaffold::changed(&project.folder) {
        say(&format!("note: {part} is not what vendor/PINS says; it was changed since `plugin new`"));
    }
    constants::write(project)?;
    let dist = project.folder.join("dist");
    std::fs::create_dir_all(&dist).map_err(|source| io(&dist, source))?;
    // Not to be seen half written, by `plugin watch` or a run.
    let fresh = dist.join(format!(".{}.wasm", project.name));
    match project.language {
        Language::Rust => rust::build(project, programs, &fresh),
        Language::Python => python::build(project, programs, say, &fresh),
        Language::JavaScript => javascript::build(project, programs, say, &fresh),
    }?;
    let bytes = std::fs::read(&fresh).map_err(|source| io(&fresh, source))?;
    let component = project.component();
    std::fs::rename(&fresh, &component).map_err(|source| io(&component, source))?;
    Ok(Built {
        component,
        size: bytes.len() as u64,
        digest: format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&bytes))),
        took: start.elapsed(),
    })
}

fn io(path: &Path, source: std::io::Error) -> BuildError {
    BuildError::Io { what: path.display().to_string(), source }
}

/// The version that a text says, as `componentize-py 0.25.1` does.
fn version_in(text: &str) -> Option<(u32, u32)> {
    let word = text
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = word.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_say_their_versions() {
        for (text, version) in [
            ("Python 3.11.7\n", Some((3, 11))),
            ("v20.20.2", Some((20, 20))),
            ("rustc 1.95.0 (abc)", Some((1, 95))),
            ("", None),
        ] {
            assert_eq!(version_in(text), version, "{text}");
        }
    }
}

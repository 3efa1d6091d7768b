//! New projects: complete, and without need of this repository.

mod embedded;
mod name;
mod pins;

pub use name::{NameError, PluginName};
pub use pins::changed;

use crate::constants;
use crate::project::{Kind, Language, Project, ProjectError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What the templates are called; each place of it becomes the author's.
const NAMES: [(Kind, &str, &str); 2] =
    [(Kind::Check, "new-check", "New Check"), (Kind::Adapter, "new-adapter", "New Adapter")];
const TEMPLATE_DOMAIN: &str = "acme";

/// A project that is to be made.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// What it is called.
    pub name: PluginName,
    /// What it becomes.
    pub kind: Kind,
    /// What it is written in.
    pub language: Language,
}

/// Why a project could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// Something is there already.
    #[error("{folder} is not empty; choose another folder with `--dir`")]
    NotEmpty {
        /// Where it was to be.
        folder: String,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// What.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The template is wrong: an error of this program.
    #[error("the template is wrong: {0}")]
    Template(#[from] ProjectError),
}

impl NewProject {
    /// Writes the project into a folder, which is made where it is not there.
    ///
    /// # Errors
    /// When the folder is not empty, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Project, ScaffoldError> {
        let taken = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken || folder.is_file() {
            return Err(ScaffoldError::NotEmpty { folder: folder.display().to_string() });
        }
        for (path, bytes) in self.files() {
            let path = folder.join(path);
            let written =
                path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, &bytes));
            written.map_err(|source| ScaffoldError::Write { path: path.display().to_string(), source })?;
        }
        let project = Project::find(folder)?;
        constants::write(&project).map_err(|error| match error {
            constants::ConstantsError::Project(error) => ScaffoldError::Template(error),
            constants::ConstantsError::Write { path, source } => ScaffoldError::Write { path, source },
        })?;
        Ok(project)
    }

    /// Every file by its path.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let (kind, language) = (self.kind, self.language.word());
        for template in [format!("template/{kind}"), format!("template/{kind}-{language}")] {
            for (path, bytes) in embedded::part(&template) {
                files.insert(PathBuf::from(path.replace("gitignore", ".gitignore")), self.named(bytes));
            }
        }
        let mut vendored = Vec::new();
        for part in self.parts() {
            let kept: BTreeMap<String, Vec<u8>> =
                embedded::part(&part.source).map(|(path, bytes)| (path.into(), bytes.to_vec())).collect();
            let digest = pins::digest(&kept);
            files.extend(kept.into_iter().map(|(path, bytes)| (Path::new(&part.target).join(path), bytes)));
            vendored.push((part, digest));
        }
        if self.language == Language::Rust {
            // A member that is not there would be an error.
            let absent = if self.kind == Kind::Check { ", \"plugins/*\"" } else { "" };
            for (path, bytes) in embedded::part("template/vendor-rust") {
                let text = String::from_utf8_lossy(bytes).replace(absent, "");
                files.insert(Path::new("vendor/seaworthy").join(path), text.into_bytes());
            }
        }
        files.insert("vendor/PINS".into(), pins::text(&vendored).into_bytes());
        files
    }

    /// What is vendored.
    fn parts(&self) -> Vec<pins::Part> {
        let (kind, language) = (self.kind, self.language.word());
        let (sdk, wit) = match self.language {
            Language::Rust => {
                let folder = match kind {
                    Kind::Check => "checks",
                    Kind::Adapter => "plugins",
                };
                (format!("vendor/seaworthy/{folder}/sdk"), "vendor/seaworthy/wit")
            }
            Language::Python | Language::JavaScript => (format!("vendor/seaworthy-{kind}"), "wit/deps"),
        };
        let mut parts = vec![pins::Part::sdk(&format!("{kind}/{language}"), &sdk)];
        if self.language == Language::Rust {
            parts.push(pins::Part::sdk("build/rust", "vendor/seaworthy/checks/build"));
        }
        let packages: BTreeSet<&str> =
            embedded::part("wit").filter_map(|(path, _)| Some(path.split_once('/')?.0)).collect();
        parts.extend(packages.into_iter().map(|package| pins::Part::wit(package, wit)));
        parts
    }

    /// A template's text with the author's names.
    fn named(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
        let mut text = text.to_owned();
        for (kind, kebab, title) in NAMES {
            if kind == self.kind {
                text = text.replace(kebab, self.name.kebab()).replace(title, &self.name.title());
            }
        }
        text.replace(TEMPLATE_DOMAIN, self.name.domain()).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = NewProject> {
        Kind::ALL.into_iter().flat_map(|kind| {
            Language::ALL.into_iter().map(move |language| NewProject {
                name: PluginName::parse("team-a/redis-reach").unwrap(),
                kind,
                language,
            })
        })
    }

    #[test]
    fn every_project_is_complete_and_the_authors_own() {
        for new in all() {
            let folder = tempfile::tempdir().unwrap();
            let project = new.write(folder.path()).unwrap();
            assert_eq!(
                (project.kind, project.language, project.name.as_str()),
                (new.kind, new.language, "redis-reach")
            );
            let manifest = project.manifest().unwrap();
            assert!(manifest.descriptor.contains("redis-reach"), "{}", manifest.descriptor);
            for file in ["README.md", ".gitignore", "checks.toml", "vendor/PINS"] {
                assert!(folder.path().join(file).is_file(), "{} {}: {file}", new.kind, new.language);
            }
            let cases = std::fs::read_dir(folder.path().join("cases")).unwrap().count();
            assert!(cases >= 3, "{} {}: {cases} cases", new.kind, new.language);
            for (path, bytes) in new.files() {
                let ours = path.starts_with("vendor") || path.starts_with("wit/deps");
                let text = String::from_utf8_lossy(&bytes);
                for word in ["new-check", "new-adapter", "New Check", "New Adapter", TEMPLATE_DOMAIN] {
                    assert!(ours || !text.contains(word), "{}: {word}", path.display());
                }
            }
            assert!(changed(folder.path()).is_empty());
        }
    }

    #[test]
    fn a_folder_that_is_not_empty_is_left_alone() {
        let new = all().next().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine"), "").unwrap();
        let error = new.write(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not empty") && error.contains("--dir"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(new.write(&folder.path().join("mine")).is_err(), "a file is no folder");
        new.write(&folder.path().join("below/that")).unwrap();
    }

    #[test]
    fn what_was_changed_in_vendor_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let new = all().next().unwrap();
        new.write(folder.path()).unwrap();
        let file = folder.path().join("vendor/seaworthy/wit/net-0.1.0/net.wit");
        std::fs::write(&file, "package seaworthy:net@0.1.0;").unwrap();
        assert_eq!(changed(folder.path()), ["vendor/seaworthy/wit/net-0.1.0"]);
    }
}

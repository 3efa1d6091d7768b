use seaworthy_check_build::Manifest;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Looks at something, and reports what is wrong with it.
    Check,
    /// Makes something a cache tier.
    Adapter,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Check, Self::Adapter];

    /// The file in which it says what it is.
    #[must_use]
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Check => "check.toml",
            Self::Adapter => "adapter.toml",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "check",
            Self::Adapter => "adapter",
        })
    }
}

/// What it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// With cargo, for `wasm32-wasip2`.
    Rust,
    /// With componentize-py.
    Python,
    /// With componentize-qjs.
    JavaScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::JavaScript];

    /// As it is written on the command line, and the folders of templates are called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "js",
        }
    }

    /// The file by which the language's own tools know a project.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "pyproject.toml",
            Self::JavaScript => "package.json",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
        })
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|language| language.word() == text);
        known.ok_or_else(|| format!("`{text}` is none of rust, python, js"))
    }
}

/// A folder in which a plugin is written.
#[derive(Clone, Debug)]
pub struct Project {
    /// Where it is.
    pub folder: PathBuf,
    /// What it becomes.
    pub kind: Kind,
    /// What it is written in.
    pub language: Language,
    /// `name` of the manifest.
    pub name: String,
}

/// Why a folder is no project, or one that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Neither manifest is there, or both are.
    #[error(
        "{folder} is no plugin project: it has {found} of check.toml and adapter.toml; `seaworthy plugin new` makes one"
    )]
    NoManifest {
        /// Where was looked.
        folder: String,
        /// "none" or "both".
        found: &'static str,
    },
    /// The languages' own files are not there, or several are.
    #[error(
        "{folder} is in no language that can be built, or in several: it has {found} of Cargo.toml, pyproject.toml and package.json, and one is wanted"
    )]
    NoLanguage {
        /// Where was looked.
        folder: String,
        /// Those that are there.
        found: String,
    },
    /// A file of it is wrong.
    #[error("{file}: {why}")]
    Wrong {
        /// Which.
        file: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Project {
    /// The project in a folder, by the files that it has.
    ///
    /// # Errors
    /// When there is none, or what it is cannot be told.
    pub fn find(folder: &Path) -> Result<Self, ProjectError> {
        let shown = || folder.display().to_string();
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| folder.join(kind.manifest()).is_file()).collect();
        let [kind] = kinds.as_slice() else {
            let found = if kinds.is_empty() { "none" } else { "both" };
            return Err(ProjectError::NoManifest { folder: shown(), found });
        };
        let languages: Vec<Language> =
            Language::ALL.into_iter().filter(|language| folder.join(language.file()).is_file()).collect();
        let [language] = languages.as_slice() else {
            let files: Vec<&str> = languages.iter().map(|language| language.file()).collect();
            let found = if files.is_empty() { "none".into() } else { files.join(" and ") };
            return Err(ProjectError::NoLanguage { folder: shown(), found });
        };
        let mut project = Self { folder: folder.to_owned(), kind: *kind, language: *language, name: String::new() };
        project.name = project.name_in_manifest()?;
        Ok(project)
    }

    /// The component that a build leaves.
    #[must_use]
    pub fn component(&self) -> PathBuf {
        self.folder.join("dist").join(format!("{}.wasm", self.name))
    }

    /// What its manifest declares.
    ///
    /// # Errors
    /// When the manifest or the file with the version is wrong.
    pub fn manifest(&self) -> Result<Manifest, ProjectError> {
        let version = self.version()?;
        let text = self.read(self.kind.manifest())?;
        let manifest = Manifest::read(&text, &version).map_err(|why| self.wrong(self.kind.manifest(), why))?;
        let kind = if manifest.adapter { Kind::Adapter } else { Kind::Check };
        if kind != self.kind {
            return Err(self.wrong(self.kind.manifest(), "it declares no [[check]]".into()));
        }
        Ok(manifest)
    }

    /// Its version, from the language's own file.
    fn version(&self) -> Result<String, ProjectError> {
        let file = self.language.file();
        let text = self.read(file)?;
        let (found, place) = match self.language {
            Language::Rust => (toml(&text).map(|root| text_at(&root, "/package/version")), "`version` in [package]"),
            Language::Python => (toml(&text).map(|root| text_at(&root, "/project/version")), "`version` in [project]"),
            Language::JavaScript => {
                let root = serde_json::from_str::<serde_json::Value>(&text).map_err(|e| e.to_string());
                (root.map(|root| text_at(&root, "/version")), "`version`")
            }
        };
        let found = found.map_err(|why| self.wrong(file, why))?;
        found.ok_or_else(|| self.wrong(file, format!("{place} is missing")))
    }

    fn name_in_manifest(&self) -> Result<String, ProjectError> {
        let file = self.kind.manifest();
        let root = toml(&self.read(file)?).map_err(|why| self.wrong(file, why))?;
        let name = text_at(&root, "/name").ok_or_else(|| self.wrong(file, "`name` is missing".into()))?;
        // It becomes the name of a file.
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err(self.wrong(file, format!("`name` is `{name}`, which no file can be called")));
        }
        Ok(name)
    }

    pub(crate) fn read(&self, file: &str) -> Result<String, ProjectError> {
        std::fs::read_to_string(self.folder.join(file)).map_err(|error| self.wrong(file, error.to_string()))
    }

    fn wrong(&self, file: &str, why: String) -> ProjectError {
        ProjectError::Wrong { file: self.folder.join(file).display().to_string(), why: why.trim_end().into() }
    }
}

fn toml(text: &str) -> Result<serde_json::Value, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

fn text_at(root: &serde_json::Value, pointer: &str) -> Option<String> {
    Some(root.pointer(pointer)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_project_is_known_by_its_files() {
        for (file, text, language) in [
            ("Cargo.toml", "[package]\nversion = '1.2.3'", Language::Rust),
            ("pyproject.toml", "[project]\nversion = '1.2.3'", Language::Python),
            ("package.json", r#"{"version": "1.2.3"}"#, Language::JavaScript),
        ] {
            let folder = folder(&[("adapter.toml", "name = 'web'"), (file, text)]);
            let project = Project::find(folder.path()).unwrap();
            assert_eq!((project.kind, project.language, project.name.as_str()), (Kind::Adapter, language, "web"));
            assert!(project.manifest().unwrap().descriptor.contains(r#""version":"1.2.3""#));
            assert!(project.component().ends_with("dist/web.wasm"));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let cargo = ("Cargo.toml", "[package]\nversion = '1'");
        let check = ("check.toml", "name = 'x'\n[[check]]\nid = 'a/x'");
        for (files, why) in [
            (vec![cargo], "none of check.toml"),
            (vec![cargo, check, ("adapter.toml", "name = 'x'")], "both of check.toml"),
            (vec![check], "it has none of Cargo.toml"),
            (vec![check, cargo, ("package.json", "{}")], "Cargo.toml and package.json"),
            (vec![("check.toml", "title = 'x'"), cargo], "`name` is missing"),
            (vec![("check.toml", "name = '../x'"), cargo], "no file can be called"),
            (vec![("check.toml", "name = "), cargo], "check.toml"),
        ] {
            let folder = folder(&files);
            let error = Project::find(folder.path()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let folder = folder(&[check, ("package.json", "{}")]);
        let error = Project::find(folder.path()).unwrap().manifest().unwrap_err().to_string();
        assert!(error.contains("package.json") && error.contains("`version`"), "{error}");
    }
}

//! Says when files of a project change.
//!
//! The files are looked at, and no system is asked to tell: a project is some sixty files, and
//! what the systems tell is not heard through the mounts of containers and networks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What builds and tools write, and what is not of a project.
const NOT_WATCHED: [&str; 10] = [
    "dist",
    "target",
    "node_modules",
    ".venv",
    ".git",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".idea",
    ".vscode",
];
/// How often is looked. Several files are often saved at once: a change is told once nothing
/// changed for as long.
const PAUSE: Duration = Duration::from_millis(200);

/// When a file was changed last, and its bytes.
type Stamp = (Option<SystemTime>, u64);

/// The changes below a folder.
pub struct Changes {
    folder: PathBuf,
    known: BTreeMap<PathBuf, Stamp>,
}

impl Changes {
    /// From now on.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: look(folder) }
    }

    /// Waits for the next change, and for an end of it: the files, relative to the folder.
    pub fn wait(&mut self) -> BTreeSet<PathBuf> {
        let mut changed = BTreeSet::new();
        loop {
            std::thread::sleep(PAUSE);
            let found = self.take();
            if found.is_empty() && !changed.is_empty() {
                return changed;
            }
            changed.extend(found);
        }
    }

    /// What is not as it was when this was asked last.
    fn take(&mut self) -> BTreeSet<PathBuf> {
        let now = look(&self.folder);
        let new = now.iter().filter(|(path, stamp)| self.known.get(*path) != Some(stamp)).map(|(path, _)| path);
        let gone = self.known.keys().filter(|path| !now.contains_key(*path));
        let changed = new.chain(gone).cloned().collect();
        self.known = now;
        changed
    }
}

/// Every file of the project.
fn look(folder: &Path) -> BTreeMap<PathBuf, Stamp> {
    let mut files = BTreeMap::new();
    collect(folder, Path::new(""), &mut files);
    files
}

/// What cannot be read is not there, for now.
fn collect(folder: &Path, inside: &Path, files: &mut BTreeMap<PathBuf, Stamp>) {
    for entry in std::fs::read_dir(folder.join(inside)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if is_left_out(&name.to_string_lossy()) {
            continue;
        }
        let path = inside.join(&name);
        let Ok(data) = entry.metadata() else { continue };
        if data.is_dir() {
            collect(folder, &path, files);
        } else if data.is_file() {
            files.insert(path, (data.modified().ok(), data.len()));
        }
    }
}

fn is_left_out(name: &str) -> bool {
    NOT_WATCHED.contains(&name)
        // Of editors.
        || name.ends_with('~')
        || name.ends_with(".swp")
        || name.starts_with(".#")
        || name == "4913"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_what_tools_write_never() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["src/deep", "dist", "node_modules"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("src/gone.rs"), "1").unwrap();
        let mut changes = Changes::of(folder.path());
        assert!(changes.take().is_empty());
        for file in ["dist/x.wasm", "node_modules/y.js", "src/.#z.rs", "src/deep/a.rs", "check.toml"] {
            std::fs::write(folder.path().join(file), "1").unwrap();
        }
        std::fs::remove_file(folder.path().join("src/gone.rs")).unwrap();
        let changed: Vec<PathBuf> = changes.wait().into_iter().collect();
        assert_eq!(changed, ["check.toml", "src/deep/a.rs", "src/gone.rs"].map(PathBuf::from));
        assert!(changes.take().is_empty());
        std::fs::write(folder.path().join("check.toml"), "22").unwrap();
        assert_eq!(changes.take().into_iter().collect::<Vec<_>>(), [PathBuf::from("check.toml")]);
    }
}

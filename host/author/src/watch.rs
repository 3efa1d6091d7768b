//! Says when files of a project change.

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

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
/// A file that is saved is often several events, and several files are often saved at once.
const QUIET: Duration = Duration::from_millis(150);
/// And some program may never be quiet.
const LONGEST: Duration = Duration::from_secs(2);

/// The changes below a folder.
pub struct Changes {
    events: Receiver<notify::Result<Event>>,
    folder: PathBuf,
    /// Stops watching when dropped.
    _watcher: RecommendedWatcher,
}

/// Why a folder cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {folder}: {source}; on Linux `sysctl fs.inotify` has the limits")]
pub struct WatchError {
    folder: String,
    source: notify::Error,
}

impl Changes {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn of(folder: &Path) -> Result<Self, WatchError> {
        let failed = |source| WatchError { folder: folder.display().to_string(), source };
        let (sender, events) = channel();
        let mut watcher = notify::recommended_watcher(sender).map_err(failed)?;
        watch(&mut watcher, folder).map_err(failed)?;
        Ok(Self { events, folder: folder.to_owned(), _watcher: watcher })
    }

    /// Waits for the next change, and for an end of it: the files, relative to the folder.
    /// `None` when there will be no more.
    pub fn next(&mut self) -> Option<BTreeSet<PathBuf>> {
        let mut changed = BTreeSet::new();
        while changed.is_empty() {
            let event = self.events.recv().ok()?;
            self.note(event, &mut changed);
        }
        let start = Instant::now();
        while start.elapsed() < LONGEST {
            match self.events.recv_timeout(QUIET) {
                Ok(event) => self.note(event, &mut changed),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        Some(changed)
    }

    fn note(&mut self, event: notify::Result<Event>, changed: &mut BTreeSet<PathBuf>) {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in event.paths {
            let inside = path.strip_prefix(&self.folder).unwrap_or(&path);
            if !inside.iter().any(|part| is_left_out(&part.to_string_lossy())) {
                changed.insert(inside.to_owned());
            }
        }
    }
}

/// Watches a folder and those below it, but for those in which tools write thousands of files.
fn watch(watcher: &mut RecommendedWatcher, folder: &Path) -> notify::Result<()> {
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    for entry in std::fs::read_dir(folder).map_err(notify::Error::io)?.flatten() {
        let kept = !is_left_out(&entry.file_name().to_string_lossy());
        if kept && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            watcher.watch(&entry.path(), RecursiveMode::Recursive)?;
        }
    }
    Ok(())
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
        for name in ["src", "dist", "node_modules"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut changes = Changes::of(folder.path()).unwrap();
        for file in ["dist/x.wasm", "node_modules/y.js", "src/.#z.rs", "src/a.rs", "check.toml"] {
            std::fs::write(folder.path().join(file), "1").unwrap();
        }
        std::fs::write(folder.path().join("src/a.rs"), "2").unwrap();
        let changed = changes.next().unwrap();
        assert_eq!(changed.into_iter().collect::<Vec<_>>(), [PathBuf::from("check.toml"), "src/a.rs".into()]);
        std::fs::write(folder.path().join("src/b.rs"), "1").unwrap();
        assert_eq!(changes.next().unwrap().into_iter().collect::<Vec<_>>(), [PathBuf::from("src/b.rs")]);
    }
}

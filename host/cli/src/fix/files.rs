//! The files of a proposal, on disk: what is there, and what is written.

use super::args::FixArgs;
use seaworthy_remedy::{FileChange, Proposal};
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub(super) enum State {
    /// It would be written with `--apply`.
    WouldWrite,
    /// It is as it should be.
    Unchanged,
    /// It was written; what was there is in the backup.
    Written {
        /// Where that is.
        #[serde(skip_serializing_if = "Option::is_none")]
        backup: Option<String>,
    },
    /// It is left to people.
    Left {
        /// Why.
        because: Vec<String>,
    },
}

/// A file and what became of it.
pub(super) struct Outcome {
    pub(super) change: FileChange,
    /// Where it goes: not always the place that it is for.
    pub(super) target: PathBuf,
    pub(super) state: State,
}

/// Looks at every file, and writes what may be written where that is asked for.
pub(super) fn handle(proposal: &Proposal, arguments: &FixArgs) -> Vec<Outcome> {
    let read = |path: &str| read(Path::new(path));
    proposal.files(&read).into_iter().map(|change| one(change, arguments)).collect()
}

fn one(change: FileChange, arguments: &FixArgs) -> Outcome {
    // What stands in that folder already is no file of the system.
    let inside = arguments.out.as_ref().is_some_and(|folder| Path::new(&change.path).starts_with(folder));
    let system = Path::new(&change.path).is_absolute() && !change.named && !inside;
    let target = match (&arguments.out, system) {
        (Some(folder), true) => folder.join(change.path.trim_start_matches('/')),
        _ => PathBuf::from(&change.path),
    };
    let mut because: Vec<String> = change.blockers.iter().map(ToString::to_string).collect();
    because.extend(change.after.as_ref().err().cloned());
    if system && arguments.out.is_none() {
        because.push(format!(
            "it is outside this folder: name it (--file {}={}), or have it prepared with --out DIR",
            change.kind.as_str(),
            change.path
        ));
    } else if !change.named
        && let Some(why) = leads_away(&target, arguments)
    {
        because.push(why);
    }
    let state = match (&change.after, because.is_empty()) {
        (Ok(_), true) if !change.is_needed() && !system => State::Unchanged,
        (Ok(after), true) if arguments.apply => {
            match write(&target, change.before.as_deref().filter(|_| !system), after) {
                Ok(backup) => State::Written { backup: backup.map(|path| path.display().to_string()) },
                Err(why) => State::Left { because: vec![why] },
            }
        }
        (Ok(_), true) => State::WouldWrite,
        _ => State::Left { because },
    };
    Outcome { change, target, state }
}

/// What is at a path: none where nothing is.
fn read(path: &Path) -> Result<Option<String>, String> {
    match crate::configuration::read_file(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be read ({error}), so nothing is written over it", path.display())),
    }
}

/// A link, or a folder that is one, must not take a change out of the folder that it
/// was meant for.
fn leads_away(target: &Path, arguments: &FixArgs) -> Option<String> {
    let base = arguments.out.clone().unwrap_or_else(|| PathBuf::from("."));
    let base = base.canonicalize().ok()?;
    let mut there = target;
    let real = loop {
        match there.canonicalize() {
            Ok(real) => break real,
            Err(_) if std::fs::symlink_metadata(there).is_ok_and(|found| found.is_symlink()) => {
                return Some(format!("{} is a link that leads nowhere", there.display()));
            }
            Err(_) => there = there.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        }
    };
    (!real.starts_with(&base))
        .then(|| format!("{} leads out of {}: name it with --file", target.display(), base.display()))
}

/// Puts what is there aside as a backup, then the new text in its place, whole or
/// not at all. *Errors*: in words; nothing was changed then. Nothing is tried with
/// the rights of somebody else.
fn write(target: &Path, before: Option<&str>, after: &str) -> Result<Option<PathBuf>, String> {
    let cannot = |error: std::io::Error| {
        let more = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                ": run this as somebody who may, or have it prepared with --out DIR"
            }
            _ => "",
        };
        format!("{} cannot be written ({error}){more}", target.display())
    };
    // Through a link, to the file itself.
    let target = &target.canonicalize().unwrap_or_else(|_| target.to_path_buf());
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let backup = match before {
        Some(text) => Some(back_up(target, text).map_err(cannot)?),
        None => None,
    };
    let aside = with_end(target, &format!(".{}.partial", std::process::id()));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&aside)?;
        if let Ok(found) = std::fs::metadata(target) {
            file.set_permissions(found.permissions())?;
        }
        file.write_all(after.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&aside, target)
    })();
    written.map_err(|error| {
        let _ = std::fs::remove_file(&aside);
        if let Some(backup) = &backup {
            let _ = std::fs::remove_file(backup);
        }
        cannot(error)
    })?;
    Ok(backup)
}

/// A copy beside, under a name that nothing has; it is no more readable than the file.
fn back_up(target: &Path, text: &str) -> std::io::Result<PathBuf> {
    for number in 1..1000 {
        let path = with_end(target, &format!(".bak-{number}"));
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.set_permissions(std::fs::metadata(target)?.permissions())?;
                file.write_all(text.as_bytes())?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::other("there are a thousand backups already"))
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_a_backup_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.env");
        assert_eq!(write(&path, None, "1\n").unwrap(), None);
        let backup = write(&path, Some("1\n"), "2\n").unwrap().unwrap();
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), "1\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2\n");
        let second = write(&path, Some("2\n"), "3\n").unwrap().unwrap();
        assert!(second != backup, "a backup is never written over");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 3, "nothing else is left behind");
    }

    #[test]
    fn a_link_does_not_take_a_change_elsewhere() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path(), folder.path().join("out")).unwrap();
        let arguments = FixArgs { out: Some(folder.path().to_path_buf()), ..arguments() };
        assert!(leads_away(&folder.path().join("out/a.env"), &arguments).is_some());
        assert!(leads_away(&folder.path().join("new/a.env"), &arguments).is_none());
    }

    fn arguments() -> FixArgs {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Only {
            #[command(flatten)]
            fix: FixArgs,
        }
        Only::parse_from(["fix"]).fix
    }
}

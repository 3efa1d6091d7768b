use super::{Arguments, Row, RowBuilder};
use nix::sys::statvfs::statvfs;
use procfs::process::MountInfo;
use seaworthy_model::Failure;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether each folder can be written to, proved by a file that is made and
/// removed. A missing folder is not made: the nearest one above it is tried, and
/// `creatable` says what came of it. `filesystem`, `mount-point` and `mount-source`
/// say whose storage it is.
pub(crate) fn inspect(arguments: &Arguments<'_>) -> Result<Vec<Row>, Failure> {
    let paths = arguments.wanted("directory", "path")?;
    if let Some(relative) = paths.iter().find(|p| !p.starts_with('/')) {
        return Err(Failure::new("invalid", "parse", format!("`{relative}` is not an absolute path")));
    }
    Ok(paths.into_iter().map(|path| look(Path::new(path))).collect())
}

fn look(path: &Path) -> Row {
    let mut row = RowBuilder::default().put("path", path.display());
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let tried = write_in(path);
            row = row.put("exists", true).put("writable", tried.is_ok());
            row = with_error(row, tried.err());
            described(row, path, &found)
        }
        Ok(found) => {
            let row = row
                .put("exists", true)
                .put("writable", false)
                .put("error", "not a directory")
                .put("error-kind", "invalid");
            described(row, path, &found)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = existing_parent(path);
            let tried = write_in(&parent);
            row = row
                .put("exists", false)
                .put("writable", false)
                .put("creatable", tried.is_ok())
                .put("nearest", parent.display());
            row = with_error(row, tried.err());
            match std::fs::metadata(&parent) {
                Ok(found) => described(row, &parent, &found),
                Err(_) => row.done(),
            }
        }
        Err(error) => with_error(row.put("exists", "unknown").put("writable", false), Some(error)).done(),
    }
}

fn with_error(row: RowBuilder, error: Option<std::io::Error>) -> RowBuilder {
    match error {
        Some(error) => {
            let failure = Failure::from_io("write", &error);
            row.put("error", &failure.message).put("error-kind", &failure.kind).known("os-code", failure.os_code)
        }
        None => row,
    }
}

fn described(row: RowBuilder, path: &Path, found: &std::fs::Metadata) -> Row {
    let mount = mount_of(path);
    let row = row
        .known("filesystem", mount.as_ref().map(|mount| mount.fs_type.clone()))
        .known("mount-point", mount.as_ref().map(|mount| mount.mount_point.display().to_string()))
        .known("mount-source", mount.and_then(|mount| mount.mount_source));
    let free = statvfs(path).ok().map(|s| s.blocks_available().saturating_mul(s.fragment_size()));
    row.known("free-bytes", free)
        .put("uid", found.uid())
        .put("gid", found.gid())
        .put("mode", format!("{:04o}", found.mode() & 0o7777))
        .done()
}

/// The mount that a path is on: the last of those with the longest way to it.
fn mount_of(path: &Path) -> Option<MountInfo> {
    let real = std::fs::canonicalize(path).ok()?;
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    let above = mounts.into_iter().filter(|mount| real.starts_with(&mount.mount_point));
    above.max_by_key(|mount| mount.mount_point.as_os_str().len())
}

fn existing_parent(path: &Path) -> PathBuf {
    path.ancestors().skip(1).find(|p| p.exists()).map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
}

/// Writes one byte to a file that nobody else has and removes it.
fn write_in(folder: &Path) -> std::io::Result<()> {
    use std::io::Write;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(".seaworthy-write-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = folder.join(name);
    let written = std::fs::File::options().write(true).create_new(true).open(&path).and_then(|mut file| {
        file.write_all(b"x")?;
        file.sync_all()
    });
    match written {
        // A file that cannot be removed again is a folder that does not work.
        Ok(()) => std::fs::remove_file(&path),
        Err(error) => {
            if error.kind() != std::io::ErrorKind::AlreadyExists {
                let _ = std::fs::remove_file(&path);
            }
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(row: &Row, key: &str) -> String {
        row.iter().find(|(k, _)| k == key).map_or_else(|| "absent".to_owned(), |(_, v)| v.clone())
    }

    #[test]
    fn a_folder_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let row = look(folder.path());
        assert_eq!((value(&row, "exists"), value(&row, "writable")), ("true".into(), "true".into()));
        assert!(value(&row, "free-bytes").parse::<u64>().unwrap() > 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mount = value(&row, "mount-point");
        assert!(folder.path().starts_with(&mount) && value(&row, "filesystem") != "absent", "{row:?}");
        assert_eq!(value(&look(Path::new("/proc")), "filesystem"), "proc");
    }

    #[test]
    fn a_missing_folder_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a/b");
        let row = look(&missing);
        assert_eq!((value(&row, "exists"), value(&row, "creatable")), ("false".into(), "true".into()));
        assert_eq!(value(&row, "nearest"), folder.path().display().to_string());
        assert!(!folder.path().join("a").exists());
    }

    #[test]
    fn what_cannot_be_written_to_says_why() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(value(&look(file.path()), "writable"), "false");
        // /proc takes no files from anybody, root included.
        let row = look(Path::new("/proc"));
        assert_eq!(value(&row, "writable"), "false");
        assert_ne!(value(&row, "error-kind"), "absent");
    }

    #[test]
    fn a_relative_path_is_refused() {
        let pairs = [("path".to_owned(), "cache".to_owned())];
        assert_eq!(inspect(&Arguments(&pairs)).unwrap_err().kind, "invalid");
    }
}

use super::{Arguments, Row, RowBuilder};
use jiff::Timestamp;
use nix::unistd::{AccessFlags, eaccess};
use seaworthy_model::Failure;
use std::fs::{FileType, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::SystemTime;

/// Paths of one question.
const MOST: usize = 200;

/// What is at each path, and what this process may do with it. Nothing is opened and
/// nothing is written.
pub(crate) fn inspect(arguments: &Arguments<'_>) -> Result<Vec<Row>, Failure> {
    let paths = arguments.wanted("paths", "path")?;
    if let Some(relative) = paths.iter().find(|p| !p.starts_with('/')) {
        return Err(Failure::new("invalid", "parse", format!("`{relative}` is not an absolute path")));
    }
    if paths.len() > MOST {
        return Err(Failure::new(
            "invalid",
            "parse",
            format!("{} paths are too many; {MOST} are looked at", paths.len()),
        ));
    }
    Ok(paths.into_iter().map(|path| look(Path::new(path), SystemTime::now())).collect())
}

fn look(path: &Path, now: SystemTime) -> Row {
    let row = RowBuilder::default().put("path", path.display());
    let itself = match std::fs::symlink_metadata(path) {
        Ok(itself) => itself,
        Err(error) => {
            let failure = Failure::from_io("read", &error);
            // Behind a folder that may not be entered anything can be; below a file (ENOTDIR) nothing.
            let absent = failure.kind == "not-found" || failure.os_code == Some(20);
            let exists = if absent { "false" } else { "unknown" };
            return row.put("exists", exists).put("error-kind", failure.kind).done();
        }
    };
    let mut row = row.put("exists", true).put("kind", kind(itself.file_type()));
    let mut described = itself;
    if described.is_symlink() {
        row = row.known("leads-to", std::fs::read_link(path).ok().map(|to| to.display().to_string()));
        match std::fs::metadata(path) {
            Ok(found) => {
                row = row.put("dangling", false);
                described = found;
            }
            Err(error) => {
                let failure = Failure::from_io("read", &error);
                row = row.put("dangling", failure.kind == "not-found").put("error-kind", failure.kind);
            }
        }
    }
    owned(row, path, &described, now)
}

/// A link's owner and age are those of what it leads to, as that is what is used.
fn owned(row: RowBuilder, path: &Path, found: &Metadata, now: SystemTime) -> Row {
    let may = |flags| eaccess(path, flags).is_ok();
    let modified = found.modified().ok();
    let age = modified.and_then(|then| now.duration_since(then).ok());
    row.put("readable", may(AccessFlags::R_OK))
        .put("writable", may(AccessFlags::W_OK))
        .put("uid", found.uid())
        .put("gid", found.gid())
        .put("mode", format!("{:04o}", found.mode() & 0o7777))
        .known("modified", Timestamp::from_second(found.mtime()).ok())
        .known("modified-age-s", age.map(|age| age.as_secs()))
        .done()
}

fn kind(found: FileType) -> &'static str {
    if found.is_symlink() {
        "link"
    } else if found.is_file() {
        "file"
    } else if found.is_dir() {
        "folder"
    } else if found.is_socket() {
        "socket"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn value(row: &Row, key: &str) -> String {
        row.iter().find(|(k, _)| k == key).map_or_else(|| "absent".to_owned(), |(_, v)| v.clone())
    }

    #[test]
    fn each_kind_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        symlink("file", at("link")).unwrap();
        symlink("gone", at("dangling")).unwrap();
        let seen = |name: &str, key: &str| value(&look(&at(name), SystemTime::now()), key);
        assert_eq!((seen("file", "kind"), seen("socket", "kind")), ("file".into(), "socket".into()));
        assert_eq!((value(&look(folder.path(), SystemTime::now()), "kind")), "folder");
        assert_eq!((seen("link", "leads-to"), seen("link", "dangling")), ("file".into(), "false".into()));
        assert_eq!((seen("dangling", "kind"), seen("dangling", "dangling")), ("link".into(), "true".into()));
        assert_eq!(seen("dangling", "readable"), "false");
        assert_eq!((seen("gone", "exists"), seen("gone", "error-kind")), ("false".into(), "not-found".into()));
        assert_eq!(value(&look(Path::new("/dev/null"), SystemTime::now()), "kind"), "other");
        assert_eq!(seen("file/below", "exists"), "false");
    }

    #[test]
    fn owner_mode_and_age_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let later = file.as_file().metadata().unwrap().modified().unwrap() + std::time::Duration::from_secs(90);
        let row = look(file.path(), later);
        assert_eq!((value(&row, "mode"), value(&row, "modified-age-s")), ("0600".into(), "90".into()));
        assert_eq!(value(&row, "uid"), nix::unistd::geteuid().to_string());
        assert!(value(&row, "modified").parse::<Timestamp>().is_ok());
        assert_eq!(value(&row, "readable"), "true");
    }

    #[test]
    fn a_relative_path_is_refused() {
        let pairs = [("path".to_owned(), "cache".to_owned())];
        assert_eq!(inspect(&Arguments(&pairs)).unwrap_err().kind, "invalid");
    }
}

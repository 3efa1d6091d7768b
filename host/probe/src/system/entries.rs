//! Names in folders and lines in text files, for checks that look for one thing in
//! many places. Both are bounded: by folder, by file and by answer.

use super::{Arguments, Row, RowBuilder};
use seaworthy_model::{Failure, glob_matches};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Entries of one folder that are looked at.
const ENTRIES: usize = 20_000;
/// Rows of one answer.
const ROWS: usize = 200;
/// Files of one folder that are read.
const FILES: usize = 200;
/// Bytes of one file that are read.
const BYTES: u64 = 256 << 10;
/// Characters of a line that are shown.
const SHOWN: usize = 300;

/// The entries of each `path` whose name matches one of the globs `name`; all
/// without one. Links are not followed.
///
/// *Behaviour*: one row `folder` for each path (`exists`, `complete`, `error`), one
/// row `entry` for each match (`folder`, `name`, `kind`, `bytes`).
pub(crate) fn inspect(arguments: &Arguments<'_>) -> Result<Vec<Row>, Failure> {
    let globs = arguments.all("name");
    let mut rows = Vec::new();
    for path in absolute(arguments, "entries")? {
        let mut found = Vec::new();
        let listed = list(path, &globs, |entry| {
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_dir() => "folder",
                Ok(kind) if kind.is_file() => "file",
                Ok(kind) if kind.is_symlink() => "link",
                _ => "other",
            };
            let row = RowBuilder::default()
                .put("row-kind", "entry")
                .put("folder", path.display())
                .put("name", entry.file_name().to_string_lossy())
                .put("kind", kind)
                .known("bytes", entry.metadata().ok().map(|found| found.len()));
            found.push(row.done());
            found.len() < ROWS
        });
        rows.push(about(path, &listed));
        rows.append(&mut found);
    }
    rows.truncate(ROWS);
    Ok(rows)
}

/// The lines of text files that hold every one of the texts `contains`, whatever
/// their case. A `path` is a file, or a folder of which the files are read whose
/// name matches one of the globs `name`; folders in it are left alone.
///
/// *Behaviour*: one row `folder` for each path, one row `line` for each match
/// (`path`, `line` from 1, `text` trimmed and cut at 300 characters).
pub(crate) fn inspect_lines(arguments: &Arguments<'_>) -> Result<Vec<Row>, Failure> {
    arguments.wanted("lines", "contains")?;
    let wanted: Vec<String> = arguments.all("contains").iter().map(|text| text.to_lowercase()).collect();
    let globs = arguments.all("name");
    let mut rows = Vec::new();
    for path in absolute(arguments, "lines")? {
        let mut files: Vec<PathBuf> = Vec::new();
        let listed = if path.is_file() {
            files.push(path.to_path_buf());
            Ok(true)
        } else {
            list(path, &globs, |entry| {
                files.push(entry.path());
                files.len() < FILES
            })
        };
        files.sort();
        rows.push(about(path, &listed));
        for file in files {
            rows.extend(matching(&file, &wanted));
        }
    }
    rows.truncate(ROWS);
    Ok(rows)
}

/// The paths asked about; a relative one would depend on where we were started.
fn absolute<'a>(arguments: &Arguments<'a>, topic: &str) -> Result<Vec<&'a Path>, Failure> {
    let paths = arguments.wanted(topic, "path")?;
    if let Some(relative) = paths.iter().find(|p| !p.starts_with('/')) {
        return Err(Failure::new("invalid", "parse", format!("`{relative}` is not an absolute path")));
    }
    Ok(paths.into_iter().map(Path::new).collect())
}

/// Gives each entry that matches to `take` until that has enough; whether all were seen.
fn list(path: &Path, globs: &[&str], mut take: impl FnMut(&std::fs::DirEntry) -> bool) -> std::io::Result<bool> {
    for (seen, entry) in std::fs::read_dir(path)?.enumerate() {
        if seen >= ENTRIES {
            return Ok(false);
        }
        let entry = entry?;
        let name = entry.file_name();
        let wanted = globs.is_empty() || globs.iter().any(|glob| glob_matches(glob, &name.to_string_lossy()));
        if wanted && !take(&entry) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn about(path: &Path, listed: &std::io::Result<bool>) -> Row {
    let row = RowBuilder::default().put("row-kind", "folder").put("path", path.display());
    match listed {
        Ok(complete) => row.put("exists", true).put("complete", complete).done(),
        Err(error) => {
            let failure = Failure::from_io("read", error);
            row.put("exists", error.kind() != std::io::ErrorKind::NotFound)
                .put("complete", false)
                .put("error", failure.message)
                .put("error-kind", failure.kind)
                .done()
        }
    }
}

/// A file that cannot be read has no matching lines; pipes and devices are never opened.
fn matching(path: &Path, wanted: &[String]) -> Vec<Row> {
    if !std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(BYTES).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let holds = |line: &str| {
        let line = line.to_lowercase();
        wanted.iter().all(|text| line.contains(text))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| holds(line))
        .take(ROWS)
        .map(|(at, line)| {
            RowBuilder::default()
                .put("row-kind", "line")
                .put("path", path.display())
                .put("line", at + 1)
                .put("text", line.trim().chars().take(SHOWN).collect::<String>())
                .done()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(row: &'a Row, key: &str) -> &'a str {
        row.iter().find(|(k, _)| k == key).map_or("absent", |(_, v)| v)
    }

    fn asked(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn names_are_found_by_glob() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        std::fs::write(folder.path().join("=0.4.0"), "Collecting libp2p").unwrap();
        std::fs::write(folder.path().join("other"), "").unwrap();
        let pairs = asked(&[("path", &path), ("name", "=*"), ("path", "/nowhere/at/all")]);
        let rows = inspect(&Arguments(&pairs)).unwrap();
        assert_eq!(rows.len(), 3, "{rows:?}");
        assert_eq!((value(&rows[0], "exists"), value(&rows[0], "complete")), ("true", "true"));
        assert_eq!((value(&rows[1], "name"), value(&rows[1], "bytes")), ("=0.4.0", "17"));
        assert_eq!((value(&rows[2], "exists"), value(&rows[2], "error-kind")), ("false", "not-found"));
    }

    #[test]
    fn an_answer_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..ROWS + 20 {
            std::fs::write(folder.path().join(format!("f{n}")), "x\n").unwrap();
        }
        let pairs = asked(&[("path", &folder.path().display().to_string())]);
        let rows = inspect(&Arguments(&pairs)).unwrap();
        assert_eq!((rows.len(), value(&rows[0], "complete")), (ROWS, "false"));
        std::fs::write(folder.path().join("long"), "x".repeat(1 << 20)).unwrap();
        let pairs = asked(&[("path", &folder.path().join("long").display().to_string()), ("contains", "X")]);
        let rows = inspect_lines(&Arguments(&pairs)).unwrap();
        assert_eq!(value(&rows[1], "text").len(), SHOWN);
    }

    #[test]
    fn lines_hold_every_text() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("ci.yml"),
            "steps:\n  - run: pip install libp2p>=0.4.0\n  - run: pip install x\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("notes.txt"), "pip install a>b\n").unwrap();
        std::fs::create_dir(folder.path().join("deep.yml")).unwrap();
        let path = folder.path().display().to_string();
        let pairs = asked(&[("path", &path), ("name", "*.yml"), ("contains", "Install"), ("contains", ">")]);
        let rows = inspect_lines(&Arguments(&pairs)).unwrap();
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!((value(&rows[1], "line"), value(&rows[1], "text")), ("2", "- run: pip install libp2p>=0.4.0"));
    }

    #[test]
    fn a_pipe_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let pairs = asked(&[("path", &folder.path().display().to_string()), ("contains", "x")]);
        assert_eq!(inspect_lines(&Arguments(&pairs)).unwrap().len(), 1);
    }

    #[test]
    fn relative_paths_are_refused() {
        let pairs = asked(&[("path", "here"), ("contains", "x")]);
        assert_eq!(inspect(&Arguments(&pairs)).unwrap_err().kind, "invalid");
        assert_eq!(inspect_lines(&Arguments(&pairs)).unwrap_err().kind, "invalid");
    }
}

//! Texts in the sources of an installed distribution. Nothing is executed or
//! compiled: whether a release has a feature shows in what its files say.

use std::io::Read as _;
use std::path::{Component, Path};

/// Files that are read.
const FILES: usize = 4000;
/// Bytes of one file.
const FILE_BYTES: u64 = 1 << 20;
/// Bytes of them all.
const BYTES: u64 = 64 << 20;

/// What came of a search.
pub(super) struct Seen {
    /// The texts that were found, in the order asked.
    pub(super) found: Vec<String>,
    /// Files that were read.
    pub(super) files: usize,
    /// Whether every source was read to its end. False as well where the metadata
    /// lists none: an editable installation keeps its sources elsewhere.
    pub(super) complete: bool,
}

/// Looks for `texts` in the Python sources that the metadata in `info` lists under
/// `folder`; ends as soon as all are found.
pub(super) fn search(folder: &Path, info: &Path, texts: &[&str]) -> Seen {
    let record = ["RECORD", "installed-files.txt"].iter().find_map(|f| std::fs::read_to_string(info.join(f)).ok());
    let record = record.unwrap_or_default();
    let mut seen = Seen { found: Vec::new(), files: 0, complete: true };
    let mut missing: Vec<&str> = texts.to_vec();
    let mut left = BYTES;
    for path in record.lines().filter_map(source) {
        if seen.files >= FILES || left == 0 {
            seen.complete = false;
            break;
        }
        let path = folder.join(path);
        // A listed file that is gone cannot be imported either.
        if !std::fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let mut bytes = Vec::new();
        let limit = FILE_BYTES.min(left);
        let read = std::fs::File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        seen.files += 1;
        seen.complete &= read.is_ok_and(|length| (length as u64) < limit);
        left = left.saturating_sub(bytes.len() as u64);
        let text = String::from_utf8_lossy(&bytes);
        missing.retain(|wanted| !text.contains(wanted));
        if missing.is_empty() {
            break;
        }
    }
    seen.complete &= seen.files > 0;
    seen.found = texts.iter().filter(|text| !missing.contains(text)).map(|text| (*text).to_owned()).collect();
    seen
}

/// The path of a Python source in a line of RECORD (`path,hash,size`), when it stays
/// within the folder.
fn source(line: &str) -> Option<&Path> {
    let path = Path::new(line.split(',').next()?);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && path.extension().is_some_and(|kind| kind == "py")).then_some(path)
}

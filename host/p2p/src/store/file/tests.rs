//! What a disk, a copy or a kill may do to the file.

use crate::store::{Record, Store, StoreError};
use std::fs;
use std::path::Path;

const ENTRIES: u64 = 40;
const MAX: u64 = 64 * 1024 * 1024;

fn value(n: u64) -> Record {
    let length = usize::try_from(n * n * 13).unwrap();
    Record { created_ms: n, expires_ms: None, sealed: vec![u8::try_from(n).unwrap(); length] }
}

/// A store with values of many sizes, some of which were replaced or removed.
fn filled(path: &Path) {
    let store = Store::open(Some(path), "us", MAX, 0).unwrap();
    for n in 0..ENTRIES {
        store.put(&format!("k{n}"), &Record { created_ms: 0, ..value(n / 2) }, 1).unwrap();
        store.put(&format!("k{n}"), &value(n), 1).unwrap();
        store.put("gone", &value(n), 1).unwrap();
        store.remove("gone", 1).unwrap();
    }
}

/// Opens what is there. What it holds is what was put; how many of it, or that it
/// is refused with the file's name.
fn judge(path: &Path, what: &str) -> Option<u64> {
    let store = match Store::open(Some(path), "us", MAX, 1) {
        Ok(store) => store,
        Err(error @ (StoreError::Open { .. } | StoreError::Damaged { .. })) => {
            assert!(error.to_string().contains(&path.display().to_string()), "{what}: {error}");
            return None;
        }
        Err(other) => panic!("{what}: {other}"),
    };
    let found = (0..ENTRIES).filter_map(|n| {
        let found = store.get(&format!("k{n}"), 1).unwrap();
        found.inspect(|record| assert!(*record == value(n), "{what}: k{n} is torn"))
    });
    let count = found.count() as u64;
    // And it can be used.
    store.put("after", &value(3), 1).unwrap();
    assert_eq!(store.get("after", 1).unwrap(), Some(value(3)));
    Some(count)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn a_damaged_file_is_refused_or_right() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.redb");
    filled(&whole);
    let bytes = fs::read(&whole).unwrap();
    let mut random = Random(std::env::var("SEAWORTHY_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7));
    let (mut refused, mut right) = (0, 0);
    for round in 0..120 {
        let mut damaged = bytes.clone();
        let what = match round % 4 {
            0 => {
                damaged.truncate(random.below(bytes.len()));
                format!("cut at {} of {}", damaged.len(), bytes.len())
            }
            1 => {
                // The header and the pages that the trees begin in are small targets.
                let at = random.below(if round % 8 == 1 { 4096 } else { bytes.len() });
                damaged[at] ^= 1 << random.below(8);
                format!("a bit at {at}")
            }
            2 => {
                let (at, length) = (random.below(bytes.len()), 1 + random.below(8192));
                let end = bytes.len().min(at + length);
                damaged[at..end].fill(0);
                format!("zeros from {at} to {end}")
            }
            _ => {
                let (from, to) = (random.below(bytes.len() / 4096) * 4096, random.below(bytes.len() / 4096) * 4096);
                damaged.copy_within(from..from + 4096, to);
                format!("the page at {to} is that at {from}")
            }
        };
        let path = folder.path().join("damaged.redb");
        fs::write(&path, &damaged).unwrap();
        match judge(&path, &what) {
            Some(count) => {
                assert_eq!(count, ENTRIES, "{what}: opens, and entries are missing");
                right += 1;
            }
            None => refused += 1,
        }
    }
    assert!(refused > 20 && right > 5, "{refused} refused, {right} right: the damage is too much or too little");
}

/// A copy taken while the store writes is what a crash may leave.
#[test]
fn a_copy_taken_at_any_moment_opens_with_all_that_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.redb");
    let store = Store::open(Some(&path), "us", MAX, 0).unwrap();
    for round in 0..12_u64 {
        let key = format!("k{round}");
        store.put(&key, &value(round), 1).unwrap();
        // Nothing writes now: the file is exactly as the last commit left it, not closed.
        let copy = folder.path().join("copy.redb");
        fs::copy(&path, &copy).unwrap();
        assert_eq!(judge(&copy, &key), Some(round + 1));
    }
}

#[test]
fn what_is_no_store_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    fs::write(&path, b"somebody's notes").unwrap();
    assert_eq!(judge(&path, "notes"), None);
    assert_eq!(fs::read(&path).unwrap(), b"somebody's notes");
}

/// A kill while the file is made leaves a part beside, which is never taken for it.
#[test]
fn a_half_made_file_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    fs::write(folder.path().join("store.redb.new-0123456789abcdef"), [0; 5000]).unwrap();
    filled(&path);
    assert_eq!(judge(&path, "made anew"), Some(ENTRIES));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside");
}

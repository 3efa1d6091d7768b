//! Precompiled components appended to the executable.
//!
//! `seaworthy pack` writes a copy of the running executable followed by an archive
//! of the bundled components, compiled by this very engine, and their descriptors:
//! a run of a packed binary compiles nothing. The archive is part of the
//! executable and as trustworthy as it; nothing else is ever read this way.
//!
//! Layout: `executable | blobs | index as JSON | index length, u64 LE | MAGIC`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

const MAGIC: &[u8; 16] = b"seaworthy-aot-01";

/// One precompiled component.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// `sha256:...` of the component it was compiled from.
    pub(crate) digest: String,
    /// What `describe` returned.
    pub(crate) descriptor: String,
    offset: u64,
    length: u64,
}

/// The archive at the end of an executable.
#[derive(Debug)]
pub(crate) struct Archive {
    file: File,
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// The archive of `executable`, if it has one.
    pub(crate) fn open(executable: &Path) -> Option<Self> {
        let mut file = File::open(executable).ok()?;
        let index = read_index(&mut file).ok()??;
        Some(Self { file, entries: index.0 })
    }

    /// The entry called `name`, when it was made from the component with `digest`.
    pub(crate) fn entry(&self, name: &str, digest: &str) -> Option<&Entry> {
        self.entries.get(name).filter(|entry| entry.digest == digest)
    }

    /// The compiled code of an entry.
    pub(crate) fn code(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(entry.offset))?;
        let mut code = vec![0; usize::try_from(entry.length).map_err(io::Error::other)?];
        file.read_exact(&mut code)?;
        Ok(code)
    }
}

/// Index and the length of the executable without its archive.
fn read_index(file: &mut File) -> io::Result<Option<(BTreeMap<String, Entry>, u64)>> {
    let total = file.seek(SeekFrom::End(0))?;
    let Some(tail_at) = total.checked_sub(24) else { return Ok(None) };
    file.seek(SeekFrom::Start(tail_at))?;
    let mut tail = [0; 24];
    file.read_exact(&mut tail)?;
    let (length, magic) = tail.split_at(8);
    if magic != MAGIC {
        return Ok(None);
    }
    let length = u64::from_le_bytes(length.try_into().map_err(io::Error::other)?);
    let Some(index_at) = tail_at.checked_sub(length) else { return Ok(None) };
    file.seek(SeekFrom::Start(index_at))?;
    let mut index = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact(&mut index)?;
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(&index)?;
    let end = entries.values().map(|entry| entry.offset).min().unwrap_or(index_at);
    Ok(Some((entries, end)))
}

/// Writes `executable` without any archive, then `components` (name, digest,
/// descriptor, code) as its archive, to `out`, with the executable bit set.
///
/// # Errors
/// What reading or writing said.
pub(crate) fn write(executable: &Path, out: &Path, components: &[(String, String, String, Vec<u8>)]) -> io::Result<()> {
    let mut source = File::open(executable)?;
    let length = match read_index(&mut source)? {
        Some((_, end)) => end,
        None => source.metadata()?.len(),
    };
    source.seek(SeekFrom::Start(0))?;
    let aside = out.with_extension("partial");
    let mut file = File::create(&aside)?;
    io::copy(&mut source.take(length), &mut file)?;
    let mut entries = BTreeMap::new();
    let mut offset = length;
    for (name, digest, descriptor, code) in components {
        file.write_all(code)?;
        let length = code.len() as u64;
        let entry = Entry { digest: digest.clone(), descriptor: descriptor.clone(), offset, length };
        entries.insert(name.clone(), entry);
        offset += length;
    }
    let index = serde_json::to_vec(&entries)?;
    file.write_all(&index)?;
    file.write_all(&(index.len() as u64).to_le_bytes())?;
    file.write_all(MAGIC)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o755))?;
    }
    file.sync_all()?;
    drop(file);
    std::fs::rename(aside, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_reads_back_and_packs_again() {
        let dir = tempfile::tempdir().unwrap();
        let (exe, first, second) = (dir.path().join("exe"), dir.path().join("first"), dir.path().join("second"));
        std::fs::write(&exe, b"an executable").unwrap();
        assert!(Archive::open(&exe).is_none());
        let parts = vec![
            ("a".to_owned(), "sha256:1".to_owned(), "{}".to_owned(), b"code of a".to_vec()),
            ("b".to_owned(), "sha256:2".to_owned(), "{}".to_owned(), b"code of b".to_vec()),
        ];
        write(&exe, &first, &parts).unwrap();
        write(&first, &second, &parts[1..]).unwrap();
        let archive = Archive::open(&first).unwrap();
        let entry = archive.entry("b", "sha256:2").unwrap();
        assert_eq!(archive.code(entry).unwrap(), b"code of b");
        assert!(archive.entry("b", "sha256:other").is_none());
        let archive = Archive::open(&second).unwrap();
        assert!(archive.entry("a", "sha256:1").is_none());
        assert_eq!(archive.code(archive.entry("b", "sha256:2").unwrap()).unwrap(), b"code of b");
        assert!(std::fs::read(&second).unwrap().starts_with(b"an executablecode of b"));
    }
}

//! Precompiled components appended to the executable.
//!
//! `seaworthy pack` writes a copy of the running executable followed by an archive
//! of the bundled components, compiled by this very engine, and their descriptors:
//! a run of a packed binary compiles nothing. The archive is part of the
//! executable and as trustworthy as it; nothing else is ever read this way.
//!
//! The index holds just enough to choose from it: how long a run takes to start must
//! not depend on how many components are bundled.
//!
//! Layout: `executable | blobs | index as JSON | index length, u64 LE | MAGIC`.

use crate::mapped_code;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::ptr::NonNull;

const MAGIC: &[u8; 16] = b"seaworthy-aot-02";

/// One precompiled component.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// `sha256:...` of the component it was compiled from.
    pub(crate) digest: String,
    /// Ids of its checks; none for an adapter.
    pub(crate) checks: Vec<String>,
    descriptor: Blob,
    code: Blob,
}

/// Where something is in the file.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blob {
    offset: u64,
    length: u64,
}

/// What is written of a component.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) checks: Vec<String>,
    pub(crate) descriptor: String,
    pub(crate) code: Vec<u8>,
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

    /// What `describe` returned.
    pub(crate) fn descriptor(&self, entry: &Entry) -> io::Result<String> {
        String::from_utf8(self.blob(entry.descriptor)?).map_err(io::Error::other)
    }

    /// The compiled code of an entry, mapped for as long as the process lives.
    pub(crate) fn code(&self, entry: &Entry) -> io::Result<NonNull<[u8]>> {
        mapped_code::map(&self.file, entry.code.offset, entry.code.length)
    }

    fn blob(&self, blob: Blob) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(blob.length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, blob.offset)?;
        Ok(bytes)
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
    let end = entries.values().map(|entry| entry.descriptor.offset.min(entry.code.offset)).min().unwrap_or(index_at);
    Ok(Some((entries, end)))
}

/// Writes `executable` without any archive, then `parts` as its archive, to `out`,
/// with the executable bit set.
///
/// # Errors
/// What reading or writing said.
pub(crate) fn write(executable: &Path, out: &Path, parts: &[Part]) -> io::Result<()> {
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
    let mut blob = |bytes: &[u8], alignment: u64| -> io::Result<Blob> {
        offset = offset.next_multiple_of(alignment);
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)?;
        let blob = Blob { offset, length: bytes.len() as u64 };
        offset += blob.length;
        Ok(blob)
    };
    for part in parts {
        let code = blob(&part.code, mapped_code::ALIGNMENT)?;
        let descriptor = blob(part.descriptor.as_bytes(), 1)?;
        let entry = Entry { digest: part.digest.clone(), checks: part.checks.clone(), descriptor, code };
        entries.insert(part.name.clone(), entry);
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

    fn code(archive: &Archive, entry: &Entry) -> Vec<u8> {
        let mapped = archive.code(entry).unwrap();
        #[expect(unsafe_code, reason = "the mapping lives as long as the process")]
        let bytes = unsafe { mapped.as_ref() };
        bytes.to_vec()
    }

    #[test]
    fn what_is_packed_reads_back_and_packs_again() {
        let dir = tempfile::tempdir().unwrap();
        let (exe, first, second) = (dir.path().join("exe"), dir.path().join("first"), dir.path().join("second"));
        std::fs::write(&exe, b"an executable").unwrap();
        assert!(Archive::open(&exe).is_none());
        let part = |name: &str, digest: &str| Part {
            name: name.into(),
            digest: digest.into(),
            checks: vec![format!("net/{name}")],
            descriptor: format!("{name} says"),
            code: format!("code of {name}").into_bytes(),
        };
        let parts = [part("a", "sha256:1"), part("b", "sha256:2")];
        write(&exe, &first, &parts).unwrap();
        write(&first, &second, &parts[1..]).unwrap();
        let archive = Archive::open(&first).unwrap();
        let entry = archive.entry("b", "sha256:2").unwrap();
        assert_eq!(code(&archive, entry), b"code of b");
        assert_eq!(archive.descriptor(entry).unwrap(), "b says");
        assert_eq!(entry.checks, ["net/b"]);
        assert!(archive.entry("b", "sha256:other").is_none());
        let archive = Archive::open(&second).unwrap();
        assert!(archive.entry("a", "sha256:1").is_none());
        assert_eq!(code(&archive, archive.entry("b", "sha256:2").unwrap()), b"code of b");
        let packed = std::fs::read(&second).unwrap();
        assert!(packed.starts_with(b"an executable") && !packed.windows(9).any(|part| part == b"code of a"));
    }
}

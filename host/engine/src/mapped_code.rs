//! Compiled code used where it lies in the executable, instead of being copied.
//!
//! Reading code and copying it into executable memory touches every page of it twice,
//! and a page that is touched for the first time costs more than what is done with it.
//! A mapping brings in the pages that are used, straight from the page cache.

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mprotect};
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use wasmtime::{CustomCodeMemory, format_err};

/// Code begins at multiples of this in a file, so that it can be mapped: the page size,
/// which may be 64 KiB on arm64.
pub(crate) const ALIGNMENT: u64 = if cfg!(target_arch = "x86_64") { 4 << 10 } else { 64 << 10 };

/// Maps a part of a file for reading and execution, for as long as the process lives.
///
/// # Errors
/// What the system said; nothing is mapped then.
pub(crate) fn map(file: &File, offset: u64, length: u64) -> io::Result<NonNull<[u8]>> {
    let length = NonZeroUsize::new(usize::try_from(length).map_err(io::Error::other)?);
    let length = length.ok_or_else(|| io::Error::other("there is no code"))?;
    let offset = i64::try_from(offset).map_err(io::Error::other)?;
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_EXEC;
    // SAFETY: a new mapping at a place that the system chooses overlaps nothing, and is
    // never taken back.
    #[expect(unsafe_code, reason = "there is no safe way to map a file")]
    let start = unsafe { mmap(None, length, protection, MapFlags::MAP_PRIVATE, file, offset)? };
    Ok(NonNull::slice_from_raw_parts(start.cast(), length.get()))
}

/// Makes code executable for wasmtime, which by itself does so only for memory that it
/// has allocated.
#[derive(Debug)]
pub(crate) struct CodePages;

impl CustomCodeMemory for CodePages {
    fn required_alignment(&self) -> usize {
        // Of a page, as far as it may be.
        usize::try_from(ALIGNMENT).unwrap_or(usize::MAX)
    }

    fn publish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        let start = NonNull::new(start.cast_mut()).ok_or_else(|| format_err!("code at address zero"))?;
        // SAFETY: wasmtime hands over the whole pages of code that nothing writes to any
        // more; what is mapped by `map` has these rights already.
        #[expect(unsafe_code, reason = "there is no safe way to make memory executable")]
        let done = unsafe { mprotect(start.cast::<c_void>(), length, ProtFlags::PROT_READ | ProtFlags::PROT_EXEC) };
        done.map_err(|error| format_err!("memory cannot be made executable: {error}"))
    }

    fn unpublish_executable(&self, _start: *const u8, _length: usize) -> wasmtime::Result<()> {
        // Asked only before memory is given back; nothing is written into it meanwhile.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_file_is_seen_where_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let before = usize::try_from(ALIGNMENT).unwrap();
        std::fs::write(&path, [vec![0; before], b"code".to_vec()].concat()).unwrap();
        let file = File::open(&path).unwrap();
        let mapped = map(&file, ALIGNMENT, 4).unwrap();
        #[expect(unsafe_code, reason = "the mapping lives as long as the process")]
        let bytes = unsafe { mapped.as_ref() };
        assert_eq!(bytes, b"code");
        assert!(map(&file, 1, 4).is_err(), "code that begins inside a page");
        assert!(map(&file, 0, 0).is_err(), "no code");
    }
}

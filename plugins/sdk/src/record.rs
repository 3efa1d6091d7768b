//! Values as bytes, for adapters that keep them where nothing else does.

use crate::{CacheError, Entry, Life};
use sha2::{Digest as _, Sha256};

/// Bytes of a magic number: three letters and a version.
const MAGIC: usize = 4;
const DIGEST: usize = 32;
/// Stands for a life without end.
const NO_DEADLINE: u64 = u64::MAX;

/// A value with its life and metadata, as bytes that can be kept anywhere.
///
/// ```text
/// sealed = magic number | SHA-256 of (key length, key, body) | body
/// body   = created | deadline | number of metadata | (name, value)* | bytes
/// ```
/// Numbers are little-endian, u64 for times and u32 for lengths; texts follow their
/// length. The key is part of the digest, so a record cannot pass for another key's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From when to when it is valid.
    pub life: Life,
    /// In order.
    pub metadata: Vec<(String, String)>,
    /// The value.
    pub bytes: Vec<u8>,
}

impl Record {
    /// What a stat or a list says of it.
    #[must_use]
    pub fn entry(&self, key: &str, now: u64) -> Entry {
        self.life.describe(Entry::new(key, Some(self.bytes.len() as u64)), now)
    }

    /// The record of `key`, with the magic number of an adapter.
    ///
    /// # Errors
    /// `too-large` when a part of it is longer than a u32 says.
    pub fn seal(&self, magic: [u8; MAGIC], key: &str) -> Result<Vec<u8>, CacheError> {
        let mut file = Vec::with_capacity(self.bytes.len() + 128);
        file.extend_from_slice(&magic);
        file.extend_from_slice(&[0; DIGEST]);
        self.write(&mut file)?;
        let (head, body) = file.split_at_mut(MAGIC + DIGEST);
        head[MAGIC..].copy_from_slice(&digest(key, body));
        Ok(file)
    }

    /// Reads what [`seal`](Self::seal) made; `None` when it is not what was stored under `key`.
    #[must_use]
    pub fn unseal(magic: [u8; MAGIC], key: &str, file: Vec<u8>) -> Option<Self> {
        let (expected, body) = file.strip_prefix(&magic)?.split_at_checked(DIGEST)?;
        if *expected == digest(key, body) { Self::read(file, MAGIC + DIGEST) } else { None }
    }

    /// Appends the body.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn write(&self, file: &mut Vec<u8>) -> Result<(), CacheError> {
        for time in [self.life.created, self.life.deadline.unwrap_or(NO_DEADLINE)] {
            file.extend_from_slice(&time.to_le_bytes());
        }
        file.extend_from_slice(&length(self.metadata.len())?);
        for text in self.metadata.iter().flat_map(|(name, value)| [name, value]) {
            write_text(file, text)?;
        }
        file.extend_from_slice(&self.bytes);
        Ok(())
    }

    /// Reads a body that begins at `start`; `None` when there is none. *Behaviour*: the
    /// value stays where it is in memory, which it may fill by half.
    #[must_use]
    pub fn read(mut file: Vec<u8>, start: usize) -> Option<Self> {
        let mut rest = file.get(start..)?;
        let (created, deadline) = (read_number(&mut rest)?, read_number(&mut rest)?);
        let mut metadata = Vec::new();
        for _ in 0..read_length(&mut rest)? {
            metadata.push((read_text(&mut rest)?, read_text(&mut rest)?));
        }
        let head = file.len() - rest.len();
        file.drain(..head);
        let life = Life { created, deadline: (deadline != NO_DEADLINE).then_some(deadline) };
        Some(Self { life, metadata, bytes: file })
    }
}

/// Appends a text after its length.
///
/// # Errors
/// As [`Record::seal`].
pub fn write_text(file: &mut Vec<u8>, text: &str) -> Result<(), CacheError> {
    file.extend_from_slice(&length(text.len())?);
    file.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Takes a text with its length from the front; `None` when there is none.
pub fn read_text(rest: &mut &[u8]) -> Option<String> {
    let count = read_length(rest)?;
    String::from_utf8(take(rest, count)?.to_vec()).ok()
}

/// Takes a u64 from the front; `None` when there is none.
pub fn read_number(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?))
}

fn digest(key: &str, body: &[u8]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_le_bytes());
    hash.update(key.as_bytes());
    hash.update(body);
    hash.finalize().into()
}

fn length(length: usize) -> Result<[u8; 4], CacheError> {
    u32::try_from(length)
        .map(u32::to_le_bytes)
        .map_err(|_| CacheError::too_large("put", "the metadata is longer than 4 GiB"))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn read_length(rest: &mut &[u8]) -> Option<usize> {
    let bytes = take(rest, 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u8; 4] = *b"SWT\x01";

    fn record(deadline: Option<u64>, metadata: &[(&str, &str)], bytes: &[u8]) -> Record {
        Record {
            life: Life { created: 1_700_000_000_000, deadline },
            metadata: metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for wanted in [
            record(None, &[], b""),
            record(Some(1_700_000_300_000), &[("etag", "\"x\""), ("ä", "")], b"value"),
            record(Some(0), &[], &[0; 70_000]),
        ] {
            let file = wanted.seal(OURS, "a key").unwrap();
            assert_eq!(Record::unseal(OURS, "a key", file.clone()), Some(wanted.clone()));
            assert_eq!(Record::unseal(*b"SWT\x02", "a key", file), None);
            let mut file = b"before".to_vec();
            wanted.write(&mut file).unwrap();
            assert_eq!(Record::read(file, 6), Some(wanted));
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let file = record(Some(5), &[("k", "v")], b"value").seal(OURS, "key").unwrap();
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert_eq!(Record::unseal(OURS, "key", bad), None, "byte {at}");
            assert_eq!(Record::unseal(OURS, "key", file[..at].to_vec()), None, "cut at {at}");
        }
        assert_eq!(Record::unseal(OURS, "other", file), None, "another key's record");
        for length in 0..24 {
            assert_eq!(Record::read(vec![255; length], 0), None, "{length} bytes that promise more");
        }
    }

    #[test]
    fn the_digest_is_the_documented_one() {
        // printf '\3\0\0\0\0\0\0\0keybody' | sha256sum
        let known = digest("key", b"body");
        let words: Vec<u64> = known.chunks(8).map(|word| u64::from_be_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [0xAA82_AFC4_EDC6_9721, 0x80CC_1FE3_5A8E_2319, 0x606B_8805_AF81_2E4A, 0xDF2A_4F29_4578_D1FD]);
        assert_ne!(known, digest("keyb", b"ody"), "the border between key and body counts");
    }
}

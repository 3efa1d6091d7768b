//! What this machine knows of keys: their blobs, sizes and lives.
//!
//! Kept by the host (WIT `cache/storage`), each key below the space's DID, so that tiers
//! on two spaces may share a folder.

use seaworthy_adapter_sdk::{CacheError, Entry, Life, storage};
use storacha_client::Did;

/// Stands for a life without end.
const NO_DEADLINE: u64 = u64::MAX;
const KNOWN_BYTES: usize = 64;

pub(crate) struct Index {
    /// The space and a slash.
    prefix: String,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// SHA-256 of the blob.
    pub(crate) digest: [u8; 32],
    /// Bytes of the value.
    pub(crate) size: u64,
    pub(crate) life: Life,
    /// When it was put.
    pub(crate) stored: u64,
}

impl Known {
    pub(crate) fn entry(&self, key: &str, now: u64) -> Entry {
        self.life.describe(Entry::new(key, Some(self.size)), now)
    }

    fn encode(&self) -> Vec<u8> {
        let numbers = [self.size, self.life.created, self.life.deadline.unwrap_or(NO_DEADLINE), self.stored];
        let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
        self.digest.iter().copied().chain(numbers).collect()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; KNOWN_BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let deadline = number(48)?;
        Some(Self {
            digest: bytes.get(..32)?.try_into().ok()?,
            size: number(32)?,
            life: Life { created: number(40)?, deadline: (deadline != NO_DEADLINE).then_some(deadline) },
            stored: number(56)?,
        })
    }
}

impl Index {
    pub(crate) fn open(directory: &str, space: &Did) -> Result<Self, CacheError> {
        storage::open(directory)?;
        Ok(Self { prefix: format!("{space}/") })
    }

    /// *Errors*: `integrity` when the entry is damaged: it may be what names the value.
    pub(crate) fn get(&self, operation: &str, key: &str) -> Result<Option<Known>, CacheError> {
        let Some(bytes) = storage::get(&self.key(key)).map_err(|error| error.during(operation))? else {
            return Ok(None);
        };
        Known::decode(&bytes).map(Some).ok_or_else(|| {
            CacheError::integrity(operation, "the entry of the index is damaged; invalidate the key or store it again")
        })
    }

    pub(crate) fn put(&self, key: &str, known: &Known) -> Result<(), CacheError> {
        storage::put(&self.key(key), &known.encode())
    }

    /// Keeps what was found, unless it is known.
    pub(crate) fn learn(&self, operation: &str, key: &str, known: &Known) -> Result<(), CacheError> {
        if self.get(operation, key)?.as_ref() == Some(known) {
            return Ok(());
        }
        self.put(key, known).map_err(|error| error.during(operation))
    }

    pub(crate) fn delete(&self, operation: &str, key: &str) -> Result<(), CacheError> {
        storage::delete(&self.key(key)).map_err(|error| error.during(operation))
    }

    /// Every key that begins with `prefix`, in order.
    pub(crate) fn keys(&self, prefix: &str) -> Result<Vec<String>, CacheError> {
        let mut keys: Vec<String> = storage::list(&self.key(prefix), u32::MAX)?
            .into_iter()
            .filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned))
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }

    fn key(&self, key: &str) -> String {
        [&self.prefix, key].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_reads_back() {
        for deadline in [None, Some(0), Some(1_700_000_300_000)] {
            let known = Known { digest: [7; 32], size: 5, life: Life { created: 9, deadline }, stored: 11 };
            assert_eq!(Known::decode(&known.encode()), Some(known));
        }
        assert_eq!(Known::decode(b""), None);
        assert_eq!(Known::decode(&[0; 63]), None);
    }
}

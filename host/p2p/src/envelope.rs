//! A cached value, and how it is sealed. See `wire`.

use crate::SharedSecret;
use crate::wire::Bytes;
use seaworthy_model::Failure;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far ahead of our clock a value may claim to be made.
pub(crate) const MAX_SKEW_MS: u64 = 60_000;

/// Bytes that metadata, times and the seal may add to a value.
pub(crate) const ROOM: usize = 16 * 1024;

/// A value and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// The value.
    pub bytes: Vec<u8>,
    /// Milliseconds since the epoch; 0 in a put means now.
    pub created_ms: u64,
    /// Remaining life; none lives until it is evicted.
    pub ttl_ms: Option<u64>,
    /// Anything the writer wants to keep with it.
    pub metadata: BTreeMap<String, String>,
}

/// What is inside the seal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) created_ms: u64,
    /// Life from `created_ms` on.
    pub(crate) ttl_ms: Option<u64>,
    sha256: Bytes,
    metadata: BTreeMap<String, String>,
    bytes: Bytes,
}

impl Entry {
    /// An entry for `blob`, put at `now_ms`.
    pub(crate) fn new(blob: &Blob, now_ms: u64) -> Self {
        let created_ms = if blob.created_ms == 0 { now_ms } else { blob.created_ms };
        Self {
            created_ms,
            ttl_ms: blob.ttl_ms.map(|remaining| now_ms.saturating_sub(created_ms).saturating_add(remaining)),
            sha256: Bytes(Sha256::digest(&blob.bytes).to_vec()),
            metadata: blob.metadata.clone(),
            bytes: Bytes(blob.bytes.clone()),
        }
    }

    /// When it ends.
    pub(crate) fn expires_ms(&self) -> Option<u64> {
        self.ttl_ms.map(|ttl| self.created_ms.saturating_add(ttl))
    }

    /// The entry as a caller sees it; none when its life is over.
    pub(crate) fn into_blob(self, now_ms: u64) -> Option<Blob> {
        let ttl_ms = match self.expires_ms() {
            Some(end) if end <= now_ms => return None,
            end => end.map(|end| end - now_ms),
        };
        Some(Blob { bytes: self.bytes.0, created_ms: self.created_ms, ttl_ms, metadata: self.metadata })
    }

    /// Encrypts the entry under the name `key`.
    ///
    /// # Errors
    /// Those of [`SharedSecret::seal`].
    pub(crate) fn seal(&self, secret: &SharedSecret, key: &str) -> Result<Vec<u8>, Failure> {
        let mut plain = Vec::with_capacity(self.bytes.0.len() + 256);
        ciborium::into_writer(self, &mut plain).map_err(|e| Failure::new("other", "seal", e.to_string()))?;
        secret.seal(key, &plain)
    }

    /// Decrypts and checks an entry.
    ///
    /// # Errors
    /// Kind `integrity`: it does not open, is no entry, or its digest differs.
    pub(crate) fn open(secret: &SharedSecret, key: &str, sealed: &[u8]) -> Result<Self, Failure> {
        let plain = secret.open(key, sealed)?;
        let entry: Entry = ciborium::from_reader(plain.as_slice())
            .map_err(|e| Failure::new("integrity", "open", format!("the sealed value is no cache entry: {e}")))?;
        if Sha256::digest(&entry.bytes.0).as_slice() != entry.sha256.0 {
            return Err(Failure::new("integrity", "open", "the value's SHA-256 is not the one it carries"));
        }
        Ok(entry)
    }
}

/// The time of this machine, in milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_model::Secret;

    #[test]
    fn life_is_counted_from_creation() {
        let blob = Blob { bytes: b"v".to_vec(), created_ms: 1_000, ttl_ms: Some(500), metadata: BTreeMap::new() };
        let entry = Entry::new(&blob, 1_200);
        assert_eq!(entry.expires_ms(), Some(1_700));
        let secret = SharedSecret::derive(&Secret::new("s".into()));
        let sealed = entry.seal(&secret, "k").unwrap();
        let open = || Entry::open(&secret, "k", &sealed).unwrap();
        assert_eq!(open().into_blob(1_300).unwrap().ttl_ms, Some(400));
        assert_eq!(open().into_blob(1_700), None);
        assert_eq!(Entry::open(&secret, "j", &sealed).err().unwrap().kind, "integrity");
        assert_eq!(Entry::new(&Blob::default(), 7).created_ms, 7);
    }
}

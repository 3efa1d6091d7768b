use seaworthy_adapter_sdk::{CacheError, Life};
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 4] = b"SWI\x01";
const DIGEST_BYTES: usize = 32;
/// Stands for a life without end.
const NO_DEADLINE: u64 = u64::MAX;

/// What a CID of the index names.
///
/// ```text
/// "SWI" 1 | SHA-256 of (key length, key, body) | body
/// body = created | deadline | number of metadata | (key, value)* | bytes
/// ```
/// Numbers are little-endian, u64 for times and u32 for lengths; texts follow their
/// length. The CID tells what a node altered; this digest also tells when the index
/// leads a key to another key's record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) life: Life,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
}

impl Record {
    pub(crate) fn encode(&self, key: &str) -> Result<Vec<u8>, CacheError> {
        let mut file = Vec::with_capacity(self.bytes.len() + 128);
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&[0; DIGEST_BYTES]);
        file.extend_from_slice(&self.life.created.to_le_bytes());
        file.extend_from_slice(&self.life.deadline.unwrap_or(NO_DEADLINE).to_le_bytes());
        file.extend_from_slice(&length(self.metadata.len())?);
        for text in self.metadata.iter().flat_map(|(key, value)| [key, value]) {
            file.extend_from_slice(&length(text.len())?);
            file.extend_from_slice(text.as_bytes());
        }
        file.extend_from_slice(&self.bytes);
        let (head, body) = file.split_at_mut(MAGIC.len() + DIGEST_BYTES);
        head[MAGIC.len()..].copy_from_slice(&digest(key, body));
        Ok(file)
    }

    /// *Errors*: `integrity` when it is not what was stored under `key`.
    pub(crate) fn decode(key: &str, file: &[u8]) -> Result<Self, CacheError> {
        Self::read(key, file).ok_or_else(|| {
            let message =
                "the stored value is not this key's: its SHA-256 does not fit; invalidate the key or store it again";
            CacheError::integrity("get", message).with("reason", "record")
        })
    }

    fn read(key: &str, file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(MAGIC)?;
        let (expected, body) = rest.split_at_checked(DIGEST_BYTES)?;
        if expected != digest(key, body) {
            return None;
        }
        let mut rest = body;
        let created = u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let deadline = u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let mut metadata = Vec::new();
        for _ in 0..read_length(&mut rest)? {
            metadata.push((read_text(&mut rest)?, read_text(&mut rest)?));
        }
        let life = Life { created, deadline: (deadline != NO_DEADLINE).then_some(deadline) };
        Some(Self { life, metadata, bytes: rest.to_vec() })
    }
}

fn digest(key: &str, body: &[u8]) -> [u8; DIGEST_BYTES] {
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

fn read_text(rest: &mut &[u8]) -> Option<String> {
    let count = read_length(rest)?;
    String::from_utf8(take(rest, count)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let file = wanted.encode("a key").unwrap();
            assert_eq!(Record::decode("a key", &file), Ok(wanted));
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let file = record(Some(5), &[("k", "v")], b"value").encode("key").unwrap();
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert_eq!(Record::decode("key", &bad).unwrap_err().kind, "integrity", "byte {at}");
            assert!(Record::decode("key", &file[..at]).is_err(), "cut at {at}");
        }
        assert!(Record::decode("other", &file).is_err(), "another key's record");
    }
}

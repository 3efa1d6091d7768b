use crate::{error, name};
use seaworthy_adapter_sdk::{CacheError, Entry, Life};
use storacha_client::{Block, Car, raw_cid};

const MAGIC: &[u8; 4] = b"SWB\x01";
/// Stands for a life without end.
const NO_DEADLINE: u64 = u64::MAX;

/// What a blob holds.
///
/// ```text
/// CAR v1 { roots: [root of the key], [the root's block,] one raw block }
/// block = "SWB" 1 | stored | created | deadline | key | number of metadata | (key, value)* | bytes
/// ```
/// Numbers are little-endian, u64 for times and u32 for lengths; texts follow their
/// length. The blob's CID is over all of it, so a gateway can neither change it nor pass
/// off another key's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// When it was put, in milliseconds: of two blobs of a key the later one counts.
    pub(crate) stored: u64,
    pub(crate) life: Life,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
}

impl Record {
    pub(crate) fn entry(&self, key: &str, now: u64) -> Entry {
        self.life.describe(Entry::new(key, Some(self.bytes.len() as u64)), now)
    }

    /// The blob for `key`.
    pub(crate) fn encode(&self, key: &str) -> Result<Vec<u8>, CacheError> {
        let mut file = Vec::with_capacity(self.bytes.len() + key.len() + 256);
        file.extend_from_slice(MAGIC);
        for time in [self.stored, self.life.created, self.life.deadline.unwrap_or(NO_DEADLINE)] {
            file.extend_from_slice(&time.to_le_bytes());
        }
        push(&mut file, key)?;
        file.extend_from_slice(&length(self.metadata.len())?);
        for text in self.metadata.iter().flat_map(|(key, value)| [key, value]) {
            push(&mut file, text)?;
        }
        file.extend_from_slice(&self.bytes);
        let internal = |wrong| error::internal("put", &wrong);
        let root = name::root(key)?;
        let mut car = Car::rooted(root);
        if name::key(&root).is_none() {
            car.add(Block { cid: root, bytes: name::block(key) });
        }
        let cid = raw_cid(&storacha_client::gateway::sha256(&file)).map_err(internal)?;
        car.add(Block { cid, bytes: file });
        car.encode().map_err(internal)
    }

    /// *Errors*: `integrity` when the blob is no record of `key`.
    pub(crate) fn decode(operation: &str, key: &str, blob: &[u8]) -> Result<Self, CacheError> {
        match read(blob) {
            Some((stored, record)) if stored == key => Ok(record),
            Some(_) => Err(CacheError::integrity(
                operation,
                "the blob holds another key's value; invalidate the key or store it again",
            )),
            None => Err(CacheError::integrity(
                operation,
                "the blob is none that this adapter stored; invalidate the key or store it again",
            )),
        }
    }

    /// The key of a blob; `None` when it is none of ours.
    pub(crate) fn key(blob: &[u8]) -> Option<String> {
        read(blob).map(|(key, _)| key)
    }
}

fn read(blob: &[u8]) -> Option<(String, Record)> {
    let car = Car::decode(blob).ok()?;
    let mut rest = car.blocks.last()?.bytes.strip_prefix(MAGIC)?;
    let stored = read_time(&mut rest)?;
    let created = read_time(&mut rest)?;
    let deadline = read_time(&mut rest)?;
    let key = read_text(&mut rest)?;
    let mut metadata = Vec::new();
    for _ in 0..read_length(&mut rest)? {
        metadata.push((read_text(&mut rest)?, read_text(&mut rest)?));
    }
    let life = Life { created, deadline: (deadline != NO_DEADLINE).then_some(deadline) };
    Some((key, Record { stored, life, metadata, bytes: rest.to_vec() }))
}

fn push(file: &mut Vec<u8>, text: &str) -> Result<(), CacheError> {
    file.extend_from_slice(&length(text.len())?);
    file.extend_from_slice(text.as_bytes());
    Ok(())
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

fn read_time(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?))
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
            stored: 1_700_000_000_001,
            life: Life { created: 1_700_000_000_000, deadline },
            metadata: metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let long = "k".repeat(300);
        for key in ["a key", &long] {
            for wanted in [
                record(None, &[], b""),
                record(Some(1_700_000_300_000), &[("etag", "\"x\""), ("ä", "")], b"value"),
                record(Some(0), &[], &[0; 70_000]),
            ] {
                let blob = wanted.encode(key).unwrap();
                assert_eq!(Record::decode("get", key, &blob), Ok(wanted));
                assert_eq!(Record::key(&blob).as_deref(), Some(key));
            }
        }
    }

    #[test]
    fn another_keys_blob_and_foreign_ones_are_not_taken() {
        let blob = record(None, &[], b"value").encode("one").unwrap();
        assert_eq!(Record::decode("get", "two", &blob).unwrap_err().kind, "integrity");
        for foreign in [&b""[..], b"plain bytes", &blob[..blob.len() - 1]] {
            assert_eq!(Record::decode("stat", "one", foreign).unwrap_err().operation, "stat");
            assert_eq!(Record::key(foreign), None);
        }
    }

    #[test]
    fn equal_values_of_two_keys_are_two_blobs() {
        let value = record(None, &[], b"value");
        assert_ne!(value.encode("one").unwrap(), value.encode("two").unwrap());
    }
}

use crate::{error, name};
use seaworthy_adapter_sdk::record::{read_number, read_text, write_text};
use seaworthy_adapter_sdk::{CacheError, Record};
use storacha_client::{Block, Car, raw_cid};

const MAGIC: &[u8; 4] = b"SWB\x02";

/// What a blob holds.
///
/// ```text
/// CAR v1 { roots: [root of the key], [the root's block,] one raw block }
/// block = "SWB" 2 | stored | key | body of a record
/// ```
/// Numbers are little-endian, u64 for times and u32 for lengths; texts follow their
/// length. The blob's CID is over all of it, so a gateway can neither change it nor pass
/// off another key's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// When it was put, in milliseconds: of two blobs of a key the later one counts.
    pub(crate) at: u64,
    pub(crate) record: Record,
}

impl Stored {
    /// The blob for `key`.
    pub(crate) fn encode(&self, key: &str) -> Result<Vec<u8>, CacheError> {
        let mut file = Vec::with_capacity(self.record.bytes.len() + key.len() + 256);
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&self.at.to_le_bytes());
        write_text(&mut file, key)?;
        self.record.write(&mut file)?;
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

fn read(blob: &[u8]) -> Option<(String, Stored)> {
    let file = Car::decode(blob).ok()?.blocks.pop()?.bytes;
    let mut rest = file.strip_prefix(MAGIC)?;
    let (at, key) = (read_number(&mut rest)?, read_text(&mut rest)?);
    let start = file.len() - rest.len();
    Some((key, Stored { at, record: Record::read(file, start)? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_adapter_sdk::Life;

    fn record(deadline: Option<u64>, metadata: &[(&str, &str)], bytes: &[u8]) -> Stored {
        let record = Record {
            life: Life { created: 1_700_000_000_000, deadline },
            metadata: metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            bytes: bytes.to_vec(),
        };
        Stored { at: 1_700_000_000_001, record }
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
                assert_eq!(Stored::decode("get", key, &blob), Ok(wanted));
                assert_eq!(Stored::key(&blob).as_deref(), Some(key));
            }
        }
    }

    #[test]
    fn another_keys_blob_and_foreign_ones_are_not_taken() {
        let blob = record(None, &[], b"value").encode("one").unwrap();
        assert_eq!(Stored::decode("get", "two", &blob).unwrap_err().kind, "integrity");
        for foreign in [&b""[..], b"plain bytes", &blob[..blob.len() - 1]] {
            assert_eq!(Stored::decode("stat", "one", foreign).unwrap_err().operation, "stat");
            assert_eq!(Stored::key(foreign), None);
        }
    }

    #[test]
    fn equal_values_of_two_keys_are_two_blobs() {
        let value = record(None, &[], b"value");
        assert_ne!(value.encode("one").unwrap(), value.encode("two").unwrap());
    }
}

use seaworthy_adapter_sdk::{CacheError, Record};

const MAGIC: [u8; 4] = *b"SWI\x01";

/// What a CID of the index names. The CID tells what a node altered; the digest inside also
/// tells when the index leads a key to another key's record.
pub(crate) fn encode(key: &str, record: &Record) -> Result<Vec<u8>, CacheError> {
    record.seal(MAGIC, key)
}

/// *Errors*: `integrity` when it is not what was stored under `key`.
pub(crate) fn decode(key: &str, file: Vec<u8>) -> Result<Record, CacheError> {
    Record::unseal(MAGIC, key, file).ok_or_else(|| {
        let message =
            "the stored value is not this key's: its SHA-256 does not fit; invalidate the key or store it again";
        CacheError::integrity("get", message).with("reason", "record")
    })
}

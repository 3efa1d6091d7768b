use seaworthy_adapter_sdk::{CacheError, Record};

const MAGIC: [u8; 4] = *b"SWD\x01";

/// What is stored for a key.
pub(crate) fn encode(key: &str, record: &Record) -> Result<Vec<u8>, CacheError> {
    record.seal(MAGIC, key)
}

/// *Errors*: `integrity` when it is not what was stored under `key`.
pub(crate) fn decode(operation: &str, key: &str, file: Vec<u8>) -> Result<Record, CacheError> {
    Record::unseal(MAGIC, key, file).ok_or_else(|| {
        let message = "the stored value is damaged: its SHA-256 does not fit; invalidate the key or store it again";
        CacheError::integrity(operation, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_adapter_sdk::Life;

    #[test]
    fn damage_is_an_integrity_error_of_the_operation() {
        let life = Life { created: 1_700_000_000_000, deadline: None };
        let record = Record { life, metadata: Vec::new(), bytes: b"value".to_vec() };
        let file = encode("key", &record).unwrap();
        assert_eq!(decode("get", "key", file.clone()), Ok(record));
        let error = decode("stat", "other", file).unwrap_err();
        assert_eq!((error.kind.as_str(), error.operation.as_str()), ("integrity", "stat"));
    }
}

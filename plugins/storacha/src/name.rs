//! A key as the root of an upload, and back.
//!
//! A root is the CID of the bytes `sw:` and the key. Where they are short the CID holds
//! them itself (identity hash), so the space's list tells keys; longer ones are hashed.

use crate::error;
use seaworthy_adapter_sdk::CacheError;
use storacha_client::{Cid, identity_cid, raw_cid};

/// Keys stand in records and requests.
pub(crate) const MAX_KEY_BYTES: usize = 4096;

const PREFIX: &str = "sw:";
/// Bytes that a CID holds itself.
const INLINE: usize = 64;

/// The root of `key`.
pub(crate) fn root(key: &str) -> Result<Cid, CacheError> {
    let bytes = block(key);
    let cid =
        if bytes.len() <= INLINE { identity_cid(&bytes) } else { raw_cid(&storacha_client::gateway::sha256(&bytes)) };
    cid.map_err(|error| error::internal("open", &error))
}

/// The bytes of a root that does not hold them itself.
pub(crate) fn block(key: &str) -> Vec<u8> {
    [PREFIX, key].concat().into_bytes()
}

/// The key that a root holds itself.
pub(crate) fn key(root: &Cid) -> Option<String> {
    if root.hash().code() != 0 {
        return None;
    }
    std::str::from_utf8(root.hash().digest()).ok()?.strip_prefix(PREFIX).map(str::to_owned)
}

/// Whether a root may be that of a long key; roots of files are of another codec.
pub(crate) fn may_be_key(root: &Cid) -> bool {
    root.codec() == 0x55 && root.hash().code() == 0x12
}

/// *Errors*: `too-large` for a key that is too long.
pub(crate) fn check(key: &str) -> Result<(), CacheError> {
    if key.len() <= MAX_KEY_BYTES {
        return Ok(());
    }
    let message = format!("the key has {} bytes, and at most {MAX_KEY_BYTES} are taken", key.len());
    Err(CacheError::too_large("put", message).with("max-key-bytes", MAX_KEY_BYTES.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_are_read_back_and_long_ones_are_not_mixed_up() {
        for short in ["a", "ä/ö", &"k".repeat(61)] {
            assert_eq!(key(&root(short).unwrap()).as_deref(), Some(short));
        }
        let (one, other) = (root(&"k".repeat(62)).unwrap(), root(&"k".repeat(63)).unwrap());
        assert!(one != other && key(&one).is_none() && may_be_key(&one));
        assert!(!may_be_key(&root("a").unwrap()));
        assert_eq!(root("a").unwrap(), root("a").unwrap(), "the same on every machine");
    }

    #[test]
    fn a_key_has_a_bound() {
        assert!(check(&"k".repeat(MAX_KEY_BYTES)).is_ok());
        assert_eq!(check(&"k".repeat(MAX_KEY_BYTES + 1)).unwrap_err().kind, "too-large");
    }
}

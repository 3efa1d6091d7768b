//! The content hash: what an entry was computed from, in one short text.

use super::python_json::dumps;
use cid::Cid;
use data_encoding::HEXLOWER;
use multihash::Multihash;
use sha2::{Digest as _, Sha256};

/// Multicodec `raw` and multihash `sha2-256` (multiformats/multicodec table).
const RAW: u64 = 0x55;
const SHA2_256: u64 = 0x12;

/// A CIDv1 in base32 over Python's text of `validation_fields`, which is JSON.
/// None when Python's text cannot be made; see `python_json`.
pub(super) fn content_hash(validation_fields: &str) -> Option<String> {
    Some(cid(&digest(validation_fields)?)?.to_string())
}

/// Whether `claimed` is the content hash of `validation_fields`: the CID in any
/// base, or the SHA-256 in hex, which a Python peer without the `multiformats`
/// package sends.
pub(super) fn matches(claimed: &str, validation_fields: &str) -> bool {
    let Some(digest) = digest(validation_fields) else { return false };
    claimed.eq_ignore_ascii_case(&HEXLOWER.encode(&digest))
        || Cid::try_from(claimed).is_ok_and(|claimed| Some(claimed) == cid(&digest))
}

fn digest(validation_fields: &str) -> Option<[u8; 32]> {
    Some(Sha256::digest(dumps(validation_fields)?).into())
}

fn cid(digest: &[u8; 32]) -> Option<Cid> {
    Some(Cid::new_v1(RAW, Multihash::wrap(SHA2_256, digest).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str = r#"{"updatedAt": "2025-11-06T10:00:00Z"}"#;
    const CID: &str = "bafkreiahosibqxjrziyzqv45g673x6uquths6mpua2scjpwyppwcihykg4";

    #[test]
    fn the_hash_is_that_of_the_python_cache() {
        assert_eq!(content_hash(FIELDS).unwrap(), CID);
        // Blanks and the order of keys are not part of it.
        assert_eq!(content_hash(r#" {"updatedAt":"2025-11-06T10:00:00Z"} "#).unwrap(), CID);
        assert_eq!(content_hash(r#"{"b": 1, "a": "é"}"#), content_hash(r#"{"a":"\u00e9","b":1}"#));
    }

    #[test]
    fn both_spellings_match_and_nothing_else() {
        let hex = HEXLOWER.encode(&Sha256::digest(FIELDS));
        let other = Cid::try_from(CID).unwrap();
        assert!(matches(CID, FIELDS) && matches(&hex, FIELDS) && matches(&hex.to_uppercase(), FIELDS));
        let upper = other.to_string_of_base(multibase_upper()).unwrap();
        assert!(matches(&upper, FIELDS), "{upper}");
        for wrong in ["", "x", &hex[..63], &CID[..58], "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"] {
            assert!(!matches(wrong, FIELDS), "{wrong}");
        }
        assert!(!matches(CID, r#"{"updatedAt": "2025-11-06T10:00:01Z"}"#));
    }

    fn multibase_upper() -> cid::multibase::Base {
        cid::multibase::Base::Base32Upper
    }
}

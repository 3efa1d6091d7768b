use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// `sha256:` and the digest in hex.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// The digest in hex, for the name of a file or a tag.
pub(crate) fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

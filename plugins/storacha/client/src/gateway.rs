//! Reading a blob from a gateway, which may lie.
//!
//! *Source*: the Trustless Gateway specification (https://specs.ipfs.tech/http-gateways/trustless-gateway/).

use crate::Malformed;
use cid::Cid;
use sha2::{Digest as _, Sha256};

/// The path and query of a block, below the gateway's address.
#[must_use]
pub fn url(gateway: &str, cid: &Cid) -> String {
    format!("{}/ipfs/{cid}?format=raw", gateway.trim_end_matches('/'))
}

/// Header that asks for the bytes as they are.
pub const ACCEPT: (&str, &str) = ("accept", "application/vnd.ipld.raw");

/// The SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether `bytes` are the content of a SHA-256 or identity CID.
///
/// # Errors
/// When they are another content, or the CID is under a hash that is not known here.
pub fn verify(cid: &Cid, bytes: &[u8]) -> Result<(), Malformed> {
    let hash = cid.hash();
    let right = match hash.code() {
        0x12 => hash.digest() == Sha256::digest(bytes).as_slice(),
        0x00 => hash.digest() == bytes,
        other => return Err(Malformed::new("a gateway's answer", format!("the hash 0x{other:x} is not known here"))),
    };
    if right { Ok(()) } else { Err(Malformed::new("a gateway's answer", format!("it is not the content of {cid}"))) }
}

/// A CID that holds its own content, `hello`: what every gateway can serve, whatever it has.
#[must_use]
pub fn probe() -> Cid {
    // An identity multihash of 5 bytes always fits.
    let hash = multihash::Multihash::wrap(0, b"hello").unwrap_or_default();
    Cid::new_v1(crate::block::RAW, hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_cut_content_is_noticed() {
        let cid = crate::raw_cid(&sha256(b"value")).unwrap();
        assert_eq!(verify(&cid, b"value"), Ok(()));
        for lie in [&b"valuf"[..], b"valu", b"", b"value "] {
            assert!(verify(&cid, lie).is_err());
        }
        assert_eq!(verify(&probe(), b"hello"), Ok(()));
        assert!(verify(&probe(), b"hellp").is_err());
    }

    #[test]
    fn the_probe_is_the_one_that_gateways_know() {
        // `printf hello | ipfs block put --format raw --mhtype identity`
        assert_eq!(probe().to_string(), "bafkqablimvwgy3y");
        assert_eq!(url("http://g/", &probe()), format!("http://g/ipfs/{}?format=raw", probe()));
    }
}

use crate::Malformed;
use cid::Cid;
use ipld_core::ipld::Ipld;
use multihash::Multihash;
use sha2::{Digest as _, Sha256};

/// Multicodec codes (https://github.com/multiformats/multicodec/blob/master/table.csv).
pub(crate) const RAW: u64 = 0x55;
pub(crate) const DAG_CBOR: u64 = 0x71;
pub(crate) const CAR: u64 = 0x0202;
pub(crate) const SHA2_256: u64 = 0x12;

/// Bytes and their CID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// CID of `bytes`.
    pub cid: Cid,
    /// The content.
    pub bytes: Vec<u8>,
}

impl Block {
    /// A value as DAG-CBOR, under its SHA-256.
    ///
    /// # Errors
    /// When the value holds a float that DAG-CBOR has no form for.
    pub fn of(value: &Ipld) -> Result<Self, Malformed> {
        let bytes = serde_ipld_dagcbor::to_vec(value).map_err(|error| Malformed::new("a DAG-CBOR block", error))?;
        Ok(Self { cid: Cid::new_v1(DAG_CBOR, sha256(&bytes)?), bytes })
    }

    /// The value of a DAG-CBOR block.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn value(&self) -> Result<Ipld, Malformed> {
        serde_ipld_dagcbor::from_slice(&self.bytes).map_err(|error| Malformed::new("a DAG-CBOR block", error))
    }

    /// Whether the bytes are those that the CID names.
    ///
    /// *Behaviour*: a CID under another hash than SHA-256 is not known to be right.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.cid.hash().code() == SHA2_256 && self.cid.hash().digest() == Sha256::digest(&self.bytes).as_slice()
    }
}

/// The multihash of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Result<Multihash<64>, Malformed> {
    wrap(&Sha256::digest(bytes))
}

/// A SHA-256 as a multihash.
pub(crate) fn wrap(digest: &[u8]) -> Result<Multihash<64>, Malformed> {
    Multihash::wrap(SHA2_256, digest).map_err(|error| Malformed::new("a SHA-256", error))
}

/// The CID of plain bytes with this SHA-256.
///
/// # Errors
/// When it is longer than 64 bytes.
pub fn raw_cid(digest: &[u8]) -> Result<Cid, Malformed> {
    Ok(Cid::new_v1(RAW, wrap(digest)?))
}

/// The CID of a CAR file with this SHA-256.
///
/// # Errors
/// As [`raw_cid`].
pub fn car_cid(digest: &[u8]) -> Result<Cid, Malformed> {
    Ok(Cid::new_v1(CAR, wrap(digest)?))
}

/// The CID that holds `bytes` itself: at most 64 of them.
///
/// # Errors
/// When there are more.
pub fn identity_cid(bytes: &[u8]) -> Result<Cid, Malformed> {
    let hash = Multihash::wrap(0, bytes).map_err(|error| Malformed::new("an identity CID", error))?;
    Ok(Cid::new_v1(RAW, hash))
}

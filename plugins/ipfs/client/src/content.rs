//! What content is called: CIDs of raw blocks and of UnixFS files, computed here.
//!
//! A file of at most [`CHUNK`] bytes is one raw block, named by the SHA-256 of its
//! bytes. A longer one is a dag-pb node over such blocks, as `ipfs add --cid-version 1
//! --raw-leaves --chunker size-1048576` makes it.
//!
//! Sources: <https://ipld.io/specs/codecs/dag-pb/spec/>,
//! <https://specs.ipfs.tech/unixfs/>, <https://github.com/multiformats/cid>.

use cid::Cid;
use multihash::Multihash;
use sha2::{Digest, Sha256};

/// Bytes of one leaf: the largest that every implementation passes on, with room
/// (Bitswap takes blocks up to 2 MiB).
pub const CHUNK: usize = 1 << 20;

/// Links of one node in Kubo's balanced layout (`Import.UnixFSFileMaxLinks`).
pub const MOST_LINKS: usize = 174;

/// The longest content that [`root`] can name: one node over leaves.
pub const LONGEST: usize = CHUNK * MOST_LINKS;

const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;
const SHA2_256: u64 = 0x12;

/// CID of a raw block.
#[must_use]
pub fn raw(block: &[u8]) -> Option<Cid> {
    named(RAW, block)
}

/// CID of a file with this content; `None` for one that is longer than [`LONGEST`].
#[must_use]
pub fn root(content: &[u8]) -> Option<Cid> {
    if content.len() <= CHUNK {
        return raw(content);
    }
    if content.len() > LONGEST {
        return None;
    }
    let leaves: Option<Vec<(Cid, usize)>> = content.chunks(CHUNK).map(|leaf| Some((raw(leaf)?, leaf.len()))).collect();
    named(DAG_PB, &node(&leaves?, content.len()))
}

/// Whether a block is what its CID says. *Behaviour*: `None` for a hash other than
/// SHA-256, which nobody here makes.
#[must_use]
pub fn is_block(cid: &Cid, block: &[u8]) -> Option<bool> {
    (cid.hash().code() == SHA2_256).then(|| cid.hash().digest() == Sha256::digest(block).as_slice())
}

fn named(codec: u64, block: &[u8]) -> Option<Cid> {
    let hash = Multihash::wrap(SHA2_256, &Sha256::digest(block)).ok()?;
    Some(Cid::new_v1(codec, hash))
}

/// The dag-pb node of a file: links first, then the UnixFS data, as the canonical form
/// wants it.
fn node(leaves: &[(Cid, usize)], length: usize) -> Vec<u8> {
    let mut node = Vec::new();
    for (leaf, size) in leaves {
        let mut link = Vec::new();
        field(&mut link, 1, &leaf.to_bytes());
        field(&mut link, 2, b"");
        number(&mut link, 3, *size as u64);
        field(&mut node, 2, &link);
    }
    let mut data = Vec::new();
    number(&mut data, 1, 2); // Type: File
    number(&mut data, 3, length as u64);
    for (_, size) in leaves {
        number(&mut data, 4, *size as u64);
    }
    field(&mut node, 1, &data);
    node
}

/// A length-delimited field of Protocol Buffers.
fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push((tag << 3) | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A varint field.
fn number(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag << 3);
    varint(out, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ipfs add --cid-version=1 --raw-leaves --chunker=size-1048576 --only-hash`, Kubo 0.43.0.
    #[test]
    fn content_is_called_as_kubo_calls_it() {
        let pattern = |length: usize| (0..length).map(|n| (n % 251).to_le_bytes()[0]).collect::<Vec<u8>>();
        for (content, cid) in [
            (b"hello world".to_vec(), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
            (Vec::new(), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
            (pattern(CHUNK), "bafkreidddocae7lltzjlkooe5a3tmiwsgazn7logjvqk7bzttsidpzhxne"),
            (pattern(CHUNK + 1), "bafybeidjogjfwuhbzwopgd4bn3skcf5m6oz72xshywcndzxgqb623nfclu"),
            (pattern(5_000_000), "bafybeihi4vpkqguuofccvmtkq7acd2lidr4s7nb6ve7eeexk44xgwigy6e"),
        ] {
            assert_eq!(root(&content).unwrap().to_string(), cid, "{} bytes", content.len());
        }
    }

    #[test]
    fn a_flipped_bit_is_another_name() {
        let block = raw(b"block").unwrap();
        assert_eq!(is_block(&block, b"block"), Some(true));
        assert_eq!(is_block(&block, b"blocl"), Some(false));
        let sha1 = Cid::new_v1(RAW, Multihash::wrap(0x11, &[0; 20]).unwrap());
        assert_eq!(is_block(&sha1, b"block"), None);
    }

    #[test]
    fn what_is_too_long_has_no_name() {
        assert!(root(&vec![0; LONGEST + 1]).is_none());
    }
}

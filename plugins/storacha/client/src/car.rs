use crate::{Block, Malformed};
use cid::Cid;
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

/// A CAR file, version 1: roots and blocks (https://ipld.io/specs/transport/car/carv1/).
///
/// ```text
/// varint | DAG-CBOR { roots: [CID], version: 1 }
/// (varint | CID | bytes)*
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Car {
    /// Where to begin.
    pub roots: Vec<Cid>,
    /// In the order of the file, each CID once.
    pub blocks: Vec<Block>,
}

impl Car {
    /// An empty one with a root.
    #[must_use]
    pub fn rooted(root: Cid) -> Self {
        Self { roots: vec![root], blocks: Vec::new() }
    }

    /// Adds a block, unless it is there.
    pub fn add(&mut self, block: Block) {
        if self.get(&block.cid).is_none() {
            self.blocks.push(block);
        }
    }

    /// The block of that CID.
    #[must_use]
    pub fn get(&self, cid: &Cid) -> Option<&Block> {
        self.blocks.iter().find(|block| block.cid == *cid)
    }

    /// The file.
    ///
    /// # Errors
    /// None that can arise from a CAR that was made here.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let roots = self.roots.iter().copied().map(Ipld::Link).collect();
        let header = BTreeMap::from([("roots".into(), Ipld::List(roots)), ("version".into(), Ipld::Integer(1))]);
        let header = serde_ipld_dagcbor::to_vec(&Ipld::Map(header)).map_err(|error| Malformed::new("a CAR", error))?;
        let mut file = Vec::new();
        section(&mut file, &[&header]);
        for block in &self.blocks {
            section(&mut file, &[&block.cid.to_bytes(), &block.bytes]);
        }
        Ok(file)
    }

    /// Reads a file. *Behaviour*: every block is checked against its CID, so that what
    /// was damaged on the way is not taken for what was said. Blocks under an identity
    /// hash are compared with their CID.
    ///
    /// # Errors
    /// When it is no CAR of version 1, is cut off, or holds a block that is not its CID's.
    pub fn decode(mut file: &[u8]) -> Result<Self, Malformed> {
        let wrong = |reason: &str| Malformed::new("a CAR", reason);
        let header = take_section(&mut file)?.ok_or_else(|| wrong("it is empty"))?;
        let header: Ipld = serde_ipld_dagcbor::from_slice(header).map_err(|error| Malformed::new("a CAR", error))?;
        let Ipld::Map(header) = header else { return Err(wrong("its header is no map")) };
        if header.get("version") != Some(&Ipld::Integer(1)) {
            return Err(wrong("it is not of version 1"));
        }
        let Some(Ipld::List(listed)) = header.get("roots") else { return Err(wrong("it has no list of roots")) };
        let mut roots = Vec::with_capacity(listed.len());
        for root in listed {
            let Ipld::Link(cid) = root else { return Err(wrong("a root is no CID")) };
            roots.push(*cid);
        }
        let mut car = Self { roots, blocks: Vec::new() };
        while let Some(section) = take_section(&mut file)? {
            let mut rest = section;
            let cid = Cid::read_bytes(&mut rest).map_err(|error| Malformed::new("a CAR", error))?;
            let block = Block { cid, bytes: rest.to_vec() };
            let identity = cid.hash().code() == 0 && cid.hash().digest() == rest;
            if !identity && !block.is_whole() {
                return Err(Malformed::new("a CAR", format!("its block {cid} has another content")));
            }
            car.blocks.push(block);
        }
        Ok(car)
    }
}

fn section(file: &mut Vec<u8>, parts: &[&[u8]]) {
    let mut buffer = unsigned_varint::encode::usize_buffer();
    let length = parts.iter().map(|part| part.len()).sum();
    file.extend_from_slice(unsigned_varint::encode::usize(length, &mut buffer));
    for part in parts {
        file.extend_from_slice(part);
    }
}

/// The next section; `None` at the end.
fn take_section<'a>(file: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    if file.is_empty() {
        return Ok(None);
    }
    let (length, rest) = unsigned_varint::decode::usize(file).map_err(|error| Malformed::new("a CAR", error))?;
    let (section, rest) = rest.split_at_checked(length).ok_or_else(|| Malformed::new("a CAR", "it is cut off"))?;
    *file = rest;
    Ok(Some(section))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    #[test]
    fn files_of_the_reference_read_and_are_written_alike() {
        for name in ["delegation", "blob-add.request", "blob-add.reply", "conclude.request", "accept.receipt"] {
            let file = vectors::read(name);
            let car = Car::decode(&file).unwrap();
            assert_eq!(car.encode().unwrap(), file, "{name}");
            assert!(car.get(&car.roots[0]).is_some(), "{name}");
        }
    }

    #[test]
    fn a_changed_byte_of_a_block_and_a_cut_are_noticed() {
        let file = vectors::read("delegation");
        let last = Car::decode(&file).unwrap().blocks.pop().unwrap();
        for at in file.len() - last.bytes.len()..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(Car::decode(&bad).unwrap_err().to_string().contains("another content"), "byte {at}");
        }
        // A cut between two sections leaves a shorter, whole file.
        assert!(Car::decode(&file[..file.len() - 1]).unwrap_err().to_string().contains("cut off"));
        assert!(Car::decode(b"").is_err() && Car::decode(b"<html>").is_err());
    }
}

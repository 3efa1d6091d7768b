//! What leads from a key to its value: an `ActionResult` of the remote execution API, as
//! caches want it below /ac, in the wire format of Protocol Buffers.
//!
//! Its one output file names the value's record in /cas, so that a cache that looks after
//! what its entries name keeps the two together. What a stat has to know is in
//! `stdout_raw`, as text.

use seaworthy_adapter_sdk::Life;

/// Begins the text; the number is the version of the format.
const MAGIC: &str = "seaworthy 1";
/// The name of the output file.
const PATH: &str = "value";

/// An entry below /ac.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Value(Pointer),
    /// The key was removed: HTTP caches have no way to delete.
    Removed,
}

/// Where a value is, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// SHA-256 of the record, in hex.
    pub(crate) hash: String,
    /// Bytes of the record.
    pub(crate) length: u64,
    /// Bytes of the value.
    pub(crate) size: u64,
    pub(crate) life: Life,
}

const OUTPUT_FILES: u8 = 2 << 3 | 2;
const STDOUT_RAW: u8 = 5 << 3 | 2;
const FILE_PATH: u8 = 1 << 3 | 2;
const FILE_DIGEST: u8 = 2 << 3 | 2;
const DIGEST_HASH: u8 = 1 << 3 | 2;
const DIGEST_SIZE: u8 = 2 << 3;

impl Entry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut message = Vec::new();
        let text = match self {
            Self::Removed => format!("{MAGIC}\nremoved\n"),
            Self::Value(pointer) => {
                let mut digest = Vec::new();
                bytes(&mut digest, DIGEST_HASH, pointer.hash.as_bytes());
                digest.push(DIGEST_SIZE);
                varint(&mut digest, pointer.length);
                let mut file = Vec::new();
                bytes(&mut file, FILE_PATH, PATH.as_bytes());
                bytes(&mut file, FILE_DIGEST, &digest);
                bytes(&mut message, OUTPUT_FILES, &file);
                let Pointer { hash, length, size, life } = pointer;
                let deadline = life.deadline.map_or_else(|| "-".to_owned(), |deadline| deadline.to_string());
                format!("{MAGIC}\n{hash} {length} {size} {} {deadline}\n", life.created)
            }
        };
        bytes(&mut message, STDOUT_RAW, text.as_bytes());
        message
    }

    /// Reads an entry; `None` when it is none of ours. Fields that a cache added, such as
    /// who stored it, are passed over.
    pub(crate) fn decode(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(field(message, STDOUT_RAW)?).ok()?;
        let line = text.strip_prefix(MAGIC)?.strip_prefix('\n')?.strip_suffix('\n')?;
        if line == "removed" {
            return Some(Self::Removed);
        }
        let [hash, length, size, created, deadline] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let deadline = if deadline == "-" { None } else { Some(deadline.parse().ok()?) };
        let hex = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let life = Life { created: created.parse().ok()?, deadline };
        let pointer = Pointer { hash: hash.into(), length: length.parse().ok()?, size: size.parse().ok()?, life };
        hex.then_some(Self::Value(pointer))
    }
}

fn bytes(message: &mut Vec<u8>, tag: u8, value: &[u8]) {
    message.push(tag);
    varint(message, value.len() as u64);
    message.extend(value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        message.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    message.push(value.to_le_bytes()[0]);
}

/// The first field with that tag; `None` where there is none, or no message.
fn field(mut rest: &[u8], wanted: u8) -> Option<&[u8]> {
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        let length = match tag & 7 {
            0 => {
                take_varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => usize::try_from(take_varint(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, after) = rest.split_at_checked(length)?;
        if tag == u64::from(wanted) {
            return Some(value);
        }
        rest = after;
    }
    None
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(deadline: Option<u64>) -> Pointer {
        let life = Life { created: 1_700_000_000_000, deadline };
        Pointer { hash: "ab".repeat(32), length: 300, size: 200, life }
    }

    #[test]
    fn an_entry_reads_back() {
        for entry in [Entry::Value(pointer(None)), Entry::Value(pointer(Some(5))), Entry::Removed] {
            assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        }
    }

    #[test]
    fn it_is_an_action_result_that_names_its_blob() {
        let hex: String = Entry::Value(pointer(None)).encode().iter().map(|byte| format!("{byte:02x}")).collect();
        // output_files { path: "value" digest { hash: "abab..." size_bytes: 300 } }
        assert!(hex.starts_with(&format!("124e0a0576616c756512450a40{}10ac02", "6162".repeat(32))), "{hex}");
    }

    #[test]
    fn what_a_cache_adds_is_passed_over() {
        // execution_metadata { worker: "x" }, and a varint and a fixed64 of later versions.
        let added = b"\x4a\x03\x0a\x01x\x50\x07\x59\0\0\0\0\0\0\0\0";
        let bytes = [added.as_slice(), &Entry::Removed.encode()].concat();
        assert_eq!(Entry::decode(&bytes), Some(Entry::Removed));
    }

    #[test]
    fn nothing_else_is_an_entry() {
        let whole = Entry::Value(pointer(Some(9))).encode();
        for cut in 0..whole.len() {
            assert_eq!(Entry::decode(&whole[..cut]), None, "cut at {cut}");
        }
        for other in [&b"<html>"[..], b"{}", b"\x2a\x02hi", b"\x2a\x0eseaworthy 1\n1\n", &[0xff; 20]] {
            assert_eq!(Entry::decode(other), None, "{other:?}");
        }
    }
}

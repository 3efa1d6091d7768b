use super::Random;
use sha2::{Digest as _, Sha256};

/// Number and length, before the bytes that follow from them.
const HEADER: usize = 16;

/// A value that can be made again from its key and number, and known by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) number: u64,
    /// Of its bytes, at least 16.
    pub(super) length: usize,
}

impl Value {
    pub(super) fn bytes(&self, key: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length.max(HEADER));
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&(self.length as u64).to_be_bytes());
        let seed = key.bytes().fold(self.number, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut random = Random::new(seed);
        while bytes.len() < self.length {
            bytes.extend_from_slice(&random.number().to_le_bytes());
        }
        bytes.truncate(self.length.max(HEADER));
        bytes
    }

    /// Which value `bytes` claim to be, if any.
    pub(super) fn claimed(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk::<8>()?;
        let (length, _) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        Some(Self { number: u64::from_be_bytes(*number), length })
    }

    /// Whether `bytes` are these, by digest.
    pub(super) fn is(&self, key: &str, bytes: &[u8]) -> bool {
        self.length.max(HEADER) == bytes.len() && Sha256::digest(self.bytes(key)) == Sha256::digest(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_makes_it_another() {
        let value = Value { number: 7, length: 1000 };
        let mut bytes = value.bytes("k");
        assert_eq!((bytes.len(), Value::claimed(&bytes)), (1000, Some(value)));
        assert!(value.is("k", &bytes));
        assert!(!value.is("j", &bytes) && !value.is("k", &bytes[..999]));
        bytes[500] ^= 1;
        assert!(!value.is("k", &bytes));
        assert_eq!(Value::claimed(&bytes[..15]), None);
    }
}

//! The values of a measurement: each says which key it belongs to and carries a
//! digest, so that a value which is damaged, cut or another key's is noticed.
//!
//! ```text
//! "SWB1" | first 8 bytes of the key's SHA-256 | version u64 | filling | SHA-256 of all before
//! ```

use super::random::Random;
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 4] = b"SWB1";
const HEAD: usize = MAGIC.len() + 8 + 8;
const DIGEST: usize = 32;

/// The shortest value that can be checked.
pub(crate) const SHORTEST: usize = HEAD + DIGEST;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("it has {0} bytes, too few to be one of this measurement")]
    Short(usize),
    #[error("its digest does not fit its {0} bytes")]
    Damaged(usize),
    #[error("it is whole, and not one of this measurement")]
    Foreign,
    #[error("it is whole, and belongs to another key")]
    OtherKey,
}

/// A value of `length` bytes for `key`, at least [`SHORTEST`]. The filling is that of
/// `random`.
pub(crate) fn make(key: &str, version: u64, length: usize, random: &mut Random) -> Vec<u8> {
    let mut value = vec![0; length.max(SHORTEST)];
    let end = value.len() - DIGEST;
    value[..MAGIC.len()].copy_from_slice(MAGIC);
    value[MAGIC.len()..MAGIC.len() + 8].copy_from_slice(&tag(key));
    value[MAGIC.len() + 8..HEAD].copy_from_slice(&version.to_le_bytes());
    random.fill(&mut value[HEAD..end]);
    let digest = Sha256::digest(&value[..end]);
    value[end..].copy_from_slice(&digest);
    value
}

/// Whether `value` is whole and was stored under `key`.
pub(crate) fn check(key: &str, value: &[u8]) -> Result<(), Wrong> {
    if value.len() < SHORTEST {
        return Err(Wrong::Short(value.len()));
    }
    let (body, digest) = value.split_at(value.len() - DIGEST);
    if Sha256::digest(body)[..] != *digest {
        return Err(Wrong::Damaged(value.len()));
    }
    if !body.starts_with(MAGIC) {
        return Err(Wrong::Foreign);
    }
    if body[MAGIC.len()..MAGIC.len() + 8] != tag(key) { Err(Wrong::OtherKey) } else { Ok(()) }
}

fn tag(key: &str) -> [u8; 8] {
    let digest = Sha256::digest(key.as_bytes());
    let mut tag = [0; 8];
    tag.copy_from_slice(&digest[..8]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_came_back_whole_is_right() {
        for length in [SHORTEST, 100, 4096] {
            let value = make("k", 7, length, &mut Random::new(1, 0));
            assert_eq!((value.len(), check("k", &value)), (length, Ok(())));
        }
        assert_eq!(make("k", 7, 0, &mut Random::new(1, 0)).len(), SHORTEST);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let value = make("k", 7, 96, &mut Random::new(1, 0));
        for at in 0..value.len() {
            let mut changed = value.clone();
            changed[at] ^= 1;
            assert_eq!(check("k", &changed), Err(Wrong::Damaged(96)), "byte {at}");
        }
        assert_eq!(check("k", &value[..95]), Err(Wrong::Damaged(95)));
        assert_eq!(check("k", &value[..20]), Err(Wrong::Short(20)));
    }

    #[test]
    fn another_keys_value_is_wrong() {
        let value = make("a", 7, 96, &mut Random::new(1, 0));
        assert_eq!(check("b", &value), Err(Wrong::OtherKey));
        let mut foreign = vec![0; 64];
        let digest = Sha256::digest(&foreign);
        foreign.extend_from_slice(&digest);
        assert_eq!(check("a", &foreign), Err(Wrong::Foreign));
    }
}

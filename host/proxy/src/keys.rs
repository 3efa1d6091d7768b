//! The keys of a proxy: names of entries that say nothing, and sealed answers.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// First byte of a sealed answer: the version of its form.
const SEALED: u8 = 1;
const NONCE: usize = 24;
/// Bytes of a name: enough that two never meet by chance.
const NAME: usize = 20;

/// Who knows the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody who holds the secret of the cache: another runner finds and opens
    /// what this one stored.
    Shared,
    /// This machine alone. Private answers then stay out of shared tiers.
    Local,
}

/// Keys for separate uses, expanded from one by HKDF (RFC 5869). Has no `Debug` and
/// wipes itself when dropped.
///
/// Names are HMAC-SHA256 under a key: a tier that is shared learns neither URLs, which
/// may hold tokens, nor a hash of a token that could be tried out against a list. A
/// sealed answer is `1 | nonce (24) | XChaCha20-Poly1305 ciphertext and tag` with the
/// entry's name as associated data, so it opens under no other name.
pub struct Keys {
    sharing: Sharing,
    names: Zeroizing<[u8; 32]>,
    seal: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Keys from 32 bytes that nobody can guess.
    #[must_use]
    pub fn derive(root: &Zeroizing<[u8; 32]>, sharing: Sharing) -> Self {
        Self { sharing, names: expand(root, b"seaworthy-proxy/1 names"), seal: expand(root, b"seaworthy-proxy/1 seal") }
    }

    /// Who knows them.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// A name for `parts`, in hex. The borders between the parts count.
    pub(crate) fn name(&self, parts: &[&[u8]]) -> String {
        let mut block = [0; 64];
        block[..32].copy_from_slice(self.names.as_slice());
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&block.into());
        block.zeroize();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        HEXLOWER.encode(&mac.finalize().into_bytes()[..NAME])
    }

    /// `plain`, readable only for who has the keys and knows it as `name`. `None` when
    /// it is longer than the cipher takes (256 GiB).
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self.cipher().encrypt(&nonce.into(), Payload { msg: plain, aad: name.as_bytes() }).ok()?;
        Some([&[SEALED][..], &nonce, &sealed].concat())
    }

    /// What was sealed under `name`; `None` for another name, other keys, or a changed byte.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.strip_prefix(&[SEALED])?.split_first_chunk::<NONCE>()?;
        self.cipher().decrypt(&(*nonce).into(), Payload { msg: rest, aad: name.as_bytes() }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.seal).into())
    }
}

#[expect(
    clippy::expect_used,
    reason = "32 bytes are within the bounds of RFC 5869, and a key must never silently be zero"
)]
fn expand(root: &[u8; 32], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::default();
    let out: &mut [u8; 32] = &mut key;
    Hkdf::<Sha256>::new(None, root).expand(info, out).expect("one block of HKDF-SHA256");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(byte: u8) -> Keys {
        Keys::derive(&Zeroizing::new([byte; 32]), Sharing::Shared)
    }

    #[test]
    fn names_depend_on_key_parts_and_borders() {
        let ours = keys(1);
        assert_eq!(ours.name(&[b"ab", b"c"]), keys(1).name(&[b"ab", b"c"]));
        assert_ne!(ours.name(&[b"ab", b"c"]), ours.name(&[b"a", b"bc"]));
        assert_ne!(ours.name(&[b"ab", b"c"]), keys(2).name(&[b"ab", b"c"]));
        assert_eq!(ours.name(&[]).len(), 2 * NAME);
    }

    #[test]
    fn only_the_same_keys_name_and_bytes_open() {
        let sealed = keys(1).seal("name", b"answer").unwrap();
        assert_eq!(keys(1).open("name", &sealed).unwrap(), b"answer");
        assert_eq!(keys(1).open("other", &sealed), None);
        assert_eq!(keys(2).open("name", &sealed), None);
        assert_ne!(sealed, keys(1).seal("name", b"answer").unwrap(), "nonces are used once");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(keys(1).open("name", &changed), None, "byte {at}");
            assert_eq!(keys(1).open("name", &sealed[..at]), None, "cut at {at}");
        }
    }
}

//! The shared secret of a cache: keys derived from it, and the sealing of values.
//!
//! The first derivation is the Python cache's own (PBKDF2-HMAC-SHA256, salt
//! `github-cache-p2p`, 100,000 iterations), so that one configured secret
//! serves both. Separate keys for separate uses are then expanded with HKDF
//! (RFC 5869). No key and no secret is ever printed.
//!
//! A sealed text is `1 | nonce (24) | XChaCha20-Poly1305 ciphertext and tag`,
//! with `seaworthy-cache/1` NUL key-name as associated data: it opens under no
//! other key name.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use seaworthy_model::{Failure, Secret};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

const SALT: &[u8] = b"github-cache-p2p";
const ITERATIONS: u32 = 100_000;
const SEALED_VERSION: u8 = 1;
const NONCE: usize = 24;
/// Bytes that sealing adds.
pub(crate) const SEAL_OVERHEAD: usize = 1 + NONCE + 16;

type Key = Zeroizing<[u8; 32]>;

/// Keys derived from a secret. Has no `Debug`, and wipes itself when dropped.
pub struct SharedSecret {
    derived: Key,
    seal: Key,
    agreement: Key,
}

impl SharedSecret {
    /// Derives the keys. Takes tens of milliseconds of processor time by
    /// design; keep the result.
    #[must_use]
    pub fn derive(secret: &Secret) -> Self {
        let mut derived = Key::default();
        pbkdf2::pbkdf2_hmac::<Sha256>(secret.expose().as_bytes(), SALT, ITERATIONS, derived.as_mut());
        let seal = expand(&derived, b"seaworthy-cache/1 seal");
        let agreement = expand(&derived, b"seaworthy-cache/1 agreement");
        Self { derived, seal, agreement }
    }

    /// The key that the Python cache uses (Fernet: 16 bytes sign, 16 encrypt).
    #[must_use]
    pub fn compatibility_key(&self) -> Zeroizing<[u8; 32]> {
        self.derived.clone()
    }

    /// Sixteen hex digits by which two holders who use the same `salt` can
    /// compare their secrets. With a salt of the run it says nothing elsewhere.
    #[must_use]
    pub fn fingerprint(&self, salt: &[u8]) -> String {
        let key = expand(&self.derived, &[b"seaworthy-cache/1 fingerprint ".as_slice(), salt].concat());
        HEXLOWER.encode(&key[..8])
    }

    /// Encrypts `plaintext`, bound to `key_name`. Two seals of one text differ.
    ///
    /// # Errors
    /// Kind `too-large` beyond 256 GiB, the bound of the cipher.
    pub fn seal(&self, key_name: &str, plaintext: &[u8]) -> Result<Vec<u8>, Failure> {
        let nonce: [u8; NONCE] = rand::random();
        let aad = associated(key_name);
        let cipher = XChaCha20Poly1305::new(&(*self.seal).into());
        let ciphertext = cipher
            .encrypt(&nonce.into(), Payload { msg: plaintext, aad: &aad })
            .map_err(|_| Failure::new("too-large", "seal", "the value is too large for the cipher"))?;
        let mut sealed = Vec::with_capacity(plaintext.len() + SEAL_OVERHEAD);
        sealed.push(SEALED_VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Decrypts what [`SharedSecret::seal`] made.
    ///
    /// # Errors
    /// Kind `integrity`, stage `open`: another secret, another key name, or a
    /// changed byte; the three cannot be told apart.
    pub fn open(&self, key_name: &str, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        let failure = |message: &str| Failure::new("integrity", "open", message);
        let [SEALED_VERSION, rest @ ..] = sealed else {
            return Err(failure("the value is not sealed by this version of the cache"));
        };
        let Some((nonce, ciphertext)) = rest.split_first_chunk::<NONCE>() else {
            return Err(failure("the sealed value is cut short"));
        };
        let aad = associated(key_name);
        XChaCha20Poly1305::new(&(*self.seal).into())
            .decrypt(&(*nonce).into(), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| failure("the sealed value does not open: another secret, another key name, or changed bytes"))
    }

    /// A message authentication code under the agreement key, over `parts`
    /// with their lengths.
    pub(crate) fn proof(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(crate) fn proves(&self, parts: &[&[u8]], proof: &[u8]) -> bool {
        self.mac(parts).verify_slice(proof).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros to the block (RFC 2104); doing it
        // here makes the constructor infallible.
        let mut block = [0; 64];
        block[..32].copy_from_slice(self.agreement.as_slice());
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&block.into());
        block.zeroize();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

#[expect(
    clippy::expect_used,
    reason = "32 bytes are within the bounds of RFC 5869, and a key must never silently be zero"
)]
fn expand(derived: &[u8; 32], info: &[u8]) -> Key {
    let mut key = Key::default();
    Hkdf::<Sha256>::new(None, derived).expand(info, key.as_mut()).expect("one block of HKDF-SHA256");
    key
}

fn associated(key_name: &str) -> Vec<u8> {
    [b"seaworthy-cache/1\0".as_slice(), key_name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SharedSecret {
        SharedSecret::derive(&Secret::new(text.into()))
    }

    #[test]
    fn the_key_is_the_one_of_the_python_cache() {
        // 8w5j3FTvcojd5h1c7-CX_wEUYALVY0HfzJdcuQriD2Q= in hex.
        let expected = "f30e63dc54ef7288dde61d5cefe097ff01146002d56341dfcc975cb90ae20f64";
        assert_eq!(HEXLOWER.encode(secret("ghp_interop_test_token").compatibility_key().as_slice()), expected);
    }

    #[test]
    fn only_the_same_secret_key_name_and_bytes_open() {
        let ours = secret("one");
        let sealed = ours.seal("key", b"value").unwrap();
        assert_eq!(sealed.len(), 5 + SEAL_OVERHEAD);
        assert_eq!(ours.open("key", &sealed).unwrap(), b"value");
        assert_ne!(sealed, ours.seal("key", b"value").unwrap());
        assert_eq!(ours.open("other", &sealed).unwrap_err().kind, "integrity");
        assert_eq!(secret("two").open("key", &sealed).unwrap_err().kind, "integrity");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(ours.open("key", &changed).unwrap_err().kind, "integrity", "byte {at}");
            assert_eq!(ours.open("key", &sealed[..at]).unwrap_err().kind, "integrity", "cut at {at}");
        }
    }

    #[test]
    fn keys_are_separate() {
        let ours = secret("one");
        assert_ne!(ours.seal, ours.agreement);
        assert_ne!(ours.seal, ours.derived);
        assert_eq!(ours.fingerprint(b"a"), secret("one").fingerprint(b"a"));
        assert_ne!(ours.fingerprint(b"a"), ours.fingerprint(b"b"));
        assert_ne!(ours.fingerprint(b"a"), secret("two").fingerprint(b"a"));
        // Lengths are part of the proof.
        assert_ne!(ours.proof(&[b"ab", b"c"]), ours.proof(&[b"a", b"bc"]));
        assert!(ours.proves(&[b"x"], &ours.proof(&[b"x"])));
        assert!(!ours.proves(&[b"x"], &ours.proof(&[b"x"])[..31]));
    }
}

//! Keys as cosign has them: ECDSA on P-256, in PEM.

use crate::digest::digest;
use crate::encrypted_key;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, SigningKey as Private, VerifyingKey};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding,
};
use seaworthy_model::Secret;
use zeroize::Zeroizing;

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the key {name} cannot be used: {why}")]
pub struct KeyError {
    name: String,
    why: String,
}

impl KeyError {
    pub(crate) fn new(name: &str, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
}

/// What signatures are verified with: `cosign.pub`.
#[derive(Clone, Debug)]
pub struct PublicKey {
    name: String,
    fingerprint: String,
    key: VerifyingKey,
}

/// What signs. Its content is never shown.
#[derive(Clone)]
pub struct SigningKey(Private);

/// A new pair, in PEM.
pub struct KeyPair {
    /// For whoever signs, and for nobody else.
    pub private: Zeroizing<String>,
    /// For whoever verifies.
    pub public: String,
}

impl PublicKey {
    /// Reads PEM; `name` is what messages call it, such as its file.
    ///
    /// # Errors
    /// It is no public key on P-256 in PEM.
    pub fn read(name: &str, pem: &str) -> Result<Self, KeyError> {
        if pem.contains("PRIVATE KEY") {
            return Err(KeyError::new(name, "it is a private key; signatures are verified with the public one"));
        }
        let key = VerifyingKey::from_public_key_pem(pem.trim()).map_err(|error| {
            let why = format!("it is no public key of ECDSA on P-256 in PEM ({error}); `cosign generate-key-pair` and `seaworthy plugin keygen` write one");
            KeyError::new(name, why)
        })?;
        Self::of(name, key)
    }

    fn of(name: &str, key: VerifyingKey) -> Result<Self, KeyError> {
        let der = key.to_public_key_der().map_err(|error| KeyError::new(name, error.to_string()))?;
        Ok(Self { name: name.into(), fingerprint: digest(der.as_bytes()), key })
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `sha256:...` of the key in DER, by which a lock file names it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether `signature`, DER, is of these bytes.
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature).is_ok_and(|signature| self.key.verify(bytes, &signature).is_ok())
    }
}

impl SigningKey {
    /// Reads a private key: PKCS#8 in PEM, or encrypted as `cosign generate-key-pair` writes it.
    ///
    /// # Errors
    /// It is neither, or the password is missing or wrong.
    pub fn read(name: &str, pem: &str, password: Option<&Secret>) -> Result<Self, KeyError> {
        if let Some(sealed) = encrypted_key::sealed(pem) {
            let der = encrypted_key::open(name, sealed, password)?;
            let key = Private::from_pkcs8_der(&der);
            return key
                .map(Self)
                .map_err(|error| KeyError::new(name, format!("what it holds is no key on P-256: {error}")));
        }
        Private::from_pkcs8_pem(pem.trim()).map(Self).map_err(|error| {
            let why = if pem.contains("BEGIN EC PRIVATE KEY") {
                "it is in the format of SEC 1; `openssl pkcs8 -topk8 -nocrypt -in KEY` writes it as PKCS#8".to_owned()
            } else if pem.contains("BEGIN PUBLIC KEY") {
                "it is a public key; one signs with the private one".to_owned()
            } else {
                format!("it is no private key of ECDSA on P-256 in PEM ({error}); `seaworthy plugin keygen` writes one")
            };
            KeyError::new(name, why)
        })
    }

    /// A signature of these bytes, DER.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.0.sign(bytes);
        signature.as_bytes().to_vec()
    }

    /// Its other half.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn public(&self, name: &str) -> Result<PublicKey, KeyError> {
        PublicKey::of(name, *self.0.verifying_key())
    }
}

impl KeyPair {
    /// A new one. With a password the private half is encrypted as cosign does it, and
    /// cosign can use it.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn generate(password: Option<&Secret>) -> Result<Self, KeyError> {
        let wrong = |error: &dyn std::fmt::Display| KeyError::new("that is new", error.to_string());
        let key = Private::generate_from_rng(&mut rand::rng());
        let private = match password {
            None => key.to_pkcs8_pem(LineEnding::LF).map_err(|e| wrong(&e))?,
            Some(password) => {
                let der = key.to_pkcs8_der().map_err(|e| wrong(&e))?;
                Zeroizing::new(encrypted_key::seal(der.as_bytes(), password)?)
            }
        };
        let public = key.verifying_key().to_public_key_pem(LineEnding::LF).map_err(|e| wrong(&e))?;
        Ok(Self { private, public })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_signs_and_verifies() {
        let pair = KeyPair::generate(None).unwrap();
        let key = SigningKey::read("k", &pair.private, None).unwrap();
        let public = PublicKey::read("k.pub", &pair.public).unwrap();
        let signature = key.sign(b"text");
        assert!(public.verifies(b"text", &signature));
        assert!(!public.verifies(b"other", &signature) && !public.verifies(b"text", b"nonsense"));
        assert_eq!(key.public("k").unwrap().fingerprint(), public.fingerprint());
        let other = PublicKey::read("o.pub", &KeyPair::generate(None).unwrap().public).unwrap();
        assert!(!other.verifies(b"text", &signature));
    }

    #[test]
    fn with_a_password_it_is_sealed() {
        let password = Secret::new("correct horse".into());
        let pair = KeyPair::generate(Some(&password)).unwrap();
        assert!(pair.private.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"), "{}", *pair.private);
        let key = SigningKey::read("k", &pair.private, Some(&password)).unwrap();
        assert!(PublicKey::read("p", &pair.public).unwrap().verifies(b"x", &key.sign(b"x")));
        let told =
            |password: Option<&Secret>| SigningKey::read("k", &pair.private, password).err().unwrap().to_string();
        assert!(told(None).contains("COSIGN_PASSWORD"), "{}", told(None));
        let wrong = Secret::new("wrong".into());
        assert!(told(Some(&wrong)).contains("password is wrong"), "{}", told(Some(&wrong)));
    }

    #[test]
    fn a_key_of_another_kind_is_told_what_it_is() {
        let pair = KeyPair::generate(None).unwrap();
        let told = PublicKey::read("a", &pair.private).unwrap_err().to_string();
        assert!(told.contains("it is a private key"), "{told}");
        let told = SigningKey::read("a", &pair.public, None).err().unwrap().to_string();
        assert!(told.contains("it is a public key"), "{told}");
        let told = SigningKey::read("a", "-----BEGIN EC PRIVATE KEY-----", None).err().unwrap().to_string();
        assert!(told.contains("openssl pkcs8"), "{told}");
        assert!(PublicKey::read("a", "").is_err());
    }
}

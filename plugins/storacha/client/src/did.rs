use crate::Malformed;
use multibase::Base;
use std::fmt;

/// Multicodec code of an Ed25519 public key.
const ED25519: u64 = 0xed;
/// Multicodec code of a DID that is no key.
const DID_CORE: u64 = 0x0d1d;

/// A principal: a space, an agent, a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Did(String);

impl Did {
    /// The `did:key` of an Ed25519 public key.
    #[must_use]
    pub fn of_key(public: &[u8; 32]) -> Self {
        let mut bytes = code(ED25519);
        bytes.extend_from_slice(public);
        Self(format!("did:key:{}", multibase::encode(Base::Base58Btc, bytes)))
    }

    /// Reads the text form, `did:key:z6Mk...` or `did:web:...`.
    ///
    /// # Errors
    /// When it is no DID, or a `did:key` whose key cannot be read.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let wrong = |reason: &str| Malformed::new("a DID", reason);
        let rest = text.strip_prefix("did:").ok_or_else(|| wrong("it does not begin with `did:`"))?;
        let Some((method, id)) = rest.split_once(':') else { return Err(wrong("it has no method")) };
        if method.is_empty() || id.is_empty() || text.contains(char::is_whitespace) {
            return Err(wrong("a part of it is empty or blank"));
        }
        if method == "key" {
            let (base, key) = multibase::decode(id).map_err(|error| Malformed::new("a DID", error))?;
            if base != Base::Base58Btc || key.len() < 3 {
                return Err(wrong("its key is not in base58"));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Reads the form that it has inside a UCAN.
    ///
    /// # Errors
    /// When the bytes begin with no known code.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (code, rest) = unsigned_varint::decode::u64(bytes).map_err(|error| Malformed::new("a DID", error))?;
        if code == DID_CORE {
            let rest = std::str::from_utf8(rest).map_err(|error| Malformed::new("a DID", error))?;
            return Self::parse(&format!("did:{rest}"));
        }
        Ok(Self(format!("did:key:{}", multibase::encode(Base::Base58Btc, bytes))))
    }

    /// The form that it has inside a UCAN.
    ///
    /// # Errors
    /// When a `did:key` holds a key that cannot be read.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        match self.0.strip_prefix("did:key:") {
            Some(key) => Ok(multibase::decode(key).map_err(|error| Malformed::new("a DID", error))?.1),
            None => {
                let mut bytes = code(DID_CORE);
                bytes.extend_from_slice(self.0.strip_prefix("did:").unwrap_or_default().as_bytes());
                Ok(bytes)
            }
        }
    }

    /// The Ed25519 public key of a `did:key`; `None` for anything else.
    #[must_use]
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        let bytes = self.encode().ok()?;
        let (code, key) = unsigned_varint::decode::u64(&bytes).ok()?;
        if code == ED25519 { key.try_into().ok() } else { None }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn code(code: u64) -> Vec<u8> {
    unsigned_varint::encode::u64(code, &mut unsigned_varint::encode::u64_buffer()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    #[test]
    fn keys_have_the_text_of_the_reference() {
        // From `ed25519.Signer.derive` of @ucanto/principal over 32 bytes of value 2.
        assert_eq!(Did::of_key(&vectors::public(2)).as_str(), vectors::AGENT);
        assert_eq!(Did::parse(vectors::AGENT).unwrap().ed25519(), Some(vectors::public(2)));
    }

    #[test]
    fn both_forms_read_back() {
        for text in [vectors::AGENT, vectors::SERVICE, "did:mailto:example.com:probe"] {
            let did = Did::parse(text).unwrap();
            assert_eq!(Did::decode(&did.encode().unwrap()).unwrap(), did);
        }
        assert_eq!(Did::parse(vectors::SERVICE).unwrap().ed25519(), None);
    }

    #[test]
    fn what_is_no_did_is_refused() {
        for bad in ["", "did:", "did:key", "did:key:", "did:key:z", "did:key:!!", "did:web: x", "z6Mk", "did:key:mAAAA"]
        {
            assert!(Did::parse(bad).is_err(), "{bad}");
        }
        assert!(Did::decode(&[]).is_err());
    }
}

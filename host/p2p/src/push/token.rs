//! The envelope of the Python cache: Fernet under the key that both derive.

use super::{MAX_PLAINTEXT, MAX_TOKEN};
use crate::SharedSecret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use fernet::Fernet;
use seaworthy_model::Failure;
use zeroize::Zeroizing;

/// The time for which a token is read. A token has no life of its own here: a
/// Python cache reads one of any time, and the entry inside says how old it is.
/// Half of what there is, since the crate adds to it.
const ANY_TIME: u64 = u64::MAX / 2;

/// Version, time, initialisation vector and signature; see the Fernet specification.
const FIXED: usize = 1 + 8 + 16 + 32;
const BLOCK: usize = 16;

/// Makes and opens tokens. Has no `Debug`, and wipes itself when dropped.
pub(crate) struct Envelope {
    fernet: Fernet,
}

impl Envelope {
    #[expect(clippy::expect_used, reason = "32 bytes in base64 are a Fernet key, and there must never be another one")]
    pub(crate) fn new(secret: &SharedSecret) -> Self {
        let key = Zeroizing::new(URL_SAFE.encode(secret.compatibility_key().as_slice()));
        Self { fernet: Fernet::new(&key).expect("a key of 32 bytes") }
    }

    /// Encrypts `plaintext` as of now.
    ///
    /// # Errors
    /// Kind `too-large`, stage `seal`: the plaintext has more than
    /// [`MAX_PLAINTEXT`] bytes.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Result<String, Failure> {
        if plaintext.len() > MAX_PLAINTEXT {
            let length = plaintext.len();
            return Err(Failure::new(
                "too-large",
                "seal",
                format!(
                    "the message has {length} bytes, and a Python peer may read no more than {MAX_PLAINTEXT}; keep the value smaller, or reach it over /seaworthy/cache/1.0.0"
                ),
            )
            .with("bytes", length.to_string())
            .with("max-bytes", MAX_PLAINTEXT.to_string()));
        }
        Ok(self.fernet.encrypt(plaintext))
    }

    /// Decrypts a token; none when it was not made with our secret, was changed,
    /// or is none at all.
    pub(crate) fn open(&self, token: &[u8]) -> Option<Vec<u8>> {
        let token = std::str::from_utf8(token).ok()?;
        if token.len() > MAX_TOKEN {
            return None;
        }
        self.fernet.decrypt_at_time(token.trim_ascii(), None, ANY_TIME).ok()
    }
}

/// Whether a token may have this length. Sizes go in steps of a cipher block, so
/// most lengths at which a message may pause cannot be its end.
pub(super) fn may_end_at(length: usize) -> bool {
    let groups = length / 4;
    // The last group of four holds one to three bytes.
    length.is_multiple_of(4)
        && (1..=3).any(|last| {
            let bytes = (groups.saturating_sub(1)) * 3 + last;
            bytes > FIXED && (bytes - FIXED).is_multiple_of(BLOCK)
        })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use seaworthy_model::Secret;

    pub(in crate::push) const VECTOR: &str = "gAAAAABlU_EAAAECAwQFBgcICQoLDA0ODzhgKiGXCcDiwrSqRug1NQOPwlWU4L_sYUYl6LaLF-WK4i1CHsKnW6kjVgsIVUL7HmguY6o4wCkMUUPbxLg7FeO35oKgj-hk7yKUSFIpMwV3LwLFn87w0D1cVsC6HoxeurhgPS16JoVozogtAIiTlG-ve12zejTEjdqxtVxW8ey9Nl_qyd4pzjKJvInhZCZFWYKdI9ee1AcgKpLzd8IKbkZhWDsxfcUCrinWHnv6kZKhPAkA-XvbgTMLSFm-usX97MhACTMkAFU5PFb4tzMxQus=";
    pub(in crate::push) const PLAINTEXT: &str = r#"{"key": "get_repo_info:repo=o/r", "entry": {"data": {"hello": "world"}, "timestamp": 1700000000.5, "ttl": 300, "content_hash": null, "validation_fields": null}}"#;

    pub(in crate::push) fn envelope(secret: &str) -> Envelope {
        Envelope::new(&SharedSecret::derive(&Secret::new(secret.into())))
    }

    #[test]
    fn tokens_are_those_of_the_python_cache() {
        let ours = envelope("ghp_interop_test_token");
        assert_eq!(ours.open(VECTOR.as_bytes()).unwrap(), PLAINTEXT.as_bytes());
        assert!(envelope("another").open(VECTOR.as_bytes()).is_none());
        let mut changed = VECTOR.as_bytes().to_vec();
        changed[40] ^= 1;
        assert!(ours.open(&changed).is_none());
        assert!(ours.open(PLAINTEXT.as_bytes()).is_none() && ours.open(b"\xff").is_none() && ours.open(b"").is_none());
        assert!(ours.open(&VECTOR.as_bytes()[..VECTOR.len() - 4]).is_none());
        let sealed = ours.seal(PLAINTEXT.as_bytes()).unwrap();
        assert_eq!((sealed.len(), &sealed[..6]), (VECTOR.len(), "gAAAAA"));
        assert_ne!(sealed, ours.seal(PLAINTEXT.as_bytes()).unwrap());
        // A clock that is wrong by a century is for the entry's own time to say.
        let ahead = ours.fernet.encrypt_at_time(b"x", 5_000_000_000);
        assert_eq!(ours.open(ahead.as_bytes()).unwrap(), b"x");
    }

    #[test]
    fn the_bound_is_exact() {
        let ours = envelope("s");
        let token = ours.seal(&vec![b'x'; MAX_PLAINTEXT]).unwrap();
        assert_eq!(token.len(), MAX_TOKEN);
        assert_eq!(ours.open(token.as_bytes()).unwrap().len(), MAX_PLAINTEXT);
        let failure = ours.seal(&vec![b'x'; MAX_PLAINTEXT + 1]).unwrap_err();
        assert_eq!((failure.kind.as_str(), failure.details["bytes"].as_str()), ("too-large", "49072"));
    }

    #[test]
    fn lengths_of_tokens_are_known() {
        let ours = envelope("s");
        for length in 0..200 {
            assert!(may_end_at(ours.seal(&vec![7; length]).unwrap().len()), "{length}");
        }
        assert_eq!((0..=1000).filter(|length| may_end_at(*length)).count(), 43);
    }
}

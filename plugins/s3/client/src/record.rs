use crate::answer::Answer;
use crate::encoding;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Bytes of names and values of metadata that S3 keeps with an object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>).
pub const MAX_METADATA_BYTES: usize = 2048;

const CREATED: &str = "x-amz-meta-seaworthy-created";
const DEADLINE: &str = "x-amz-meta-seaworthy-deadline";
const METADATA: &str = "x-amz-meta-seaworthy-metadata";
const DIGEST: &str = "x-amz-meta-seaworthy-sha256";
/// Where the name does not tell the key: the key in base64, which is the shortest text that
/// a header leaves alone.
const KEY: &str = "x-amz-meta-seaworthy-key";

/// A value with its life, as an object and its `x-amz-meta-*` headers.
///
/// `created` and `deadline` are milliseconds since the epoch in decimal; `metadata` is
/// `name=value&...`, both sides encoded, since names of headers lose their case and
/// values their blanks and all that is not ASCII on the way. `sha256` is over the
/// lengths and texts of key, created, deadline and metadata, and the body, so an object
/// cannot pass for another key's, nor live longer than it was to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was made.
    pub created: u64,
    /// The first moment at which it is no longer valid.
    pub deadline: Option<u64>,
    /// In order.
    pub metadata: Vec<(String, String)>,
    /// The value.
    pub bytes: Vec<u8>,
}

/// More metadata than S3 keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataTooLarge {
    /// What it would take.
    pub bytes: usize,
}

impl fmt::Display for MetadataTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the metadata takes {} bytes as headers, and S3 keeps {MAX_METADATA_BYTES}", self.bytes)
    }
}

/// Why an object is not a value that was stored under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It has none of our headers: somebody else stored it.
    Foreign,
    /// It has some, and they cannot be read.
    Headers,
    /// The digest does not fit.
    Digest,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Foreign => "the object has no x-amz-meta-seaworthy-sha256: it was not stored by this cache, or the store keeps no metadata",
            Damage::Headers => "the object's x-amz-meta-seaworthy headers cannot be read",
            Damage::Digest => "the object is damaged: its SHA-256 does not fit",
        })
    }
}

impl Record {
    /// The headers to store it with, among them the key where its name is `shortened`.
    ///
    /// # Errors
    /// The metadata is larger than S3 keeps.
    pub fn headers(&self, key: &str, shortened: bool) -> Result<Vec<(String, String)>, MetadataTooLarge> {
        let mut headers = vec![(CREATED.to_owned(), self.created.to_string())];
        headers.extend(self.deadline.map(|deadline| (DEADLINE.to_owned(), deadline.to_string())));
        let metadata = self.metadata_text();
        if !metadata.is_empty() {
            headers.push((METADATA.into(), metadata));
        }
        if shortened {
            headers.push((KEY.into(), BASE64URL_NOPAD.encode(key.as_bytes())));
        }
        headers.push((DIGEST.into(), self.digest(key)));
        let bytes = headers.iter().map(|(name, value)| name.len() - "x-amz-meta-".len() + value.len()).sum();
        if bytes > MAX_METADATA_BYTES { Err(MetadataTooLarge { bytes }) } else { Ok(headers) }
    }

    /// What an answer to GetObject holds.
    ///
    /// # Errors
    /// It is not what was stored under `key`.
    pub fn read(key: &str, answer: Answer) -> Result<Self, Damage> {
        let digest = answer.header(DIGEST).ok_or(Damage::Foreign)?.trim().to_owned();
        let record = Self { bytes: answer.body, ..Self::head(&answer.headers).ok_or(Damage::Headers)? };
        if record.digest(key) == digest { Ok(record) } else { Err(Damage::Digest) }
    }

    /// What an answer to HeadObject says, without the bytes; what it says cannot be verified.
    ///
    /// # Errors
    /// It is no value of this cache.
    pub fn stat(answer: &Answer) -> Result<Self, Damage> {
        answer.header(DIGEST).ok_or(Damage::Foreign)?;
        Self::head(&answer.headers).ok_or(Damage::Headers)
    }

    /// The key that an object's headers tell. Whether it is the name's has to be looked at:
    /// the name of a key is made from it.
    #[must_use]
    pub fn key(answer: &Answer) -> Option<String> {
        let bytes = BASE64URL_NOPAD.decode(answer.header(KEY)?.trim().as_bytes()).ok()?;
        String::from_utf8(bytes).ok()
    }

    fn head(headers: &[(String, String)]) -> Option<Self> {
        let find = |wanted: &str| {
            headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let deadline = match find(DEADLINE) {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        };
        let pairs = find(METADATA).unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let metadata = pairs.map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((encoding::decode(name)?, encoding::decode(value)?))
        });
        Some(Self {
            created: find(CREATED)?.parse().ok()?,
            deadline,
            metadata: metadata.collect::<Option<_>>()?,
            bytes: Vec::new(),
        })
    }

    fn metadata_text(&self) -> String {
        let pairs = self.metadata.iter();
        let pairs = pairs.map(|(name, value)| format!("{}={}", encoding::component(name), encoding::component(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn digest(&self, key: &str) -> String {
        let deadline = self.deadline.map(|deadline| deadline.to_string()).unwrap_or_default();
        let mut hash = Sha256::new();
        for text in [key, &self.created.to_string(), &deadline, &self.metadata_text()] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.update(&self.bytes);
        HEXLOWER.encode(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            created: 1_700_000_000_000,
            deadline: Some(1_700_000_300_000),
            metadata: vec![
                ("ETag".into(), "\"x\"  y".into()),
                ("ä=&%".into(), "\n日".into()),
                ("none".into(), String::new()),
            ],
            bytes: b"value".to_vec(),
        }
    }

    fn answer(headers: Vec<(String, String)>, body: &[u8]) -> Answer {
        Answer { status: 200, headers, body: body.to_vec(), truncated: false }
    }

    #[test]
    fn what_is_stored_reads_back() {
        for wanted in [record(), Record { deadline: None, metadata: vec![], bytes: vec![], ..record() }] {
            let headers = wanted.headers("k", false).unwrap();
            for (name, value) in &headers {
                assert!(value.bytes().all(|b| b.is_ascii_graphic()), "{name}: {value}");
            }
            // Servers may write the names as they like.
            let headers = headers.into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect();
            assert_eq!(Record::read("k", answer(headers, &wanted.bytes)), Ok(wanted));
        }
    }

    #[test]
    fn the_digest_is_the_documented_one() {
        let small = Record { created: 5, deadline: None, metadata: vec![], bytes: b"body".to_vec() };
        // printf '\3\0\0\0\0\0\0\0key\1\0\0\0\0\0\0\0005\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0body' | sha256sum
        let headers = small.headers("key", false).unwrap();
        assert_eq!(headers[1].1, "05c317dda6bcb091370c156c72838e29b1bb591c07f1f168e0cb28c6a89d3f2a");
    }

    #[test]
    fn every_change_is_noticed() {
        let headers = record().headers("k", false).unwrap();
        assert_eq!(Record::read("other", answer(headers.clone(), b"value")), Err(Damage::Digest));
        assert_eq!(Record::read("k", answer(headers.clone(), b"valuf")), Err(Damage::Digest));
        assert_eq!(Record::read("k", answer(headers.clone(), b"valu")), Err(Damage::Digest));
        for at in 0..headers.len() {
            let mut changed = headers.clone();
            changed[at].1 = changed[at].1.replace('1', "2").replace('E', "F").replace('a', "b");
            assert!(Record::read("k", answer(changed, b"value")).is_err(), "{}", headers[at].0);
            let mut without = headers.clone();
            without.remove(at);
            assert!(Record::read("k", answer(without, b"value")).is_err(), "without {}", headers[at].0);
        }
        assert_eq!(Record::read("k", answer(vec![], b"value")), Err(Damage::Foreign));
        assert_eq!(Record::stat(&answer(vec![(DIGEST.into(), "00".into())], b"")), Err(Damage::Headers));
    }

    #[test]
    fn a_key_that_its_name_does_not_tell_is_in_a_header() {
        let key = "日本/a b".repeat(20);
        let headers = record().headers(&key, true).unwrap();
        assert!(headers.iter().all(|(_, value)| value.bytes().all(|b| b.is_ascii_graphic())));
        let found = answer(headers, b"value");
        assert_eq!(Record::key(&found).as_deref(), Some(key.as_str()));
        assert_eq!(Record::read(&key, found), Ok(record()));
        assert_eq!(Record::key(&answer(record().headers(&key, false).unwrap(), b"value")), None);
        assert_eq!(Record::key(&answer(vec![(KEY.into(), "!".into())], b"")), None);
        // The longest key leaves room for what is ours.
        let longest = "k".repeat(crate::MAX_KEY_BYTES);
        assert!(Record { metadata: vec![], ..record() }.headers(&longest, true).is_ok());
    }

    #[test]
    fn metadata_has_a_greatest_size() {
        let with = |length: usize| Record { metadata: vec![("m".into(), "x".repeat(length))], ..record() };
        let fixed: usize = with(0).headers("k", false).unwrap().iter().map(|(n, v)| n.len() - 11 + v.len()).sum();
        assert!(with(MAX_METADATA_BYTES - fixed).headers("k", false).is_ok());
        let error = with(MAX_METADATA_BYTES - fixed + 1).headers("k", false).unwrap_err();
        assert_eq!(error, MetadataTooLarge { bytes: MAX_METADATA_BYTES + 1 });
    }
}

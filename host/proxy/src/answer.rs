//! An answer of the origin as it is kept.

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MAGIC: &[u8; 4] = b"SWH\x01";

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When it was received, or last confirmed by the origin.
    pub(crate) received: SystemTime,
    /// What it was selected by: names of request headers and keyed names of their values.
    pub(crate) selected_by: Vec<(String, String)>,
}

/// What is kept under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Answer(Arc<Answer>),
    /// Which request headers select one of several answers. `nonce` is part of their
    /// names, so that none is found any more once this record was replaced.
    Variants {
        names: Vec<String>,
        nonce: String,
    },
}

/// The part of a record before the body.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Head {
    Answer { status: u16, received_ms: u64, headers: Vec<(String, String)>, selected_by: Vec<(String, String)> },
    Variants { names: Vec<String>, nonce: String },
}

impl Record {
    /// `"SWH" 1 | length of the head (u32, little-endian) | head as JSON | body`.
    /// `None` when the head has more than 4 GiB.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let (head, body) = match self {
            Record::Answer(answer) => {
                let headers =
                    answer.headers.iter().map(|(name, value)| (name.as_str().to_owned(), latin(value.as_bytes())));
                let head = Head::Answer {
                    status: answer.status.as_u16(),
                    received_ms: millis(answer.received),
                    headers: headers.collect(),
                    selected_by: answer.selected_by.clone(),
                };
                (head, answer.body.as_ref())
            }
            Record::Variants { names, nonce } => {
                (Head::Variants { names: names.clone(), nonce: nonce.clone() }, &[][..])
            }
        };
        let head = serde_json::to_vec(&head).ok()?;
        let length = u32::try_from(head.len()).ok()?.to_le_bytes();
        Some([&MAGIC[..], &length, &head, body].concat())
    }

    /// `None` for anything that [`encode`](Self::encode) did not make.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let (head, body) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        match serde_json::from_slice(head).ok()? {
            Head::Variants { names, nonce } => Some(Record::Variants { names, nonce }),
            Head::Answer { status, received_ms, headers, selected_by } => {
                let mut map = HeaderMap::with_capacity(headers.len());
                for (name, value) in headers {
                    let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                    map.append(name.parse::<HeaderName>().ok()?, HeaderValue::from_bytes(&bytes?).ok()?);
                }
                Some(Record::Answer(Arc::new(Answer {
                    status: StatusCode::from_u16(status).ok()?,
                    headers: map,
                    body: Bytes::copy_from_slice(body),
                    received: UNIX_EPOCH.checked_add(Duration::from_millis(received_ms))?,
                    selected_by,
                })))
            }
        }
    }
}

/// Bytes as the characters of ISO 8859-1, so that any header value reads back.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Milliseconds since the epoch.
pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_and_nothing_else_does() {
        let mut headers = HeaderMap::new();
        headers.append("link", "a".parse().unwrap());
        headers.append("link", HeaderValue::from_bytes(b"\xfc\xff").unwrap());
        let answer = Record::Answer(Arc::new(Answer {
            status: StatusCode::NOT_FOUND,
            headers,
            body: Bytes::from_static(b"\0body"),
            received: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            selected_by: vec![("accept".into(), "0a".into())],
        }));
        let variants = Record::Variants { names: vec!["accept".into()], nonce: "n".into() };
        for record in [answer, variants] {
            let bytes = record.encode().unwrap();
            assert_eq!(Record::decode(&bytes), Some(record));
            for cut in 0..bytes.len().min(40) {
                assert_eq!(Record::decode(&bytes[..cut]), None, "cut at {cut}");
            }
        }
        assert_eq!(Record::decode(b"SWH\x01\xff\xff\xff\xff{}"), None);
    }
}

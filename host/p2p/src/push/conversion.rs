//! Entries of the Python cache as entries of ours, and back.
//!
//! | Python | here |
//! |---|---|
//! | `key` | the key |
//! | `data` | the bytes: its JSON text, as it was sent |
//! | `timestamp` | `created_ms`, rounded down; and exactly, as the metadata `github-cache.timestamp` |
//! | `ttl` | the life, rounded up to a millisecond; [`FOREVER_S`] is none |
//! | `content_hash` | metadata `github-cache.content-hash` |
//! | `validation_fields` | metadata `github-cache.validation-fields`, its JSON text |
//!
//! An entry of ours whose bytes are not JSON in UTF-8 has no place in the Python
//! cache. Other metadata of ours has none either, and stays behind.

use super::PushEntry;
use super::json_text::is_json;
use super::python_json::float;
use crate::Blob;

/// The life of an entry that lives until it is evicted: ten years of 365 days, in
/// seconds. The Python cache knows no such life, and this is no life that a
/// person would choose.
pub(crate) const FOREVER_S: f64 = 315_360_000.0;

const TIMESTAMP: &str = "github-cache.timestamp";
const CONTENT_HASH: &str = "github-cache.content-hash";
const VALIDATION_FIELDS: &str = "github-cache.validation-fields";

/// Why an entry cannot be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRepresentable {
    /// Its bytes are not a JSON text.
    NotJson,
}

/// The value of a pushed entry, as of `now_ms`.
pub(crate) fn into_blob(entry: PushEntry, now_ms: u64) -> Blob {
    let created_ms = milliseconds(entry.timestamp).max(1);
    let ttl_ms = (entry.ttl != FOREVER_S).then(|| {
        let life = whole((entry.ttl * 1000.0).ceil());
        created_ms.saturating_add(life).saturating_sub(now_ms)
    });
    let metadata = [
        (TIMESTAMP, Some(float(entry.timestamp))),
        (CONTENT_HASH, entry.content_hash),
        (VALIDATION_FIELDS, entry.validation_fields),
    ];
    let metadata = metadata.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Blob { bytes: entry.data.into_bytes(), created_ms, ttl_ms, metadata }
}

/// What to push for the entry of `key`, whose remaining life is as of `now_ms`.
///
/// # Errors
/// The Python cache cannot hold it.
pub(crate) fn from_blob(key: &str, blob: &Blob, now_ms: u64) -> Result<PushEntry, NotRepresentable> {
    let data = std::str::from_utf8(&blob.bytes).ok().filter(|text| is_json(text)).ok_or(NotRepresentable::NotJson)?;
    let exact = blob.metadata.get(TIMESTAMP).and_then(|text| text.parse::<f64>().ok());
    let timestamp =
        exact.filter(|exact| milliseconds(*exact) == blob.created_ms).unwrap_or_else(|| seconds(blob.created_ms));
    let life = |remaining| now_ms.saturating_sub(blob.created_ms).saturating_add(remaining);
    let validation_fields = blob.metadata.get(VALIDATION_FIELDS).filter(|text| is_json(text));
    Ok(PushEntry {
        key: key.into(),
        data: data.into(),
        timestamp,
        ttl: blob.ttl_ms.map_or(FOREVER_S, |remaining| seconds(life(remaining))),
        content_hash: blob.metadata.get(CONTENT_HASH).cloned(),
        validation_fields: validation_fields.cloned(),
    })
}

fn milliseconds(seconds: f64) -> u64 {
    whole((seconds * 1000.0).floor())
}

/// A float becomes the nearest u64: negative ones 0, too large ones the largest.
fn whole(value: f64) -> u64 {
    value as u64
}

/// Exact for every time in the next 280,000 years.
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const NOW: u64 = 1_700_000_100_000;

    fn entry() -> PushEntry {
        PushEntry {
            key: "k".into(),
            data: r#"{"n": 1.0}"#.into(),
            timestamp: 1_700_000_000.123_456_7,
            ttl: 300.0,
            content_hash: Some("bafk".into()),
            validation_fields: Some(r#"{"b": 1}"#.into()),
        }
    }

    #[test]
    fn a_python_entry_comes_back_as_it_was() {
        for entry in [
            entry(),
            PushEntry { ttl: FOREVER_S, content_hash: None, validation_fields: None, ..entry() },
            PushEntry { ttl: 100.5, timestamp: 1_700_000_050.0, data: "\"é\"".into(), ..entry() },
        ] {
            let blob = into_blob(entry.clone(), NOW);
            assert_eq!(from_blob("k", &blob, NOW), Ok(entry));
        }
        let blob = into_blob(entry(), NOW);
        assert_eq!(
            (blob.created_ms, blob.ttl_ms, blob.bytes.as_slice()),
            (1_700_000_000_123, Some(200_123), &b"{\"n\": 1.0}"[..])
        );
        assert_eq!(blob.metadata["github-cache.timestamp"], "1700000000.1234567");
        assert_eq!(into_blob(PushEntry { ttl: FOREVER_S, ..entry() }, NOW).ttl_ms, None);
        assert_eq!(into_blob(PushEntry { ttl: 1e30, ..entry() }, NOW).ttl_ms, Some(u64::MAX - NOW));
    }

    #[test]
    fn an_entry_of_ours_is_pushed_if_it_is_json() {
        let blob = |bytes: &[u8]| Blob {
            bytes: bytes.to_vec(),
            created_ms: 1_700_000_000_250,
            ttl_ms: Some(1),
            metadata: BTreeMap::from([("etag".to_owned(), "x".to_owned())]),
        };
        let pushed = from_blob("k", &blob(b" [1]\n"), 1_700_000_000_750).unwrap();
        assert_eq!((pushed.timestamp, pushed.ttl, pushed.content_hash), (1_700_000_000.25, 0.501, None));
        let forever = Blob { ttl_ms: None, ..blob(b"1") };
        assert_eq!(from_blob("k", &forever, NOW).unwrap().ttl, FOREVER_S);
        for other in [&b"text"[..], b"\xff", b"", b"{}{}"] {
            assert_eq!(from_blob("k", &blob(other), NOW), Err(NotRepresentable::NotJson));
        }
    }
}

//! The message that pushes one entry:
//! `{"key": str, "entry": {"data": any, "timestamp": unix seconds, "ttl": seconds,
//! "content_hash": str or null, "validation_fields": object or null}}`.

use super::content_hash::matches;
use super::json_text::{is_json, members};
use super::python_json::{float, quoted};
use super::{MAX_SKEW_S, Reply};
use crate::envelope::now_ms;
use crate::wire::MAX_KEY;
use data_encoding::HEXLOWER;
use seaworthy_model::Failure;
use std::time::Duration;

/// An entry as the Python cache knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct PushEntry {
    /// 1 to 1024 bytes.
    pub key: String,
    /// The value, as JSON text. It is sent and kept as it is written.
    pub data: String,
    /// When it was made, in seconds since the epoch.
    pub timestamp: f64,
    /// Its life from then on, in seconds.
    pub ttl: f64,
    /// CIDv1 or SHA-256 in hex, over the validation fields.
    pub content_hash: Option<String>,
    /// What the value depends on, as JSON text.
    pub validation_fields: Option<String>,
}

/// What is to be done with a message that was opened.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// To be stored, unless what is there is as new; the reply is `OK` either way.
    Store(Box<PushEntry>),
    /// Its life is over: `OK`, and not stored.
    Expired,
    /// Not taken. `reason` is a short name for counters and logs.
    Refused { reply: Reply, reason: &'static str },
}

impl PushEntry {
    /// An entry under a name that nobody uses, whose life ended long ago: whoever can read
    /// it confirms it and keeps nothing.
    pub(crate) fn probe() -> Self {
        let unique: [u8; 16] = rand::random();
        let hour_ago = Duration::from_millis(now_ms()).saturating_sub(Duration::from_secs(3600));
        Self {
            key: format!("seaworthy-probe:{}", HEXLOWER.encode(&unique)),
            data: "null".into(),
            timestamp: hour_ago.as_secs_f64(),
            ttl: 1.0,
            content_hash: None,
            validation_fields: None,
        }
    }

    /// Gives the entry the content hash of its validation fields, where it has some.
    #[must_use]
    pub fn with_content_hash(mut self) -> Self {
        self.content_hash = self.validation_fields.as_deref().and_then(super::content_hash::content_hash);
        self
    }

    /// The message, as Python writes it.
    ///
    /// # Errors
    /// Kind `invalid`, stage `seal`: data or validation fields are not JSON, the
    /// key is empty or too long, or a time is not finite.
    pub(crate) fn plaintext(&self) -> Result<String, Failure> {
        let invalid = |what: String| Err(Failure::new("invalid", "seal", what));
        if self.key.is_empty() || self.key.len() > MAX_KEY {
            return invalid(format!("a key has 1 to {MAX_KEY} bytes, and this one {}", self.key.len()));
        }
        for (name, text) in [("data", Some(&self.data)), ("validation fields", self.validation_fields.as_ref())] {
            if text.is_some_and(|text| !is_json(text)) {
                return invalid(format!("the {name} of an entry must be JSON"));
            }
        }
        if !self.timestamp.is_finite() || !self.ttl.is_finite() {
            return invalid("the times of an entry must be finite".into());
        }
        // Python writes a life of whole seconds as an integer, and a time as a float.
        let ttl = float(self.ttl);
        Ok(format!(
            r#"{{"key": {}, "entry": {{"data": {}, "timestamp": {}, "ttl": {}, "content_hash": {}, "validation_fields": {}}}}}"#,
            quoted(&self.key),
            self.data.trim(),
            float(self.timestamp),
            ttl.strip_suffix(".0").unwrap_or(&ttl),
            self.content_hash.as_deref().map_or_else(|| "null".to_owned(), quoted),
            self.validation_fields.as_deref().map_or("null", str::trim),
        ))
    }
}

/// Judges a message as the Python cache does, at `now` in seconds since the epoch.
pub(crate) fn judge(plaintext: &[u8], now: f64) -> Verdict {
    let refused = |reply, reason| Verdict::Refused { reply, reason };
    let Some((key, entry)) = read_message(plaintext) else { return refused(Reply::InvalidFormat, "invalid-format") };
    if key.is_empty() || key.len() > MAX_KEY {
        return refused(Reply::error("Key too long"), "key-too-long");
    }
    let Some(entry) = read_entry(key, entry) else { return refused(Reply::ClosedWithoutReply, "incomplete") };
    if let (Some(hash), Some(fields)) = (&entry.content_hash, &entry.validation_fields)
        && !matches(hash, fields)
    {
        return refused(Reply::ClosedWithoutReply, "content-hash");
    }
    if entry.timestamp > now + MAX_SKEW_S {
        return refused(Reply::error("Timestamp too far ahead"), "clock");
    }
    if now - entry.timestamp > entry.ttl { Verdict::Expired } else { Verdict::Store(Box::new(entry)) }
}

fn read_message(plaintext: &[u8]) -> Option<(String, &str)> {
    let text = std::str::from_utf8(plaintext).ok().filter(|text| is_json(text))?;
    let message = members(text)?;
    let key = serde_json::from_str(member(&message, "key")?).ok()?;
    Some((key, member(&message, "entry")?))
}

fn read_entry(key: String, text: &str) -> Option<PushEntry> {
    let fields = members(text)?;
    let content_hash = match member(&fields, "content_hash") {
        Some(text) => Some(serde_json::from_str(text).ok()?),
        None => None,
    };
    Some(PushEntry {
        key,
        // Null is a value here.
        data: fields.iter().find(|(name, _)| name == "data")?.1.to_owned(),
        timestamp: number(member(&fields, "timestamp")?)?,
        ttl: number(member(&fields, "ttl")?)?,
        content_hash,
        validation_fields: member(&fields, "validation_fields").map(str::to_owned),
    })
}

/// The text of a member that is there and not null.
pub(super) fn member<'t>(members: &[(String, &'t str)], wanted: &str) -> Option<&'t str> {
    members.iter().find(|(name, _)| name == wanted).map(|(_, text)| *text).filter(|text| *text != "null")
}

/// A JSON number. Of any size, for Python has integers of any size.
fn number(text: &str) -> Option<f64> {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::PLAINTEXT;
    use super::*;

    const NOW: f64 = 1_700_000_100.0;

    fn entry() -> PushEntry {
        PushEntry {
            key: "get_repo_info:repo=o/r".into(),
            data: r#"{"hello": "world"}"#.into(),
            timestamp: 1_700_000_000.5,
            ttl: 300.0,
            content_hash: None,
            validation_fields: None,
        }
    }

    fn reason(plaintext: &str) -> (String, &'static str) {
        match judge(plaintext.as_bytes(), NOW) {
            Verdict::Refused { reply, reason } => (reply.text().to_owned(), reason),
            other => panic!("{plaintext}: {other:?}"),
        }
    }

    #[test]
    fn the_message_is_that_of_the_python_cache() {
        assert_eq!(entry().plaintext().unwrap(), PLAINTEXT);
        assert_eq!(judge(PLAINTEXT.as_bytes(), NOW), Verdict::Store(Box::new(entry())));
        let odd = PushEntry {
            key: "schlüssel \"1\"\n😀".into(),
            data: " [1.0, 100000000000000000000000, {\"b\":1,\"a\":2}] ".into(),
            ttl: 0.25,
            timestamp: 1_700_000_000.0,
            validation_fields: Some(r#"{"updatedAt": "2025-11-06T10:00:00Z"}"#.into()),
            content_hash: None,
        }
        .with_content_hash();
        let text = odd.plaintext().unwrap();
        assert!(text.is_ascii() && text.contains("\"timestamp\": 1700000000.0, \"ttl\": 0.25"), "{text}");
        assert!(text.contains("bafkreiahosibqxjrziyzqv45g673x6uquths6mpua2scjpwyppwcihykg4"));
        let data = odd.data.trim().to_owned();
        assert_eq!(judge(text.as_bytes(), 1_700_000_000.1), Verdict::Store(Box::new(PushEntry { data, ..odd })));
    }

    #[test]
    fn each_fault_has_the_reply_of_the_table() {
        let with = |from: &str, to: &str| {
            assert!(PLAINTEXT.contains(from));
            PLAINTEXT.replace(from, to)
        };
        let invalid = ("ERROR: Invalid format".to_owned(), "invalid-format");
        for text in ["", "[]", "1", "{}", "{\"key\": \"k\"}", &with("\"key\"", "\"kee\""), &with("entry", "entree")] {
            assert_eq!(reason(text), invalid, "{text}");
        }
        assert_eq!(reason(&with("\"get_repo_info:repo=o/r\"", "7")), invalid);
        assert_eq!(reason(&with("{\"hello\": \"world\"}", "NaN")), invalid, "no JSON");
        let closed = |why| (String::new(), why);
        for (from, to) in [
            ("\"data\"", "\"date\""),
            ("\"timestamp\": 1700000000.5, ", ""),
            ("\"ttl\": 300, ", ""),
            ("300", "\"300\""),
            ("300", "null"),
            ("\"content_hash\": null", "\"content_hash\": 7"),
        ] {
            assert_eq!(reason(&with(from, to)), closed("incomplete"), "{from} → {to}");
        }
        assert_eq!(reason(r#"{"key": "k", "entry": [1]}"#), closed("incomplete"));
        let hashed = with("\"validation_fields\": null", "\"validation_fields\": {\"a\": 1}")
            .replace("\"content_hash\": null", "\"content_hash\": \"bafkreiahosib\"");
        assert_eq!(reason(&hashed), closed("content-hash"));
        assert_eq!(reason(&with("get_repo_info:repo=o/r", &"k".repeat(1025))).1, "key-too-long");
        let ahead = with("1700000000.5", "1700000160.5");
        assert_eq!(reason(&ahead), ("ERROR: Timestamp too far ahead".to_owned(), "clock"));
        assert!(matches!(judge(with("1700000000.5", "1700000159.5").as_bytes(), NOW), Verdict::Store(_)));
    }

    #[test]
    fn life_ends_as_it_does_in_python() {
        let at = |now| judge(PLAINTEXT.as_bytes(), now);
        assert!(matches!(at(1_700_000_300.5), Verdict::Store(_)), "not yet: no more than its life has passed");
        assert_eq!(at(1_700_000_300.6), Verdict::Expired);
        let null = PLAINTEXT.replace("{\"hello\": \"world\"}", "null");
        assert!(matches!(judge(null.as_bytes(), NOW), Verdict::Store(e) if e.data == "null"));
    }

    #[test]
    fn what_is_no_entry_is_not_sent() {
        for bad in [
            PushEntry { data: "{".into(), ..entry() },
            PushEntry { validation_fields: Some("x".into()), ..entry() },
            PushEntry { key: String::new(), ..entry() },
            PushEntry { ttl: f64::INFINITY, ..entry() },
        ] {
            assert_eq!(bad.plaintext().unwrap_err().kind, "invalid");
        }
    }
}

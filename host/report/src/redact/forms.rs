use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Texts that must not be printed.
pub(super) struct Hidden(pub(super) Vec<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// A secret inside a longer text that was encoded as a whole is looked for only
/// from this length on: shorter ones leave too little to be sure.
const EMBEDDED: usize = 8;

/// How a secret may be written: itself, its lines, escaped for JSON, percent-encoded,
/// in hex, in base64 by itself and as a part of something else (`user:secret`).
pub(super) fn forms(secret: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    for text in
        [secret, secret.trim()].into_iter().chain(secret.lines().map(str::trim).filter(|line| line.len() >= EMBEDDED))
    {
        forms.insert(text.to_owned());
        let json = serde_json::Value::from(text).to_string();
        forms.insert(json.trim_matches('"').to_owned());
        for upper in [true, false] {
            forms.insert(percent(text, upper));
        }
        forms.insert(percent(text, true).replace("%20", "+"));
        let hex = HEXLOWER.encode(text.as_bytes());
        forms.insert(hex.to_ascii_uppercase());
        forms.insert(hex);
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(text);
            forms.insert(percent(&encoded, true));
            forms.insert(encoded);
        }
        if text.len() >= EMBEDDED {
            forms.extend(embedded(text));
        }
    }
    forms
}

/// The part of a base64 text that depends on the secret alone, for the three ways
/// in which it may lie across groups of three bytes.
fn embedded(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for offset in 0..3 {
        let bytes: Vec<u8> = std::iter::repeat_n(0, offset).chain(text.bytes()).collect();
        // Characters that also hold bits of what stands before or after are left out.
        let (first, last) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            if let Some(part) = encoded.get(first..last).filter(|part| part.len() >= EMBEDDED) {
                parts.push(part.to_owned());
            }
        }
    }
    parts
}

/// Percent-encoding of all but unreserved characters (RFC 3986 section 2.3).
fn percent(text: &str, upper: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        // Writing to a string cannot fail.
        let _ = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(encoded, "{}", char::from(byte))
            }
            _ if upper => write!(encoded, "%{byte:02X}"),
            _ => write!(encoded, "%{byte:02x}"),
        };
    }
    encoded
}

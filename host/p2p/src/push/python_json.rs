//! The text that Python's `json.dumps(value, sort_keys=True)` makes. Content
//! hashes are taken over it, so it must be the same to the byte.

use super::json_text::{elements, members};
use std::fmt::Write as _;

/// Deeper nesting is refused. Python's own bound is near a thousand.
const MAX_DEPTH: usize = 200;

/// `text` as Python would write it: keys in the order of their code points,
/// `, ` and `: ` between things, everything beyond ASCII as `\uXXXX`, integers
/// of any length kept, other numbers as `repr(float)`.
///
/// *Requires*: `text` is JSON. None when it nests too deep or holds a lone
/// surrogate, which Rust's text cannot.
pub(super) fn dumps(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    write_value(&mut out, text.trim(), MAX_DEPTH)?;
    Some(out)
}

fn write_value(out: &mut String, text: &str, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match text.as_bytes().first()? {
        b'{' => {
            out.push('{');
            for (at, (name, value)) in members(text)?.into_iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(&quoted(&name));
                out.push_str(": ");
                write_value(out, value, depth)?;
            }
            out.push('}');
        }
        b'[' => {
            out.push('[');
            for (at, element) in elements(text)?.into_iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write_value(out, element, depth)?;
            }
            out.push(']');
        }
        b'"' => out.push_str(&quoted(&serde_json::from_str::<String>(text).ok()?)),
        b't' | b'f' | b'n' => out.push_str(text),
        _ if text.contains(['.', 'e', 'E']) => out.push_str(&float(text.parse().ok()?)),
        _ => out.push_str(if text == "-0" { "0" } else { text }),
    }
    Some(())
}

/// A string in quotes, ASCII only.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

/// `repr` of a Python float: the shortest digits that read back, with an exponent
/// below 1e-4 and from 1e16 on.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}Infinity");
    }
    // Rust finds the same digits, and writes them as d.ddde±x.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..16).contains(&exponent) {
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{mark}{:02}", exponent.unsigned_abs());
    }
    let plain = value.abs().to_string();
    let point = if plain.contains('.') { "" } else { ".0" };
    format!("{sign}{plain}{point}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::json_text::is_json;
    use data_encoding::HEXLOWER;
    use sha2::{Digest as _, Sha256};

    /// Expected texts and digest are those of CPython's json module.
    #[test]
    fn the_text_is_that_of_python() {
        let text = r#"{"z": "é😀\u007f\u2028\"\\\/\b\f\n\r\t\u0000", "a": [1, -0.0, 1.0, 1e16, 1E15, 123456789012345678,
            1e-4, 0.00001, 1.5e300, 0.1, 100000000000000000000, true, null, 1e22, 9007199254740993.0, 5e-324, 1e400],
            "é": {}, "B": [], "nested": {"b": {"y": 1, "x": [{"k": 2}]}}}"#;
        assert!(is_json(text));
        let dumped = dumps(text).unwrap();
        assert_eq!(
            HEXLOWER.encode(&Sha256::digest(&dumped)),
            "4df6de762f3424808f98beb81dca596dec1551e0d8174017d41cd54761c7fbad",
            "{dumped}"
        );
        assert_eq!(dumps("-0").unwrap(), "0");
        assert_eq!(dumps(" -0.0 ").unwrap(), "-0.0");
        assert!(dumps(r#"["\ud800"]"#).is_none(), "a lone surrogate");
    }

    #[test]
    fn floats_read_as_python_prints_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (1_700_000_000.5, "1700000000.5"),
            (-1_234.0, "-1234.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.25e-5, "1.25e-05"),
            (0.000_1, "0.0001"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(dumps(&nested(MAX_DEPTH)).unwrap(), nested(MAX_DEPTH));
        assert!(dumps(&nested(MAX_DEPTH + 1)).is_none());
    }
}

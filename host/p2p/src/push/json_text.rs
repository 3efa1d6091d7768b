//! JSON taken apart without taking it in: the text of a value stays as it was.
//!
//! A cached value must come out as it went in. Numbers of any length, `1.0`
//! beside `1`, and the order of keys would not survive a parsed tree.

use serde::de::IgnoredAny;

/// Whether `text` is one JSON value (RFC 8259), with blanks around it or not.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The members of an object, names decoded, values as text; of a name that
/// comes twice the last one counts, as for Python.
///
/// *Requires*: `text` is JSON. None when it is no object, or when a name is not
/// Unicode (a lone surrogate).
pub(super) fn members(text: &str) -> Option<Vec<(String, &str)>> {
    let mut found: Vec<(String, &str)> = Vec::new();
    for part in split(text.trim_matches(BLANKS), '{', '}')? {
        let name_end = value_end(part);
        let name: String = serde_json::from_str(&part[..name_end]).ok()?;
        let value = part[name_end..].trim_start_matches(BLANKS).strip_prefix(':')?;
        found.push((name, value.trim_matches(BLANKS)));
    }
    // Stable, so that of equal names the last one written is the last one here.
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut distinct: Vec<(String, &str)> = Vec::with_capacity(found.len());
    for member in found {
        match distinct.last_mut() {
            Some(last) if last.0 == member.0 => *last = member,
            _ => distinct.push(member),
        }
    }
    Some(distinct)
}

/// The elements of an array, as text. *Requires*: `text` is JSON.
pub(super) fn elements(text: &str) -> Option<Vec<&str>> {
    split(text.trim_matches(BLANKS), '[', ']')
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// What stands between the commas of the outermost brackets.
fn split(text: &str, open: char, close: char) -> Option<Vec<&str>> {
    let mut rest = text.strip_prefix(open)?.strip_suffix(close)?.trim_matches(BLANKS);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let end = comma(rest);
        parts.push(rest[..end].trim_matches(BLANKS));
        rest = rest[end..].strip_prefix(',').unwrap_or("").trim_start_matches(BLANKS);
    }
    Some(parts)
}

/// Where the first comma outside of strings and brackets is, or the end.
fn comma(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += value_end(&text[at..]);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Behind the closing quote of the string that `text` begins with.
fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_text() {
        let text = r#" { "a" : [1, {"x": "],}"}], "b\n\"": "\\", "c":1.0 , "a": 10000000000000000000000 ,"d":{}} "#;
        assert!(is_json(text));
        let found = members(text).unwrap();
        let shown: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(shown, [("a", "10000000000000000000000"), ("b\n\"", r#""\\""#), ("c", "1.0"), ("d", "{}")]);
        assert_eq!(elements(r#"[ 1,"a,b" , [2 ,3],{"k":","} ]"#).unwrap(), ["1", "\"a,b\"", "[2 ,3]", "{\"k\":\",\"}"]);
        assert_eq!(elements("[ ]").unwrap(), [""; 0]);
        assert_eq!(members(" {} ").unwrap(), []);
        assert!(members("[1]").is_none() && elements("{}").is_none() && members("1").is_none());
        assert!(members(r#"{"\ud800": 1}"#).is_none(), "a name that is not Unicode");
    }

    /// What the parser takes, this takes apart; what it is not made for does not make it panic.
    #[test]
    fn cut_texts_do_not_panic() {
        let text = r#"{"é": ["\\", "\u00e9"], "b": {"c": [1.5e3, null]}}"#;
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            assert!(at == text.len() || !is_json(&text[..at]));
            let _ = (members(&text[..at]), elements(&text[..at]), members(&text[at..]), elements(&text[at..]));
        }
    }
}

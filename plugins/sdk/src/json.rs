//! Reads a JSON object (RFC 8259) into flat pairs.
//!
//! Why not a crate: an adapter reads one small object, once, that the host has
//! already parsed and validated. A general parser with a tree and derived readers
//! is more code than the rest of a small adapter; this is what is left when only
//! pairs are wanted. It is as strict as the RFC, so that a second reading of the
//! same text cannot come out differently.

use std::fmt;

/// Deeper nesting is refused; a configuration has two or three levels.
const MAX_DEPTH: usize = 16;

/// Where and why a text is not a JSON object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    at: usize,
    reason: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

/// The pairs of an object: nested keys joined by ".", a key repeated for each
/// element of an array, `null` left out. Numbers keep their text.
pub(crate) fn flatten(text: &str) -> Result<Vec<(String, String)>, JsonError> {
    let mut reader = Reader { text, at: 0, pairs: Vec::new() };
    reader.skip_blanks();
    if reader.peek() != Some(b'{') {
        return Err(reader.error("`{` expected"));
    }
    reader.value(&mut String::new(), 0)?;
    reader.skip_blanks();
    if reader.at < text.len() {
        return Err(reader.error("text after the end"));
    }
    Ok(reader.pairs)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    pairs: Vec<(String, String)>,
}

impl Reader<'_> {
    fn value(&mut self, key: &mut String, depth: usize) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error("too deeply nested"));
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(key, depth),
            Some(b'[') => self.array(key, depth),
            Some(b'"') => {
                let text = self.string()?;
                self.push(key, text);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => {
                let text = self.number()?;
                self.push(key, text);
                Ok(())
            }
            _ => {
                for word in ["true", "false", "null"] {
                    if self.rest().starts_with(word) {
                        self.at += word.len();
                        if word != "null" {
                            self.push(key, word.into());
                        }
                        return Ok(());
                    }
                }
                Err(self.error("value expected"))
            }
        }
    }

    fn object(&mut self, key: &mut String, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.error("key expected"));
            }
            let name = self.string()?;
            self.skip_blanks();
            if !self.take(b':') {
                return Err(self.error("`:` expected"));
            }
            let outer = key.len();
            if outer > 0 {
                key.push('.');
            }
            key.push_str(&name);
            self.value(key, depth + 1)?;
            key.truncate(outer);
            self.skip_blanks();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.error("`,` or `}` expected"));
            }
        }
    }

    fn array(&mut self, key: &mut String, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.skip_blanks();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(key, depth + 1)?;
            self.skip_blanks();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.error("`,` or `]` expected"));
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= b' ') {
                self.at += 1;
            }
            text.push_str(self.since(start));
            if self.peek().is_none() {
                return Err(self.error("`\"` expected"));
            }
            if self.take(b'"') {
                return Ok(text);
            }
            if !self.take(b'\\') {
                return Err(self.error("control character in a string"));
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let letter = self.peek().ok_or_else(|| self.error("escape expected"))?;
        let plain = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.error("unknown escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            self.at += 2;
            let second = self.hex4()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.error("half a surrogate pair"));
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.error("half a surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("four hex digits expected"))?;
        self.at += 4;
        Ok(code)
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'-') {
                self.take(b'+');
            }
            self.digits()?;
        }
        Ok(self.since(start).into())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("digit expected")) } else { Ok(()) }
    }

    fn push(&mut self, key: &str, value: String) {
        self.pairs.push((key.into(), value));
    }

    /// What is not read yet. Only ASCII is ever stepped over one byte at a time
    /// outside a string, and a string ends at ASCII: the position is a character's.
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn error(&self, reason: &'static str) -> JsonError {
        JsonError { at: self.at, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        flatten(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn expected(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn objects_become_pairs() {
        let text =
            r#" { "a" : "x" , "n":{"b":-1.5e+3,"c":{"d":true}},"l":["p","q",{"r":0}],"no":null,"e":[],"o":{} } "#;
        let wanted = [("a", "x"), ("n.b", "-1.5e+3"), ("n.c.d", "true"), ("l", "p"), ("l", "q"), ("l.r", "0")];
        assert_eq!(pairs(text), expected(&wanted));
        assert_eq!(pairs("{}"), []);
    }

    #[test]
    fn escapes_are_undone() {
        let text = r#"{"\u00e4":"\"\\\/\b\f\n\r\t\u20ac\uD83D\uDE00é"}"#;
        assert_eq!(pairs(text), expected(&[("ä", "\"\\/\u{8}\u{c}\n\r\t€😀é")]));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_position() {
        for (text, at) in [
            ("", 0),
            ("[]", 0),
            ("\"a\"", 0),
            ("{", 1),
            ("{\"a\"}", 4),
            ("{\"a\":}", 5),
            ("{\"a\":1,}", 7),
            ("{\"a\":01}", 6),
            ("{\"a\":1.}", 7),
            ("{\"a\":-}", 6),
            ("{\"a\":.5}", 5),
            ("{\"a\":1e}", 7),
            ("{\"a\":tru}", 5),
            ("{\"a\":\"b}", 8),
            ("{\"a\":\"\n\"}", 6),
            (r#"{"a":"\x"}"#, 7),
            (r#"{"a":"\u12"}"#, 8),
            (r#"{"a":"\ud800"}"#, 12),
            (r#"{"a":"\ud800\u0041"}"#, 18),
            (r#"{"a":"\udc00"}"#, 12),
            ("{} {}", 3),
            ("{\"a\":[1 2]}", 8),
            ("{'a':1}", 1),
            ("{\"a\":\"\\", 7),
            (r#"{"a":"\u00é0"}"#, 8),
            ("{\"a\":+1}", 5),
        ] {
            assert_eq!(flatten(text).map_err(|error| error.at), Err(at), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(pairs(&nested(MAX_DEPTH - 1)), expected(&[("a", "1")]));
        assert!(flatten(&nested(100_000)).is_err());
    }
}

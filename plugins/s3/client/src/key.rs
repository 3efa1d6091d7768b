//! The names of objects. Every key has exactly one, every name at most one key, and a
//! name is one that every store and every proxy on the way leaves alone.
//!
//! A slash stays a slash, so that a bucket can be read by people and a prefix of keys is
//! a prefix of names. What would be lost on the way is written as `!` and two hex digits:
//! bytes that are no letters, digits, `-`, `_` or `.`; the first dot of a part (URL
//! parsers take out `.` and `..`, and servers keep their own files under such names);
//! and a slash that follows a slash or begins the key. A name ends in `!`, so that the
//! key `a` and the key `a/b` can both be there in a store that is a file system, and a
//! part longer than [`PART`] bytes is broken by `!_/`, since file systems take no longer
//! names.

use std::fmt;

/// Bytes of the name of an object at most
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
pub const MAX_KEY_BYTES: usize = 1024;

/// A part longer than this is broken. File systems take 255 bytes, and servers add
/// endings of their own to what they are writing.
const PART: usize = 200;

/// Ends a name.
const END: char = '!';
/// Breaks a part.
const BREAK: &str = "!_/";

/// A key whose name is longer than S3 takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTooLong {
    /// Bytes of the name.
    pub bytes: usize,
}

impl fmt::Display for KeyTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of the object would have {} bytes, and S3 takes {MAX_KEY_BYTES}", self.bytes)
    }
}

/// Turns keys into the names of objects below a prefix, and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names below `prefix`; a slash goes between, where it does not end in one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn below(prefix: &str) -> Result<Self, String> {
        let bare = prefix.trim_matches('/');
        if bare.split('/').any(|part| matches!(part, "." | "..")) || bare.contains("//") || bare.contains(END) {
            return Err("it has a part that is empty, `.` or `..`, or an exclamation mark".into());
        }
        if bare.chars().any(char::is_control) || bare.len() > MAX_KEY_BYTES / 2 {
            return Err("it has control characters, or is longer than 512 bytes".into());
        }
        Ok(Self { prefix: if bare.is_empty() { String::new() } else { format!("{bare}/") } })
    }

    /// What every name begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name of a key's object.
    ///
    /// # Errors
    /// It is too long.
    pub fn name(&self, key: &str) -> Result<String, KeyTooLong> {
        let mut name = self.beginning(key);
        name.push(END);
        if name.len() > MAX_KEY_BYTES { Err(KeyTooLong { bytes: name.len() }) } else { Ok(name) }
    }

    /// What the names of all keys that begin with `key` begin with.
    #[must_use]
    pub fn beginning(&self, key: &str) -> String {
        let mut name = self.prefix.clone();
        let mut part = 0;
        for character in key.chars() {
            if character == '/' && part > 0 {
                name.push('/');
                part = 0;
                continue;
            }
            let mut text = token(character, part == 0);
            if part + text.len() > PART {
                name.push_str(BREAK);
                part = 0;
                text = token(character, true);
            }
            part += text.len();
            name.push_str(&text);
        }
        name
    }

    /// Bytes of the longest key of letters and digits; one that has to be encoded is longer
    /// as a name.
    #[must_use]
    pub fn most(&self) -> usize {
        let room = MAX_KEY_BYTES - self.prefix.len() - 1;
        let (whole, rest) = (room / (PART + BREAK.len()), room % (PART + BREAK.len()));
        whole * PART + rest.min(PART)
    }

    /// The name of an object that is ours and of no key, below the prefix.
    #[must_use]
    pub fn reserved(&self, word: &str) -> String {
        format!("{}!!{word}", self.prefix)
    }

    /// The key of a name; `None` for an object that is not a value of this cache.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(&self.prefix)?.strip_suffix(END)?.replace(BREAK, "");
        let mut bytes = Vec::with_capacity(rest.len());
        let mut left = rest.bytes();
        while let Some(byte) = left.next() {
            if byte == b'!' {
                let digits = [left.next()?, left.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            } else {
                bytes.push(byte);
            }
        }
        let key = String::from_utf8(bytes).ok()?;
        // Another spelling of a key is not its name.
        (self.name(&key).as_deref() == Ok(name)).then_some(key)
    }
}

/// How a character is written, `first` in its part or not.
fn token(character: char, first: bool) -> String {
    if character.is_alphanumeric() || matches!(character, '-' | '_') || (character == '.' && !first) {
        return character.into();
    }
    let mut bytes = [0; 4];
    character.encode_utf8(&mut bytes).bytes().map(|byte| format!("!{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::below("ci/cache").unwrap()
    }

    #[test]
    fn every_key_comes_back() {
        let long = "x".repeat(PART * 3 + 7);
        let umlauts = "äß/日本".repeat(60);
        for key in [
            "a",
            "a/b",
            "a//b",
            "/a",
            "//",
            "/",
            "a/",
            ".",
            "..",
            "a/../b",
            "a/./b",
            ".minio.sys",
            "a b+c%20d",
            "!",
            "!2F",
            "a!_/b",
            "a!_",
            "ä",
            "日本語/ключ",
            "🦀",
            "e\u{301}",
            "\u{0}\n\t\u{7f}",
            "https://api.github.com/repos?x=y&z=1#f",
            "~user",
            &long,
            &umlauts,
        ] {
            let name = names().name(key).unwrap();
            assert_eq!(names().key(&name).as_deref(), Some(key), "{name}");
            assert!(name.starts_with("ci/cache/") && !name.contains("//"), "{name}");
            for part in name.split('/') {
                assert!(!part.is_empty() && !part.starts_with('.') && part.len() < 210, "{name}");
            }
            assert!(!name.chars().any(|c| c.is_control() || " ?#%+&".contains(c)), "{name}");
        }
        assert_eq!(names().name("repos/acme/main.txt").unwrap(), "ci/cache/repos/acme/main.txt!");
        assert_eq!(names().name("a b/..").unwrap(), "ci/cache/a!20b/!2E.!");
    }

    #[test]
    fn no_key_is_a_folder_of_another() {
        let long = "x".repeat(PART);
        let keys = ["a", "a/", "a/b", "a!", &long, &format!("{long}y"), &format!("{long}/y")];
        let all: Vec<String> = keys.iter().map(|key| names().name(key).unwrap()).collect();
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
            assert!(one == other || !other.starts_with(&format!("{one}/")), "{one} {other}");
        }
    }

    #[test]
    fn a_prefix_of_keys_is_a_prefix_of_names() {
        let key = format!("a/.b/{}/日本", "y".repeat(3 * PART));
        let name = names().name(&key).unwrap();
        for (at, _) in key.char_indices() {
            let beginning = names().beginning(&key[..at]);
            // The end of a part belongs to what comes after it.
            assert!(name.starts_with(&beginning), "{beginning}");
        }
        assert!(!names().name("ab").unwrap().starts_with(&names().beginning("a/")));
    }

    #[test]
    fn what_is_not_ours_has_no_key() {
        for name in [
            "other/a!",
            "ci/cache/a",
            "ci/cache/a!2!",
            "ci/cache/a!zz!",
            "ci/cache/!ff!",
            "ci/cache/!61!",
            "ci/cache/!!probe-1",
        ] {
            assert_eq!(names().key(name), None, "{name}");
        }
        assert_eq!(names().key(&names().reserved("probe!")), None);
    }

    #[test]
    fn a_name_has_a_greatest_length() {
        // Four breaks, the fifth would come with the next byte.
        assert_eq!(names().most(), 1000);
        assert_eq!(names().name(&"x".repeat(1000)).map(|name| name.len()), Ok(9 + 1000 + 4 * 3 + 1));
        assert_eq!(names().name(&"x".repeat(1001)), Err(KeyTooLong { bytes: 9 + 1001 + 5 * 3 + 1 }));
        assert_eq!(Names::below("").unwrap().most(), 1008);
    }

    #[test]
    fn prefixes_are_tidied_or_refused() {
        assert_eq!(Names::below("").unwrap().prefix(), "");
        assert_eq!(Names::below("/a/b/").unwrap().prefix(), "a/b/");
        for bad in ["a/../b", ".", "a//b", "a!", "a\n"] {
            assert!(Names::below(bad).is_err(), "{bad}");
        }
    }
}

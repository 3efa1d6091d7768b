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
//!
//! A key whose name would be longer than the store takes has a name of another kind:
//! below the folder `!!` the beginning of what it would have been, `!=/`, and the SHA-256
//! of the key. The key itself stands in a header of the object. The beginning is there so
//! that a prefix of keys is one of these names too, and a listing looks at few headers.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Bytes of a key at most: as many as the name of an object may have.
pub const MAX_KEY_BYTES: usize = 1024;

/// Bytes of the name of an object at most
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
pub const MAX_NAME_BYTES: usize = 1024;

/// A part longer than this is broken. File systems take 255 bytes, and servers add
/// endings of their own to what they are writing.
const PART: usize = 200;

/// Ends a name.
const END: char = '!';
/// Breaks a part.
const BREAK: &str = "!_/";
/// The folder of names that hold a digest. No key's name begins so: after `!` come two
/// hex digits.
const SHORTENED: &str = "!!/";
/// Stands between what a shortened name keeps and its digest; in no name of a key either.
const CUT: &str = "!=/";
/// Characters of a SHA-256.
const DIGEST: usize = 64;

/// A key that is longer than this cache takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTooLong {
    /// Its bytes.
    pub bytes: usize,
}

impl fmt::Display for KeyTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key has {} bytes, and this tier takes {MAX_KEY_BYTES}", self.bytes)
    }
}

/// Turns keys into the names of objects below a prefix, and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
    most: usize,
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
        if bare.chars().any(char::is_control) || bare.len() > MAX_NAME_BYTES / 2 {
            return Err("it has control characters, or is longer than 512 bytes".into());
        }
        let prefix = if bare.is_empty() { String::new() } else { format!("{bare}/") };
        Ok(Self { prefix, most: MAX_NAME_BYTES })
    }

    /// The same names, those with more than `bytes` shortened.
    ///
    /// # Errors
    /// S3 takes no such names, or a shortened one would not fit.
    pub fn at_most(self, bytes: usize) -> Result<Self, String> {
        let least = self.prefix.len() + SHORTENED.len() + CUT.len() + DIGEST;
        if !(least..=MAX_NAME_BYTES).contains(&bytes) {
            return Err(format!("below `{}` names can be held to {least} to {MAX_NAME_BYTES} bytes", self.prefix));
        }
        Ok(Self { most: bytes, ..self })
    }

    /// What every name begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name of a key's object.
    ///
    /// # Errors
    /// The key is too long.
    pub fn name(&self, key: &str) -> Result<String, KeyTooLong> {
        if key.len() > MAX_KEY_BYTES {
            return Err(KeyTooLong { bytes: key.len() });
        }
        let mut name = self.beginning(key);
        name.push(END);
        if name.len() > self.most {
            name = self.shortened_beginning(key) + CUT + &HEXLOWER.encode(&Sha256::digest(key));
        }
        Ok(name)
    }

    /// Whether a name, any object's, is of the kind that does not tell its key.
    #[must_use]
    pub fn is_shortened(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix(SHORTENED));
        rest.and_then(|rest| rest.rsplit_once(CUT)).is_some_and(|(_, digest)| digest.len() == DIGEST)
    }

    /// What the shortened names of all keys that begin with `key` begin with.
    #[must_use]
    pub fn shortened_beginning(&self, key: &str) -> String {
        let room = self.most.saturating_sub(self.prefix.len() + SHORTENED.len() + CUT.len() + DIGEST);
        let whole = self.beginning(key);
        let kept = whole.strip_prefix(&self.prefix).unwrap_or_default();
        let end = (0..=room.min(kept.len())).rev().find(|end| kept.is_char_boundary(*end)).unwrap_or_default();
        format!("{}{SHORTENED}{}", self.prefix, &kept[..end])
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

    /// The name of an object that is ours and of no key, below the prefix.
    #[must_use]
    pub fn reserved(&self, word: &str) -> String {
        format!("{}!!{word}", self.prefix)
    }

    /// The key of a name; `None` for an object that is not a value of this cache, and for a
    /// shortened name.
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
    fn a_long_name_is_shortened() {
        // Four breaks, the fifth would come with the next byte.
        assert_eq!(names().name(&"x".repeat(1000)).map(|name| name.len()), Ok(9 + 1000 + 4 * 3 + 1));
        let name = names().name(&"x".repeat(1002)).unwrap();
        assert_eq!((name.len(), names().is_shortened(&name), names().key(&name)), (MAX_NAME_BYTES, true, None));
        assert_eq!(names().name(&"x".repeat(1025)), Err(KeyTooLong { bytes: 1025 }));
        // printf 'abcdefghij/klmn%.0s' 1 2 3 4 5 6 7 8 9 10 | sha256sum
        let short = names().at_most(100).unwrap();
        assert_eq!(
            short.name(&"abcdefghij/klmn".repeat(10)).unwrap(),
            format!("ci/cache/!!/abcdefghij/klmnabcdef!=/{TEN_TIMES}")
        );
        assert_eq!(short.name(&"a".repeat(90)).unwrap(), format!("ci/cache/{}!", "a".repeat(90)));
        assert!(short.is_shortened(&short.name(&"a".repeat(91)).unwrap()));
        assert_eq!(names().name(&"a".repeat(91)).unwrap(), format!("ci/cache/{}!", "a".repeat(91)));
    }

    const TEN_TIMES: &str = "14898605c4babea6265b8fa0413df80f374ad3eb2c6a514f18bc0cbd508410fb";

    #[test]
    fn shortened_names_are_as_safe_as_others() {
        for most in 79..160 {
            let short = names().at_most(most).unwrap();
            for key in ["日本語/".repeat(40), "a b/../".repeat(60), format!("{}/", "x".repeat(1000)), "/".repeat(200)]
            {
                let name = short.name(&key).unwrap();
                assert!(name.len() <= most && short.is_shortened(&name) && !name.contains("//"), "{name}");
                assert!(name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{name}");
                for (at, _) in key.char_indices() {
                    let beginning = short.shortened_beginning(&key[..at]);
                    assert!(name.starts_with(&beginning), "{name} {beginning}");
                }
            }
        }
        assert_eq!(names().at_most(79).unwrap().name(&"x".repeat(99)).unwrap().len(), 79);
        assert!(names().at_most(78).is_err() && names().at_most(1025).is_err());
        for name in ["ci/cache/a!", "ci/cache/!!probe-1", "ci/cache/!!/a!=/00", "ci/cache/!!/a!"] {
            assert!(!names().is_shortened(name), "{name}");
        }
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

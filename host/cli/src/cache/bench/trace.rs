//! Recorded operations, one a line.

use crate::cache::args::size;

/// The largest trace, in bytes.
pub(crate) const LONGEST_TRACE: u64 = 64 << 20;

/// What one step does to the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Get,
    /// Bytes of the value; as configured without it.
    Put(Option<usize>),
    Remove,
}

/// One recorded operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) action: Action,
    pub(crate) key: String,
}

/// Reads a trace: `get KEY`, `put KEY [SIZE]` and `rm KEY`, parted by blanks; empty
/// lines and those that begin with `#` say nothing.
///
/// # Errors
/// The first line that is none of these, with its number.
pub(crate) fn read(text: &str) -> Result<Vec<Recorded>, String> {
    let mut steps = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        steps.push(step(line).map_err(|why| format!("line {}: {why}", number + 1))?);
    }
    if steps.is_empty() { Err("it holds no operation".into()) } else { Ok(steps) }
}

fn step(line: &str) -> Result<Recorded, String> {
    let mut words = line.split_ascii_whitespace();
    let (word, key) = (words.next().unwrap_or_default(), words.next());
    let key = key.ok_or("the key is missing; write `get KEY`, `put KEY [SIZE]` or `rm KEY`")?;
    let third = words.next();
    let action = match (word, third) {
        ("get", None) => Action::Get,
        ("rm", None) => Action::Remove,
        ("put", None) => Action::Put(None),
        ("put", Some(text)) => Action::Put(Some(size(text)?)),
        ("get" | "rm", Some(_)) => return Err("there is something after the key".into()),
        _ => return Err(format!("`{word}` is not one of get, put, rm")),
    };
    match words.next() {
        Some(_) => Err("there is something after the size".into()),
        None => Ok(Recorded { action, key: key.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_steps() {
        let steps = read("# of tuesday\nget a\n\n  put b 4KiB\nput c\nrm a\n").unwrap();
        let actions: Vec<(&str, &Action)> = steps.iter().map(|s| (s.key.as_str(), &s.action)).collect();
        let (sized, unsized_) = (Action::Put(Some(4096)), Action::Put(None));
        assert_eq!(actions, [("a", &Action::Get), ("b", &sized), ("c", &unsized_), ("a", &Action::Remove)]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, says) in [
            ("get a\ndel b", "line 2"),
            ("get", "the key is missing"),
            ("get a b", "after the key"),
            ("put a 3 parsecs", "size"),
            ("put a 3 4", "after the size"),
            ("# nothing", "no operation"),
        ] {
            assert!(read(text).is_err_and(|why| why.contains(says)), "{text}");
        }
    }
}

/// Whether a text is as a pattern says, in which `[..]` stands for anything.
#[must_use]
pub fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_parts_does_not_matter() {
        for (pattern, text) in [("a", "a"), ("a[..]", "abc"), ("[..]c", "abc"), ("a[..]c", "abc"), ("[..]b[..]", "abc")]
        {
            assert!(like(pattern, text), "{pattern} is not like {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a[..]", "b"), ("[..]c", "abcd"), ("aXa[..]aXa", "aXa"), ("", "a")] {
            assert!(!like(pattern, text), "{pattern} is like {text}");
        }
    }
}

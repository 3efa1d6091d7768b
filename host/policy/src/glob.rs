/// Characters that make a text a pattern.
const SPECIAL: [char; 4] = ['*', '?', '[', '{'];

/// Whether a text is a pattern rather than a plain name.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(SPECIAL)
}

/// Whether `name` matches `pattern`. *Behaviour*: a plain name matches itself; a
/// pattern that cannot be read matches nothing, [`check`] says so beforehand.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    if !is_glob(pattern) {
        return pattern == name;
    }
    globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

/// Whether a pattern can be read. *Errors*: why not.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    if is_glob(pattern) { globset::Glob::new(pattern).map(|_| ()).map_err(|e| e.kind().to_string()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_plain_names() {
        assert!(matches("p2p.*", "p2p.dependencies") && matches("*_TOKEN", "GH_TOKEN") && matches("a.b", "a.b"));
        assert!(!matches("p2p.*", "cache.operations") && !matches("a[", "a[") && check("a[").is_err());
    }
}

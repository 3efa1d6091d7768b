use wildmatch::WildMatch;

/// Whether `text` matches `pattern`, in which `*` stands for any text (slashes and
/// dots included) and `?` for one character. Everything else is literal, so that
/// an address such as `[::1]:9100` needs no quoting, and no pattern is wrong.
#[must_use]
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

/// The same whatever the case, for names of environment variables.
#[must_use]
pub fn glob_matches_ignoring_case(pattern: &str, text: &str) -> bool {
    WildMatch::new_case_insensitive(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_literals() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "/ip4/1.2.3.4"),
            ("net.*", "net.tcp"),
            ("a*c*e", "abcde"),
            ("[::1]:?", "[::1]:9"),
            ("*_TOKEN", "GH_TOKEN"),
            ("?x", "\u{e9}x"),
            ("x", "x"),
        ] {
            assert!(glob_matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "x"), ("net.*", "net"), ("a*c", "ab"), ("?", ""), ("[ab]", "a"), ("x", "xy"), ("a", "A")]
        {
            assert!(!glob_matches(pattern, text), "{pattern} {text}");
        }
        assert!(glob_matches_ignoring_case("gh_*", "GH_TOKEN"));
    }
}

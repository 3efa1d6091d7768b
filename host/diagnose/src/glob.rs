/// Whether `text` matches `pattern`, where `*` stands for any characters (also
/// `/` and `.`) and `?` for one. Everything else is literal, so that addresses
/// such as `[::1]:9100` need no quoting.
#[must_use]
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn stars_and_literals() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "/ip4/1.2.3.4"),
            ("net.*", "net.tcp"),
            ("a*c*e", "abcde"),
            ("[::1]:?", "[::1]:9"),
            ("x", "x"),
        ] {
            assert!(glob_matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "x"), ("net.*", "net"), ("a*c", "ab"), ("?", ""), ("[ab]", "a"), ("x", "xy")] {
            assert!(!glob_matches(pattern, text), "{pattern} {text}");
        }
    }
}

//! Commands, as far as they can be read without a shell.

/// What a command is made of: statements of words. None where a shell would put
/// something in (`$NAME`, `$(...)`), redirect, or pipe: what such a command does
/// cannot be told from its text, so nobody but a shell may read it.
pub(crate) fn statements(command: &str) -> Option<Vec<Vec<String>>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => loop {
                match chars.next()? {
                    '\'' => {
                        word.get_or_insert_default();
                        break;
                    }
                    c => word.get_or_insert_default().push(c),
                }
            },
            '"' => loop {
                match chars.next()? {
                    '"' => {
                        word.get_or_insert_default();
                        break;
                    }
                    '$' | '`' => return None,
                    '\\' => word.get_or_insert_default().push(chars.next()?),
                    c => word.get_or_insert_default().push(c),
                }
            },
            '\\' => match chars.next()? {
                '\n' => words.extend(word.take()),
                c => word.get_or_insert_default().push(c),
            },
            '$' | '`' | '|' | '<' | '>' | '(' | ')' | '*' | '?' => return None,
            '&' if chars.peek() == Some(&'&') => {
                chars.next();
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            '&' => return None,
            ';' | '\n' => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    all.push(words);
    all.retain(|words| !words.is_empty());
    Some(all)
}

/// One word for the shell, quoted where it has to be.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.,:_-=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{quoted, statements};

    #[test]
    fn what_has_only_words_is_read() {
        let read = |text: &str| statements(text).unwrap();
        assert_eq!(read("export A=1 B='x y'; unset C"), [vec!["export", "A=1", "B=x y"], vec!["unset", "C"]]);
        assert_eq!(read("a \\\n  b && c \"d 'e'\" ''"), [vec!["a", "b"], vec!["c", "d 'e'", ""]]);
        assert_eq!(read("export A='it'\\''s'"), [vec!["export", "A=it's"]]);
        assert_eq!(read(" \n "), Vec::<Vec<String>>::new());
    }

    #[test]
    fn what_needs_a_shell_is_left_to_one() {
        for text in ["echo $A", "a | b", "a > b", "a $(b)", "a `b`", "a &", "\"$A\"", "'open", "a *", "\"a"] {
            assert_eq!(statements(text), None, "{text}");
        }
    }

    #[test]
    fn a_quoted_word_is_read_back() {
        for word in ["", "a", "a b", "it's", "$(rm -rf /)", "a\nb", "*"] {
            assert_eq!(statements(&format!("x {}", quoted(word))).unwrap(), [vec!["x", word]]);
        }
    }
}

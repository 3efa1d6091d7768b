/// The content of a command: `%`, CR and LF are escaped.
pub(super) fn data(text: &str) -> String {
    text.chars().map(|c| escaped(c, false)).collect()
}

/// A property of a command: `:` and `,` are escaped too.
pub(super) fn property(text: &str) -> String {
    text.chars().map(|c| escaped(c, true)).collect()
}

/// As [`data`], of at most `max` characters after escaping; no escape is cut in two.
pub(super) fn data_within(text: &str, max: usize) -> String {
    let whole = data(text);
    if whole.chars().count() <= max {
        return whole;
    }
    let mut cut = String::new();
    let mut length = 0;
    for c in text.chars() {
        let piece = escaped(c, false);
        length += piece.chars().count();
        // One character is kept for the ellipsis.
        if length >= max {
            break;
        }
        cut.push_str(&piece);
    }
    cut.push('…');
    cut
}

fn escaped(c: char, property: bool) -> String {
    match c {
        '%' => "%25".into(),
        '\r' => "%0D".into(),
        '\n' => "%0A".into(),
        ':' if property => "%3A".into(),
        ',' if property => "%2C".into(),
        c => c.to_string(),
    }
}

/// Text for the log of a job in which no line is a command: for every output that
/// is not itself a command. *Behaviour*: idempotent; only lines that would be read
/// as commands change (`::` at the start becomes `: :`, `##[` becomes `# #[`).
#[must_use]
pub fn neutralise(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    // The runner also ends a line at a lone CR.
    for line in text.split_inclusive(['\n', '\r']) {
        let line = without_old_form(line);
        let start = line.len() - line.trim_start_matches(blank).len();
        match line[start..].strip_prefix("::") {
            Some(rest) => {
                result.push_str(&line[..start]);
                result.push_str(": :");
                result.push_str(rest);
            }
            None => result.push_str(&line),
        }
    }
    result
}

/// Breaks `##[` wherever it stands.
pub(super) fn without_old_form(text: &str) -> String {
    text.replace("##[", "# #[")
}

/// Whatever might be skipped before a command: blanks of any kind, control and invisible characters.
fn blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{data, data_within, neutralise, property};

    #[test]
    fn contents_are_escaped() {
        assert_eq!(data("100%\r\n::error::x"), "100%25%0D%0A::error::x");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
        assert_eq!(data_within("%%%%", 12), "%25%25%25%25");
        assert_eq!(data_within("%%%%", 11), "%25%25%25…");
        assert_eq!(data_within("%%%%", 9), "%25%25…");
    }

    #[test]
    fn no_line_is_a_command() {
        for (hostile, safe) in [
            ("::error::x", ": :error::x"),
            (" \t\u{feff}::set-env name=A::b", " \t\u{feff}: :set-env name=A::b"),
            ("ok\r::stop-commands::t\n::x::", "ok\r: :stop-commands::t\n: :x::"),
            ("a ##[error]b", "a # #[error]b"),
            ("###[x", "## #[x"),
            ("fe80::1 a::b", "fe80::1 a::b"),
        ] {
            assert_eq!(neutralise(hostile), safe);
            assert_eq!(neutralise(safe), safe);
        }
    }
}

//! Text that is safe to show: whatever a probed server said, it moves no cursor,
//! hides nothing and looks like nothing else.

use seaworthy_model::Report;
use std::fmt::Write;

/// Makes escape sequences, control characters and invisible or direction-changing
/// characters visible (`\x1b`, `\u{202e}`). Line feeds and tabs stay.
/// *Behaviour*: idempotent.
#[must_use]
pub fn text(text: &str) -> String {
    shown(text).unwrap_or_else(|| text.to_owned())
}

/// As [`text()`], or none when the text is safe as it is: almost all are.
fn shown(text: &str) -> Option<String> {
    if text.bytes().all(|byte| matches!(byte, b'\n' | b'\t' | b' '..=b'~')) {
        return None;
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c => show(c, &mut shown),
        }
    }
    Some(shown)
}

/// As [`text()`], on one line: line feeds and tabs are made visible too.
#[must_use]
pub fn line(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c => show(c, &mut shown),
        }
    }
    shown
}

/// As [`line()`], from bytes that may not be UTF-8; what is not becomes U+FFFD.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    line(&String::from_utf8_lossy(bytes))
}

/// As [`text()`], throughout a report.
#[must_use]
pub fn report(report: &Report) -> Report {
    let mut report = report.clone();
    crate::strings::replace(&mut report, &shown);
    report
}

/// The first `max` characters; an ellipsis is the last of them where something was cut.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

fn show(c: char, shown: &mut String) {
    // Writing to a string cannot fail.
    let _ = match c {
        '\r' => write!(shown, "\\r"),
        c if c.is_ascii_control() => write!(shown, "\\x{:02x}", u32::from(c)),
        c if c.is_control() || deceives(c) => write!(shown, "\\u{{{:x}}}", u32::from(c)),
        c => write!(shown, "{c}"),
    };
}

/// Characters that change direction, join or break invisibly.
fn deceives(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{bytes, cut, line, text};

    #[test]
    fn nothing_reaches_the_terminal_that_is_not_seen() {
        assert_eq!(text("a\x1b[31mb\r\n\tc\x07"), "a\\x1b[31mb\\r\n\tc\\x07");
        assert_eq!(line("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(text("x\u{9b}31m\u{202e}y\u{200b}"), "x\\u{9b}31m\\u{202e}y\\u{200b}");
        assert_eq!(text("zürich 東京"), "zürich 東京");
        assert_eq!(bytes(b"ok\xff\x00"), "ok\u{fffd}\\x00");
        let once = text("\x1b\u{202e}");
        assert_eq!(text(&once), once);
        assert_eq!((cut("abcdef", 4), cut("abcd", 4)), ("abc…".into(), "abcd".into()));
    }
}

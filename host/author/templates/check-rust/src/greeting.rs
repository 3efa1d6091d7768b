//! The deciding, in plain functions: `cargo test` needs no component and no host.

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    AsWanted,
    /// Nothing, or only the beginning, when the time was over.
    Silent,
    /// What was said instead.
    Other(String),
}

pub(crate) fn judge(received: &[u8], wanted: &str, timed_out: bool) -> Greeting {
    if received.starts_with(wanted.as_bytes()) {
        Greeting::AsWanted
    } else if timed_out && wanted.as_bytes().starts_with(received) {
        Greeting::Silent
    } else {
        Greeting::Other(shown(received))
    }
}

/// The first line, printable.
fn shown(received: &[u8]) -> String {
    let line = received.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n'));
    line.map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_starts_as_configured() {
        assert_eq!(judge(b"SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-", false), Greeting::AsWanted);
        assert_eq!(judge(b"HTTP/1.1", "SSH-2.0-", false), Greeting::Other("HTTP/1.1".into()));
    }

    #[test]
    fn who_is_cut_short_is_not_wrong() {
        assert_eq!(judge(b"", "220 ", true), Greeting::Silent);
        assert_eq!(judge(b"22", "220 ", true), Greeting::Silent);
        assert_eq!(judge(b"50", "220 ", true), Greeting::Other("50".into()));
        assert_eq!(judge(b"", "220 ", false), Greeting::Other(String::new()), "it hung up");
    }

    #[test]
    fn only_the_first_line_is_shown() {
        assert_eq!(shown(b"220 mail\x07 ready\r\nmore"), "220 mail. ready");
    }
}

/// What a port said when it was asked as something other than libp2p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// The greeting of multistream-select: libp2p.
    Libp2p,
    /// Something else, by the name of its protocol where it is known.
    Foreign(&'static str),
    /// Nothing.
    Nothing,
}

/// The length and the text of the multistream-select greeting.
const GREETING: &[u8] = b"\x13/multistream/";

/// Recognises what was received.
pub(crate) fn recognise(bytes: &[u8]) -> Speech {
    if bytes.is_empty() {
        return Speech::Nothing;
    }
    if bytes.starts_with(GREETING) {
        return Speech::Libp2p;
    }
    let known: [(&[u8], &str); 9] = [
        (b"HTTP/", "http"),
        (b"<!DOCTYPE", "http"),
        (b"<html", "http"),
        (b"SSH-", "ssh"),
        (b"220", "smtp-or-ftp"),
        (b"-ERR", "redis"),
        (b"-DENIED", "redis"),
        // A TLS alert of version 3.x (RFC 8446 section 5.1).
        (b"\x15\x03", "tls"),
        (b"\x16\x03", "tls"),
    ];
    let found =
        known.iter().find(|(start, _)| bytes.len() >= start.len() && bytes[..start.len()].eq_ignore_ascii_case(start));
    Speech::Foreign(found.map_or("unknown", |(_, name)| name))
}

/// The first line, in printable ASCII, cut at `max` characters.
pub(crate) fn first_line(bytes: &[u8], max: usize) -> String {
    bytes
        .iter()
        .take_while(|byte| !matches!(byte, b'\r' | b'\n'))
        .take(max)
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_told_apart() {
        for (bytes, speech) in [
            (&b""[..], Speech::Nothing),
            (b"\x13/multistream/1.0.0\n", Speech::Libp2p),
            (b"HTTP/1.0 200 OK\r\n", Speech::Foreign("http")),
            (b"<!doctype html>", Speech::Foreign("http")),
            (b"SSH-2.0-OpenSSH_9.6\r\n", Speech::Foreign("ssh")),
            (b"\x15\x03\x01\x00\x02", Speech::Foreign("tls")),
            (b"hello", Speech::Foreign("unknown")),
        ] {
            assert_eq!(recognise(bytes), speech);
        }
    }

    #[test]
    fn a_line_holds_nothing_that_could_disturb_a_terminal() {
        assert_eq!(first_line(b"HTTP/1.0 200 OK\r\nServer: x", 64), "HTTP/1.0 200 OK");
        assert_eq!(first_line(b"\x1b[31mred", 64), ".[31mred");
        assert_eq!(first_line(b"abcdef", 3), "abc");
    }
}

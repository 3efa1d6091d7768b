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

/// Bytes of the random number with which a private network begins a connection.
const NONCE: usize = 24;

/// Whether bytes look enciphered: of no known protocol, as many as a private network sends
/// first at least, mostly not text, and hardly any of them twice.
pub(crate) fn looks_enciphered(bytes: &[u8]) -> bool {
    if bytes.len() < NONCE || recognise(bytes) != Speech::Foreign("unknown") {
        return false;
    }
    let text = bytes.iter().filter(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()).count();
    let mut different: Vec<u8> = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    text * 10 < bytes.len() * 7 && different.len() * 10 > bytes.len() * 7
}

/// Bytes as the host wrote them into a banner: `a\x00\n`.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'x') => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                if let (Some(high), Some(low)) = (digit(), digit()) {
                    bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                }
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    bytes
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
    fn what_is_enciphered_is_told_from_what_is_said() {
        let noise: Vec<u8> = (0..44_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert!(looks_enciphered(&noise));
        assert!(!looks_enciphered(&noise[..23]), "less than a private network sends");
        assert!(!looks_enciphered(&[0; 44]) && !looks_enciphered(b"hello, this is a service of nobody in particular"));
        assert!(!looks_enciphered(
            b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9b\xad\xce\xff\x01\x7f\x80"
        ));
        assert_eq!(unescape(&noise.escape_ascii().to_string()), noise);
        assert_eq!(unescape(r"a\x00\xff\n\\\"), b"a\0\xff\n\\");
    }

    #[test]
    fn a_line_holds_nothing_that_could_disturb_a_terminal() {
        assert_eq!(first_line(b"HTTP/1.0 200 OK\r\nServer: x", 64), "HTTP/1.0 200 OK");
        assert_eq!(first_line(b"\x1b[31mred", 64), ".[31mred");
        assert_eq!(first_line(b"abcdef", 3), "abc");
    }
}

//! What speaks on a port that does not speak libp2p.

use seaworthy_model::Failure;

/// The failure of a greeting that is not multistream's.
pub(crate) fn foreign(bytes: &[u8]) -> Failure {
    let protocol = protocol_of(bytes);
    let what = match protocol {
        "unknown" => "something that is not libp2p".to_owned(),
        known => format!("{known}, not libp2p"),
    };
    Failure::new(
        "protocol",
        "multistream",
        format!("the port is open, but it speaks {what}: it answered {}", escape(bytes)),
    )
    .with("banner", escape(bytes))
    .with("protocol", protocol)
}

/// Printable ASCII as it is, the rest as `\n`, `\x00` ...
pub(crate) fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn protocol_of(bytes: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    match bytes {
        _ if text.starts_with("http/") || text.starts_with("<!doctype") || text.starts_with("<html") => "http",
        // A TLS record of type alert or handshake, version 3.x (RFC 8446, section 5.1).
        [0x15 | 0x16, 3, 0..=4, ..] => "tls",
        // An HTTP/2 SETTINGS frame on stream 0 (RFC 9113, section 6.5).
        [0, 0, _, 4, _, 0, 0, 0, 0, ..] => "http2",
        _ if text.starts_with("ssh-") => "ssh",
        _ if text.starts_with("220 ") || text.starts_with("220-") => "smtp-or-ftp",
        _ if text.starts_with("-err") || text.starts_with("-denied") || text.starts_with("-noauth") => "redis",
        _ if text.starts_with("amqp") => "amqp",
        _ if text.starts_with("* ok") => "imap",
        _ if text.starts_with("+ok") => "pop3",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::foreign;

    #[test]
    fn greetings_are_recognised() {
        for (bytes, protocol) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "http"),
            (b"<!DOCTYPE HTML>\n<html>", "http"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", "ssh"),
            (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
            (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03", "http2"),
            (b"-ERR unknown command", "redis"),
            (b"hello", "unknown"),
        ] {
            let failure = foreign(bytes);
            assert_eq!(failure.details["protocol"], protocol);
            assert!(failure.details["banner"].is_ascii());
        }
        assert_eq!(foreign(b"a\0\xff\n").details["banner"], r"a\x00\xff\n");
    }
}

/// What a peer answered to a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was read. Whether it was kept is not said: an older or expired entry is
    /// answered alike.
    Ok,
    /// It was not made with the peer's secret.
    DecryptionFailed,
    /// It is not the message of an entry.
    InvalidFormat,
    /// The stream ended without a word: the content hash differs, or a field of
    /// the entry is missing.
    ClosedWithoutReply,
    /// Anything else, at most 200 bytes of it, made printable.
    Other(String),
}

/// More than any known reply has.
pub(super) const MAX_REPLY: usize = 200;

const OK: &str = "OK";
const DECRYPTION_FAILED: &str = "ERROR: Decryption failed";
const INVALID_FORMAT: &str = "ERROR: Invalid format";

impl Reply {
    /// Reads the bytes of a reply.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        match bytes.trim_ascii() {
            b"" => Self::ClosedWithoutReply,
            b if b == OK.as_bytes() => Self::Ok,
            b if b == DECRYPTION_FAILED.as_bytes() => Self::DecryptionFailed,
            b if b == INVALID_FORMAT.as_bytes() => Self::InvalidFormat,
            other => Self::Other(crate::banner::escape(&other[..other.len().min(MAX_REPLY)])),
        }
    }

    /// The bytes on the wire; none for a stream that is closed without a word.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Ok => OK,
            Self::DecryptionFailed => DECRYPTION_FAILED,
            Self::InvalidFormat => INVALID_FORMAT,
            Self::ClosedWithoutReply => "",
            Self::Other(text) => text,
        }
    }

    /// A short name, for counters and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::DecryptionFailed => "decryption-failed",
            Self::InvalidFormat => "invalid-format",
            Self::ClosedWithoutReply => "closed",
            Self::Other(_) => "other",
        }
    }

    /// Where the Python cache has no word of its own.
    pub(crate) fn error(what: &str) -> Self {
        Self::Other(format!("ERROR: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_back() {
        for reply in [
            Reply::Ok,
            Reply::DecryptionFailed,
            Reply::InvalidFormat,
            Reply::ClosedWithoutReply,
            Reply::error("Timestamp too far ahead"),
        ] {
            assert_eq!(Reply::read(reply.text().as_bytes()), reply);
        }
        assert_eq!(Reply::read(b"OK\n"), Reply::Ok);
        assert_eq!(Reply::read(b"ok"), Reply::Other("ok".into()));
        let Reply::Other(text) = Reply::read(&[b"\x1b[31m".as_slice(), &[b'x'; 10_000]].concat()) else { panic!() };
        assert!(text.len() < 300 && !text.contains('\x1b'), "{text}");
    }
}

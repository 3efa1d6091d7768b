use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 section 2.3, which is what
/// `UriEncode()` of Signature Version 4 encodes.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same with the slashes left, for the names of objects.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A name or value of a query.
pub(crate) fn component(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The name of an object as a path. Encoded once: S3 is the one service that does not
/// encode it a second time for the signature.
pub(crate) fn path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED_IN_PATH).to_string()
}

/// Undoes [`component`]; `None` where what comes out is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(component("aZ0-._~ /+=&ä"), "aZ0-._~%20%2F%2B%3D%26%C3%A4");
        assert_eq!(path("a b/test$file.text"), "a%20b/test%24file.text");
        assert_eq!(decode("aZ0-._~%20%2F%2B%3D%26%C3%A4").as_deref(), Some("aZ0-._~ /+=&ä"));
        assert_eq!(decode("%ff"), None);
    }
}

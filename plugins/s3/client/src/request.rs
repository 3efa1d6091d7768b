use crate::record::Record;

/// What must hold for a request to be carried out (RFC 9110 section 13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The object has this entity tag.
    IfMatch(String),
    /// It has another one, or, with `*`, there is none.
    IfNoneMatch(String),
}

/// A request before it has an address and a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) method: &'static str,
    /// Name of the object; `None` is the bucket.
    pub(crate) object: Option<String>,
    /// Not encoded.
    pub(crate) query: Vec<(&'static str, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What the signature covers in place of a digest of the body.
    pub(crate) payload: Option<&'static str>,
}

/// How newer clients of AWS send a checksum along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// In a header.
    Header,
    /// In a trailer behind a body in chunks (`aws-chunked`).
    Trailer,
}

impl Request {
    fn object(method: &'static str, name: &str) -> Self {
        Self {
            method,
            object: Some(name.into()),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            payload: None,
        }
    }

    fn bucket(method: &'static str) -> Self {
        Self { method, object: None, query: Vec::new(), headers: Vec::new(), body: Vec::new(), payload: None }
    }

    /// GetObject.
    #[must_use]
    pub fn get(name: &str) -> Self {
        Self::object("GET", name)
    }

    /// HeadObject. Its errors have no body; see [`Fault`](crate::Fault).
    #[must_use]
    pub fn head(name: &str) -> Self {
        Self::object("HEAD", name)
    }

    /// DeleteObject.
    #[must_use]
    pub fn delete(name: &str) -> Self {
        Self::object("DELETE", name)
    }

    /// PutObject of bytes as they are.
    #[must_use]
    pub fn put(name: &str, body: Vec<u8>) -> Self {
        Self { body, ..Self::object("PUT", name) }.header("content-type", "application/octet-stream")
    }

    /// The same as clients of AWS do it since 2025, unless they are told otherwise: with a
    /// CRC-32 of the bytes
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html>).
    ///
    /// *Behaviour*: a body in chunks is not signed itself, which stores take over TLS only.
    #[must_use]
    pub fn put_with_checksum(name: &str, body: Vec<u8>, way: Checksum) -> Self {
        let sum = data_encoding::BASE64.encode(&crc32(&body).to_be_bytes());
        let request = Self::object("PUT", name)
            .header("content-type", "application/octet-stream")
            .header("x-amz-sdk-checksum-algorithm", "CRC32");
        match way {
            Checksum::Header => Self { body, ..request.header("x-amz-checksum-crc32", &sum) },
            Checksum::Trailer => {
                let mut chunked = format!("{:x}\r\n", body.len()).into_bytes();
                chunked.extend_from_slice(&body);
                chunked.extend_from_slice(format!("\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n").as_bytes());
                let request = request
                    .header("content-encoding", "aws-chunked")
                    .header("x-amz-decoded-content-length", &body.len().to_string())
                    .header("x-amz-trailer", "x-amz-checksum-crc32");
                Self { body: chunked, payload: Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ..request }
            }
        }
    }

    /// PutObject of a value of the cache, with the headers of its [`Record`].
    #[must_use]
    pub fn put_record(name: &str, record: Record, headers: Vec<(String, String)>) -> Self {
        let mut request = Self::put(name, record.bytes);
        request.headers.extend(headers);
        request
    }

    /// ListObjectsV2 of at most `most` names that begin with `prefix`, going on where an
    /// earlier answer ended. With `most` 0 it only asks whether one may.
    #[must_use]
    pub fn list(prefix: &str, most: u32, continuation: Option<&str>) -> Self {
        let mut request = Self::bucket("GET");
        // Names may hold what XML cannot, so they come encoded.
        request.query = vec![
            ("list-type", "2".into()),
            ("encoding-type", "url".into()),
            ("max-keys", most.to_string()),
            ("prefix", prefix.into()),
        ];
        request.query.extend(continuation.map(|token| ("continuation-token", token.into())));
        request
    }

    /// HeadBucket.
    #[must_use]
    pub fn head_bucket() -> Self {
        Self::bucket("HEAD")
    }

    /// With a condition.
    #[must_use]
    pub fn when(self, condition: Condition) -> Self {
        match condition {
            Condition::IfMatch(tag) => self.header("if-match", &tag),
            Condition::IfNoneMatch(tag) => self.header("if-none-match", &tag),
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// `GET`, `PUT` ...
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }
}
/// CRC-32 as in ISO 3309 and zlib, bit by bit: for a probe of a few bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

#[cfg(test)]
mod checksums {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let request = Request::put_with_checksum("x", b"123456789".to_vec(), Checksum::Trailer);
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n"
        );
    }
}

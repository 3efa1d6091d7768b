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
}

impl Request {
    fn object(method: &'static str, name: &str) -> Self {
        Self { method, object: Some(name.into()), query: Vec::new(), headers: Vec::new(), body: Vec::new() }
    }

    fn bucket(method: &'static str) -> Self {
        Self { method, object: None, query: Vec::new(), headers: Vec::new(), body: Vec::new() }
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

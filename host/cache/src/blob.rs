use std::collections::BTreeMap;

/// A cached value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// The value itself.
    pub bytes: Vec<u8>,
    /// When it was made, in milliseconds since 1970-01-01T00:00:00Z; 0 when the
    /// backend keeps no time.
    pub created_ms: u64,
    /// Its remaining life in milliseconds; `None` lives until it is evicted.
    pub ttl_ms: Option<u64>,
    /// What whoever stored it wanted kept with it.
    pub metadata: BTreeMap<String, String>,
}

impl Blob {
    /// A value without time, life or metadata.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }

    /// The same with a limited life.
    #[must_use]
    pub fn with_ttl_ms(self, ttl_ms: u64) -> Self {
        Self { ttl_ms: Some(ttl_ms), ..self }
    }
}

/// What is known of a key without reading its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Size of the value in bytes, when the backend knows it.
    pub size: Option<u64>,
    /// Whatever else the backend says.
    pub details: BTreeMap<String, String>,
}

//! Making the values of the contract.

use crate::{Blob, CacheError, Capability, Entry};

/// One constructor a kind, so that a kind never comes with the wrong `retry`.
macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident = $kind:literal, $retry:literal;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(operation: &str, message: impl Into<String>) -> Self {
            Self::new($kind, $retry, operation, message)
        })*
    };
}

impl CacheError {
    /// An error of any kind; prefer the constructor of the kind. `retry` is
    /// `permanent`, `temporary` or `persistent`. The message says what failed,
    /// where, and what to do, and never holds a secret.
    #[must_use]
    pub fn new(kind: &str, retry: &str, operation: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            retry: retry.into(),
            operation: operation.into(),
            message: message.into(),
            context: Vec::new(),
            retry_after: None,
        }
    }

    constructors! {
        /// Nothing answered at the address; temporary.
        unreachable = "unreachable", "temporary";
        /// No answer within the time budget; temporary.
        timed_out = "timed-out", "temporary";
        /// The credentials are missing or wrong; permanent.
        unauthenticated = "unauthenticated", "permanent";
        /// Not allowed with these credentials; permanent.
        forbidden = "forbidden", "permanent";
        /// What came back is not what was stored; permanent, until it is overwritten.
        integrity = "integrity", "permanent";
        /// Larger than the backend takes; permanent.
        too_large = "too-large", "permanent";
        /// Two clocks differ too much; permanent.
        clock = "clock", "permanent";
        /// The adapter does not have this operation; permanent.
        unsupported = "unsupported", "permanent";
        /// The configuration is wrong; permanent.
        configuration = "configuration", "permanent";
        /// The provider ended the service; permanent.
        retired = "retired", "permanent";
        /// The request makes no sense; permanent.
        invalid = "invalid", "permanent";
    }

    /// The backend asks for patience, for `retry_after` milliseconds when it said so.
    #[must_use]
    pub fn rate_limited(operation: &str, message: impl Into<String>, retry_after: Option<u32>) -> Self {
        Self { retry_after, ..Self::new("rate-limited", "temporary", operation, message) }
    }

    /// Adds one piece of context.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.push((key.into(), value.into()));
        self
    }

    /// The same under another operation: of an error that a host call answered
    /// under its own name.
    #[must_use]
    pub fn during(self, operation: &str) -> Self {
        Self { operation: operation.into(), ..self }
    }
}

impl Capability {
    /// A capability of these operations.
    #[must_use]
    pub fn of(operations: &[&str]) -> Self {
        let operations = operations.iter().map(|&operation| operation.into()).collect();
        Self { operations, properties: Vec::new(), limits: Vec::new() }
    }

    /// Adds a property: `shared`, `expiring`, `private`, `durable` ...
    #[must_use]
    pub fn with_property(mut self, property: &str) -> Self {
        self.properties.push(property.into());
        self
    }

    /// Adds a limit: `max-value-bytes`, `max-key-bytes` ...
    #[must_use]
    pub fn with_limit(mut self, name: &str, value: u64) -> Self {
        self.limits.push((name.into(), value.to_string()));
        self
    }
}

impl Blob {
    /// A value without time, life or metadata.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), created: 0, ttl: None, metadata: Vec::new() }
    }
}

impl Entry {
    /// `key`, whose value has `size` bytes.
    #[must_use]
    pub fn new(key: impl Into<String>, size: Option<u64>) -> Self {
        Self { key: key.into(), size, details: Vec::new() }
    }

    /// Adds one detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.details.push((key.into(), value.to_string()));
        self
    }
}

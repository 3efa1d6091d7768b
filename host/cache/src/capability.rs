use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// What a backend can do, known once it is open: credentials that may only read
/// give a capability without [`Operation::Put`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capability {
    /// The operations it has. Any other answers `unsupported`.
    pub operations: BTreeSet<Operation>,
    /// `content-addressed`, `shared`, `expiring`, `immutable`, `private`, `durable`,
    /// `local-index` ...
    pub properties: BTreeSet<String>,
    /// `max-value-bytes`, `max-key-bytes` ...
    pub limits: BTreeMap<String, String>,
}

impl Capability {
    /// A capability of these operations, without properties or limits.
    #[must_use]
    pub fn of(operations: impl IntoIterator<Item = Operation>) -> Self {
        Self { operations: operations.into_iter().collect(), ..Self::default() }
    }

    /// Whether it has `operation`.
    #[must_use]
    pub fn has(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }

    /// A limit as a number, when there is one.
    #[must_use]
    pub fn limit(&self, name: &str) -> Option<u64> {
        self.limits.get(name).and_then(|text| text.parse().ok())
    }
}

/// What can be asked of an open backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Read a value.
    Get,
    /// Store a value.
    Put,
    /// Ask about a key without its value.
    Stat,
    /// Remove a key.
    Invalidate,
    /// Name the keys.
    List,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 5] =
        [Operation::Get, Operation::Put, Operation::Stat, Operation::Invalidate, Operation::List];

    /// The word of the WIT contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Get => "get",
            Operation::Put => "put",
            Operation::Stat => "stat",
            Operation::Invalidate => "invalidate",
            Operation::List => "list",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not an [`Operation`]; a newer adapter may know more of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of get, put, stat, invalidate, list")]
pub struct UnknownOperation(pub String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Operation::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
            .ok_or_else(|| UnknownOperation(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for operation in Operation::ALL {
            assert_eq!(operation.as_str().parse::<Operation>(), Ok(operation));
        }
        assert!("delete".parse::<Operation>().is_err());
    }

    #[test]
    fn a_limit_is_a_number_or_nothing() {
        let mut capability = Capability::of([Operation::Get]);
        capability.limits.insert("max-value-bytes".into(), "65536".into());
        capability.limits.insert("max-key-bytes".into(), "many".into());
        assert_eq!(capability.limit("max-value-bytes"), Some(65536));
        assert_eq!(capability.limit("max-key-bytes"), None);
        assert!(capability.has(Operation::Get) && !capability.has(Operation::Put));
    }
}

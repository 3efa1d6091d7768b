use crate::{Blob, CacheError, Capability, Config, Entry};
use std::cell::RefCell;

/// A cache adapter. The value is its state between calls.
///
/// *Requires*: an operation that the capability of [`open`](Self::open) leaves out
/// answers `unsupported`, which is what the default implementations do. Keys are
/// never empty: the SDK refuses those before the adapter is asked.
pub trait Adapter: Sized + 'static {
    /// The JSON made from `adapter.toml`; use the constant of
    /// [`descriptor!`](crate::descriptor).
    const DESCRIPTOR: &'static str;

    /// Makes it ready, and says what it can do with this configuration.
    ///
    /// *Behaviour*: called again, it looks anew and replaces the state when it succeeds.
    ///
    /// # Errors
    /// `configuration` for a wrong setting or a container that is not there.
    fn open(config: &Config) -> Result<(Self, Capability), CacheError>;

    /// The value of `key`; `None` is a miss and only that. An expired value is a miss.
    ///
    /// # Errors
    /// Whatever kept it from knowing.
    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError>;

    /// Stores `value` under `key`, over what was there.
    ///
    /// # Errors
    /// When it is not stored; `too-large` rather than a part of it.
    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        let _ = (key, value);
        Err(CacheError::unsupported("put", "this adapter does not store"))
    }

    /// What is known of `key` without its value.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let _ = key;
        Err(CacheError::unsupported("stat", "this adapter cannot look without reading"))
    }

    /// Removes `key`; succeeds when there is nothing to remove.
    ///
    /// # Errors
    /// When it may still be there.
    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        let _ = key;
        Err(CacheError::unsupported("invalidate", "this adapter does not remove"))
    }

    /// At most `limit` keys that begin with `prefix`.
    ///
    /// # Errors
    /// `unsupported` when it cannot enumerate.
    fn list(&mut self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        let _ = (prefix, limit);
        Err(CacheError::unsupported("list", "this adapter cannot enumerate its keys"))
    }
}

/// Holds the adapter of a component from `open` on. [`export_adapter!`](crate::export_adapter)
/// makes one; tests may use it to drive an adapter as the host does.
pub struct Slot<A>(RefCell<Option<A>>);

impl<A> Slot<A> {
    /// Nothing opened yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }
}

impl<A> Default for Slot<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Adapter> Slot<A> {
    /// Opens the adapter with a configuration as JSON.
    ///
    /// # Errors
    /// The adapter's, or `configuration` when the JSON cannot be read.
    pub fn open(&self, config: &str) -> Result<Capability, CacheError> {
        let (adapter, capability) = A::open(&Config::parse(config)?)?;
        self.0.replace(Some(adapter));
        Ok(capability)
    }

    /// [`Adapter::get`] of the open adapter.
    ///
    /// # Errors
    /// The adapter's, or `configuration` when it is not open.
    pub fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.with_key("get", key, |adapter| adapter.get(key))
    }

    /// [`Adapter::put`] of the open adapter.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.with_key("put", key, |adapter| adapter.put(key, value))
    }

    /// [`Adapter::stat`] of the open adapter.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.with_key("stat", key, |adapter| adapter.stat(key))
    }

    /// [`Adapter::invalidate`] of the open adapter.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.with_key("invalidate", key, |adapter| adapter.invalidate(key))
    }

    /// [`Adapter::list`] of the open adapter.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.with("list", |adapter| adapter.list(prefix, limit))
    }

    fn with_key<T>(
        &self,
        operation: &str,
        key: &str,
        work: impl FnOnce(&mut A) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        if key.is_empty() {
            return Err(CacheError::invalid(operation, "the key is empty"));
        }
        self.with(operation, work)
    }

    fn with<T>(&self, operation: &str, work: impl FnOnce(&mut A) -> Result<T, CacheError>) -> Result<T, CacheError> {
        match self.0.borrow_mut().as_mut() {
            Some(adapter) => work(adapter),
            None => {
                Err(CacheError::configuration(operation, "the adapter is not open: `open` was not called or failed"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct ReadOnly(String);

    impl Adapter for ReadOnly {
        const DESCRIPTOR: &'static str = "{}";

        fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
            Ok((Self(config.required("value")?.into()), Capability::of(&["get"])))
        }

        fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
            Ok((key == "k").then(|| Blob::new(self.0.as_bytes())))
        }
    }

    #[test]
    fn the_state_lives_from_open_on() {
        let slot = Slot::<ReadOnly>::new();
        assert_eq!(slot.get("k").unwrap_err().kind, "configuration", "not open is an error, not a miss");
        assert_eq!(slot.open("{").unwrap_err().kind, "configuration");
        assert_eq!(slot.open("{}").unwrap_err().kind, "configuration");
        assert_eq!(slot.open(r#"{"value":"v"}"#).unwrap().operations, ["get"]);
        assert_eq!(slot.get("k").unwrap().unwrap().bytes, b"v");
        assert_eq!(slot.get("other").unwrap(), None);
        assert!(slot.open("{}").is_err());
        assert!(slot.get("k").unwrap().is_some(), "a failed open leaves the old state");
    }

    #[test]
    fn what_is_not_implemented_says_so() {
        let slot = Slot::<ReadOnly>::new();
        slot.open(r#"{"value":"v"}"#).unwrap();
        let errors = [
            slot.put("k", Blob::new("v")).unwrap_err(),
            slot.stat("k").unwrap_err(),
            slot.invalidate("k").unwrap_err(),
            slot.list("", 1).unwrap_err(),
        ];
        assert_eq!(errors.each_ref().map(|e| e.operation.as_str()), ["put", "stat", "invalidate", "list"]);
        assert!(errors.iter().all(|e| e.kind == "unsupported" && e.retry == "permanent"));
        assert_eq!(slot.get("").unwrap_err().kind, "invalid");
    }
}

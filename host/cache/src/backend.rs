use crate::{Blob, CacheError, Capability, Entry, Operation};
use async_trait::async_trait;
use std::sync::Arc;

/// One place to keep values.
///
/// *Requires* of every implementation:
/// * An error is never a miss, and a miss is never an error.
/// * Every operation may be called by several tasks at once.
/// * Every future may be dropped: a cancelled `put` leaves the old value or the
///   new one, never a part of either.
/// * An operation that is missing from the effective [`Capability`] answers the
///   kind `unsupported`.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Makes it ready and says what it can do.
    ///
    /// *Requires*: called before anything else; may be called again, which looks anew.
    ///
    /// *Behaviour*: answers the effective capability, which may be less than what
    /// the adapter declares.
    ///
    /// # Errors
    /// A missing container (bucket, directory, space) and a wrong setting are
    /// `configuration`; what cannot be reached is `unreachable` and temporary.
    async fn open(&self) -> Result<Capability, CacheError>;

    /// The value of `key`.
    ///
    /// *Behaviour*: `None` is a miss and only that. An expired value is a miss.
    /// What is returned was checked as far as the backend can check it.
    ///
    /// # Errors
    /// Whatever kept it from knowing; a damaged value is `integrity`.
    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError>;

    /// Stores `value` under `key`, over what was there.
    ///
    /// *Behaviour*: storing equal content again succeeds. A reader sees the old
    /// value or the new one.
    ///
    /// # Errors
    /// A value over the limit is `too-large`; it is never cut short.
    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError>;

    /// What is known of `key` without its value. `None` is a miss and only that.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError>;

    /// Removes `key`.
    ///
    /// *Behaviour*: succeeds when there is nothing to remove.
    ///
    /// # Errors
    /// When it may still be there.
    async fn invalidate(&self, key: &str) -> Result<(), CacheError>;

    /// At most `limit` keys that begin with `prefix`, in the order of their bytes
    /// where the backend can say so.
    ///
    /// # Errors
    /// A backend that cannot enumerate answers `unsupported`, not an empty list.
    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError>;

    /// Hears that `operation`, which was just dropped, had more than its share of the
    /// time that the caller had.
    ///
    /// *Behaviour*: for layers that count, as a dropped future tells them nothing: one
    /// that lost a race is no failure, one that held everybody up is. Nothing by itself;
    /// a layer passes it on.
    fn overdue(&self, _operation: Operation) {}
}

/// A shared backend is a backend, so that layers wrap what others hold too.
#[async_trait]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    async fn open(&self) -> Result<Capability, CacheError> {
        (**self).open().await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        (**self).get(key).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        (**self).put(key, value).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        (**self).stat(key).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        (**self).invalidate(key).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        (**self).list(prefix, limit).await
    }

    fn overdue(&self, operation: Operation) {
        (**self).overdue(operation);
    }
}

use crate::{Backend, Blob, CacheError, Capability, Entry, Operation};
use async_trait::async_trait;
use std::time::Duration;

/// The time budget of each operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For `open`.
    pub open: Duration,
    /// For `get`.
    pub get: Duration,
    /// For `put`.
    pub put: Duration,
    /// For `stat`.
    pub stat: Duration,
    /// For `invalidate`.
    pub invalidate: Duration,
    /// For `list`.
    pub list: Duration,
}

impl Timeouts {
    /// The same budget for every operation.
    #[must_use]
    pub fn all(budget: Duration) -> Self {
        Self { open: budget, get: budget, put: budget, stat: budget, invalidate: budget, list: budget }
    }
}

/// Gives each operation of a backend a time budget.
///
/// *Behaviour*: an operation that is over its budget is dropped and answers the
/// kind `timed-out`, temporary, with `budget-ms` in its context. A slow `get` is an
/// error, never a miss.
#[derive(Debug)]
pub struct Timeout<B> {
    inner: B,
    budgets: Timeouts,
}

impl<B: Backend> Timeout<B> {
    /// Wraps `inner`.
    pub fn new(inner: B, budgets: Timeouts) -> Self {
        Self { inner, budgets }
    }
}

async fn within<T>(
    operation: &str,
    budget: Duration,
    work: impl Future<Output = Result<T, CacheError>>,
) -> Result<T, CacheError> {
    tokio::time::timeout(budget, work).await.unwrap_or_else(|_| {
        let budget_ms = budget.as_millis();
        Err(CacheError::timed_out(operation, format!("no answer within {budget_ms} ms"))
            .with("budget-ms", budget_ms.to_string()))
    })
}

#[async_trait]
impl<B: Backend> Backend for Timeout<B> {
    async fn open(&self) -> Result<Capability, CacheError> {
        within("open", self.budgets.open, self.inner.open()).await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        within("get", self.budgets.get, self.inner.get(key)).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        within("put", self.budgets.put, self.inner.put(key, value)).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        within("stat", self.budgets.stat, self.inner.stat(key)).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        within("invalidate", self.budgets.invalidate, self.inner.invalidate(key)).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        within("list", self.budgets.list, self.inner.list(prefix, limit)).await
    }

    fn overdue(&self, operation: Operation) {
        self.inner.overdue(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::{Map, Slow};
    use crate::kind;

    fn layered(delay_ms: u64) -> Timeout<Slow> {
        let budgets = Timeouts {
            get: Duration::from_millis(50),
            put: Duration::from_millis(500),
            ..Timeouts::all(Duration::from_secs(9))
        };
        Timeout::new(Slow { inner: Map::default(), delay: Duration::from_millis(delay_ms) }, budgets)
    }

    #[tokio::test(start_paused = true)]
    async fn each_operation_has_its_own_budget() {
        let cache = layered(100);
        cache.put("k", Blob::new("v")).await.unwrap();
        let error = cache.get("k").await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.operation.as_str()), (kind::TIMED_OUT, "get"));
        assert!(error.is_temporary());
        assert_eq!(error.context["budget-ms"], "50");
        assert!(cache.stat("k").await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn within_the_budget_nothing_changes() {
        let cache = layered(10);
        assert_eq!(cache.get("k").await, Ok(None));
        cache.put("k", Blob::new("v")).await.unwrap();
        assert_eq!(cache.get("k").await.unwrap().unwrap().bytes, b"v");
    }
}

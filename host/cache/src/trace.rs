use crate::{Backend, Blob, CacheError, Capability, Entry, Operation};
use async_trait::async_trait;
use tokio::time::Instant;

/// Tells the log what a backend is asked and what it answers.
///
/// *Behaviour*: one event an operation, at level debug with the target
/// `seaworthy_cache::trace`: tier, operation, key, outcome and time. Values never
/// stand there. Changes no answer.
#[derive(Debug)]
pub struct Trace<B> {
    inner: B,
    label: String,
}

impl<B: Backend> Trace<B> {
    /// Wraps `inner`, called `label` in the log.
    pub fn new(inner: B, label: impl Into<String>) -> Self {
        Self { inner, label: label.into() }
    }

    async fn told<T>(
        &self,
        operation: &str,
        key: &str,
        work: impl Future<Output = Result<T, CacheError>>,
        outcome: impl FnOnce(&T) -> &'static str,
    ) -> Result<T, CacheError> {
        let started = Instant::now();
        let answer = work.await;
        let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let tier = self.label.as_str();
        match &answer {
            Ok(value) => tracing::debug!(tier, operation, key, outcome = outcome(value), elapsed_us, "answered"),
            Err(error) => {
                let kind = error.kind.as_str();
                tracing::debug!(tier, operation, key, outcome = kind, elapsed_us, %error, "failed");
            }
        }
        answer
    }
}

#[async_trait]
impl<B: Backend> Backend for Trace<B> {
    async fn open(&self) -> Result<Capability, CacheError> {
        self.told("open", "", self.inner.open(), |_| "done").await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        let outcome = |found: &Option<Blob>| if found.is_some() { "hit" } else { "miss" };
        self.told("get", key, self.inner.get(key), outcome).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.told("put", key, self.inner.put(key, value), |()| "done").await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        let outcome = |found: &Option<Entry>| if found.is_some() { "hit" } else { "miss" };
        self.told("stat", key, self.inner.stat(key), outcome).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.told("invalidate", key, self.inner.invalidate(key), |()| "done").await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.told("list", prefix, self.inner.list(prefix, limit), |_| "done").await
    }

    fn overdue(&self, operation: Operation) {
        tracing::debug!(tier = self.label, operation = operation.as_str(), "not waited for any longer");
        self.inner.overdue(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::{Broken, Map};
    use std::fmt::{Debug, Write as _};
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::span;

    /// Keeps every event as one line.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            let _ = write!(self.0, "{field}={value:?} ");
        }
    }

    impl tracing::Subscriber for Log {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn every_operation_is_told_without_its_value() {
        let log = Log::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tracing::subscriber::with_default(log.clone(), || {
            runtime.block_on(async {
                let cache = Trace::new(Map::default(), "disk");
                cache.put("k", Blob::new("hush-hush")).await.unwrap();
                cache.get("k").await.unwrap();
                cache.get("other").await.unwrap();
                let broken = Trace::new(Broken::new(CacheError::unreachable("get", "refused")), "p2p");
                assert!(broken.get("k").await.is_err());
            });
        });
        let lines = log.0.lock().unwrap().clone();
        let saw = |parts: &[&str]| lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(saw(&["tier=\"disk\"", "operation=\"put\"", "outcome=\"done\""]), "{lines:#?}");
        assert!(saw(&["operation=\"get\"", "key=\"k\"", "outcome=\"hit\""]), "{lines:#?}");
        assert!(saw(&["key=\"other\"", "outcome=\"miss\""]), "{lines:#?}");
        assert!(saw(&["tier=\"p2p\"", "outcome=\"unreachable\"", "refused"]), "{lines:#?}");
        assert!(!format!("{lines:?}").contains("hush"), "a value in the log");
    }
}

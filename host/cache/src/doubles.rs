//! Backends for the tests of this crate.

use crate::{Backend, Blob, CacheError, Capability, Entry, Operation};
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

/// A map in memory that can do `operations`, or everything.
#[derive(Debug, Default)]
pub(crate) struct Map {
    values: Mutex<BTreeMap<String, Blob>>,
    operations: Option<Vec<Operation>>,
}

impl Map {
    pub(crate) fn only(operations: &[Operation]) -> Self {
        Self { operations: Some(operations.to_vec()), ..Self::default() }
    }

    pub(crate) fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.values.lock().unwrap().get(key).map(|blob| blob.bytes.clone())
    }
}

#[async_trait]
impl Backend for Map {
    async fn open(&self) -> Result<Capability, CacheError> {
        Ok(Capability::of(self.operations.clone().unwrap_or_else(|| Operation::ALL.to_vec())))
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        Ok(self.values.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.values.lock().unwrap().insert(key.into(), value);
        Ok(())
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        let size = self.value(key).map(|bytes| bytes.len() as u64);
        Ok(size.map(|size| Entry { key: key.into(), size: Some(size), ..Entry::default() }))
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.values.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        let values = self.values.lock().unwrap();
        let keys = values.keys().filter(|key| key.starts_with(prefix)).take(limit as usize);
        Ok(keys.map(|key| Entry { key: key.clone(), ..Entry::default() }).collect())
    }
}

/// A map that fails in one way until it is mended.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) inner: Map,
    error: Mutex<Option<CacheError>>,
    opens: bool,
}

impl Broken {
    /// Opens, then fails.
    pub(crate) fn new(error: CacheError) -> Self {
        Self { inner: Map::default(), error: Mutex::new(Some(error)), opens: true }
    }

    /// Does not even open.
    pub(crate) fn shut(error: CacheError) -> Self {
        Self { opens: false, ..Self::new(error) }
    }

    pub(crate) fn mend(&self) {
        *self.error.lock().unwrap() = None;
    }

    fn check(&self) -> Result<(), CacheError> {
        self.error.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Backend for Broken {
    async fn open(&self) -> Result<Capability, CacheError> {
        if !self.opens {
            self.check()?;
        }
        self.inner.open().await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.check()?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.check()?;
        self.inner.put(key, value).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.check()?;
        self.inner.stat(key).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.check()?;
        self.inner.invalidate(key).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.check()?;
        self.inner.list(prefix, limit).await
    }
}

/// A map that takes its time.
#[derive(Debug)]
pub(crate) struct Slow {
    pub(crate) inner: Map,
    pub(crate) delay: Duration,
}

#[async_trait]
impl Backend for Slow {
    async fn open(&self) -> Result<Capability, CacheError> {
        tokio::time::sleep(self.delay).await;
        self.inner.open().await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        tokio::time::sleep(self.delay).await;
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        tokio::time::sleep(self.delay).await;
        self.inner.put(key, value).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        tokio::time::sleep(self.delay).await;
        self.inner.stat(key).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        tokio::time::sleep(self.delay).await;
        self.inner.invalidate(key).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        tokio::time::sleep(self.delay).await;
        self.inner.list(prefix, limit).await
    }
}

/// A map that first answers with errors, one after the other, and then works.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) inner: Map,
    errors: Mutex<VecDeque<CacheError>>,
    asked: Mutex<usize>,
}

impl Scripted {
    pub(crate) fn new(errors: &[CacheError]) -> Self {
        Self { errors: Mutex::new(errors.iter().cloned().collect()), ..Self::default() }
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    fn next(&self) -> Result<(), CacheError> {
        *self.asked.lock().unwrap() += 1;
        self.errors.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Backend for Scripted {
    async fn open(&self) -> Result<Capability, CacheError> {
        self.inner.open().await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.next()?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.next()?;
        self.inner.put(key, value).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.next()?;
        self.inner.stat(key).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.next()?;
        self.inner.invalidate(key).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.next()?;
        self.inner.list(prefix, limit).await
    }
}

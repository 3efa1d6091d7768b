//! Where a peer keeps sealed entries.
//!
//! One redb database, on disk or in memory. An acknowledged write is committed
//! and synced: a crash at any moment loses nothing acknowledged and tears
//! nothing. Expired entries are never handed out. Beyond `max_bytes` the least
//! recently used go; recency is kept in memory only, and the order of storing
//! stands in for it after a restart.
//!
//! Entries belong to the owner (a fingerprint of the secret) who stored them.
//! Only the owner's are visible; those of others stay until the bound, which
//! counts all, or their end takes them.

mod index;

use index::{Index, Meta};
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    backends::{FileBackend, InMemoryBackend},
};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `owner/key` to header and sealed bytes.
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries-2");
/// Memory that redb may keep pages in; its own default is 1 GiB.
const PAGES: usize = 64 * 1024 * 1024;
/// Created, expires (all ones for never) and sequence number, before the sealed bytes.
const HEADER: usize = 24;
const NEVER: u64 = u64::MAX;

/// Why the store cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error(
        "cannot open the store {path}: {reason}; it must be a file of this program, in a directory that this user can write, and used by no other process"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What redb said.
        reason: String,
    },
    /// A read or write failed.
    #[error("the store failed: {0}")]
    Database(Box<redb::Error>),
    /// One entry alone is larger than the store may be.
    #[error("the entry of {size} bytes is larger than the whole store may be ({max} bytes)")]
    TooLarge {
        /// Bytes of key and sealed value.
        size: u64,
        /// The bound.
        max: u64,
    },
}

/// A stored entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) sealed: Vec<u8>,
}

/// What the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) evictions: u64,
}

/// Entries after a cursor, the cursor to go on with, and whether there is more.
pub(crate) struct Page {
    pub(crate) entries: Vec<(String, Vec<u8>)>,
    pub(crate) next: u64,
    pub(crate) more: bool,
}

pub(crate) struct Store {
    database: Database,
    index: Mutex<Index>,
    /// Held for a whole change, so that index and table change together.
    writing: Mutex<()>,
    max_bytes: u64,
    /// Before the keys of this owner.
    prefix: String,
}

impl Store {
    /// Opens or makes the store at `path`, or one in memory. Shows the entries
    /// of `owner`, whose text holds no slash; removes only what has expired or
    /// is beyond `max_bytes`.
    pub(crate) fn open(path: Option<&Path>, owner: &str, max_bytes: u64, now_ms: u64) -> Result<Self, StoreError> {
        let mut builder = Database::builder();
        builder.set_cache_size(PAGES);
        let database = match path {
            Some(path) => {
                let failed = |reason: String| StoreError::Open { path: path.into(), reason };
                let file = private_file(path).map_err(|e| failed(e.to_string()))?;
                let backend = FileBackend::new(file).map_err(|e| failed(e.to_string()))?;
                builder.create_with_backend(backend).map_err(|e| failed(e.to_string()))?
            }
            None => builder.create_with_backend(InMemoryBackend::new()).map_err(fault)?,
        };
        let transaction = database.begin_write().map_err(fault)?;
        let mut index = Index::default();
        {
            let mut table = transaction.open_table(ENTRIES).map_err(fault)?;
            for entry in table.iter().map_err(fault)? {
                let (key, value) = entry.map_err(fault)?;
                if let Some((meta, _)) = unpack(key.value(), value.value()) {
                    index.insert(key.value(), meta);
                }
            }
            index.forget_recency();
            let mut leaving = index.expired(now_ms);
            leaving.extend(index.to_evict("", 0, max_bytes, now_ms));
            for key in leaving {
                table.remove(key.as_str()).map_err(fault)?;
                index.evict(&key, now_ms);
            }
        }
        transaction.commit().map_err(fault)?;
        let prefix = format!("{owner}/");
        let kept = index.outside(&prefix, now_ms);
        if kept > 0 {
            tracing::info!(
                "the store also keeps {kept} entries of another shared secret; a peer with that secret finds them, until they expire or their room is needed"
            );
        }
        Ok(Self { database, index: Mutex::new(index), writing: Mutex::new(()), max_bytes, prefix })
    }

    /// As `key` is called in table and index.
    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The entry of `key`, if it still lives.
    pub(crate) fn get(&self, key: &str, now_ms: u64) -> Result<Option<Record>, StoreError> {
        let name = self.name(key);
        if self.index().touch(&name, now_ms).is_none() {
            return Ok(None);
        }
        let transaction = self.database.begin_read().map_err(fault)?;
        let table = transaction.open_table(ENTRIES).map_err(fault)?;
        let found = table.get(name.as_str()).map_err(fault)?;
        let record = found.and_then(|value| {
            let (meta, sealed) = unpack(&name, value.value())?;
            Some(Record { created_ms: meta.created_ms, expires_ms: meta.expires_ms, sealed: sealed.to_vec() })
        });
        Ok(record.filter(|r| r.expires_ms.is_none_or(|end| end > now_ms)))
    }

    /// Size, creation and end of `key`'s entry, if it still lives. Does not count as use.
    pub(crate) fn has(&self, key: &str, now_ms: u64) -> Option<(u64, u64, Option<u64>)> {
        self.index().peek(&self.name(key), now_ms).map(|m| (m.size, m.created_ms, m.expires_ms))
    }

    /// Commits an entry, and makes room for it. False when a newer one is there.
    pub(crate) fn put(&self, key: &str, record: &Record, now_ms: u64) -> Result<bool, StoreError> {
        let name = self.name(key);
        let size = (name.len() + HEADER + record.sealed.len()) as u64;
        if size > self.max_bytes {
            return Err(StoreError::TooLarge { size, max: self.max_bytes });
        }
        let _writing = lock(&self.writing);
        let (evicted, seq) = {
            let index = self.index();
            if index.peek(&name, now_ms).is_some_and(|present| present.created_ms > record.created_ms) {
                return Ok(false);
            }
            (index.to_evict(&name, size, self.max_bytes, now_ms), index.next_seq())
        };
        let meta = Meta { size, created_ms: record.created_ms, expires_ms: record.expires_ms, seq };
        let transaction = self.database.begin_write().map_err(fault)?;
        {
            let mut table = transaction.open_table(ENTRIES).map_err(fault)?;
            for old in &evicted {
                table.remove(old.as_str()).map_err(fault)?;
            }
            table.insert(name.as_str(), pack(&meta, &record.sealed).as_slice()).map_err(fault)?;
        }
        transaction.commit().map_err(fault)?;
        let mut index = self.index();
        for old in evicted {
            index.evict(&old, now_ms);
        }
        index.insert(&name, meta);
        Ok(true)
    }

    /// Removes an entry; answers whether there was one.
    pub(crate) fn remove(&self, key: &str, now_ms: u64) -> Result<bool, StoreError> {
        let _writing = lock(&self.writing);
        let name = self.name(key);
        let existed = self.index().peek(&name, now_ms).is_some();
        self.delete(&[name])?;
        Ok(existed)
    }

    /// Removes what has expired.
    pub(crate) fn purge(&self, now_ms: u64) -> Result<(), StoreError> {
        let _writing = lock(&self.writing);
        let expired = self.index().expired(now_ms);
        if expired.is_empty() { Ok(()) } else { self.delete(&expired) }
    }

    fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(fault)?;
        {
            let mut table = transaction.open_table(ENTRIES).map_err(fault)?;
            for name in names {
                table.remove(name.as_str()).map_err(fault)?;
            }
        }
        transaction.commit().map_err(fault)?;
        let mut index = self.index();
        names.iter().for_each(|name| index.remove(name));
        Ok(())
    }

    /// Live entries stored after `cursor`, in order, about `max_bytes` of them.
    pub(crate) fn since(&self, cursor: u64, max_bytes: u64, now_ms: u64) -> Result<Page, StoreError> {
        let (wanted, next, more) = self.index().after(&self.prefix, cursor, max_bytes, now_ms);
        let transaction = self.database.begin_read().map_err(fault)?;
        let table = transaction.open_table(ENTRIES).map_err(fault)?;
        let mut entries = Vec::with_capacity(wanted.len());
        for name in wanted {
            let sealed =
                table.get(name.as_str()).map_err(fault)?.and_then(|v| v.value().get(HEADER..).map(<[u8]>::to_vec));
            let key = name.strip_prefix(&self.prefix).map(str::to_owned);
            entries.extend(key.zip(sealed));
        }
        Ok(Page { entries, next, more })
    }

    /// The cursor after which about `count` of the newest entries come.
    pub(crate) fn before_newest(&self, count: usize) -> u64 {
        self.index().before_newest(count)
    }

    /// What the owner has in it, and what made room since it was opened.
    pub(crate) fn usage(&self, now_ms: u64) -> Usage {
        self.index().usage(&self.prefix, now_ms)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The index is changed only after a commit, by code that does not panic halfway.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}

fn pack(meta: &Meta, sealed: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + sealed.len());
    for number in [meta.created_ms, meta.expires_ms.unwrap_or(NEVER), meta.seq] {
        value.extend_from_slice(&number.to_be_bytes());
    }
    value.extend_from_slice(sealed);
    value
}

fn unpack<'v>(name: &str, value: &'v [u8]) -> Option<(Meta, &'v [u8])> {
    let (created, rest) = value.split_first_chunk::<8>()?;
    let (expires, rest) = rest.split_first_chunk::<8>()?;
    let (seq, sealed) = rest.split_first_chunk::<8>()?;
    let expires = u64::from_be_bytes(*expires);
    let meta = Meta {
        size: (name.len() + value.len()) as u64,
        created_ms: u64::from_be_bytes(*created),
        expires_ms: (expires != NEVER).then_some(expires),
        seq: u64::from_be_bytes(*seq),
    };
    Some((meta, sealed))
}

/// The store's file, in a folder made for this user alone. Entries are sealed, but
/// who may read them may also guess at their secret without anybody noticing.
fn private_file(path: &Path) -> std::io::Result<File> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests;

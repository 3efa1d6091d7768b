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
//!
//! When the disk fails or is full, redb does nothing more until it is opened
//! again; [`Store::recover`] does that and says whether it can be written.

mod disk;
mod index;

use disk::Disk;
use index::{Index, Meta};
use redb::{ReadableTable as _, TableDefinition};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `owner/key` to header and sealed bytes.
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries-2");
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
    /// It failed before, and could not be opened again since.
    #[error("the store is closed after a failure; it is opened again when the disk has room and can be written")]
    Closed,
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

/// What the store holds of every owner, expired entries until they are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Live entries that made room for others, since it was opened.
    pub(crate) evictions: u64,
    /// Entries removed after their end, since it was opened.
    pub(crate) expired: u64,
}

/// Entries after a cursor, the cursor to go on with, and whether there is more.
pub(crate) struct Page {
    pub(crate) entries: Vec<(String, Vec<u8>)>,
    pub(crate) next: u64,
    pub(crate) more: bool,
}

pub(crate) struct Store {
    disk: Disk,
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
        let disk = Disk::open(path)?;
        let index = load(&disk, max_bytes, now_ms)?;
        let prefix = format!("{owner}/");
        let kept = index.outside(&prefix, now_ms);
        if kept > 0 {
            tracing::info!(
                "the store also keeps {kept} entries of another shared secret; a peer with that secret finds them, until they expire or their room is needed"
            );
        }
        Ok(Self { disk, index: Mutex::new(index), writing: Mutex::new(()), max_bytes, prefix })
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
        let record = self.disk.read(|transaction| {
            let table = transaction.open_table(ENTRIES).map_err(fault)?;
            let found = table.get(name.as_str()).map_err(fault)?;
            Ok(found.and_then(|value| {
                let (meta, sealed) = unpack(&name, value.value())?;
                Some(Record { created_ms: meta.created_ms, expires_ms: meta.expires_ms, sealed: sealed.to_vec() })
            }))
        })?;
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
        self.disk.write(|transaction| {
            let mut table = transaction.open_table(ENTRIES).map_err(fault)?;
            for old in &evicted {
                table.remove(old.as_str()).map_err(fault)?;
            }
            table.insert(name.as_str(), pack(&meta, &record.sealed).as_slice()).map_err(fault)?;
            Ok(())
        })?;
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
        self.delete(std::slice::from_ref(&name))?;
        self.index().remove(&name);
        Ok(existed)
    }

    /// Removes what has expired.
    pub(crate) fn purge(&self, now_ms: u64) -> Result<(), StoreError> {
        let _writing = lock(&self.writing);
        let expired = self.index().expired(now_ms);
        if expired.is_empty() {
            return Ok(());
        }
        self.delete(&expired)?;
        let mut index = self.index();
        expired.iter().for_each(|name| index.evict(name, now_ms));
        Ok(())
    }

    fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        self.disk.write(|transaction| {
            let mut table = transaction.open_table(ENTRIES).map_err(fault)?;
            for name in names {
                table.remove(name.as_str()).map_err(fault)?;
            }
            Ok(())
        })
    }

    /// Why the store cannot be used now: what the last write or read that failed
    /// said, until one has succeeded after it.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.disk.trouble()
    }

    /// After a failure: opens the file again, reads what is in it, and tries to
    /// write. Does nothing without one. Blocks, and keeps others waiting.
    pub(crate) fn recover(&self, now_ms: u64) -> Result<(), StoreError> {
        if self.trouble().is_none() {
            return Ok(());
        }
        let _writing = lock(&self.writing);
        self.disk.reopen()?;
        let mut fresh = load(&self.disk, self.max_bytes, now_ms)?;
        let mut index = self.index();
        fresh.count_on(&index);
        *index = fresh;
        Ok(())
    }

    /// What it holds in all.
    pub(crate) fn totals(&self) -> Totals {
        self.index().totals()
    }

    /// Live entries stored after `cursor`, in order, about `max_bytes` of them.
    pub(crate) fn since(&self, cursor: u64, max_bytes: u64, now_ms: u64) -> Result<Page, StoreError> {
        let (wanted, next, more) = self.index().after(&self.prefix, cursor, max_bytes, now_ms);
        self.disk.read(|transaction| {
            let table = transaction.open_table(ENTRIES).map_err(fault)?;
            let mut entries = Vec::with_capacity(wanted.len());
            for name in wanted {
                let sealed =
                    table.get(name.as_str()).map_err(fault)?.and_then(|v| v.value().get(HEADER..).map(<[u8]>::to_vec));
                let key = name.strip_prefix(&self.prefix).map(str::to_owned);
                entries.extend(key.zip(sealed));
            }
            Ok(Page { entries, next, more })
        })
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

/// Removes what has expired or is beyond `max_bytes`, and indexes the rest. A
/// commit even when there is nothing to remove: it shows that the file can be written.
fn load(disk: &Disk, max_bytes: u64, now_ms: u64) -> Result<Index, StoreError> {
    disk.write(|transaction| {
        let mut index = Index::default();
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
        Ok(index)
    })
}

#[cfg(test)]
mod tests;

//! Where a peer keeps sealed entries.
//!
//! One redb database, on disk or in memory. An acknowledged write is committed
//! and synced: a crash at any moment loses nothing acknowledged and tears
//! nothing. Writes that come while another is synced are committed together.
//! Expired entries are never handed out. Beyond `max_bytes` or [`MAX_ENTRIES`] the
//! least recently used go; recency is kept in memory only, and the order of
//! storing stands in for it after a restart.
//!
//! Every page is verified when a file is opened, so that one that was damaged
//! while nobody had it open is refused, and never trusted. When the disk fails or
//! is full, redb does nothing more until it is opened again; [`Store::recover`]
//! does that and says whether it can be written.
//!
//! Entries belong to the owner (a fingerprint of the secret) who stored them.
//! Only the owner's are visible; those of others stay until the bound, which
//! counts all, or their end takes them.

mod disk;
mod file;
mod index;
mod queue;

use disk::Disk;
use index::{Index, Meta};
use queue::Queue;
use redb::{ReadableTable as _, TableDefinition};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `owner/key` to header and sealed bytes.
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries-2");
/// Created, expires (all ones for never) and sequence number, before the sealed bytes.
const HEADER: usize = 24;
const NEVER: u64 = u64::MAX;
/// Entries of all owners: what is known of them is kept in memory.
const MAX_ENTRIES: u64 = 1 << 18;
/// Changes in one commit, and bytes of their values.
const BATCH: usize = 256;
const BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// Why the store cannot do its work.
#[derive(Clone, Debug, thiserror::Error)]
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
    /// The file was changed by something else, or lost a part.
    #[error(
        "the store {path} is damaged: {reason}; move it away and start again: what it held were copies, and they come back with use"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What redb found.
        reason: String,
    },
    /// A read or write failed.
    #[error("the store failed: {0}")]
    Database(Arc<redb::Error>),
    /// It failed before, and could not be opened again since.
    #[error("the store is closed after a failure; it is opened again when the disk has room and can be written")]
    Closed,
    /// It is not known whether a write was committed.
    #[error("the store failed in the middle of a write; restart the peer, and see its log for why")]
    Interrupted,
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

/// A change that waits for its commit.
struct Change {
    name: String,
    now_ms: u64,
    edit: Edit,
}

enum Edit {
    /// Header and sealed bytes; the sequence number is not known yet.
    Put(Meta, Vec<u8>),
    Remove,
    /// Removes all that has expired. Goes alone.
    Purge,
    /// Opens the file again. Goes alone.
    Recover,
}

/// For a put: whether it was kept. For a removal: whether there was something.
type Outcome = Result<bool, StoreError>;

pub(crate) struct Store {
    disk: Disk,
    index: Mutex<Index>,
    changes: Queue<Change, Outcome>,
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
        let prefix = format!("{owner}/");
        let index = load(&disk, &prefix, max_bytes, now_ms)?;
        let others = index.others();
        if others > 0 {
            tracing::info!(
                "the store also keeps {others} entries of another shared secret; a peer with that secret finds them, until they expire or their room is needed"
            );
        }
        Ok(Self { disk, index: Mutex::new(index), changes: Queue::new(), max_bytes, prefix })
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
        if self.is_older(&name, record.created_ms, now_ms) {
            return Ok(false);
        }
        let meta = Meta { size, created_ms: record.created_ms, expires_ms: record.expires_ms, seq: 0 };
        let packed = pack(&meta, &record.sealed);
        self.change(Change { name, now_ms, edit: Edit::Put(meta, packed) })
    }

    /// Removes an entry; answers whether there was one.
    pub(crate) fn remove(&self, key: &str, now_ms: u64) -> Result<bool, StoreError> {
        self.change(Change { name: self.name(key), now_ms, edit: Edit::Remove })
    }

    /// Removes what has expired.
    pub(crate) fn purge(&self, now_ms: u64) -> Result<(), StoreError> {
        self.change(Change { name: String::new(), now_ms, edit: Edit::Purge }).map(drop)
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
        self.change(Change { name: String::new(), now_ms, edit: Edit::Recover }).map(drop)
    }

    /// What it holds in all.
    pub(crate) fn totals(&self) -> Totals {
        self.index().totals()
    }

    /// Returns when the change is committed, with those that waited with it.
    fn change(&self, change: Change) -> Result<bool, StoreError> {
        let joins = |batch: &[Change], next: &Change| {
            let bytes: u64 = batch.iter().chain([next]).map(Change::size).sum();
            batch.len() < BATCH
                && bytes <= BATCH_BYTES.min(self.max_bytes)
                && !batch.iter().chain([next]).any(|c| matches!(c.edit, Edit::Purge | Edit::Recover))
                && !batch.iter().any(|c| c.name == next.name)
        };
        let commit = |batch: Vec<Change>| {
            let count = batch.len();
            let outcomes = match batch.first() {
                // Another one that waited before this has done it.
                Some(Change { edit: Edit::Recover, .. }) if self.trouble().is_none() => Ok(vec![Ok(false)]),
                Some(Change { edit: Edit::Recover, now_ms, .. }) => self.reopen(*now_ms).map(|()| vec![Ok(true)]),
                _ => self.commit(batch),
            };
            outcomes.unwrap_or_else(|error| vec![Err(error); count])
        };
        self.changes.carry(change, joins, commit).unwrap_or(Err(StoreError::Interrupted))
    }

    fn reopen(&self, now_ms: u64) -> Result<(), StoreError> {
        self.disk.reopen()?;
        let mut fresh = load(&self.disk, &self.prefix, self.max_bytes, now_ms)?;
        let mut index = self.index();
        fresh.count_on(&index);
        *index = fresh;
        Ok(())
    }

    /// One transaction for changes of different names, or for a purge alone.
    fn commit(&self, mut batch: Vec<Change>) -> Result<Vec<Outcome>, StoreError> {
        let now_ms = batch.iter().map(|c| c.now_ms).max().unwrap_or_default();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut leaving = Vec::new();
        {
            let index = self.index();
            let mut seq = index.next_seq();
            let mut arriving = Vec::new();
            for Change { name, now_ms, edit } in &mut batch {
                let done = match edit {
                    Edit::Put(meta, packed) => {
                        let kept = index.peek(name, *now_ms).is_none_or(|p| p.created_ms <= meta.created_ms);
                        if kept {
                            meta.seq = seq;
                            stamp(packed, seq);
                            seq += 1;
                            arriving.push((name.as_str(), meta.size));
                        }
                        kept
                    }
                    Edit::Remove => index.peek(name, *now_ms).is_some(),
                    Edit::Purge => {
                        leaving = index.expired(*now_ms);
                        !leaving.is_empty()
                    }
                    Edit::Recover => false,
                };
                outcomes.push(Ok(done));
            }
            leaving.extend(index.to_evict(&arriving, self.max_bytes, MAX_ENTRIES, now_ms));
        }
        let kept = |outcome: &Outcome| matches!(outcome, Ok(true));
        if leaving.is_empty() && !outcomes.iter().any(kept) {
            return Ok(outcomes);
        }
        self.disk.write(|transaction| {
            let mut table = transaction.open_table(ENTRIES).map_err(fault)?;
            for old in &leaving {
                table.remove(&**old).map_err(fault)?;
            }
            for (change, _) in batch.iter().zip(&outcomes).filter(|(_, outcome)| kept(outcome)) {
                let name = change.name.as_str();
                match &change.edit {
                    Edit::Put(_, packed) => drop(table.insert(name, packed.as_slice()).map_err(fault)?),
                    Edit::Remove => drop(table.remove(name).map_err(fault)?),
                    Edit::Purge | Edit::Recover => {}
                }
            }
            Ok(())
        })?;
        let mut index = self.index();
        for old in leaving {
            index.evict(&old, now_ms);
        }
        for (change, _) in batch.iter().zip(&outcomes).filter(|(_, outcome)| kept(outcome)) {
            match &change.edit {
                Edit::Put(meta, _) => index.insert(&change.name, *meta),
                Edit::Remove => index.remove(&change.name),
                Edit::Purge | Edit::Recover => {}
            }
        }
        Ok(outcomes)
    }

    fn is_older(&self, name: &str, created_ms: u64, now_ms: u64) -> bool {
        self.index().peek(name, now_ms).is_some_and(|present| present.created_ms > created_ms)
    }

    /// Live entries stored after `cursor`, in order, about `max_bytes` of them.
    pub(crate) fn since(&self, cursor: u64, max_bytes: u64, now_ms: u64) -> Result<Page, StoreError> {
        let (wanted, next, more) = self.index().after(cursor, max_bytes, now_ms);
        self.disk.read(|transaction| {
            let table = transaction.open_table(ENTRIES).map_err(fault)?;
            let mut entries = Vec::with_capacity(wanted.len());
            for name in wanted {
                let sealed =
                    table.get(&*name).map_err(fault)?.and_then(|v| v.value().get(HEADER..).map(<[u8]>::to_vec));
                let key = name.strip_prefix(&self.prefix).map(str::to_owned);
                entries.extend(key.zip(sealed));
            }
            Ok(Page { entries, next, more })
        })
    }

    /// The bytes of what [`Store::since`] would read; nothing is read for that.
    pub(crate) fn waiting(&self, cursor: u64, max_bytes: u64, now_ms: u64) -> u64 {
        let index = self.index();
        let (names, ..) = index.after(cursor, max_bytes, now_ms);
        names.iter().filter_map(|name| index.peek(name, now_ms)).map(|meta| meta.size).sum()
    }

    /// The cursor after which about `count` of the newest entries come.
    pub(crate) fn before_newest(&self, count: usize) -> u64 {
        self.index().before_newest(count)
    }

    /// What the owner has in it, and what made room since it was opened.
    pub(crate) fn usage(&self, now_ms: u64) -> Usage {
        self.index().usage(now_ms)
    }

    /// Makes reads and writes fail, until it recovers.
    #[cfg(test)]
    pub(crate) fn close_for_test(&self) {
        self.disk.close_for_test();
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

impl Change {
    fn size(&self) -> u64 {
        match &self.edit {
            Edit::Put(meta, _) => meta.size,
            Edit::Remove | Edit::Purge | Edit::Recover => 0,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is changed by code that does not panic halfway.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(Arc::new(error.into()))
}

fn pack(meta: &Meta, sealed: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + sealed.len());
    for number in [meta.created_ms, meta.expires_ms.unwrap_or(NEVER), meta.seq] {
        value.extend_from_slice(&number.to_be_bytes());
    }
    value.extend_from_slice(sealed);
    value
}

/// Writes the sequence number, known last, into what was packed.
fn stamp(packed: &mut [u8], seq: u64) {
    if let Some(place) = packed.get_mut(16..HEADER) {
        place.copy_from_slice(&seq.to_be_bytes());
    }
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

/// Removes what has expired or is beyond the bounds, and indexes the rest. A commit
/// even when there is nothing to remove: it shows that the file can be written.
fn load(disk: &Disk, prefix: &str, max_bytes: u64, now_ms: u64) -> Result<Index, StoreError> {
    disk.write(|transaction| {
        let mut index = Index::new(prefix.into());
        let mut table = transaction.open_table(ENTRIES).map_err(fault)?;
        for entry in table.iter().map_err(fault)? {
            let (key, value) = entry.map_err(fault)?;
            if let Some((meta, _)) = unpack(key.value(), value.value()) {
                index.insert(key.value(), meta);
            }
        }
        index.forget_recency();
        for pass in [index.expired(now_ms), index.to_evict(&[], max_bytes, MAX_ENTRIES, now_ms)] {
            for name in pass {
                table.remove(&*name).map_err(fault)?;
                index.evict(&name, now_ms);
            }
        }
        Ok(index)
    })
}

#[cfg(test)]
mod tests;

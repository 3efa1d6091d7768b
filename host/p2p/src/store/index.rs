use super::{Totals, Usage};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What is known of an entry without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) size: u64,
    pub(super) created_ms: u64,
    pub(super) expires_ms: Option<u64>,
    /// Grows with every put; the cursor of `since`.
    pub(super) seq: u64,
}

impl Meta {
    fn lives(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|end| end > now_ms)
    }
}

/// Sizes, ends, recency and order of the entries, in memory. About 300 bytes an
/// entry, its name apart, which all orders share.
pub(super) struct Index {
    metas: HashMap<Arc<str>, (Meta, u64)>,
    by_use: BTreeMap<u64, Arc<str>>,
    by_seq: BTreeMap<u64, Arc<str>>,
    /// Those that end, by their end and sequence number.
    by_end: BTreeMap<(u64, u64), Arc<str>>,
    bytes: u64,
    tick: u64,
    last_seq: u64,
    evictions: u64,
    expirations: u64,
    /// Before the names that belong to the owner.
    prefix: String,
    owned: (u64, u64),
}

impl Index {
    /// An empty one, for an owner whose names start with `prefix`.
    pub(super) fn new(prefix: String) -> Self {
        Self {
            metas: HashMap::new(),
            by_use: BTreeMap::new(),
            by_seq: BTreeMap::new(),
            by_end: BTreeMap::new(),
            bytes: 0,
            tick: 0,
            last_seq: 0,
            evictions: 0,
            expirations: 0,
            prefix,
            owned: (0, 0),
        }
    }

    pub(super) fn insert(&mut self, name: &str, meta: Meta) {
        self.remove(name);
        let shared: Arc<str> = name.into();
        self.tick += 1;
        self.last_seq = self.last_seq.max(meta.seq);
        self.bytes += meta.size;
        if name.starts_with(&self.prefix) {
            self.owned = (self.owned.0 + 1, self.owned.1 + meta.size);
        }
        self.by_use.insert(self.tick, Arc::clone(&shared));
        self.by_seq.insert(meta.seq, Arc::clone(&shared));
        if let Some(end) = meta.expires_ms {
            self.by_end.insert((end, meta.seq), Arc::clone(&shared));
        }
        self.metas.insert(shared, (meta, self.tick));
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some((meta, tick)) = self.metas.remove(name) {
            self.bytes -= meta.size;
            if name.starts_with(&self.prefix) {
                self.owned = (self.owned.0 - 1, self.owned.1 - meta.size);
            }
            self.by_use.remove(&tick);
            self.by_seq.remove(&meta.seq);
            if let Some(end) = meta.expires_ms {
                self.by_end.remove(&(end, meta.seq));
            }
        }
    }

    /// Removes an entry that makes room or has expired, and counts it as what it was.
    pub(super) fn evict(&mut self, name: &str, now_ms: u64) {
        match self.metas.get(name) {
            Some((meta, _)) if meta.lives(now_ms) => self.evictions += 1,
            Some(_) => self.expirations += 1,
            None => {}
        }
        self.remove(name);
    }

    /// Goes on counting where another index ended.
    pub(super) fn count_on(&mut self, from: &Self) {
        self.evictions += from.evictions;
        self.expirations += from.expirations;
        // Those who follow have seen these numbers.
        self.last_seq = self.last_seq.max(from.last_seq);
    }

    /// Everything that is kept, of every owner, dead or alive; and the counts.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            entries: self.metas.len() as u64,
            bytes: self.bytes,
            evictions: self.evictions,
            expired: self.expirations,
        }
    }

    /// Takes the order of storing for the order of use.
    pub(super) fn forget_recency(&mut self) {
        self.by_use = self.by_seq.clone();
        for (tick, name) in &self.by_use {
            if let Some((_, used)) = self.metas.get_mut(name) {
                *used = *tick;
            }
        }
        self.tick = self.last_seq;
    }

    pub(super) fn peek(&self, name: &str, now_ms: u64) -> Option<Meta> {
        self.metas.get(name).map(|(meta, _)| *meta).filter(|meta| meta.lives(now_ms))
    }

    /// As `peek`, and counts as use.
    pub(super) fn touch(&mut self, name: &str, now_ms: u64) -> Option<Meta> {
        let (meta, used) = self.metas.get_mut(name)?;
        if !meta.lives(now_ms) {
            return None;
        }
        self.tick += 1;
        if let Some(name) = self.by_use.remove(used) {
            self.by_use.insert(self.tick, name);
        }
        *used = self.tick;
        Some(*meta)
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.last_seq + 1
    }

    /// What has to go so that `arriving` entries, by name and size, fit in
    /// `max_bytes` and `max_entries`: expired ones first, then the least
    /// recently used, and none of those that are replaced.
    pub(super) fn to_evict(
        &self,
        arriving: &[(&str, u64)],
        max_bytes: u64,
        max_entries: u64,
        now_ms: u64,
    ) -> Vec<Arc<str>> {
        let replaced: Vec<u64> =
            arriving.iter().filter_map(|(name, _)| self.metas.get(*name)).map(|(meta, _)| meta.size).collect();
        let coming: u64 = arriving.iter().map(|(_, size)| size).sum();
        let mut bytes = (self.bytes - replaced.iter().sum::<u64>() + coming).saturating_sub(max_bytes);
        let count = self.metas.len() - replaced.len() + arriving.len();
        let mut entries = (count as u64).saturating_sub(max_entries);
        if bytes == 0 && entries == 0 {
            return Vec::new();
        }
        let mut staying: HashSet<&str> = arriving.iter().map(|(name, _)| *name).collect();
        let dead = self.by_end.range(..=(now_ms, u64::MAX)).map(|(_, name)| name);
        let mut leaving = Vec::new();
        for name in dead.chain(self.by_use.values()) {
            if bytes == 0 && entries == 0 {
                break;
            }
            // What leaves is not met a second time.
            if let Some((meta, _)) = self.metas.get(name)
                && staying.insert(name)
            {
                bytes = bytes.saturating_sub(meta.size);
                entries = entries.saturating_sub(1);
                leaving.push(Arc::clone(name));
            }
        }
        leaving
    }

    pub(super) fn expired(&self, now_ms: u64) -> Vec<Arc<str>> {
        self.by_end.range(..=(now_ms, u64::MAX)).map(|(_, name)| Arc::clone(name)).collect()
    }

    /// The owner's live entries put after `cursor`.
    pub(super) fn after(&self, cursor: u64, max_bytes: u64, now_ms: u64) -> (Vec<Arc<str>>, u64, bool) {
        let (mut names, mut next, mut taken) = (Vec::new(), cursor, 0);
        for (seq, name) in self.by_seq.range(cursor.saturating_add(1)..) {
            let Some(meta) = self.peek(name, now_ms).filter(|_| name.starts_with(&self.prefix)) else {
                next = *seq;
                continue;
            };
            if !names.is_empty() && taken + meta.size > max_bytes {
                return (names, next, true);
            }
            taken += meta.size;
            next = *seq;
            names.push(Arc::clone(name));
        }
        (names, next, false)
    }

    /// The cursor after which the `count` newest entries of all come.
    pub(super) fn before_newest(&self, count: usize) -> u64 {
        self.by_seq.keys().rev().nth(count).copied().unwrap_or_default()
    }

    /// Entries that are not the owner's.
    pub(super) fn others(&self) -> u64 {
        self.metas.len() as u64 - self.owned.0
    }

    pub(super) fn usage(&self, now_ms: u64) -> Usage {
        let dead = self.by_end.range(..=(now_ms, u64::MAX)).filter(|(_, name)| name.starts_with(&self.prefix));
        let sizes = dead.filter_map(|(_, name)| self.metas.get(name)).map(|(meta, _)| meta.size);
        let (entries, bytes) = sizes.fold(self.owned, |(n, b), size| (n - 1, b - size));
        Usage { entries, bytes, evictions: self.evictions }
    }
}

use super::{Totals, Usage};
use std::collections::{BTreeMap, HashMap};

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

/// Sizes, ends, recency and order of the entries, in memory.
#[derive(Default)]
pub(super) struct Index {
    metas: HashMap<String, (Meta, u64)>,
    by_use: BTreeMap<u64, String>,
    by_seq: BTreeMap<u64, String>,
    bytes: u64,
    tick: u64,
    last_seq: u64,
    evictions: u64,
    expirations: u64,
}

impl Index {
    pub(super) fn insert(&mut self, key: &str, meta: Meta) {
        self.remove(key);
        self.tick += 1;
        self.last_seq = self.last_seq.max(meta.seq);
        self.bytes += meta.size;
        self.by_use.insert(self.tick, key.into());
        self.by_seq.insert(meta.seq, key.into());
        self.metas.insert(key.into(), (meta, self.tick));
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Some((meta, tick)) = self.metas.remove(key) {
            self.bytes -= meta.size;
            self.by_use.remove(&tick);
            self.by_seq.remove(&meta.seq);
        }
    }

    /// Removes an entry that makes room or has expired, and counts it as what it was.
    pub(super) fn evict(&mut self, key: &str, now_ms: u64) {
        match self.metas.get(key) {
            Some((meta, _)) if meta.lives(now_ms) => self.evictions += 1,
            Some(_) => self.expirations += 1,
            None => {}
        }
        self.remove(key);
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
        for (tick, key) in &self.by_use {
            if let Some((_, used)) = self.metas.get_mut(key) {
                *used = *tick;
            }
        }
        self.tick = self.last_seq;
    }

    pub(super) fn peek(&self, key: &str, now_ms: u64) -> Option<Meta> {
        self.metas.get(key).map(|(meta, _)| *meta).filter(|meta| meta.lives(now_ms))
    }

    /// As `peek`, and counts as use.
    pub(super) fn touch(&mut self, key: &str, now_ms: u64) -> Option<Meta> {
        let (meta, used) = self.metas.get_mut(key)?;
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

    /// What has to go so that `size` bytes for `key` fit: expired entries
    /// first, then the least recently used.
    pub(super) fn to_evict(&self, key: &str, size: u64, max_bytes: u64, now_ms: u64) -> Vec<String> {
        let own = self.metas.get(key).map_or(0, |(meta, _)| meta.size);
        let mut excess = (self.bytes - own + size).saturating_sub(max_bytes);
        if excess == 0 {
            return Vec::new();
        }
        let mut leaving = Vec::new();
        for dead_first in [true, false] {
            for name in self.by_use.values() {
                if excess == 0 {
                    return leaving;
                }
                if let Some((meta, _)) = self.metas.get(name)
                    && name != key
                    && meta.lives(now_ms) != dead_first
                {
                    excess = excess.saturating_sub(meta.size);
                    leaving.push(name.clone());
                }
            }
        }
        leaving
    }

    pub(super) fn expired(&self, now_ms: u64) -> Vec<String> {
        self.metas.iter().filter(|(_, (meta, _))| !meta.lives(now_ms)).map(|(key, _)| key.clone()).collect()
    }

    /// Live entries whose names start with `prefix`, put after `cursor`.
    pub(super) fn after(&self, prefix: &str, cursor: u64, max_bytes: u64, now_ms: u64) -> (Vec<String>, u64, bool) {
        let (mut keys, mut next, mut taken) = (Vec::new(), cursor, 0);
        for (seq, key) in self.by_seq.range(cursor.saturating_add(1)..) {
            let Some(meta) = self.peek(key, now_ms).filter(|_| key.starts_with(prefix)) else {
                next = *seq;
                continue;
            };
            if !keys.is_empty() && taken + meta.size > max_bytes {
                return (keys, next, true);
            }
            taken += meta.size;
            next = *seq;
            keys.push(key.clone());
        }
        (keys, next, false)
    }

    /// The cursor after which the `count` newest entries of all come.
    pub(super) fn before_newest(&self, count: usize) -> u64 {
        self.by_seq.keys().rev().nth(count).copied().unwrap_or_default()
    }

    /// Live entries whose names do not start with `prefix`.
    pub(super) fn outside(&self, prefix: &str, now_ms: u64) -> usize {
        self.metas.iter().filter(|(name, (meta, _))| meta.lives(now_ms) && !name.starts_with(prefix)).count()
    }

    pub(super) fn usage(&self, prefix: &str, now_ms: u64) -> Usage {
        let live = self.metas.iter().filter(|(name, (meta, _))| meta.lives(now_ms) && name.starts_with(prefix));
        let (entries, bytes) = live.fold((0, 0), |(n, b), (_, (meta, _))| (n + 1, b + meta.size));
        Usage { entries, bytes, evictions: self.evictions }
    }
}

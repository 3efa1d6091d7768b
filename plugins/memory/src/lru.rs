use seaworthy_adapter_sdk::{CacheError, Entry, Life};

/// A stored value.
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) life: Life,
}

impl Stored {
    pub(crate) fn entry(&self, key: &str, now: u64) -> Entry {
        self.life.describe(Entry::new(key, Some(self.bytes.len() as u64)), now)
    }

    fn weight(&self, key: &str) -> u64 {
        let metadata: usize = self.metadata.iter().map(|(k, v)| k.len() + v.len()).sum();
        (key.len() + self.bytes.len() + metadata) as u64
    }
}

struct Slot {
    key: String,
    stored: Stored,
    /// Moment of the last use.
    used: u64,
}

/// A map with a bound on its entries and on its bytes. Expired values go first,
/// then the least recently used.
///
/// One vector sorted by key: with a thousand small entries that is as fast as any
/// map, a fraction of the code, and needs no randomness from the host.
pub(crate) struct Lru {
    max_entries: u64,
    max_bytes: u64,
    bytes: u64,
    /// The next moment of use.
    tick: u64,
    slots: Vec<Slot>,
}

impl Lru {
    pub(crate) fn new(max_entries: u64, max_bytes: u64) -> Self {
        Self { max_entries, max_bytes, bytes: 0, tick: 0, slots: Vec::new() }
    }

    /// The value of `key`, which counts as a use. An expired one is removed.
    pub(crate) fn get(&mut self, key: &str, now: u64) -> Option<&Stored> {
        let at = self.find(key).ok()?;
        if self.slots.get(at)?.stored.life.is_over(now) {
            self.remove(key);
            return None;
        }
        let slot = self.slots.get_mut(at)?;
        slot.used = self.tick;
        self.tick += 1;
        Some(&slot.stored)
    }

    /// The value of `key`, which does not count as a use.
    pub(crate) fn peek(&self, key: &str, now: u64) -> Option<&Stored> {
        let slot = self.slots.get(self.find(key).ok()?)?;
        (!slot.stored.life.is_over(now)).then_some(&slot.stored)
    }

    /// Stores a value and makes room for it.
    ///
    /// *Errors*: `too-large` when it does not fit alone; what was stored stays.
    pub(crate) fn put(&mut self, key: &str, stored: Stored, now: u64) -> Result<(), CacheError> {
        let weight = stored.weight(key);
        if weight > self.max_bytes {
            let message =
                format!("the value weighs {weight} bytes, `max-bytes` allows {} in all; raise it", self.max_bytes);
            return Err(CacheError::too_large("put", message).with("max-value-bytes", self.max_bytes.to_string()));
        }
        self.remove(key);
        if self.is_over_full(weight) {
            self.slots.retain(|slot| !slot.stored.life.is_over(now));
            self.bytes = self.slots.iter().map(|slot| slot.stored.weight(&slot.key)).sum();
        }
        while self.is_over_full(weight) {
            let oldest = self.slots.iter().enumerate().min_by_key(|(_, slot)| slot.used).map(|(at, _)| at);
            let Some(oldest) = oldest else { break };
            self.remove_at(oldest);
        }
        self.bytes += weight;
        let at = self.find(key).unwrap_or_else(|at| at);
        self.slots.insert(at, Slot { key: key.into(), stored, used: self.tick });
        self.tick += 1;
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if let Ok(at) = self.find(key) {
            self.remove_at(at);
        }
    }

    /// The values whose keys begin with `prefix`, in the order of the keys.
    pub(crate) fn list(&self, prefix: &str, now: u64) -> impl Iterator<Item = (&str, &Stored)> {
        let first = self.find(prefix).unwrap_or_else(|at| at);
        let slots = self.slots.get(first..).unwrap_or_default().iter();
        slots
            .take_while(move |slot| slot.key.starts_with(prefix))
            .filter(move |slot| !slot.stored.life.is_over(now))
            .map(|slot| (slot.key.as_str(), &slot.stored))
    }

    /// Where `key` is, or would be.
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.slots.binary_search_by(|slot| slot.key.as_str().cmp(key))
    }

    fn remove_at(&mut self, at: usize) {
        let slot = self.slots.remove(at);
        self.bytes -= slot.stored.weight(&slot.key);
    }

    fn is_over_full(&self, further: u64) -> bool {
        self.slots.len() as u64 + 1 > self.max_entries || self.bytes + further > self.max_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8], deadline: Option<u64>) -> Stored {
        Stored { bytes: bytes.to_vec(), metadata: Vec::new(), life: Life { created: 1, deadline } }
    }

    fn keys(lru: &Lru, now: u64) -> Vec<&str> {
        lru.list("", now).map(|(key, _)| key).collect()
    }

    /// The bookkeeping agrees with the values.
    fn check(lru: &Lru) {
        assert_eq!(lru.bytes, lru.slots.iter().map(|slot| slot.stored.weight(&slot.key)).sum::<u64>());
        assert!(lru.slots.is_sorted_by(|a, b| a.key < b.key));
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(3, 1000);
        for key in ["a", "b", "c"] {
            lru.put(key, value(b"1", None), 0).unwrap();
        }
        lru.get("a", 0).unwrap();
        lru.peek("b", 0).unwrap();
        lru.put("d", value(b"1", None), 0).unwrap();
        assert_eq!(keys(&lru, 0), ["a", "c", "d"], "a look at b is no use of it");
        lru.put("c", value(b"2", None), 0).unwrap();
        lru.put("e", value(b"1", None), 0).unwrap();
        assert_eq!(keys(&lru, 0), ["c", "d", "e"]);
        check(&lru);
    }

    #[test]
    fn bytes_are_bounded() {
        let mut lru = Lru::new(100, 10);
        lru.put("a", value(b"123", None), 0).unwrap();
        lru.put("b", value(b"123", None), 0).unwrap();
        lru.put("c", value(b"123", None), 0).unwrap();
        assert_eq!(keys(&lru, 0), ["b", "c"]);
        assert_eq!(lru.put("b", value(b"1234567890", None), 0).unwrap_err().kind, "too-large");
        assert_eq!(lru.peek("b", 0).unwrap().bytes, b"123", "a refused value leaves the old one");
        lru.put("b", value(b"123456789", None), 0).unwrap();
        assert_eq!(keys(&lru, 0), ["b"], "exactly full");
        check(&lru);
    }

    #[test]
    fn an_expired_value_is_gone_and_makes_room_first() {
        let mut lru = Lru::new(2, 1000);
        lru.put("old", value(b"1", None), 0).unwrap();
        lru.put("short", value(b"1", Some(10)), 0).unwrap();
        assert!(lru.get("short", 9).is_some());
        assert!(lru.peek("short", 10).is_none());
        assert_eq!(keys(&lru, 10), ["old"]);
        lru.put("new", value(b"1", None), 10).unwrap();
        assert_eq!(keys(&lru, 10), ["new", "old"], "the expired one went, not the least recently used");
        lru.put("new", value(b"1", Some(20)), 10).unwrap();
        assert!(lru.get("new", 20).is_none());
        assert_eq!(lru.slots.len(), 1);
        check(&lru);
    }

    #[test]
    fn a_list_takes_the_prefix_literally() {
        let mut lru = Lru::new(10, 1000);
        for key in ["a/1", "a/2", "ab", "b", "a"] {
            lru.put(key, value(b"", None), 0).unwrap();
        }
        assert_eq!(lru.list("a/", 0).map(|(key, _)| key).collect::<Vec<_>>(), ["a/1", "a/2"]);
        lru.remove("a/1");
        lru.remove("a/1");
        assert_eq!(keys(&lru, 0), ["a", "a/2", "ab", "b"]);
        check(&lru);
    }
}

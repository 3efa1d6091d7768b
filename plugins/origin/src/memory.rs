use origin_client::{Validators, Value};
use std::collections::BTreeMap;

/// Values that are remembered.
const MOST_ENTRIES: usize = 256;
/// Bytes of them, keys and metadata included.
const MOST_BYTES: usize = 8 << 20;

/// A value and what it can be confirmed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) validators: Validators,
    used: u64,
}

/// The values that an instance read, for the API to confirm. The least recently used
/// go first.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    values: BTreeMap<String, Remembered>,
    bytes: usize,
    clock: u64,
}

impl Memory {
    pub(crate) fn get(&mut self, key: &str) -> Option<&Remembered> {
        self.clock += 1;
        let clock = self.clock;
        self.values.get_mut(key).map(|value| {
            value.used = clock;
            &*value
        })
    }

    /// Remembers a value, when there is something to confirm it by and it fits.
    pub(crate) fn put(&mut self, key: &str, bytes: &[u8], value: &Value) {
        self.remove(key);
        self.clock += 1;
        let remembered = Remembered {
            bytes: bytes.to_vec(),
            metadata: value.metadata.clone(),
            validators: value.validators.clone(),
            used: self.clock,
        };
        let size = size(key, &remembered);
        if value.validators.is_empty() || size > MOST_BYTES / 4 {
            return;
        }
        while self.values.len() >= MOST_ENTRIES || self.bytes + size > MOST_BYTES {
            let Some(oldest) = self.values.iter().min_by_key(|(_, value)| value.used).map(|(key, _)| key.clone())
            else {
                break;
            };
            self.remove(&oldest);
        }
        self.bytes += size;
        self.values.insert(key.to_owned(), remembered);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(value) = self.values.remove(key) {
            self.bytes -= size(key, &value);
        }
    }
}

fn size(key: &str, value: &Remembered) -> usize {
    key.len() + value.bytes.len() + value.metadata.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use origin_client::Freshness;

    fn value(etag: Option<&str>) -> Value {
        Value {
            metadata: vec![("etag".into(), "x".into())],
            validators: Validators { etag: etag.map(str::to_owned), last_modified: None },
            freshness: Freshness { left_ms: 0, restricted: false, explicit: false },
        }
    }

    #[test]
    fn what_can_be_confirmed_is_remembered() {
        let mut memory = Memory::default();
        memory.put("a", b"1", &value(Some("\"x\"")));
        memory.put("b", b"2", &value(None));
        assert_eq!(memory.get("a").unwrap().bytes, b"1");
        assert_eq!(memory.get("b"), None);
        memory.put("a", b"22", &value(Some("\"y\"")));
        assert_eq!(memory.bytes, 1 + 2 + 5);
        memory.remove("a");
        assert_eq!(memory.get("a"), None);
        assert_eq!(memory.bytes, 0);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut memory = Memory::default();
        memory.put("first", b"1", &value(Some("e")));
        for n in 0..2 * MOST_ENTRIES {
            memory.put(&format!("k{n}"), b"x", &value(Some("e")));
            assert!(memory.get("first").is_some());
        }
        assert_eq!(memory.values.len(), MOST_ENTRIES);
        for n in 0..20 {
            memory.put(&format!("large{n}"), &vec![0; 1 << 20], &value(Some("e")));
        }
        assert!(memory.bytes <= MOST_BYTES && memory.values.len() >= 7);
        memory.put("too large", &vec![0; MOST_BYTES], &value(Some("e")));
        assert_eq!(memory.get("too large"), None);
    }
}

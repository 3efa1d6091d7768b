//! Cache adapter component: a bounded cache in memory.
//!
//! It is gone with the run. As the first tier it answers what was asked before;
//! on its own it shows that everything but the shared cache works. Asks for no
//! grant.

mod lru;

use lru::{Lru, Stored};
use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, now_ms};

seaworthy_adapter_sdk::descriptor!();

const DEFAULT_MAX_ENTRIES: u64 = 1024;
const DEFAULT_MAX_BYTES: u64 = 16 * 1024 * 1024;

struct Memory {
    values: Lru,
    default_ttl: Option<u64>,
}

impl Adapter for Memory {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let max_entries = config.number("max-entries")?.unwrap_or(DEFAULT_MAX_ENTRIES);
        let max_bytes = config.number("max-bytes")?.unwrap_or(DEFAULT_MAX_BYTES);
        let memory = Self { values: Lru::new(max_entries, max_bytes), default_ttl: config.seconds("default-ttl")? };
        let capability = Capability::of(&["get", "put", "stat", "invalidate", "list"])
            .with_property("private")
            .with_property("expiring")
            .with_limit("max-value-bytes", max_bytes)
            .with_limit("max-entries", max_entries);
        Ok((memory, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let now = now_ms();
        Ok(self.values.get(key, now).map(|stored| Blob {
            bytes: stored.bytes.clone(),
            created: stored.life.created,
            ttl: stored.life.ttl(now),
            metadata: stored.metadata.clone(),
        }))
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        let now = now_ms();
        let life = Life::starting(now, value.created, value.ttl, self.default_ttl)?;
        self.values.put(key, Stored { bytes: value.bytes, metadata: value.metadata, life }, now)
    }

    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let now = now_ms();
        Ok(self.values.peek(key, now).map(|stored| stored.entry(key, now)))
    }

    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        self.values.remove(key);
        Ok(())
    }

    fn list(&mut self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        let now = now_ms();
        Ok(self.values.list(prefix, now).take(limit as usize).map(|(key, stored)| stored.entry(key, now)).collect())
    }
}

seaworthy_adapter_sdk::export_adapter!(Memory);

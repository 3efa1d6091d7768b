//! Cache adapter: Bazel's HTTP cache.
//!
//! A value with its life and metadata is a record below /cas, named by what it hashes to.
//! Below /ac, under what the key hashes to, an entry names it: a cache may evict either,
//! and then there is nothing. Whatever is read is hashed again.
//!
//! It keeps nothing between calls but its settings.

mod cache;
mod entry;

use cache::{Cache, Half};
use entry::{Entry as Stored, Pointer};
use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, Record, now_ms};
use sha2::{Digest as _, Sha256};

seaworthy_adapter_sdk::descriptor!();

const MAGIC: [u8; 4] = *b"SWB\x01";
const MOST_VALUE: u64 = 16 << 20;
/// Beside the value a record has its metadata.
const MOST_RECORD: u64 = MOST_VALUE + (1 << 20);

struct BazelHttp {
    cache: Cache,
    default_ttl: Option<u64>,
    most_value: u64,
}

impl Adapter for BazelHttp {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    /// *Behaviour*: asks for an entry that nobody stores, so that a cache that refuses is
    /// noticed here.
    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let cache = Cache::read(config)?;
        let most_value = config.number("max-value-bytes")?.unwrap_or(MOST_VALUE).min(MOST_VALUE);
        cache.entry("open", &name(""))?;
        let capability = Capability::of(&["get", "put", "stat", "invalidate"])
            .with_property("concurrent")
            .with_property("content-addressed")
            .with_property("expiring")
            .with_property("shared")
            .with_limit("max-value-bytes", most_value);
        Ok((Self { cache, default_ttl: config.seconds("default-ttl")?, most_value }, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let now = now_ms();
        let Some(pointer) = self.current("get", key, now)? else { return Ok(None) };
        let most = pointer.length.min(MOST_RECORD);
        let Some(bytes) = self.cache.get("get", Half::Cas, &pointer.hash, most)? else { return Ok(None) };
        if hex(&Sha256::digest(&bytes)) != pointer.hash {
            return Err(damaged("get", "the value is not the one that was stored"));
        }
        let record = Record::unseal(MAGIC, key, bytes).ok_or_else(|| damaged("get", "the value is another key's"))?;
        Ok(Some(Blob {
            bytes: record.bytes,
            created: record.life.created,
            ttl: record.life.ttl(now),
            metadata: record.metadata,
        }))
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        let size = value.bytes.len() as u64;
        if size > self.most_value {
            let most = self.most_value.to_string();
            let message = format!("the value has {size} bytes, and this tier takes at most {most}");
            return Err(CacheError::too_large("put", message).with("max-value-bytes", most));
        }
        let life = Life::starting(now_ms(), value.created, value.ttl, self.default_ttl)?;
        let record = Record { life, metadata: value.metadata, bytes: value.bytes }.seal(MAGIC, key)?;
        let length = record.len() as u64;
        if length > MOST_RECORD {
            return Err(CacheError::too_large("put", "the metadata is longer than 1 MiB"));
        }
        let pointer = Pointer { hash: hex(&Sha256::digest(&record)), length, size, life };
        // The value first: an entry never leads to what is not there yet.
        self.cache.put("put", Half::Cas, &pointer.hash, record)?;
        self.cache.put("put", Half::Ac, &name(key), Stored::Value(pointer).encode())
    }

    /// *Behaviour*: the cache is asked for the value too, as it may have made room.
    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let now = now_ms();
        let Some(pointer) = self.current("stat", key, now)? else { return Ok(None) };
        if !self.cache.has("stat", Half::Cas, &pointer.hash)? {
            return Ok(None);
        }
        let entry = pointer.life.describe(Entry::new(key, Some(pointer.size)), now);
        Ok(Some(entry.with("sha256", pointer.hash)))
    }

    /// *Behaviour*: such caches do not delete, so an entry is put over it that says so.
    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        match self.cache.entry("invalidate", &name(key))? {
            None => Ok(()),
            Some(bytes) if Stored::decode(&bytes) == Some(Stored::Removed) => Ok(()),
            Some(_) => self.cache.put("invalidate", Half::Ac, &name(key), Stored::Removed.encode()),
        }
    }
}

impl BazelHttp {
    /// What leads to the value of a key, if that lives.
    fn current(&self, operation: &str, key: &str, now: u64) -> Result<Option<Pointer>, CacheError> {
        let Some(bytes) = self.cache.entry(operation, &name(key))? else { return Ok(None) };
        let pointer = match Stored::decode(&bytes) {
            Some(Stored::Value(pointer)) => pointer,
            Some(Stored::Removed) => return Ok(None),
            None => return Err(damaged(operation, "what the cache has for the key is no entry of seaworthy")),
        };
        pointer.life.check_clock(operation, now)?;
        Ok((!pointer.life.is_over(now)).then_some(pointer))
    }
}

seaworthy_adapter_sdk::export_adapter!(BazelHttp);

/// The name of a key's entry. The prefix keeps it apart from those of real actions.
fn name(key: &str) -> String {
    hex(&Sha256::new().chain_update(b"seaworthy bazel-http\0").chain_update(key).finalize())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn damaged(operation: &str, what: &str) -> CacheError {
    CacheError::integrity(operation, [what, "; store it again, and do not trust this cache"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashes_of_keys() {
        // printf 'seaworthy bazel-http\0key' | sha256sum
        assert_eq!(name("key"), "faa5ec074d7eecd81c7cd544635c56e563e698bcecd8275cfd981843efe14ab9");
        assert_ne!(name("key"), name("other"));
        assert_eq!(hex(&[0x00, 0xff, 0x1a]), "00ff1a");
    }
}

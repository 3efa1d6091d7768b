//! Cache adapter: a container registry.
//!
//! A value with its life and metadata is a record, stored as a blob. A manifest of its own
//! names it, so that a registry's garbage collection keeps it, and the manifest's tag is
//! what the key hashes to. Whatever is read is hashed again.
//!
//! It keeps nothing between calls but its settings.

mod manifest;
mod registry;

use manifest::{EMPTY, Manifest, Pointer};
use registry::Registry;
use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, Record, now_ms};
use sha2::{Digest as _, Sha256};

seaworthy_adapter_sdk::descriptor!();

const MAGIC: [u8; 4] = *b"SWO\x01";
const MOST_VALUE: u64 = 16 << 20;
/// Beside the value a record has its metadata.
const MOST_RECORD: u64 = MOST_VALUE + (1 << 20);

struct OciRegistry {
    registry: Registry,
    default_ttl: Option<u64>,
    most_value: u64,
}

impl Adapter for OciRegistry {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let registry = Registry::read(config)?;
        let most_value = config.number("max-value-bytes")?.unwrap_or(MOST_VALUE).min(MOST_VALUE);
        registry.hello("open")?;
        let capability = Capability::of(&["get", "put", "stat", "invalidate"])
            .with_property("concurrent")
            .with_property("content-addressed")
            .with_property("durable")
            .with_property("expiring")
            .with_property("shared")
            .with_limit("max-value-bytes", most_value);
        Ok((Self { registry, default_ttl: config.seconds("default-ttl")?, most_value }, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let now = now_ms();
        let Some(pointer) = self.current("get", key, now)? else { return Ok(None) };
        let most = pointer.length.min(MOST_RECORD);
        let Some(bytes) = self.registry.blob("get", &pointer.digest, most)? else { return Ok(None) };
        if digest(&bytes) != pointer.digest {
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
        let pointer = Pointer { digest: digest(&record), length, size, life };
        // The value first: a registry refuses manifests that name what is not there.
        self.registry.put_blob("put", &pointer.digest, record)?;
        self.store("put", key, &Manifest::Value(pointer))
    }

    /// *Behaviour*: the registry is asked for the value too.
    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let now = now_ms();
        let Some(pointer) = self.current("stat", key, now)? else { return Ok(None) };
        if !self.registry.has_blob("stat", &pointer.digest)? {
            return Ok(None);
        }
        let entry = pointer.life.describe(Entry::new(key, Some(pointer.size)), now);
        Ok(Some(entry.with("digest", pointer.digest)))
    }

    /// *Behaviour*: the manifest is deleted; where deleting is switched off, as it is in
    /// many registries, one is put over it that says so.
    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        let Some(found) = self.registry.manifest("invalidate", &tag(key))? else { return Ok(()) };
        if Manifest::decode(&found.body) == Some(Manifest::Removed) {
            return Ok(());
        }
        let manifest = found.digest.unwrap_or_else(|| digest(&found.body));
        if self.registry.delete_manifest("invalidate", &manifest)? {
            return Ok(());
        }
        self.store("invalidate", key, &Manifest::Removed)
    }
}

impl OciRegistry {
    /// What leads to the value of a key, if that lives.
    fn current(&self, operation: &str, key: &str, now: u64) -> Result<Option<Pointer>, CacheError> {
        let Some(found) = self.registry.manifest(operation, &tag(key))? else { return Ok(None) };
        let pointer = match Manifest::decode(&found.body) {
            Some(Manifest::Value(pointer)) => pointer,
            Some(Manifest::Removed) => return Ok(None),
            None => return Err(damaged(operation, "what the tag of the key leads to is no value of seaworthy")),
        };
        pointer.life.check_clock(operation, now)?;
        Ok((!pointer.life.is_over(now)).then_some(pointer))
    }

    fn store(&self, operation: &str, key: &str, manifest: &Manifest) -> Result<(), CacheError> {
        let empty = digest(EMPTY);
        if !self.registry.has_blob(operation, &empty)? {
            self.registry.put_blob(operation, &empty, EMPTY.to_vec())?;
        }
        self.registry.put_manifest(operation, &tag(key), manifest.encode(&empty))
    }
}

seaworthy_adapter_sdk::export_adapter!(OciRegistry);

/// The tag of a key: tags take few characters, and keys any.
fn tag(key: &str) -> String {
    ["sw-", &hex(&Sha256::digest(key.as_bytes()))].concat()
}

fn digest(bytes: &[u8]) -> String {
    ["sha256:", &hex(&Sha256::digest(bytes))].concat()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn damaged(operation: &str, what: &str) -> CacheError {
    CacheError::integrity(operation, [what, "; store it again, and do not trust this registry"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests_are_hashes() {
        // printf key | sha256sum
        assert_eq!(tag("key"), "sw-2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683");
        // The digest of an empty object, as OCI has it.
        assert_eq!(digest(EMPTY), "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    }
}

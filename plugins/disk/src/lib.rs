//! Cache adapter component: a directory on this machine.
//!
//! The host keeps the files (WIT `cache/storage`); this adapter gives them a life
//! and a digest, so that a damaged value is an `integrity` error and an expired
//! one a miss.

mod record;

use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, Record, now_ms, storage};

seaworthy_adapter_sdk::descriptor!();

/// Bytes of a value at most: the host hands no more over at once.
const MAX_VALUE_BYTES: u64 = 32 << 20;

struct Disk {
    default_ttl: Option<u64>,
}

impl Adapter for Disk {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let default_ttl = config.seconds("default-ttl")?;
        storage::open(config.required("directory")?)?;
        let capability = Capability::of(&["get", "put", "stat", "invalidate", "list"])
            .with_property("private")
            .with_property("durable")
            .with_property("expiring")
            .with_property("concurrent")
            .with_limit("max-value-bytes", MAX_VALUE_BYTES);
        Ok((Self { default_ttl }, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let now = now_ms();
        Ok(read("get", key, now)?.map(|record| Blob {
            bytes: record.bytes,
            created: record.life.created,
            ttl: record.life.ttl(now),
            metadata: record.metadata,
        }))
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        if value.bytes.len() as u64 > MAX_VALUE_BYTES {
            let message = format!("the value has {} bytes, and this tier takes {MAX_VALUE_BYTES}", value.bytes.len());
            return Err(CacheError::too_large("put", message).with("max-value-bytes", MAX_VALUE_BYTES.to_string()));
        }
        let life = Life::starting(now_ms(), value.created, value.ttl, self.default_ttl)?;
        let record = Record { life, metadata: value.metadata, bytes: value.bytes };
        storage::put(key, &record::encode(key, &record)?)
    }

    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let now = now_ms();
        Ok(read("stat", key, now)?.map(|record| record.entry(key, now)))
    }

    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        storage::delete(key)
    }

    /// *Behaviour*: expired values are removed and not named; a damaged one is named
    /// with `state` = `damaged`, as it takes up its key until it is removed.
    fn list(&mut self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        let now = now_ms();
        loop {
            let mut entries = Vec::new();
            let mut gone = false;
            for key in storage::list(prefix, limit)? {
                match read("list", &key, now) {
                    Ok(Some(record)) => entries.push(record.entry(&key, now)),
                    Ok(None) => gone = true,
                    Err(error) if error.kind == "integrity" => {
                        entries.push(Entry::new(key, None).with("state", "damaged"));
                    }
                    Err(error) => return Err(error),
                }
            }
            // What went made room within the limit. Each round removes something,
            // so this ends.
            if !gone || entries.len() >= limit as usize {
                return Ok(entries);
            }
        }
    }
}

/// The record of `key`. An expired one is removed, and is a miss.
fn read(operation: &str, key: &str, now: u64) -> Result<Option<Record>, CacheError> {
    let Some(file) = storage::get(key).map_err(|error| error.during(operation))? else { return Ok(None) };
    let record = record::decode(operation, key, file)?;
    record.life.check_clock(operation, now)?;
    if record.life.is_over(now) {
        storage::delete(key).map_err(|error| error.during(operation))?;
        return Ok(None);
    }
    Ok(Some(record))
}

seaworthy_adapter_sdk::export_adapter!(Disk);

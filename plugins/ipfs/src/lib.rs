//! Cache adapter component: an IPFS node, Kubo, over its RPC.
//!
//! A value is a record named by what it hashes to; an index leads from its key to that
//! CID. The index is the node's MFS, so that everybody who uses the node shares it, or a
//! directory of this machine. What the index names is kept by the node: MFS refers to it,
//! or it is pinned. Whatever is read is hashed again.
//!
//! It keeps nothing between calls but what `open` found.

mod config;
mod error;
mod index;
mod node;
mod pointer;
mod record;
mod remote;

use config::{MOST_KEY, Settings};
use index::Index;
use ipfs_client::content;
use node::{MOST_RECORD, Node};
use pointer::Pointer;
use remote::Remote;
use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, Record, now_ms};

seaworthy_adapter_sdk::descriptor!();

/// Keys that are looked at for one list.
const MOST_LISTED: u32 = 1_000_000;

struct Ipfs {
    node: Node,
    index: Index,
    remote: Option<Remote>,
    default_ttl: Option<u64>,
    most_value: u64,
    writable: bool,
}

impl Adapter for Ipfs {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let settings = Settings::read(config)?;
        let node = Node::open(&settings)?;
        let (index, writable) =
            Index::open(&settings.keys, &node).map_err(|error| error.with("address", node.address().base()))?;
        let remote = settings.pinning.map(|service| Remote::open(service, settings.timeout, &node));
        let operations: &[&str] =
            if writable { &["get", "put", "stat", "invalidate", "list"] } else { &["get", "stat", "list"] };
        let mut capability = Capability::of(operations)
            .with_property("concurrent")
            .with_property("content-addressed")
            .with_property("durable")
            .with_property("expiring")
            .with_property(if index.is_shared() { "shared" } else { "private" })
            .with_limit("max-value-bytes", settings.most_value)
            .with_limit("max-key-bytes", MOST_KEY as u64);
        if !index.is_shared() {
            capability = capability.with_property("local-index");
        }
        if !writable {
            capability = capability.with_property("read-only");
        }
        let (default_ttl, most_value) = (settings.default_ttl, settings.most_value);
        Ok((Self { node, index, remote, default_ttl, most_value, writable }, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let now = now_ms();
        let Some(pointer) = self.current("get", key, now)? else { return Ok(None) };
        let (pointer, record) = match self.node.content(&pointer) {
            // Between the index and the content another runner may have stored a newer
            // value, and the node have let go of this one.
            Err(trouble) if trouble.is_without_blocks() => match self.current("get", key, now)? {
                Some(newer) if newer != pointer => {
                    let record = self.node.content(&newer).map_err(|t| t.error("get", "cat"))?;
                    (newer, record)
                }
                Some(_) => return Err(trouble.error("get", "cat").with("cid", pointer.cid.to_string())),
                None => return Ok(None),
            },
            Err(trouble) => return Err(trouble.error("get", "cat").with("cid", pointer.cid.to_string())),
            Ok(record) => (pointer, record),
        };
        let record = checked(key, &pointer, record)?;
        record.life.check_clock("get", now)?;
        if record.life.is_over(now) {
            return Ok(None);
        }
        Ok(Some(Blob {
            bytes: record.bytes,
            created: record.life.created,
            ttl: record.life.ttl(now),
            metadata: record.metadata,
        }))
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        if !self.writable {
            return Err(read_only("put"));
        }
        let now = now_ms();
        let size = value.bytes.len() as u64;
        if size > self.most_value {
            return Err(too_large("value", size, "max-value-bytes", self.most_value));
        }
        if key.len() > MOST_KEY {
            return Err(too_large("key", key.len() as u64, "max-key-bytes", MOST_KEY as u64));
        }
        let life = Life::starting(now, value.created, value.ttl, self.default_ttl)?;
        let record = record::encode(key, &Record { life, metadata: value.metadata, bytes: value.bytes })?;
        let length = record.len() as u64;
        if length > MOST_RECORD {
            return Err(too_large("value with its metadata", length, "max-record-bytes", MOST_RECORD));
        }
        let cid = content::root(&record).ok_or_else(|| too_large("value", size, "max-value-bytes", self.most_value))?;
        let standing = self.index.standing(&self.node, key)?;
        if let Some(stat) = &standing.repository
            && stat.percent().is_some()
            && stat.repo_size.saturating_add(length) > stat.storage_max
        {
            let message = format!(
                "the node's repository has {} bytes and its owner allows {}; collect garbage with `ipfs repo gc`, or raise Datastore.StorageMax",
                stat.repo_size, stat.storage_max
            );
            return Err(CacheError::new("no-space", "persistent", "put", message).with("command", "repo/stat"));
        }
        // The clocks of two runners may differ: what is stored later is the newer one all the same.
        let version = standing.pointers.first().map_or(now, |newest| now.max(newest.version.saturating_add(1)));
        let pointer = Pointer { version, life, size, length, cid };
        self.index.put(&self.node, key, &pointer, record, &standing)?;
        if let Some(remote) = &self.remote {
            remote.keep(&self.node, &cid);
            standing.pointers.iter().filter(|old| old.cid != cid).for_each(|old| remote.release(&old.cid));
        }
        Ok(())
    }

    /// *Behaviour*: that a value is there is only said when the node says so: MFS is the
    /// node's own, and with an index of this machine it is asked for the first byte. With
    /// a pinning service, what that says of it too.
    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let now = now_ms();
        let Some(pointer) = self.current("stat", key, now)? else { return Ok(None) };
        if !self.index.is_shared() {
            let first = self.node.begins(&pointer);
            first.map_err(|trouble| trouble.error("stat", "cat").with("cid", pointer.cid.to_string()))?;
        }
        let entry = pointer.entry(key, now);
        let Some(remote) = &self.remote else { return Ok(Some(entry)) };
        Ok(Some(remote.state(&pointer.cid).into_iter().fold(entry, |entry, (name, value)| entry.with(name, value))))
    }

    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        if !self.writable {
            return Err(read_only("invalidate"));
        }
        let pointers = self.index.find(&self.node, "invalidate", key).or_else(|error| {
            // A key whose file is damaged can be removed, though not what it led to.
            if error.kind == "integrity" { self.index.forget(key).map(|()| Vec::new()) } else { Err(error) }
        })?;
        self.index.remove(&self.node, "invalidate", key, &pointers)?;
        if let Some(remote) = &self.remote {
            pointers.iter().for_each(|pointer| remote.release(&pointer.cid));
        }
        Ok(())
    }

    fn list(&mut self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        let now = now_ms();
        let all = self.index.list(&self.node, prefix, MOST_LISTED)?;
        let living =
            all.iter().filter(|(_, pointer)| pointer.as_ref().is_none_or(|pointer| !pointer.life.is_over(now)));
        let entry = |(key, pointer): (&String, &Option<Pointer>)| match pointer {
            Some(pointer) => pointer.entry(key, now),
            None => Entry::new(key, None).with("state", "damaged"),
        };
        Ok(living.take(limit as usize).map(entry).collect())
    }
}

impl Ipfs {
    /// The pointer of a key whose value lives. An expired one is removed, where that is allowed.
    fn current(&self, operation: &str, key: &str, now: u64) -> Result<Option<Pointer>, CacheError> {
        let pointers = self.index.find(&self.node, operation, key)?;
        let Some(newest) = pointers.first() else { return Ok(None) };
        newest.life.check_clock(operation, now)?;
        if newest.life.is_over(now) {
            // It is a miss whether or not this succeeds.
            if self.writable && self.index.remove(&self.node, operation, key, &pointers).is_ok() {
                self.remote.iter().for_each(|remote| remote.release(&newest.cid));
            }
            return Ok(None);
        }
        Ok(Some(newest.clone()))
    }
}

/// The record, if it is what the index names.
fn checked(key: &str, pointer: &Pointer, bytes: Vec<u8>) -> Result<Record, CacheError> {
    if content::root(&bytes) != Some(pointer.cid) {
        let message = format!(
            "the node answered with bytes that are not those of {}; store the value again, and do not trust this node",
            pointer.cid
        );
        return Err(CacheError::integrity("get", message).with("reason", "cid").with("cid", pointer.cid.to_string()));
    }
    record::decode(key, bytes)
}

fn read_only(operation: &str) -> CacheError {
    let message =
        "these credentials may only read; add /api/v0/add, /api/v0/files and /api/v0/pin to their `AllowedPaths`";
    CacheError::unsupported(operation, message)
}

fn too_large(what: &str, size: u64, limit: &str, most: u64) -> CacheError {
    let message = format!("the {what} has {size} bytes, and this tier takes at most {most}");
    CacheError::too_large("put", message).with(limit, most.to_string())
}

seaworthy_adapter_sdk::export_adapter!(Ipfs);

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(key: &str) -> (Pointer, Vec<u8>) {
        let life = Life { created: 1, deadline: None };
        let record = Record { life, metadata: Vec::new(), bytes: b"value".to_vec() };
        let bytes = record::encode(key, &record).unwrap();
        let cid = content::root(&bytes).unwrap();
        (Pointer { version: 1, life, size: 5, length: bytes.len() as u64, cid }, bytes)
    }

    #[test]
    fn only_the_content_of_the_cid_is_a_value() {
        let (pointer, bytes) = stored("key");
        assert_eq!(checked("key", &pointer, bytes.clone()).unwrap().bytes, b"value");
        for at in 0..bytes.len() {
            let mut lie = bytes.clone();
            lie[at] ^= 0x80;
            assert_eq!(checked("key", &pointer, lie).unwrap_err().kind, "integrity");
        }
        assert_eq!(checked("key", &pointer, bytes[1..].to_vec()).unwrap_err().kind, "integrity");
        assert_eq!(checked("key", &pointer, Vec::new()).unwrap_err().kind, "integrity");
        let (other, whole) = stored("other");
        let error = checked("key", &other, whole).unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.context[0].1.as_str()),
            ("integrity", "record"),
            "right bytes, another key's"
        );
    }
}

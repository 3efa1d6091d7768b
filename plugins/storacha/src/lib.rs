//! Cache adapter component: a space of a Storacha service.
//!
//! A value is a blob: a CAR file with one record in it ([`record`]), addressed by its
//! SHA-256. Blobs have no keys. The space does keep a list of uploads, from a root to the
//! blobs that hold it; a key's root is made from the key alone ([`name`]), so whoever may
//! read that list finds the key's blobs. An index on this machine ([`index`]) saves that
//! question, and is all that a tier without an agent has.
//!
//! Writing takes the UCANs of `storacha-client`, signed inside the host ([`service`]);
//! reading takes a gateway that is not trusted ([`gateway`]): what comes back is hashed.

mod config;
mod error;
mod gateway;
mod index;
mod name;
mod record;
mod service;

use config::Settings;
use gateway::{Answer, Gateway};
use index::{Index, Known};
use record::Stored;
use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, Record, now_ms};
use service::Service;
use std::collections::BTreeMap;
use storacha_client::{Cid, Page, Task, car_cid, shards_of};

seaworthy_adapter_sdk::descriptor!();

/// The largest blob: what a gateway and the clients behind it take as one block
/// (https://specs.ipfs.tech/bitswap-protocol/#block-sizes).
const MAX_BLOB_BYTES: usize = 2 << 20;
/// Room in it for the record's head, the key and the CAR's own.
const OVERHEAD: usize = 16 << 10;
/// The largest value: whatever its key and metadata are.
const MAX_VALUE_BYTES: usize = MAX_BLOB_BYTES - OVERHEAD;
/// Blobs under one root, most of them overwritten ones, before the root is entered anew.
const MAX_SHARDS: usize = 4;
/// How often the list is looked at for a key that is being overwritten.
const MOST_LOOKS: u32 = 8;
/// Uploads on one page of the space's list, and pages that are read at most.
const PAGE: u32 = 500;
const MAX_PAGES: usize = 40;

struct Storacha {
    gateway: Gateway,
    index: Option<Index>,
    service: Option<Service>,
    default_ttl: Option<u64>,
}

impl Adapter for Storacha {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    /// *Behaviour*: with a service, a space, a proof and an agent the tier is read and
    /// written; where one of them is missing it is read from the index of this machine.
    /// A proof that is of no use for the agent is an error now, not at the first put.
    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let settings = Settings::read(config)?;
        let gateway = Gateway::new(&settings);
        let index =
            settings.directory.as_deref().map(|directory| Index::open(directory, &settings.space)).transpose()?;
        let service = Service::open(&settings)?;
        if service.is_none() && index.is_none() {
            let message = "without an agent the space's list cannot be read, and without a `directory` there is no index: nothing can be found; set either";
            return Err(CacheError::configuration("open", message));
        }
        let operations: &[&str] = match service {
            Some(_) => &["get", "put", "stat", "invalidate", "list"],
            None => &["get", "stat", "list"],
        };
        let capability = Capability::of(operations)
            .with_property("content-addressed")
            .with_property("durable")
            .with_property("expiring")
            .with_property("concurrent");
        let capability = match service {
            // What another runner stored is found by the space's list only.
            Some(_) => capability.with_property("shared"),
            None => capability.with_property("read-only"),
        };
        let capability = capability
            .with_limit("max-value-bytes", MAX_VALUE_BYTES as u64)
            .with_limit("max-key-bytes", name::MAX_KEY_BYTES as u64);
        Ok((Self { gateway, index, service, default_ttl: settings.default_ttl }, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let now = now_ms();
        Ok(self.find("get", key, now)?.map(|record| Blob {
            bytes: record.bytes,
            created: record.life.created,
            ttl: record.life.ttl(now),
            metadata: record.metadata,
        }))
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        let service = self.writable("put")?;
        name::check(key)?;
        let now = now_ms();
        if value.bytes.len() > MAX_VALUE_BYTES {
            return Err(too_large(format!(
                "the value has {} bytes, and this tier takes at most {MAX_VALUE_BYTES}",
                value.bytes.len()
            )));
        }
        let life = Life::starting(now, value.created, value.ttl, self.default_ttl)?;
        let size = value.bytes.len() as u64;
        let record = Record { life, metadata: value.metadata, bytes: value.bytes };
        let blob = Stored { at: now, record }.encode(key)?;
        if blob.len() > MAX_BLOB_BYTES {
            return Err(too_large(format!(
                "the value takes {} bytes with its metadata, and at most {MAX_BLOB_BYTES} are stored as one block",
                blob.len()
            )));
        }
        let digest = storacha_client::gateway::sha256(&blob);
        service.store(&blob, &digest)?;
        let shard = car_cid(&digest).map_err(|error| error::internal("put", &error))?;
        let root = name::root(key)?;
        // Only what was there before is older: what another runner enters from now on takes
        // this value for the older one, and two that removed each other's would leave none.
        let known = self.known("put", key)?;
        let entered = service.ask("put", Task::upload_add(root, &[shard]))?;
        if let Some(index) = &self.index {
            index.put(key, &Known { digest, size, life, stored: now })?;
        }
        let mut stale: Vec<Cid> = shards_of(&entered).into_iter().filter(|one| *one != shard).collect();
        if stale.len() >= MAX_SHARDS {
            // What others entered since is in what was dropped, and stays.
            let dropped = service.ask_absent("put", Task::upload_remove(root))?.map(|ok| shards_of(&ok));
            let newer = dropped.unwrap_or_default().into_iter().filter(|one| *one != shard && !stale.contains(one));
            let kept: Vec<Cid> = std::iter::once(shard).chain(newer).collect();
            service.ask("put", Task::upload_add(root, &kept))?;
        }
        if let Some(old) = known.and_then(|known| car_cid(&known.digest).ok()).filter(|old| *old != shard) {
            stale.push(old);
        }
        stale.dedup();
        for old in stale {
            // The new value is stored; an old blob that stays costs room and nothing else.
            let _ = service.remove("put", &old);
        }
        Ok(())
    }

    /// *Behaviour*: what the index knows is confirmed at the gateway without its content.
    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let now = now_ms();
        if let Some(known) = self.known("stat", key)?
            && !known.life.is_over(now)
            && self.gateway.has("stat", &known.digest)?
        {
            return Ok(Some(known.entry(key, now)));
        }
        Ok(self.find("stat", key, now)?.map(|record| record.entry(key, now)))
    }

    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        let service = self.writable("invalidate")?;
        let mut blobs = service.shards("invalidate", name::root(key)?)?;
        blobs.extend(self.known("invalidate", key)?.and_then(|known| car_cid(&known.digest).ok()));
        self.forget("invalidate", key, service, &blobs)
    }

    /// *Behaviour*: with an agent, what the space's list names; else what the index of
    /// this machine knows. Expired values are removed and not named.
    fn list(&mut self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        let now = now_ms();
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let keys = match (&self.service, &self.index) {
            (Some(service), _) => self.keys(service, prefix)?,
            (None, Some(index)) => index.keys(prefix)?.into_iter().map(|key| (key, None)).collect(),
            (None, None) => BTreeMap::new(),
        };
        let mut entries = Vec::new();
        for (key, shards) in keys {
            if entries.len() >= most {
                break;
            }
            // What the index knows counts as long as the list has the same blob.
            let listed = |known: &Known| {
                shards.as_ref().is_none_or(|shards| shards.iter().any(|one| one.hash().digest() == known.digest))
            };
            match self.known("list", &key)? {
                Some(known) if !known.life.is_over(now) && listed(&known) => entries.push(known.entry(&key, now)),
                _ => entries.extend(self.find("list", &key, now)?.map(|record| record.entry(&key, now))),
            }
        }
        Ok(entries)
    }
}

impl Storacha {
    fn writable(&self, operation: &str) -> Result<&Service, CacheError> {
        self.service.as_ref().ok_or_else(|| {
            let message = "this tier is read-only: a service, a space, a proof and an agent are needed to write";
            CacheError::unsupported(operation, message)
        })
    }

    /// What the index knows. *Behaviour*: a damaged entry is as good as none where the
    /// space's list can be asked.
    fn known(&self, operation: &str, key: &str) -> Result<Option<Known>, CacheError> {
        match self.index.as_ref().map_or(Ok(None), |index| index.get(operation, key)) {
            Err(error) if error.kind == "integrity" && self.service.is_some() => Ok(None),
            known => known,
        }
    }

    /// The record of `key`: by the index, else by the space's list. An expired one is
    /// removed, and is a miss.
    fn find(&self, operation: &str, key: &str, now: u64) -> Result<Option<Record>, CacheError> {
        let mut gone = None;
        let mut found: Option<([u8; 32], Stored)> = None;
        let mut looks = 0;
        if let Some(known) = self.known(operation, key)? {
            found = self.fetch(operation, key, &known.digest)?.map(|stored| (known.digest, stored));
            gone = found.is_none().then_some(known.digest);
        }
        if found.is_none()
            && let Some(service) = &self.service
        {
            let mut before: Option<Vec<Cid>> = None;
            while found.is_none() {
                let shards = service.shards(operation, name::root(key)?)?;
                // Whoever overwrites it meanwhile lets blobs go that were just named, or enters
                // the root anew: that nothing is left is only said when two looks agree.
                let was_there = gone.is_some() || !shards.is_empty();
                if before.as_ref() == Some(&shards) {
                    break;
                }
                for shard in &shards {
                    let Ok(digest) = <[u8; 32]>::try_from(shard.hash().digest()) else { continue };
                    if gone == Some(digest) {
                        continue;
                    }
                    // Of several blobs all but the newest were overwritten.
                    if let Some(stored) = self.fetch(operation, key, &digest)?
                        && found.as_ref().is_none_or(|(_, newest)| stored.at > newest.at)
                    {
                        found = Some((digest, stored));
                    }
                }
                looks += 1;
                if !was_there || looks >= MOST_LOOKS {
                    break;
                }
                before = Some(shards);
            }
        }
        let Some((digest, Stored { at, record })) = found else {
            if let (Some(_), Some(index)) = (gone, &self.index) {
                index.delete(operation, key)?;
            }
            return Ok(None);
        };
        record.life.check_clock(operation, now)?;
        if record.life.is_over(now) {
            match (&self.service, car_cid(&digest)) {
                // It is over whether or not it can be removed.
                (Some(service), Ok(blob)) => drop(self.forget(operation, key, service, &[blob])),
                _ => self.index.as_ref().map_or(Ok(()), |index| index.delete(operation, key))?,
            }
            return Ok(None);
        }
        if let Some(index) = &self.index {
            let size = record.bytes.len() as u64;
            index.learn(operation, key, &Known { digest, size, life: record.life, stored: at })?;
        }
        Ok(Some(record))
    }

    /// The record in a blob; `None` when the space does not hold the blob any more.
    ///
    /// *Behaviour*: a gateway that does not find a blob proves nothing: the space is asked.
    fn fetch(&self, operation: &str, key: &str, digest: &[u8; 32]) -> Result<Option<Stored>, CacheError> {
        match self.gateway.read(operation, digest)? {
            Answer::Blob(blob) => Stored::decode(operation, key, &blob).map(Some),
            Answer::NotFound => match &self.service {
                Some(service) if !service.holds(operation, digest)? => Ok(None),
                Some(_) => Err(self.gateway.lags(operation, digest)),
                None => Err(self.gateway.unknown(operation, digest)),
            },
        }
    }

    /// Removes the key's root and some blobs, and what the index knows.
    fn forget(&self, operation: &str, key: &str, service: &Service, blobs: &[Cid]) -> Result<(), CacheError> {
        service.ask_absent(operation, Task::upload_remove(name::root(key)?))?;
        for blob in blobs {
            service.remove(operation, blob)?;
        }
        self.index.as_ref().map_or(Ok(()), |index| index.delete(operation, key))
    }

    /// The keys in the space's list that begin with `prefix`, in order, and their blobs
    /// where the list has them.
    fn keys(&self, service: &Service, prefix: &str) -> Result<BTreeMap<String, Option<Vec<Cid>>>, CacheError> {
        let mut keys = BTreeMap::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = Page::read(&service.ask("list", Task::upload_list(PAGE, cursor.as_deref()))?);
            for upload in page.uploads {
                let key = match name::key(&upload.root) {
                    Some(key) => Some(key),
                    // The key is too long to stand in the root, or the upload is somebody else's.
                    None => self.key_in(service, upload.root, upload.shards.clone())?,
                };
                keys.extend(key.filter(|key| key.starts_with(prefix)).map(|key| (key, upload.shards)));
            }
            let more = page.cursor.filter(|next| cursor.as_ref() != Some(next));
            cursor = more;
            if cursor.is_none() {
                break;
            }
        }
        Ok(keys)
    }

    /// The key that a blob of `root` was stored under, if it is one of ours.
    fn key_in(&self, service: &Service, root: Cid, shards: Option<Vec<Cid>>) -> Result<Option<String>, CacheError> {
        if !name::may_be_key(&root) {
            return Ok(None);
        }
        let shards = match shards {
            Some(shards) => shards,
            None => service.shards("list", root)?,
        };
        for shard in shards {
            let Ok(digest) = <[u8; 32]>::try_from(shard.hash().digest()) else { continue };
            if let Answer::Blob(blob) = self.gateway.read("list", &digest)? {
                let key = Stored::key(&blob).filter(|key| name::root(key).is_ok_and(|own| own == root));
                if key.is_some() {
                    return Ok(key);
                }
            }
        }
        Ok(None)
    }
}

fn too_large(message: String) -> CacheError {
    CacheError::too_large("put", message).with("max-value-bytes", MAX_VALUE_BYTES.to_string())
}

seaworthy_adapter_sdk::export_adapter!(Storacha);

//! Cache adapter component: a bucket of S3, or of a store that speaks it.
//!
//! The requests, their signatures and what answers mean are in `s3-client`; this
//! component sends them, finds out when it is opened what it may do, and gives values
//! a life and a digest. It keeps nothing between calls but what `open` found.

mod bucket;
mod config;
mod error;
mod opening;

use bucket::{Bucket, MAX_VALUE_BYTES};
use config::Settings;
use s3_client::{Answer, Damage, FaultKind, Listed, Listing, Names, Record, Request};
use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, now_ms};

seaworthy_adapter_sdk::descriptor!();

/// Names of one page of a listing at most; more is cut by every store.
const PAGE: u32 = 1000;
/// Pages that one call reads at most: a bucket full of other things has no end.
const PAGES: u32 = 100;
/// Objects with shortened names that are asked for their keys at once.
const ASKED: usize = 16;

struct S3 {
    bucket: Bucket,
    names: Names,
    default_ttl: Option<u64>,
}

impl Adapter for S3 {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let settings = Settings::read(config)?;
        let (bucket, allowed) = opening::open(settings.bucket, &settings.names, settings.read_only)?;
        let mut operations = vec!["get", "stat"];
        operations.extend(allowed.put.then_some("put"));
        operations.extend(allowed.invalidate.then_some("invalidate"));
        operations.extend(allowed.list.then_some("list"));
        let capability = Capability::of(&operations)
            .with_property("shared")
            .with_property("durable")
            .with_property("expiring")
            .with_property("concurrent")
            .with_limit("max-value-bytes", u64::from(MAX_VALUE_BYTES))
            .with_limit("max-key-bytes", s3_client::MAX_KEY_BYTES as u64)
            .with_limit("max-metadata-bytes", s3_client::MAX_METADATA_BYTES as u64);
        Ok((Self { bucket, names: settings.names, default_ttl: settings.default_ttl }, capability))
    }

    /// *Behaviour*: under a key that is too long there can be nothing, so that is a miss.
    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let Ok(name) = self.names.name(key) else { return Ok(None) };
        let Some(answer) = self.look("get", Request::get(&name))? else { return Ok(None) };
        if answer.truncated {
            let message =
                format!("the object under this key has more than {MAX_VALUE_BYTES} bytes; this cache did not store it");
            return Err(CacheError::too_large("get", message).with("max-value-bytes", MAX_VALUE_BYTES.to_string()));
        }
        let record = Record::read(key, answer).map_err(|damage| damaged("get", damage))?;
        let now = now_ms();
        Ok(alive("get", &record, now)?.map(|life| Blob {
            bytes: record.bytes,
            created: life.created,
            ttl: life.ttl(now),
            metadata: record.metadata,
        }))
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        let too_large = |message: String, limit: &str, most: usize| {
            CacheError::too_large("put", message).with(limit, most.to_string())
        };
        let most = usize::try_from(MAX_VALUE_BYTES).unwrap_or(usize::MAX);
        if value.bytes.len() > most {
            let message = format!("the value has {} bytes, and this tier takes {most}", value.bytes.len());
            return Err(too_large(message, "max-value-bytes", most));
        }
        let name = self.names.name(key);
        let name = name.map_err(|error| too_large(error.to_string(), "max-key-bytes", s3_client::MAX_KEY_BYTES))?;
        let life = Life::starting(now_ms(), value.created, value.ttl, self.default_ttl)?;
        let record =
            Record { created: life.created, deadline: life.deadline, metadata: value.metadata, bytes: value.bytes };
        let headers = record.headers(key, self.names.is_shortened(&name));
        let headers = headers
            .map_err(|error| too_large(error.to_string(), "max-metadata-bytes", s3_client::MAX_METADATA_BYTES))?;
        let answer = self.bucket.send("put", Request::put_record(&name, record, headers))?;
        if answer.is_success() { Ok(()) } else { Err(self.bucket.fault("put", &answer)) }
    }

    /// *Behaviour*: the life is as the object's headers say; only a get can verify them.
    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let Ok(name) = self.names.name(key) else { return Ok(None) };
        let mut answer = self.bucket.send("stat", Request::head(&name))?;
        // Without a body a store cannot say what it is that is not there: the bucket would
        // be an error. So whoever answers a bare 404 is asked once more, with one.
        if !answer.is_success() && self.bucket.kind(&answer) == FaultKind::Absent {
            match self.look("stat", Request::get(&name))? {
                Some(found) => answer = found,
                None => return Ok(None),
            }
        }
        if !answer.is_success() {
            return if self.bucket.kind(&answer) == FaultKind::NoSuchKey {
                Ok(None)
            } else {
                Err(self.bucket.fault("stat", &answer))
            };
        }
        let record = Record::stat(&answer).map_err(|damage| damaged("stat", damage))?;
        let now = now_ms();
        let size = answer.header("content-length").and_then(|text| text.parse().ok());
        Ok(alive("stat", &record, now)?.map(|life| life.describe(Entry::new(key, size), now)))
    }

    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        let Ok(name) = self.names.name(key) else { return Ok(()) };
        let answer = self.bucket.send("invalidate", Request::delete(&name))?;
        if answer.is_success() || self.bucket.kind(&answer) == FaultKind::NoSuchKey {
            return Ok(());
        }
        Err(self.bucket.fault("invalidate", &answer))
    }

    /// *Behaviour*: a listing does not tell the life of its objects, so values that are
    /// over and not yet removed are among them. Objects of others are passed over. Those
    /// with shortened names come last, as each has to be asked for its key.
    fn list(&mut self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut entries, mut shortened) = (Vec::new(), Vec::new());
        let (plain, apart) = (self.names.beginning(prefix), self.names.shortened_beginning(prefix));
        if most > 0 {
            self.pages(&plain, PAGE.min(limit), |object| {
                match self.names.key(&object.name).filter(|key| key.starts_with(prefix)) {
                    Some(key) => entries.push(entry(key, object)),
                    None if self.names.is_shortened(&object.name) => shortened.push(object),
                    None => {}
                }
                entries.len() < most
            })?;
        }
        // Without a prefix they were among the others.
        if entries.len() < most && !apart.starts_with(&plain) {
            self.pages(&apart, PAGE, |object| {
                shortened.extend(self.names.is_shortened(&object.name).then_some(object));
                true
            })?;
        }
        let mut shortened = shortened.into_iter();
        while entries.len() < most {
            let asked: Vec<Listed> = shortened.by_ref().take(ASKED).collect();
            if asked.is_empty() {
                break;
            }
            let told = self.bucket.send_each("list", asked.iter().map(|object| Request::head(&object.name)))?;
            for (object, answer) in asked.into_iter().zip(told) {
                let answer = answer?;
                let key = if answer.is_success() { Record::key(&answer) } else { self.gone(&answer)? };
                let key = key.filter(|key| self.names.name(key).as_ref() == Ok(&object.name));
                entries.extend(key.filter(|key| key.starts_with(prefix)).map(|key| entry(key, object)));
            }
        }
        entries.truncate(most);
        Ok(entries)
    }
}

impl S3 {
    /// Hands over the objects whose names begin with `beginning`, as long as more are wanted,
    /// read in pages of so many.
    fn pages(&self, beginning: &str, page: u32, mut wants_more: impl FnMut(Listed) -> bool) -> Result<(), CacheError> {
        let mut continuation = None::<String>;
        for _ in 0..PAGES {
            let answer = self.bucket.send("list", Request::list(beginning, page, continuation.as_deref()))?;
            let listing = Listing::read(&answer).map_err(|fault| self.bucket.explain("list", &fault))?;
            for object in listing.objects {
                if !wants_more(object) {
                    return Ok(());
                }
            }
            continuation = listing.continuation;
            if continuation.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// That an object was removed after it was listed is nothing wrong.
    fn gone(&self, answer: &Answer) -> Result<Option<String>, CacheError> {
        match self.bucket.kind(answer) {
            FaultKind::NoSuchKey | FaultKind::Absent => Ok(None),
            _ => Err(self.bucket.fault("list", answer)),
        }
    }

    /// The object that a request asks for; `None` where the store says that there is none.
    fn look(&mut self, operation: &str, request: Request) -> Result<Option<Answer>, CacheError> {
        let answer = self.bucket.send(operation, request)?;
        if answer.status == 200 {
            return Ok(Some(answer));
        }
        match self.bucket.kind(&answer) {
            FaultKind::NoSuchKey => Ok(None),
            _ => Err(self.bucket.fault(operation, &answer)),
        }
    }
}

fn entry(key: String, object: Listed) -> Entry {
    let entry = Entry::new(key, object.size);
    match object.modified {
        Some(modified) => entry.with("modified", modified),
        None => entry,
    }
}

/// The life of a record, unless it is over.
fn alive(operation: &str, record: &Record, now: u64) -> Result<Option<Life>, CacheError> {
    let life = Life { created: record.created, deadline: record.deadline };
    life.check_clock(operation, now)?;
    Ok((!life.is_over(now)).then_some(life))
}

fn damaged(operation: &str, damage: Damage) -> CacheError {
    CacheError::integrity(operation, format!("{damage}; invalidate the key or store it again"))
}

seaworthy_adapter_sdk::export_adapter!(S3);

use super::Violation;
use crate::{Backend, Blob, CacheError, Capability, Operation};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The limit by which a backend declares within how many milliseconds a write that
/// succeeded is seen by a read. Without it, at once.
const READ_AFTER_WRITE: &str = "read-after-write-ms";

/// The limit that bounds a value. It may count the key and the metadata in.
const MAX_VALUE: &str = "max-value-bytes";

/// Between two looks for something that is due within a bound.
const PAUSE: Duration = Duration::from_millis(50);

/// A backend under test, open, with what it declared.
///
/// *Behaviour*: everything that a case stores has a key that begins with the prefix,
/// and is removed when the case ends, as far as the backend can remove.
pub struct Subject<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) capability: &'a Capability,
    prefix: String,
    known: Option<(String, Vec<u8>)>,
    listed: u32,
    stored: Mutex<Vec<String>>,
}

impl<'a> Subject<'a> {
    /// `backend`, which answered `capability` when it was opened.
    ///
    /// *Requires*: a prefix that nothing else uses at the same time.
    #[must_use]
    pub fn new(backend: &'a dyn Backend, capability: &'a Capability, prefix: &str) -> Self {
        Self { backend, capability, prefix: prefix.into(), known: None, listed: 25, stored: Mutex::default() }
    }

    /// A key that is there with that value, for a backend that cannot store.
    #[must_use]
    pub fn with_known(mut self, key: &str, value: &[u8]) -> Self {
        self.known = Some((key.into(), value.into()));
        self
    }

    /// How many keys a list has to name; more than a page of the service behind it
    /// show that pages are followed. 25 without this.
    #[must_use]
    pub fn listing(mut self, keys: u32) -> Self {
        self.listed = keys;
        self
    }

    /// What is there without having been stored by a case.
    pub(super) fn known(&self) -> Option<&(String, Vec<u8>)> {
        self.known.as_ref()
    }

    pub(super) fn listed(&self) -> u32 {
        self.listed
    }

    pub(super) fn can(&self, operation: Operation) -> bool {
        self.capability.has(operation)
    }

    pub(super) fn is(&self, property: &str) -> bool {
        self.capability.properties.contains(property)
    }

    /// A key of this case.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The largest value that is declared to fit, if there is such a limit.
    pub(super) fn most(&self) -> Option<usize> {
        self.capability.limit(MAX_VALUE).and_then(|most| usize::try_from(most).ok())
    }

    /// Within how long a write is seen.
    pub(super) fn bound(&self) -> Duration {
        Duration::from_millis(self.capability.limit(READ_AFTER_WRITE).unwrap_or(0))
    }

    /// Stores, which must work.
    pub(super) async fn put(&self, key: &str, value: Blob) -> Result<(), Violation> {
        let length = value.bytes.len();
        let asked = format!("put of {length} bytes under `{}`", key.escape_debug());
        self.try_put(key, value).await.map_err(|error| Violation::failed(&asked, &error))
    }

    /// Stores, whatever comes of it, and remembers to remove it.
    pub(super) async fn try_put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).push(key.to_owned());
        self.backend.put(key, value).await
    }

    /// The value of `key`; that it cannot be told is a violation.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Blob>, Violation> {
        let asked = || format!("get of `{}`", key.escape_debug());
        self.backend.get(key).await.map_err(|error| Violation::failed(&asked(), &error))
    }

    /// That `key` has this value, within the declared bound.
    pub(super) async fn reads(&self, key: &str, expected: &[u8]) -> Result<Blob, Violation> {
        let due = Instant::now() + self.bound();
        loop {
            let found = self.get(key).await?;
            let did = match found {
                Some(blob) if blob.bytes == expected => return Ok(blob),
                Some(blob) => format!("answered {}", told(&blob.bytes)),
                None => "answered that there is nothing".to_owned(),
            };
            if Instant::now() >= due {
                let must = format!("answer {} within {:?} of its put", told(expected), self.bound());
                return Err(Violation::wrong(&format!("get of `{}`", key.escape_debug()), &must, &did));
            }
            sleep(PAUSE).await;
        }
    }

    /// That nothing is there under `key`, within the declared bound.
    pub(super) async fn misses(&self, key: &str, why: &str) -> Result<(), Violation> {
        let due = Instant::now() + self.bound();
        loop {
            let Some(blob) = self.get(key).await? else { return Ok(()) };
            if Instant::now() >= due {
                let did = format!("answered {}", told(&blob.bytes));
                let asked = format!("get of `{}`, {why},", key.escape_debug());
                return Err(Violation::wrong(&asked, "answer that there is nothing", &did));
            }
            sleep(PAUSE).await;
        }
    }

    /// Removes what the case stored. A backend that fails at it has failed the case
    /// before, or fails the one that removes.
    pub(super) async fn clean(&self) {
        let keys = std::mem::take(&mut *self.stored.lock().unwrap_or_else(PoisonError::into_inner));
        if !self.can(Operation::Invalidate) {
            return;
        }
        for key in keys {
            if let Err(error) = self.backend.invalidate(&key).await {
                tracing::debug!(key, %error, "a case left something behind");
            }
        }
    }
}

/// Bytes that look random and are the same every time.
pub(super) fn filled(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A value, short enough to be read.
pub(super) fn told(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let start: String = bytes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
    let more = if bytes.len() > SHOWN { "..." } else { "" };
    format!("{} bytes \"{start}{more}\"", bytes.len())
}

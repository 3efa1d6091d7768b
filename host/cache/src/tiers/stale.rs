use crate::CacheError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys that are remembered at most; beyond, those that come first by name are forgotten.
const MOST: usize = 65_536;

/// Keys whose last write a tier did not take, so that it may hold an older value.
///
/// *Behaviour*: such a tier is not asked for the key by this process until a write or a
/// back-fill of it succeeds there: what was written is never followed by what was there
/// before. Other processes do not know of it.
#[derive(Default)]
pub(super) struct Stale(Mutex<BTreeMap<String, BTreeSet<usize>>>);

impl Stale {
    /// The tier at `place` did, or did not, take the last write of `key`.
    pub(super) fn wrote(&self, place: usize, key: &str, taken: bool) {
        let mut keys = self.lock();
        if !taken {
            keys.entry(key.to_owned()).or_default().insert(place);
            if keys.len() > MOST {
                keys.pop_first();
            }
        } else if let Some(places) = keys.get_mut(key) {
            places.remove(&place);
            if places.is_empty() {
                keys.remove(key);
            }
        }
    }

    /// Why the tier at `place` is not asked for `key`, if so.
    pub(super) fn error(&self, place: usize, key: &str) -> Option<CacheError> {
        let stale = self.lock().get(key).is_some_and(|places| places.contains(&place));
        stale.then(|| CacheError::stale("get", "it may hold an older value, as it did not take the last write"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<usize>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

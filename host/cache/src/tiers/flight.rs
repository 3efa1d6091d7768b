use super::Lookup;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

type Search = Shared<BoxFuture<'static, Lookup>>;

/// Searches under way, by key, so that equal questions are asked once.
///
/// A search that began before a write must not answer who asks after it: whoever
/// writes makes the key [forgotten](Self::forget), before and after.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<String, WeakShared<BoxFuture<'static, Lookup>>>>);

impl Flights {
    /// The search for `key` that is under way, or one that `begin` makes; and whether it
    /// was under way.
    pub(super) fn join(&self, key: &str, begin: impl FnOnce() -> BoxFuture<'static, Lookup>) -> (Search, bool) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has ended, or that nobody waits for any more, is of no use.
        let under_way = flights.get(key).and_then(WeakShared::upgrade).filter(|search| search.peek().is_none());
        if let Some(search) = under_way {
            return (search, true);
        }
        if flights.len() >= flights.capacity() / 2 {
            flights.retain(|_, search| search.upgrade().is_some_and(|search| search.peek().is_none()));
        }
        let search = begin().shared();
        if let Some(weak) = search.downgrade() {
            flights.insert(key.to_owned(), weak);
        }
        (search, false)
    }

    /// Lets nobody else join the search for `key`.
    pub(super) fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests;

use futures::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// An answer that several wait for: whoever waits moves it on, so that nobody depends on
/// the one who asked first.
pub type Flight<T> = Shared<BoxFuture<'static, T>>;

/// Questions under way, by what makes two of them equal, so that equal ones are asked once.
///
/// *Behaviour*: a question that nobody waits for any more is dropped. One that began before
/// a write must not answer who asks after it: whoever writes makes the name
/// [forgotten](Self::forget), before and after.
pub struct Flights<T: Clone>(Mutex<HashMap<String, WeakShared<BoxFuture<'static, T>>>>);

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Flights<T> {
    /// The question called `name` that is under way, or one that `begin` makes; and whether
    /// it was under way.
    pub fn join(&self, name: &str, begin: impl FnOnce() -> BoxFuture<'static, T>) -> (Flight<T>, bool) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has ended, or that nobody waits for any more, is of no use.
        let under_way = flights.get(name).and_then(WeakShared::upgrade).filter(|flight| flight.peek().is_none());
        if let Some(flight) = under_way {
            return (flight, true);
        }
        if flights.len() >= flights.capacity() / 2 {
            flights.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
        }
        let flight = futures::FutureExt::shared(begin());
        if let Some(weak) = flight.downgrade() {
            flights.insert(name.to_owned(), weak);
        }
        (flight, false)
    }

    /// Lets nobody else join the question called `name`.
    pub fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests;

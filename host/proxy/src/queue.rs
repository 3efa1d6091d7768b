use crate::answer::Record;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Names under way, at most; further ones are left out.
const MOST_NAMES: usize = 256;
/// Bytes of the bodies under way, at most.
const MOST_BYTES: usize = 64 << 20;

/// A record to be stored.
#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) record: Arc<Record>,
    pub(crate) private: bool,
    pub(crate) life: Duration,
}

/// Records on their way into the tiers, by name.
///
/// *Behaviour*: one store at a time for each name, the latest record wins, and what is
/// forgotten meanwhile is told to who stores it.
#[derive(Default)]
pub(crate) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    /// Nothing where the name was forgotten while somebody had it to store.
    names: HashMap<String, Option<Pending>>,
    bytes: usize,
}

/// What came of entering a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Whoever entered it has to store what is under the name.
    Duty,
    /// Somebody is storing that name, and will store this next.
    Joined,
    /// There is no room, and it is not stored.
    Full,
}

/// What is to be done after storing a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Nothing.
    Done,
    /// Storing what came under the name meanwhile.
    Again,
    /// Removing it: it was forgotten meanwhile.
    Forgotten,
}

impl Queue {
    /// The latest record of that name, when it is on its way.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Record>> {
        self.lock().names.get(name)?.as_ref().map(|pending| Arc::clone(&pending.record))
    }

    /// How many names are under way.
    pub(crate) fn len(&self) -> usize {
        self.lock().names.len()
    }

    pub(crate) fn enter(&self, name: &str, pending: Pending) -> Entered {
        let mut state = self.lock();
        let known = state.names.get(name);
        let replaced = known.and_then(Option::as_ref).map_or(0, bytes);
        let joins = known.is_some();
        let total = state.bytes - replaced + bytes(&pending);
        if total > MOST_BYTES || (!joins && state.names.len() >= MOST_NAMES) {
            return Entered::Full;
        }
        state.bytes = total;
        state.names.insert(name.to_owned(), Some(pending));
        if joins { Entered::Joined } else { Entered::Duty }
    }

    /// Lets nobody find the record of that name any more.
    pub(crate) fn forget(&self, name: &str) {
        let mut state = self.lock();
        if let Some(forgotten) = state.names.get_mut(name).and_then(Option::take) {
            state.bytes -= bytes(&forgotten);
        }
    }

    /// What is to be stored under a name; `None` ends the duty.
    pub(crate) fn next(&self, name: &str) -> Option<Pending> {
        let mut state = self.lock();
        let next = state.names.get(name)?.clone();
        if next.is_none() {
            state.names.remove(name);
        }
        next
    }

    /// After storing `pending`. The duty goes on with [`Stored::Again`] alone.
    pub(crate) fn stored(&self, name: &str, pending: &Pending) -> Stored {
        let mut state = self.lock();
        match state.names.get(name) {
            Some(Some(latest)) if !Arc::ptr_eq(&latest.record, &pending.record) => Stored::Again,
            Some(Some(_)) => {
                state.names.remove(name);
                state.bytes -= bytes(pending);
                Stored::Done
            }
            Some(None) | None => {
                state.names.remove(name);
                Stored::Forgotten
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(pending: &Pending) -> usize {
    match pending.record.as_ref() {
        Record::Answer(answer) => answer.body.len(),
        Record::Variants { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use hyper::{HeaderMap, StatusCode};
    use std::time::SystemTime;

    fn pending(length: usize) -> Pending {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: vec![0; length].into(),
            received: SystemTime::now(),
            selected_by: Vec::new(),
        };
        Pending { record: Arc::new(Record::Answer(Arc::new(answer))), private: false, life: Duration::from_secs(1) }
    }

    #[test]
    fn the_latest_of_a_name_is_stored_last() {
        let (queue, first, second) = (Queue::default(), pending(1), pending(2));
        assert_eq!(queue.enter("a", first.clone()), Entered::Duty);
        assert!(Arc::ptr_eq(&queue.next("a").unwrap().record, &first.record));
        assert_eq!(queue.enter("a", second.clone()), Entered::Joined);
        assert!(Arc::ptr_eq(&queue.find("a").unwrap(), &second.record));
        assert_eq!(queue.stored("a", &first), Stored::Again);
        assert!(Arc::ptr_eq(&queue.next("a").unwrap().record, &second.record));
        assert_eq!(queue.stored("a", &second), Stored::Done);
        assert_eq!((queue.len(), queue.lock().bytes), (0, 0));
        assert_eq!(queue.enter("a", first), Entered::Duty);
    }

    #[test]
    fn what_is_forgotten_is_not_stored_or_is_removed_again() {
        let (queue, one) = (Queue::default(), pending(1));
        queue.enter("a", one.clone());
        queue.forget("a");
        assert!(queue.find("a").is_none() && queue.next("a").is_none() && queue.len() == 0);
        queue.enter("a", one.clone());
        queue.next("a").unwrap();
        queue.forget("a");
        assert_eq!((queue.stored("a", &one), queue.len(), queue.lock().bytes), (Stored::Forgotten, 0, 0));
        // Forgotten, and something new is there before the old one is stored.
        queue.enter("a", one.clone());
        queue.forget("a");
        assert_eq!(queue.enter("a", pending(1)), Entered::Joined);
        assert_eq!(queue.stored("a", &one), Stored::Again);
    }

    #[test]
    fn it_is_bounded_by_names_and_by_bytes() {
        let queue = Queue::default();
        for n in 0..MOST_NAMES {
            assert_eq!(queue.enter(&n.to_string(), pending(0)), Entered::Duty);
        }
        assert_eq!(queue.enter("more", pending(0)), Entered::Full);
        assert_eq!(queue.enter("0", pending(MOST_BYTES)), Entered::Joined);
        assert_eq!(queue.enter("1", pending(1)), Entered::Full);
        assert_eq!(queue.enter("0", pending(1)), Entered::Joined);
        assert_eq!(queue.enter("1", pending(1)), Entered::Joined);
    }
}

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

/// What is to become of a name in the tiers.
#[derive(Clone)]
pub(crate) enum Wish {
    Store(Pending),
    Remove,
}

/// What is to become of names in the tiers, for those who see to it.
///
/// *Behaviour*: one at a time sees to a name, and the latest wish wins: an older record
/// is neither stored over a newer one nor after it was to be removed.
#[derive(Default)]
pub(crate) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    /// With numbers, to tell whether a wish is still the latest.
    names: HashMap<String, (u64, Wish)>,
    bytes: usize,
    last: u64,
}

/// What came of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Whoever entered it has to see to the name.
    Duty,
    /// Somebody sees to that name, and will do this next.
    Joined,
    /// There is no room, and nothing is stored. A removal always has room.
    Full,
}

impl Queue {
    /// The latest wish for that name.
    pub(crate) fn find(&self, name: &str) -> Option<Wish> {
        self.lock().names.get(name).map(|(_, wish)| wish.clone())
    }

    /// How many names are under way.
    pub(crate) fn len(&self) -> usize {
        self.lock().names.len()
    }

    pub(crate) fn enter(&self, name: &str, wish: Wish) -> Entered {
        let mut state = self.lock();
        let known = state.names.get(name);
        let joins = known.is_some();
        let total = state.bytes - known.map_or(0, |(_, wish)| bytes(wish)) + bytes(&wish);
        let stores = matches!(wish, Wish::Store(_));
        if stores && (total > MOST_BYTES || (!joins && state.names.len() >= MOST_NAMES)) {
            return Entered::Full;
        }
        state.bytes = total;
        state.last += 1;
        let number = state.last;
        state.names.insert(name.to_owned(), (number, wish));
        if joins { Entered::Joined } else { Entered::Duty }
    }

    /// What is to be done for a name, once `done` is. `None` ends the duty.
    pub(crate) fn next(&self, name: &str, done: Option<u64>) -> Option<(u64, Wish)> {
        let mut state = self.lock();
        let (number, wish) = state.names.get(name)?.clone();
        if Some(number) != done {
            return Some((number, wish));
        }
        state.names.remove(name);
        state.bytes -= bytes(&wish);
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(wish: &Wish) -> usize {
    match wish {
        Wish::Store(pending) => match pending.record.as_ref() {
            Record::Answer(answer) => answer.body.len(),
            Record::Variants { .. } => 0,
        },
        Wish::Remove => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use hyper::{HeaderMap, StatusCode};
    use std::time::SystemTime;

    fn store(length: usize) -> Wish {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: vec![0; length].into(),
            received: SystemTime::now(),
            selected_by: Vec::new(),
        };
        let record = Arc::new(Record::Answer(Arc::new(answer)));
        Wish::Store(Pending { record, private: false, life: Duration::from_secs(1) })
    }

    #[test]
    fn one_sees_to_a_name_and_the_latest_wish_is_done_last() {
        let queue = Queue::default();
        assert_eq!(queue.enter("a", store(1)), Entered::Duty);
        let (first, wish) = queue.next("a", None).unwrap();
        assert_eq!(bytes(&wish), 1);
        assert_eq!(queue.enter("a", store(2)), Entered::Joined);
        assert_eq!(queue.enter("a", store(3)), Entered::Joined);
        assert_eq!(bytes(&queue.find("a").unwrap()), 3, "what comes last is found");
        let (second, wish) = queue.next("a", Some(first)).unwrap();
        assert_eq!(bytes(&wish), 3, "what was replaced before its turn is not stored");
        assert_eq!(queue.enter("a", Wish::Remove), Entered::Joined);
        let (third, wish) = queue.next("a", Some(second)).unwrap();
        assert!(matches!(wish, Wish::Remove), "it is removed after it was stored");
        assert!(queue.next("a", Some(third)).is_none());
        assert_eq!((queue.len(), queue.lock().bytes), (0, 0));
        assert_eq!(queue.enter("a", store(1)), Entered::Duty);
    }

    #[test]
    fn it_is_bounded_by_names_and_by_bytes() {
        let queue = Queue::default();
        for n in 0..MOST_NAMES {
            assert_eq!(queue.enter(&n.to_string(), store(0)), Entered::Duty);
        }
        assert_eq!(queue.enter("more", store(0)), Entered::Full);
        assert_eq!(queue.enter("0", store(MOST_BYTES)), Entered::Joined);
        assert_eq!(queue.enter("1", store(1)), Entered::Full);
        assert_eq!(queue.enter("0", store(1)), Entered::Joined);
        assert_eq!(queue.enter("1", store(1)), Entered::Joined);
        assert_eq!(queue.enter("more", Wish::Remove), Entered::Duty, "a removal is never left out");
    }
}

//! What moves between peers: what is new, where it came from, how far each of
//! the others has got.

use super::counters::Counters;
use crate::SharedSecret;
use crate::push::Envelope;
use libp2p::PeerId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Keys whose origin is remembered. Of one that is forgotten, its origin is told
/// of its own entry, which is a waste and no more.
const MAX_ORIGINS: usize = 64 * 1024;
/// Peers whose progress is remembered while they are away.
const MAX_PEERS: usize = 1024;

/// Where one stands in the entries of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Of which store, and which opening of it.
    pub(super) store: u64,
    pub(super) cursor: u64,
}

/// Where an entry came from: a peer, and which opening of its store, because one
/// that has lost its entries is told of them again. 0 for a Python peer, which is
/// another peer after each restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) peer: PeerId,
    pub(super) store: u64,
}

impl Origin {
    pub(super) fn python(peer: PeerId) -> Self {
        Self { peer, store: 0 }
    }
}

/// The news of a store.
pub(super) struct Flow {
    /// Names this opening of the store. Numbers of entries may come again after
    /// the last ones were removed and the store was opened anew, so that a cursor
    /// holds for one opening only.
    pub(super) id: u64,
    pub(super) counters: Counters,
    /// The envelope of the Python cache; none without a secret.
    pub(super) envelope: Option<Arc<Envelope>>,
    stored: watch::Sender<News>,
    /// Of the newest entry of each key, and when that was made; none for a client's.
    origins: Mutex<HashMap<String, (Option<Origin>, u64)>>,
    followed: Mutex<HashMap<PeerId, Position>>,
    pushed: Mutex<HashMap<PeerId, u64>>,
    complaints: Mutex<HashMap<(PeerId, &'static str), ()>>,
}

/// Counts what was stored; says when there will be no more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    pub(super) count: u64,
    pub(super) closed: bool,
}

impl Flow {
    pub(super) fn new(secret: Option<&SharedSecret>) -> Self {
        Self {
            id: rand::random(),
            counters: Counters::default(),
            envelope: secret.map(|secret| Arc::new(Envelope::new(secret))),
            stored: watch::Sender::new(News::default()),
            origins: Mutex::default(),
            followed: Mutex::default(),
            pushed: Mutex::default(),
            complaints: Mutex::default(),
        }
    }

    /// An entry made at `created_ms` is about to be committed that `from` told us of,
    /// or a client. One that is older than another, which the store will not keep
    /// over it, changes nothing.
    pub(super) fn comes_from(&self, key: &str, from: Option<Origin>, created_ms: u64) {
        let mut origins = lock(&self.origins);
        if origins.get(key).is_some_and(|(_, at)| *at > created_ms) {
            return;
        }
        make_room(&mut origins, MAX_ORIGINS);
        origins.insert(key.into(), (from, created_ms));
    }

    /// Whether the entry of `key` came from `origin`.
    pub(super) fn came_from(&self, key: &str, origin: &Origin) -> bool {
        lock(&self.origins).get(key).is_some_and(|(from, _)| *from == Some(*origin))
    }

    /// An entry was committed.
    pub(super) fn stored(&self) {
        self.stored.send_modify(|news| news.count += 1);
    }

    /// Whether this is the first complaint of its kind about `peer`: a log says it once.
    pub(super) fn is_news(&self, peer: PeerId, complaint: &'static str) -> bool {
        let mut complaints = lock(&self.complaints);
        make_room(&mut complaints, MAX_PEERS);
        complaints.insert((peer, complaint), ()).is_none()
    }

    /// Those who wait for news give up.
    pub(super) fn close(&self) {
        self.stored.send_modify(|news| news.closed = true);
    }

    pub(super) fn news(&self) -> watch::Receiver<News> {
        self.stored.subscribe()
    }

    /// Where we stand in the store of `peer`.
    pub(super) fn followed(&self, peer: &PeerId) -> Position {
        lock(&self.followed).get(peer).copied().unwrap_or_default()
    }

    pub(super) fn follows(&self, peer: PeerId, position: Position) {
        let mut followed = lock(&self.followed);
        make_room(&mut followed, MAX_PEERS);
        followed.insert(peer, position);
    }

    /// Up to where `peer` was told of our entries.
    pub(super) fn pushed(&self, peer: &PeerId) -> Option<u64> {
        lock(&self.pushed).get(peer).copied()
    }

    pub(super) fn pushes(&self, peer: PeerId, cursor: u64) {
        let mut pushed = lock(&self.pushed);
        make_room(&mut pushed, MAX_PEERS);
        pushed.insert(peer, cursor);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets all at once: rare, and without an order to keep.
fn make_room<K, V>(map: &mut HashMap<K, V>, most: usize) {
    if map.len() >= most {
        map.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_of_the_last_writer() {
        let flow = Flow::new(None);
        let (a, b) = (Origin::python(PeerId::random()), Origin::python(PeerId::random()));
        flow.comes_from("k", Some(a), 1);
        assert!(flow.came_from("k", &a) && !flow.came_from("k", &b) && !flow.came_from("j", &a));
        assert!(!flow.came_from("k", &Origin { store: 1, ..a }), "another opening of its store");
        flow.comes_from("k", Some(b), 2);
        assert!(!flow.came_from("k", &a));
        flow.comes_from("k", Some(a), 1);
        flow.comes_from("k", None, 1);
        assert!(flow.came_from("k", &b), "an older one that comes late");
        flow.comes_from("k", None, 2);
        assert!(!flow.came_from("k", &b), "a client wrote it: everybody is told");
        for n in 0..2 * MAX_ORIGINS {
            flow.comes_from(&n.to_string(), Some(a), 1);
        }
        assert!(lock(&flow.origins).len() <= MAX_ORIGINS);
    }
}

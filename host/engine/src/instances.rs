//! Who may have an adapter instance: the pool has room for so many.

use crate::scope::lock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Somebody who may keep instances that nobody uses now.
pub(crate) trait Lender: Send + Sync {
    /// Ends one of them, if there is one that can be made again; whether it did.
    fn give_up_one(&self) -> bool;
}

/// The places for adapter instances in this process.
///
/// *Behaviour*: who wants one more than there are waits, for as long as the operation has
/// time. An instance that keeps nothing between calls makes place for who waits: at once
/// when it is idle, else when its operation ends. The others stay, since their state is in
/// them, until their session ends.
pub(crate) struct Instances {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    lenders: Mutex<Vec<Weak<dyn Lender>>>,
}

/// A place for one instance, free again when this is dropped.
pub(crate) struct Place(#[expect(dead_code, reason = "held for its end")] OwnedSemaphorePermit);

impl Instances {
    pub(crate) fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), waiting: AtomicUsize::new(0), lenders: Mutex::default() }
    }

    /// Lets this one be asked for what it keeps.
    pub(crate) fn ask(&self, lender: Weak<dyn Lender>) {
        let mut lenders = lock(&self.lenders);
        lenders.retain(|known| known.strong_count() > 0);
        lenders.push(lender);
    }

    /// A place; waits for one where there is none. `None` cannot happen: the places are
    /// never closed.
    pub(crate) async fn take(&self) -> Option<Place> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(Place(permit));
        }
        // Counted before others are asked: whoever ends an operation after that sees it.
        let _waiting = Waiting::count(&self.waiting);
        let lenders = lock(&self.lenders).clone();
        let _ = lenders.iter().filter_map(Weak::upgrade).find(|lender| lender.give_up_one());
        Arc::clone(&self.places).acquire_owned().await.ok().map(Place)
    }

    /// Whether somebody waits for a place.
    pub(crate) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

/// One who waits, also if it gives up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn count(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::SeqCst);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Keeps places as idle instances.
    #[derive(Default)]
    struct Keeps(Mutex<Vec<Place>>);

    impl Lender for Keeps {
        fn give_up_one(&self) -> bool {
            lock(&self.0).pop().is_some()
        }
    }

    async fn within(instances: &Instances) -> bool {
        tokio::time::timeout(Duration::from_millis(50), instances.take()).await.is_ok()
    }

    #[tokio::test]
    async fn who_waits_gets_what_becomes_free() {
        let instances = Arc::new(Instances::new(1));
        let held = instances.take().await;
        let other = instances.clone();
        let waits = tokio::spawn(async move { other.take().await.is_some() });
        while !instances.are_wanted() {
            tokio::task::yield_now().await;
        }
        drop(held);
        assert!(waits.await.unwrap());
        assert!(!instances.are_wanted());
    }

    #[tokio::test]
    async fn who_gives_up_waits_no_more() {
        let instances = Instances::new(1);
        let _held = instances.take().await;
        assert!(!within(&instances).await && !instances.are_wanted());
    }

    #[tokio::test]
    async fn idle_instances_are_given_up() {
        let instances = Instances::new(2);
        let keeps = Arc::new(Keeps::default());
        let lender: Arc<dyn Lender> = keeps.clone();
        instances.ask(Arc::downgrade(&lender));
        for _ in 0..2 {
            let place = instances.take().await.unwrap();
            lock(&keeps.0).push(place);
        }
        assert!(within(&instances).await && lock(&keeps.0).len() == 1, "one, and no more than that");
    }
}

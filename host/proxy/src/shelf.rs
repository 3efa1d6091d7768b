//! The tiers, as a place for records.

use crate::answer::{Record, millis};
use crate::keys::{Keys, Sharing};
use crate::queue::{Entered, Pending, Queue, Wish};
use crate::stats::Stats;
use seaworthy_cache::{Answer as TierAnswer, Blob, CacheError, Operation, Tier, Tiers};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Writes at once: half of the instances that the engine runs of an adapter, so that the
/// others are left to lookups, which clients wait for.
const WRITERS: usize = 4;
/// The property of a tier that nobody else reads.
const PRIVATE: &str = "private";
/// What stands in the place of a tier's name for a record that is on its way into them:
/// no word that a tier can be called by, so that its hits are not taken for a tier's.
const ON_THE_WAY: &str = "(storing)";

/// Whoever has the tiers.
pub trait HasTiers: Send + Sync + 'static {
    /// The tiers, in the order of trying.
    fn tiers(&self) -> &Tiers;
}

/// Names and records in the tiers.
pub(crate) struct Shelf {
    source: Arc<dyn HasTiers>,
    keys: Arc<Keys>,
    stats: Arc<Stats>,
    budget: Duration,
    /// What is on its way into the tiers or out of them.
    queue: Queue,
    writers: Arc<Semaphore>,
}

impl Shelf {
    pub(crate) fn new(source: Arc<dyn HasTiers>, keys: Arc<Keys>, stats: Arc<Stats>, budget: Duration) -> Self {
        Self { source, keys, stats, budget, queue: Queue::default(), writers: Arc::new(Semaphore::new(WRITERS)) }
    }

    /// The record called `name` and the tier that had it. *Behaviour*: what cannot be
    /// found out within the budget is not there; why is counted and logged.
    pub(crate) async fn find(&self, name: &str, private: bool) -> Option<(String, Arc<Record>)> {
        match self.queue.find(name) {
            Some(Wish::Store(pending)) => return Some((ON_THE_WAY.into(), pending.record)),
            // The tiers may still have it.
            Some(Wish::Remove) => return None,
            None => {}
        }
        let looking = async {
            if self.stays_here(private) { self.find_here(name).await } else { self.find_anywhere(name).await }
        };
        let Ok(found) = timeout(self.budget, looking).await else {
            self.stats.tier_slow();
            tracing::warn!(budget_ms = millis_of(self.budget), "the tiers took too long, the origin is asked");
            return None;
        };
        let (tier, blob) = found?;
        let record = self.unwrap(name, private, &blob.bytes);
        if record.is_none() {
            self.stats.unreadable();
            tracing::warn!(tier, "an entry cannot be read and counts as not there: another secret, or changed bytes");
        }
        record.map(|record| (tier, Arc::new(record)))
    }

    /// Whether a record must not leave this machine.
    fn stays_here(&self, private: bool) -> bool {
        private && self.keys.sharing() == Sharing::Local
    }

    /// Whether records are sealed: always where others may read them and we have a
    /// secret in common with those who should, and private ones everywhere.
    fn sealed(&self, private: bool) -> bool {
        private || self.keys.sharing() == Sharing::Shared
    }

    async fn find_anywhere(&self, name: &str) -> Option<(String, Blob)> {
        let lookup = self.source.tiers().get(name).await;
        for tier in &lookup.tried {
            if let TierAnswer::Failed(error) = &tier.answer {
                self.failed(&tier.label, error);
            }
        }
        lookup.outcome.ok().flatten().map(|hit| (hit.tier, hit.blob))
    }

    async fn find_here(&self, name: &str) -> Option<(String, Blob)> {
        for tier in self.source.tiers().iter() {
            if !is_private(tier, Operation::Get).await {
                continue;
            }
            match tier.backend().get(name).await {
                Ok(Some(blob)) => return Some((tier.label().to_owned(), blob)),
                Ok(None) => {}
                Err(error) => self.failed(tier.label(), &error),
            }
        }
        None
    }

    fn unwrap(&self, name: &str, private: bool, bytes: &[u8]) -> Option<Record> {
        if self.sealed(private) { Record::decode(&self.keys.open(name, bytes)?) } else { Record::decode(bytes) }
    }

    /// Stores `record` in the background. Until it is stored it is found here.
    pub(crate) fn keep(self: &Arc<Self>, name: String, record: Record, private: bool, life: Duration) {
        self.wish(name, Wish::Store(Pending { record: Arc::new(record), private, life }));
    }

    /// Removes the record called `name` in the background from every tier that can.
    /// It is not found here any more.
    pub(crate) fn forget(self: &Arc<Self>, name: String) {
        self.wish(name, Wish::Remove);
    }

    fn wish(self: &Arc<Self>, name: String, wish: Wish) {
        match self.queue.enter(&name, wish) {
            Entered::Duty => {}
            Entered::Joined => return,
            Entered::Full => {
                self.stats.write_skipped();
                return;
            }
        }
        let shelf = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = shelf.writers.acquire().await;
            let mut done = None;
            while let Some((number, wish)) = shelf.queue.next(&name, done) {
                match wish {
                    Wish::Store(pending) => shelf.store(&name, &pending).await,
                    Wish::Remove => shelf.remove(&name).await,
                }
                done = Some(number);
            }
        });
    }

    async fn store(&self, name: &str, pending: &Pending) {
        let (private, life) = (pending.private, pending.life);
        let Some(plain) = pending.record.encode() else { return };
        let bytes = if self.sealed(private) { self.keys.seal(name, &plain) } else { Some(plain) };
        let Some(bytes) = bytes else { return };
        let blob =
            Blob { bytes, created_ms: millis(SystemTime::now()), ttl_ms: Some(millis_of(life)), ..Blob::default() };
        if self.stays_here(private) {
            for tier in self.source.tiers().iter() {
                if is_private(tier, Operation::Put).await
                    && let Err(error) = tier.backend().put(name, blob.clone()).await
                {
                    self.failed(tier.label(), &error);
                }
            }
            return;
        }
        for tier in self.source.tiers().put(name, blob).await.tried {
            if let TierAnswer::Failed(error) = &tier.answer {
                self.failed(&tier.label, error);
            }
        }
    }

    async fn remove(&self, name: &str) {
        let removal = timeout(self.budget, self.source.tiers().invalidate(name));
        match removal.await {
            Ok(written) => {
                for tier in written.tried {
                    if let TierAnswer::Failed(error) = &tier.answer {
                        self.failed(&tier.label, error);
                    }
                }
            }
            Err(_) => self.stats.tier_slow(),
        }
    }

    /// Waits until everything is stored or removed, for at most `patience`.
    pub(crate) async fn settle(&self, patience: Duration) {
        let all = async {
            while self.storing() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.source.tiers().settle().await;
        };
        if timeout(patience, all).await.is_err() {
            tracing::warn!("some answers were not stored or removed before the end");
        }
    }

    /// How many names are being stored or removed.
    pub(crate) fn storing(&self) -> usize {
        self.queue.len()
    }

    fn failed(&self, tier: &str, error: &CacheError) {
        self.stats.tier_failed(tier, &error.kind);
        tracing::debug!(tier, %error, "a tier failed");
    }
}

/// Whether a tier is on this machine alone and has `operation`.
async fn is_private(tier: &Tier, operation: Operation) -> bool {
    tier.open().await.is_ok_and(|capability| capability.properties.contains(PRIVATE) && capability.has(operation))
}

fn millis_of(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

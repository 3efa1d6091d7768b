//! Several backends, tried in order.

mod back_fill;
mod tier;

pub use back_fill::BackFill;
pub use tier::Tier;

use crate::{Blob, CacheError, Capability, Operation};
use back_fill::BackFills;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// Whose failure makes a `put` fail. The value is offered to every writable tier
/// under each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PutPolicy {
    /// The first tier's: it is the one that is read first. The default.
    #[default]
    First,
    /// Any tier's.
    All,
    /// Nobody's; failures are only reported.
    Ignore,
}

/// How opening one tier went.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The tier's label.
    pub label: String,
    /// How long it took.
    pub elapsed: Duration,
    /// What it can do, or why it cannot be used.
    pub outcome: Result<Capability, CacheError>,
}

/// What one tier answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierAnswer {
    /// The tier's label.
    pub label: String,
    /// Its answer.
    pub answer: Answer,
    /// How long it took, opening the tier included where that was due.
    pub elapsed: Duration,
}

/// The answer of one tier to one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has the value.
    Hit,
    /// It looked, and has not.
    Miss,
    /// It stored or removed the value.
    Done,
    /// It has no such operation, and was not asked.
    Without,
    /// It could not tell, or could not do it.
    Failed(CacheError),
}

/// A value, and the tier that had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The tier's label.
    pub tier: String,
    /// The value.
    pub blob: Blob,
}

/// The answer of [`Tiers::get`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The value, its absence, or why nobody could tell.
    pub outcome: Result<Option<Hit>, CacheError>,
    /// What each tier that was tried said, in order.
    pub tried: Vec<TierAnswer>,
}

/// The answer of [`Tiers::put`] and [`Tiers::invalidate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Whether it counts as done.
    pub outcome: Result<(), CacheError>,
    /// What each tier said, in order.
    pub tried: Vec<TierAnswer>,
}

/// Named backends in the order of trying.
///
/// *Requires*: a tokio runtime. Give every backend a [`Timeout`](crate::Timeout), as
/// nothing here limits time.
///
/// *Behaviour*: a tier is opened when it is first needed (see [`Tier::open`]), so one
/// below the first hit costs nothing.
pub struct Tiers {
    tiers: Vec<Arc<Tier>>,
    policy: PutPolicy,
    fills: BackFills,
}

impl Tiers {
    /// These tiers, in this order.
    #[must_use]
    pub fn new(tiers: Vec<Tier>, policy: PutPolicy) -> Self {
        Self { tiers: tiers.into_iter().map(Arc::new).collect(), policy, fills: BackFills::default() }
    }

    /// The tiers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Tier> {
        self.tiers.iter().map(AsRef::as_ref)
    }

    /// The tier called `label`.
    #[must_use]
    pub fn tier(&self, label: &str) -> Option<&Tier> {
        self.iter().find(|tier| tier.label() == label)
    }

    /// Opens every tier, all at once, and those that were tried before once more.
    ///
    /// *Behaviour*: answers in the tiers' order, each with its own result: one that
    /// cannot be opened keeps no other from being used.
    pub async fn open_all(&self) -> Vec<Opened> {
        join_all(self.iter().map(Tier::open_anew)).await
    }

    /// Looks for `key` in the tiers in order, until one has it.
    ///
    /// *Behaviour*: the first hit ends the search, and is written in the background
    /// to the tiers above that said miss and can store (see
    /// [`settle`](Self::settle)). A tier that fails is passed over, whatever its
    /// error: the next one may have the value. When nobody has it and at least one
    /// tier could look, the answer is `Ok(None)`; the failures of the others are in
    /// [`Lookup::tried`].
    ///
    /// The outcome is an error when no tier could look: the first error, or
    /// `unsupported` when no tier can read, or `configuration` when there is none.
    pub async fn get(&self, key: &str) -> Lookup {
        let epoch = self.fills.epoch();
        let mut tried = Vec::with_capacity(self.tiers.len());
        let mut missed = Vec::new();
        for tier in &self.tiers {
            let (answered, blob) = tier.looked_up(key).await;
            if answered.answer == Answer::Miss {
                missed.push(Arc::clone(tier));
            }
            tried.push(answered);
            if let Some(blob) = blob {
                self.fills.schedule(epoch, missed, key, &blob);
                return Lookup { outcome: Ok(Some(Hit { tier: tier.label().into(), blob })), tried };
            }
        }
        let outcome = if tried.iter().any(|tier| tier.answer == Answer::Miss) {
            Ok(None)
        } else {
            Err(first_failure(&tried).unwrap_or_else(|| nobody("get", &tried)))
        };
        Lookup { outcome, tried }
    }

    /// Stores `value` in every tier that can store, all at once.
    ///
    /// *Behaviour*: back-fills of the same key end first, so that none writes an
    /// older value over this one. [`PutPolicy`] says whose failure counts. A tier
    /// that failed may still hold an older value.
    pub async fn put(&self, key: &str, value: Blob) -> Written {
        let _writing = self.fills.begin_write(key).await;
        let tried = join_all(self.tiers.iter().map(|tier| {
            let value = value.clone();
            async move { tier.done(Operation::Put, tier.backend().put(key, value)).await }
        }))
        .await;
        let writable = |tier: &&TierAnswer| tier.answer != Answer::Without;
        let outcome = match self.policy {
            PutPolicy::Ignore => Ok(()),
            PutPolicy::First => match tried.iter().find(writable) {
                Some(TierAnswer { answer: Answer::Failed(error), .. }) => Err(error.clone()),
                Some(_) => Ok(()),
                None => Err(nobody("put", &tried)),
            },
            PutPolicy::All => match (first_failure(&tried), tried.iter().find(writable)) {
                (Some(error), _) => Err(error),
                (None, Some(_)) => Ok(()),
                (None, None) => Err(nobody("put", &tried)),
            },
        };
        Written { outcome, tried }
    }

    /// Removes `key` from every tier, all at once.
    ///
    /// *Behaviour*: back-fills of the key end first, so that none brings it back.
    /// It only counts as done when every tier that can hold a value removed it,
    /// whatever the [`PutPolicy`]: a value left behind would be found again.
    pub async fn invalidate(&self, key: &str) -> Written {
        let _writing = self.fills.begin_write(key).await;
        let removals = self.tiers.iter().map(|tier| tier.done(Operation::Invalidate, tier.backend().invalidate(key)));
        let tried = join_all(removals).await;
        let left = tried.iter().find(|tier| tier.answer == Answer::Without);
        let outcome = match (first_failure(&tried), left) {
            (Some(error), _) => Err(error),
            (None, Some(tier)) => {
                let message = format!("tier `{}` cannot remove values and may still hold the key", tier.label);
                Err(CacheError::unsupported("invalidate", message).with("tier", &tier.label))
            }
            (None, None) if tried.is_empty() => Err(nobody("invalidate", &tried)),
            (None, None) => Ok(()),
        };
        Written { outcome, tried }
    }

    /// Waits for the back-fills under way, and answers how those since the last
    /// call went (the latest 256).
    pub async fn settle(&self) -> Vec<BackFill> {
        self.fills.settle().await
    }
}

fn first_failure(tried: &[TierAnswer]) -> Option<CacheError> {
    tried.iter().find_map(|tier| match &tier.answer {
        Answer::Failed(error) => Some(error.clone()),
        _ => None,
    })
}

/// Nobody failed, because nobody was asked.
fn nobody(operation: &str, tried: &[TierAnswer]) -> CacheError {
    if tried.is_empty() {
        return CacheError::configuration(operation, "no cache tier is configured; set CACHE_BACKENDS or [tiers]");
    }
    let labels: Vec<&str> = tried.iter().map(|tier| tier.label.as_str()).collect();
    CacheError::unsupported(operation, format!("no tier can {operation}: {}", labels.join(", ")))
}

#[cfg(test)]
mod tests;

//! Several backends, tried in order.

mod back_fill;
mod counts;
mod flight;
mod search;
mod stale;
mod tier;

pub use back_fill::{BackFill, Settled};
pub use counts::TiersSnapshot;
pub use flight::{Flight, Flights};
pub use tier::Tier;

use crate::{Blob, CacheError, Capability, Listener, Operation};
use back_fill::BackFills;
use counts::Counts;
use futures::FutureExt as _;
use futures::future::join_all;
use stale::Stale;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

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

/// How several tiers are used together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TiersRules {
    /// Whose failure makes a `put` fail.
    pub write: PutPolicy,
    /// The time of one `get`, `put` or `invalidate` through all tiers; without end when
    /// not given.
    pub budget: Option<Duration>,
    /// How long [`Tiers::settle`] waits for back-fills; without end when not given.
    pub back_fill: Option<Duration>,
}

impl Default for TiersRules {
    fn default() -> Self {
        Self { write: PutPolicy::First, budget: None, back_fill: None }
    }
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
    /// It was asked, and not waited for, as another had the value first.
    Unanswered,
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

impl Lookup {
    /// Whether the key is known not to be there: every tier that can read has looked.
    ///
    /// `Ok(None)` alone may leave one that failed, and might have it.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.outcome == Ok(None) && first_failure(&self.tried).is_none()
    }
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
/// *Requires*: a tokio runtime. Give every backend its layers (see
/// [`Layered`](crate::Layered)): what a tier does by itself is limited there, what all
/// do together here.
///
/// *Behaviour*: a tier is opened when it is first needed (see [`Tier::open`]), so one
/// below the first hit costs nothing. Nothing takes longer than the budget; who used up
/// most of it hears so (see [`Backend::overdue`](crate::Backend::overdue)).
pub struct Tiers {
    shared: Arc<Shared>,
    flights: Flights<Lookup>,
    listener: Option<Arc<dyn Listener>>,
}

/// What a search needs, which may outlive who began it.
struct Shared {
    tiers: Vec<Arc<Tier>>,
    rules: TiersRules,
    fills: BackFills,
    stale: Arc<Stale>,
    counts: Arc<Counts>,
}

impl Shared {
    fn deadline(&self) -> Option<Instant> {
        self.rules.budget.map(|budget| Instant::now() + budget)
    }

    /// Tells the tiers that were asked at these times and did not answer, as far as they
    /// had half of the budget: one that was asked in the last moment is not to blame.
    fn blame(&self, operation: Operation, silent: impl Iterator<Item = Option<Instant>>) {
        let half = self.rules.budget.unwrap_or_default() / 2;
        for (tier, asked) in self.tiers.iter().zip(silent) {
            if asked.is_some_and(|asked| asked.elapsed() >= half) {
                tier.overdue(operation);
            }
        }
    }
}

impl Tiers {
    /// These tiers, in this order, without a budget.
    #[must_use]
    pub fn new(tiers: Vec<Tier>, policy: PutPolicy) -> Self {
        Self::with_rules(tiers, TiersRules { write: policy, ..TiersRules::default() })
    }

    /// These tiers, in this order, by these rules.
    #[must_use]
    pub fn with_rules(tiers: Vec<Tier>, rules: TiersRules) -> Self {
        let counts = Arc::new(Counts::of(tiers.len()));
        let stale = Arc::new(Stale::default());
        let fills = BackFills::new(Arc::clone(&counts), Arc::clone(&stale));
        let tiers = tiers.into_iter().map(Arc::new).collect();
        let shared = Arc::new(Shared { tiers, rules, fills, stale, counts });
        Self { shared, flights: Flights::default(), listener: None }
    }

    /// The same, with somebody who hears of every `get`, `put` and `invalidate`.
    #[must_use]
    pub fn heard_by(self, listener: Option<Arc<dyn Listener>>) -> Self {
        Self { listener, ..self }
    }

    /// The tiers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Tier> {
        self.shared.tiers.iter().map(AsRef::as_ref)
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
    /// to the tiers above that said miss or hold a damaged value, and can store (see
    /// [`settle`](Self::settle)). A tier that fails is passed over, whatever its
    /// error: the next one may have the value. When nobody has it and at least one
    /// tier could look, the answer is `Ok(None)`; the failures of the others are in
    /// [`Lookup::tried`] (see [`Lookup::is_absent`]).
    ///
    /// A tier that does not answer within its hedge delay is not waited for: the next
    /// one is asked beside it, and whoever has the value first wins. Who asks for a key
    /// that is being looked for gets the same answer, unless it was written meanwhile.
    ///
    /// The outcome is an error when no tier could look: the first error, or
    /// `unsupported` when no tier can read, or `configuration` when there is none.
    /// What was not answered within the budget is `timed-out`.
    pub async fn get(&self, key: &str) -> Lookup {
        if let Some(listener) = &self.listener {
            listener.get(key);
        }
        let (search, joined) = self.flights.join(key, || {
            let (shared, key) = (Arc::clone(&self.shared), key.to_owned());
            async move { search::search(&shared, &key).await }.boxed()
        });
        if joined {
            Counts::one_more(&self.shared.counts.joined);
        }
        search.await
    }

    /// Stores `value` in every tier that can store, all at once.
    ///
    /// *Behaviour*: back-fills of the same key end first, so that none writes an
    /// older value over this one. [`PutPolicy`] says whose failure counts. A tier
    /// that failed may still hold an older value: it is not asked for this key again
    /// before it has taken a newer one (kind `stale`).
    pub async fn put(&self, key: &str, value: Blob) -> Written {
        if let Some(listener) = &self.listener {
            listener.put(key, value.bytes.len());
        }
        let tried = self
            .write(Operation::Put, key, |tier| {
                let value = value.clone();
                async move { tier.backend().put(key, value).await }
            })
            .await;
        let writable = |tier: &&TierAnswer| tier.answer != Answer::Without;
        let outcome = match self.shared.rules.write {
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
        if let Some(listener) = &self.listener {
            listener.invalidate(key);
        }
        let tried = self.write(Operation::Invalidate, key, |tier| tier.backend().invalidate(key)).await;
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

    /// Waits for the back-fills under way, as long as the rules say, and answers how
    /// those since the last call went.
    pub async fn settle(&self) -> Settled {
        self.shared.fills.settle(self.shared.rules.back_fill).await
    }

    /// What the tiers did together so far.
    #[must_use]
    pub fn snapshot(&self) -> TiersSnapshot {
        self.shared.counts.snapshot(self.iter().map(Tier::label))
    }

    /// Does `work` on every tier that has `operation`, all at once, within the budget.
    async fn write<'a, F>(&'a self, operation: Operation, key: &str, work: impl Fn(&'a Tier) -> F) -> Vec<TierAnswer>
    where
        F: Future<Output = Result<(), CacheError>>,
    {
        let (started, deadline) = (Instant::now(), self.shared.deadline());
        let late = || over_budget(operation.as_str(), self.shared.rules.budget.unwrap_or_default());
        self.flights.forget(key);
        let Some(_writing) = self.shared.fills.begin_write(key, deadline).await else {
            Counts::one_more(&self.shared.counts.over_budget);
            (0..self.shared.tiers.len()).for_each(|place| self.shared.stale.wrote(place, key, false));
            return self.iter().map(|tier| tier.answered(Answer::Failed(late()), started)).collect();
        };
        let all = self.iter().map(|tier| async {
            let done = tier.done(operation, work(tier));
            match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline, done).await.ok(),
                None => Some(done.await),
            }
        });
        let answers = join_all(all).await;
        for (place, answer) in answers.iter().enumerate() {
            match answer.as_ref().map(|answer| &answer.answer) {
                Some(Answer::Done) => self.shared.stale.wrote(place, key, true),
                None | Some(Answer::Failed(_)) => self.shared.stale.wrote(place, key, false),
                // It holds what others put there.
                Some(Answer::Hit | Answer::Miss | Answer::Without | Answer::Unanswered) => {}
            }
        }
        self.flights.forget(key);
        if answers.iter().any(Option::is_none) {
            Counts::one_more(&self.shared.counts.over_budget);
            self.shared.blame(operation, answers.iter().map(|answer| answer.is_none().then_some(started)));
        }
        let tried = self.iter().zip(answers);
        tried.map(|(tier, answer)| answer.unwrap_or_else(|| tier.answered(Answer::Failed(late()), started))).collect()
    }
}

/// No answer, as the time for all tiers is over.
fn over_budget(operation: &str, budget: Duration) -> CacheError {
    let budget_ms = budget.as_millis();
    CacheError::timed_out(operation, format!("no answer within the {budget_ms} ms for all tiers"))
        .with("budget-ms", budget_ms.to_string())
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

use super::{Answer, Opened, TierAnswer};
use crate::{Backend, Blob, CacheError, Capability, Entry, Operation, Retry};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a tier that could not be opened is left alone at first; twice as long
/// after each further failure.
const REOPEN_FIRST: Duration = Duration::from_millis(250);
/// The longest that it is left alone.
const REOPEN_MOST: Duration = Duration::from_secs(5);
/// How long one is left alone that said that trying again cannot help.
const REOPEN_PERMANENT: Duration = Duration::from_secs(60);

/// A backend under its label.
pub struct Tier {
    label: String,
    backend: Arc<dyn Backend>,
    hedge: Option<Duration>,
    state: Mutex<State>,
    /// Held while it is being opened, so that those who come meanwhile share the answer.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
enum State {
    New,
    Open(Capability),
    Shut { error: CacheError, since: Instant, failures: u32 },
}

impl Tier {
    /// `backend` under `label`, not yet open.
    pub fn new(label: impl Into<String>, backend: Arc<dyn Backend>) -> Self {
        let opening = tokio::sync::Mutex::new(());
        Self { label: label.into(), backend, hedge: None, state: Mutex::new(State::New), opening }
    }

    /// The same, but when it has not answered a `get` after `delay`, the next tier is
    /// asked too.
    #[must_use]
    pub fn hedged_after(self, delay: Option<Duration>) -> Self {
        Self { hedge: delay, ..self }
    }

    /// After how long the next tier is asked too.
    pub(super) fn hedge(&self) -> Option<Duration> {
        self.hedge
    }

    /// Its label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The backend, to be used alone.
    #[must_use]
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// What it can do, once it was opened.
    #[must_use]
    pub fn capability(&self) -> Option<Capability> {
        match self.state() {
            State::Open(capability) => Some(capability),
            State::New | State::Shut { .. } => None,
        }
    }

    /// Opens it, unless that was done.
    ///
    /// *Behaviour*: everybody who asks gets the same answer, those who ask while it
    /// is being opened too. One that failed is opened again when it is next asked
    /// for, after 250 ms at first and at most five seconds later, and after a permanent
    /// error a minute later; until then the answer is the error.
    ///
    /// # Errors
    /// Those of [`Backend::open`].
    pub async fn open(&self) -> Result<Capability, CacheError> {
        if let Some(known) = self.known() {
            return known;
        }
        let _opening = self.opening.lock().await;
        // Somebody else may have opened it while this one waited.
        match self.known() {
            Some(known) => known,
            None => self.look().await,
        }
    }

    /// What is known of the last opening; `None` when it is time for another.
    fn known(&self) -> Option<Result<Capability, CacheError>> {
        match self.state() {
            State::New => None,
            State::Open(capability) => Some(Ok(capability)),
            // One bad moment at the start must not cost the tier for the whole run.
            State::Shut { error, since, failures } => {
                let wait = match error.retry {
                    Retry::Permanent => REOPEN_PERMANENT,
                    Retry::Temporary | Retry::Persistent => {
                        let asked = error.retry_after.unwrap_or_default().min(REOPEN_PERMANENT);
                        left_alone(failures).max(asked)
                    }
                };
                let due = since.elapsed() >= wait;
                (!due).then_some(Err(error))
            }
        }
    }

    async fn look(&self) -> Result<Capability, CacheError> {
        let outcome = self.backend.open().await;
        match &outcome {
            Ok(capability) => *self.lock() = State::Open(capability.clone()),
            Err(error) => self.shut(error),
        }
        outcome
    }

    fn shut(&self, error: &CacheError) {
        let mut state = self.lock();
        let failures = if let State::Shut { failures, .. } = &*state { failures.saturating_add(1) } else { 1 };
        *state = State::Shut { error: error.clone(), since: Instant::now(), failures };
    }

    /// Hears that `operation` was given up on after it had most of the caller's time.
    pub(super) fn overdue(&self, operation: Operation) {
        match self.state() {
            State::Open(_) => self.backend.overdue(operation),
            State::New | State::Shut { .. } => {
                self.shut(&CacheError::timed_out("open", "it did not open in the time that the caller had"));
            }
        }
    }

    /// Opens it, whatever was known of it.
    pub(super) async fn open_anew(&self) -> Opened {
        let started = Instant::now();
        let _opening = self.opening.lock().await;
        let outcome = self.look().await;
        Opened { label: self.label.clone(), elapsed: started.elapsed(), outcome }
    }

    /// Whether it has `operation`. The error is why it cannot be used at all.
    pub(super) async fn can(&self, operation: Operation) -> Result<bool, CacheError> {
        Ok(self.open().await?.has(operation))
    }

    /// Asks for `key`.
    pub(super) async fn looked_up(&self, key: &str) -> (TierAnswer, Option<Blob>) {
        let started = Instant::now();
        let (answer, blob) = match self.can(Operation::Get).await {
            Err(error) => (Answer::Failed(error), None),
            Ok(false) => (Answer::Without, None),
            Ok(true) => match self.backend.get(key).await {
                Err(error) => (Answer::Failed(error), None),
                Ok(None) => (Answer::Miss, None),
                Ok(Some(blob)) => (Answer::Hit, Some(blob)),
            },
        };
        (self.answered(answer, started), blob)
    }

    /// Does `work` when the tier has `operation`.
    pub(super) async fn done(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<(), CacheError>>,
    ) -> TierAnswer {
        let started = Instant::now();
        let answer = match self.can(operation).await {
            Ok(true) => work.await.map_or_else(Answer::Failed, |()| Answer::Done),
            Ok(false) => Answer::Without,
            Err(error) => Answer::Failed(error),
        };
        self.answered(answer, started)
    }

    /// What it knows of `key` without its value.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) and [`Backend::stat`]; `unsupported` when it
    /// cannot say.
    pub async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.must(Operation::Stat).await?;
        self.backend.stat(key).await
    }

    /// At most `limit` of its keys that begin with `prefix`.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) and [`Backend::list`]; `unsupported` when it
    /// cannot enumerate.
    pub async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.must(Operation::List).await?;
        self.backend.list(prefix, limit).await
    }

    async fn must(&self, operation: Operation) -> Result<(), CacheError> {
        if self.can(operation).await? {
            return Ok(());
        }
        let message = format!("tier `{}` has no operation `{operation}`", self.label);
        Err(CacheError::unsupported(operation.as_str(), message).with("tier", &self.label))
    }

    /// `answer` after the time since `started`.
    pub(super) fn answered(&self, answer: Answer, started: Instant) -> TierAnswer {
        TierAnswer { label: self.label.clone(), answer, elapsed: started.elapsed() }
    }

    fn state(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_alone(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    REOPEN_FIRST.saturating_mul(1 << doublings).min(REOPEN_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_left_alone_for_longer_each_time() {
        let waits: Vec<u128> = [1, 2, 3, 5, 6, 99].map(|failures| left_alone(failures).as_millis()).to_vec();
        assert_eq!(waits, [250, 500, 1000, 4000, 5000, 5000]);
    }
}

use super::{Answer, Opened, TierAnswer};
use crate::{Backend, Blob, CacheError, Capability, Entry, Operation};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a tier that could not be opened is left alone at first; twice as long
/// after each further failure.
const REOPEN_FIRST: Duration = Duration::from_millis(250);
/// The longest that it is left alone.
const REOPEN_MOST: Duration = Duration::from_secs(5);

/// A backend under its label.
pub struct Tier {
    label: String,
    backend: Arc<dyn Backend>,
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
        Self { label: label.into(), backend, state: Mutex::new(State::New), opening: tokio::sync::Mutex::new(()) }
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
    /// is being opened too. One that failed in a temporary way is opened again when
    /// it is next asked for, after 250 ms at first and at most five seconds later;
    /// until then, and after a permanent error, the answer is the error.
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
                let due = error.is_temporary() && since.elapsed() >= left_alone(failures);
                (!due).then_some(Err(error))
            }
        }
    }

    async fn look(&self) -> Result<Capability, CacheError> {
        let outcome = self.backend.open().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match (&outcome, &*state) {
            (Ok(capability), _) => State::Open(capability.clone()),
            (Err(error), State::Shut { failures, .. }) => {
                State::Shut { error: error.clone(), since: Instant::now(), failures: failures.saturating_add(1) }
            }
            (Err(error), _) => State::Shut { error: error.clone(), since: Instant::now(), failures: 1 },
        };
        outcome
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

    fn answered(&self, answer: Answer, started: Instant) -> TierAnswer {
        TierAnswer { label: self.label.clone(), answer, elapsed: started.elapsed() }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

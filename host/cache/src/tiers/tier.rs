use super::{Answer, Opened, TierAnswer};
use crate::{Backend, CacheError, Capability, Operation};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a tier that could not be opened is left alone.
const REOPEN_AFTER: Duration = Duration::from_secs(5);

/// A backend under its label.
pub struct Tier {
    label: String,
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
}

#[derive(Clone)]
enum State {
    New,
    Open(Capability),
    Shut(CacheError, Instant),
}

impl Tier {
    /// `backend` under `label`, not yet open.
    pub fn new(label: impl Into<String>, backend: Arc<dyn Backend>) -> Self {
        Self { label: label.into(), backend, state: Mutex::new(State::New) }
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
            State::New | State::Shut(..) => None,
        }
    }

    pub(super) async fn open(&self) -> Opened {
        let started = Instant::now();
        let outcome = self.backend.open().await;
        let elapsed = started.elapsed();
        let state = match &outcome {
            Ok(capability) => State::Open(capability.clone()),
            Err(error) => State::Shut(error.clone(), Instant::now()),
        };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Opened { label: self.label.clone(), elapsed, outcome }
    }

    /// Whether it has `operation`. The error is why it cannot be used at all.
    pub(super) async fn can(&self, operation: Operation) -> Result<bool, CacheError> {
        let capability = match self.state() {
            State::Open(capability) => capability,
            State::New => {
                let message = format!("tier `{}` was not opened", self.label);
                return Err(CacheError::configuration(operation.as_str(), message));
            }
            // One bad moment at the start must not cost the tier for the whole run.
            State::Shut(error, since) if error.is_temporary() && since.elapsed() >= REOPEN_AFTER => {
                self.open().await.outcome?
            }
            State::Shut(error, _) => return Err(error),
        };
        Ok(capability.has(operation))
    }

    /// Does `work` when the tier has `operation`.
    pub(super) async fn done(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<(), CacheError>>,
    ) -> TierAnswer {
        let answer = match self.can(operation).await {
            Ok(true) => work.await.map_or_else(Answer::Failed, |()| Answer::Done),
            Ok(false) => Answer::Without,
            Err(error) => Answer::Failed(error),
        };
        TierAnswer { label: self.label.clone(), answer }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

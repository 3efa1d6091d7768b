//! A breaker around a backend: one that fails is left alone for a while.

mod circuit;

pub use circuit::CircuitState;

use crate::{Backend, Blob, CacheError, Capability, Entry, Operation, kind};
use async_trait::async_trait;
use circuit::{Circuit, Pass, Verdict};
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Context of a `clock` error: by how many milliseconds a value is from the future.
const AHEAD: &str = "ahead-ms";

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open at first; twice as long after each trial that fails.
    pub open: Duration,
    /// The longest that it stays open, whatever the backend asks for.
    pub max_open: Duration,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self { failures: 3, open: Duration::from_secs(2), max_open: Duration::from_secs(60) }
    }
}

/// The states and counts of a [`Breaker`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BreakerSnapshot {
    /// For `get`, `stat` and `list`.
    pub reads: CircuitState,
    /// For `put` and `invalidate`.
    pub writes: CircuitState,
    /// How often one of the two opened.
    pub openings: u64,
    /// How often one of the two was half-open: one operation was let through to see.
    pub trials: u64,
    /// Operations that were answered without asking.
    pub refused: u64,
}

/// Leaves a backend that fails alone for a while, and then tries it with one operation.
///
/// *Behaviour*: there are two circuits, for what reads and for what writes, as a full
/// disk can be read and credentials may only read. What an answer means:
///
/// | answer | effect |
/// |---|---|
/// | a value, a miss, done; `integrity`, `too-large`, `unsupported`, `invalid`; `clock` of one value | it is there: closes the circuit |
/// | `unauthenticated`, `configuration`, `retired`, any other `clock` | opens both at once, for the longest time |
/// | `forbidden`, `denied`, `no-space` | opens this circuit at once, for the longest time |
/// | anything with a `retry-after` | opens this circuit at once, for so long, capped |
/// | anything else | some in a row open this circuit |
///
/// A `clock` error is of one value when it says how far ahead that was made
/// (`ahead-ms` in its context), or when what was to be put claims a time that this
/// machine's clock has not reached either: whoever made it is wrong, not the store.
///
/// While a circuit is open the answer is the error that opened it, with
/// `breaker` = `open` in its context; it is never a miss. `open` always passes: a
/// success closes both circuits, a failure counts for both. No state lasts.
#[derive(Debug)]
pub struct Breaker<B> {
    inner: B,
    circuits: Mutex<Circuits>,
}

#[derive(Debug)]
struct Circuits {
    reads: Circuit,
    writes: Circuit,
    refused: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Reads,
    Writes,
}

impl Circuits {
    fn of(&mut self, side: Side) -> &mut Circuit {
        match side {
            Side::Reads => &mut self.reads,
            Side::Writes => &mut self.writes,
        }
    }
}

impl Side {
    fn of(operation: Operation) -> Self {
        match operation {
            Operation::Get | Operation::Stat | Operation::List => Self::Reads,
            Operation::Put | Operation::Invalidate => Self::Writes,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Reads => Self::Writes,
            Self::Writes => Self::Reads,
        }
    }
}

/// How far ahead of this machine's clock a value may claim to be made, in milliseconds;
/// the same as adapters allow.
const MAX_SKEW_MS: u64 = 60_000;

/// Whether an error says that nobody can use the tier, whatever they ask for.
fn concerns_all(error: &CacheError) -> bool {
    matches!(error.kind.as_str(), kind::UNAUTHENTICATED | kind::CONFIGURATION | kind::RETIRED)
        || (error.kind == kind::CLOCK && !is_of_one_value(error))
}

/// Whether a `clock` error is about the time that one value was made.
fn is_of_one_value(error: &CacheError) -> bool {
    error.kind == kind::CLOCK && error.context.contains_key(AHEAD)
}

/// How far ahead of this machine's clock a value claims to be made, where that is too far.
fn ahead(value: &Blob) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let ahead = value.created_ms.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX));
    (ahead > MAX_SKEW_MS).then_some(ahead)
}

fn verdict(error: &CacheError) -> Verdict {
    match error.kind.as_str() {
        kind::CLOCK if is_of_one_value(error) => Verdict::Answered,
        kind::INTEGRITY | kind::TOO_LARGE | kind::UNSUPPORTED | kind::INVALID => Verdict::Answered,
        kind::FORBIDDEN | kind::DENIED | kind::NO_SPACE => Verdict::Broken(error.clone()),
        _ if concerns_all(error) => Verdict::Broken(error.clone()),
        _ => match error.retry_after {
            Some(wait) => Verdict::Busy(error.clone(), wait),
            None => Verdict::Failed(error.clone()),
        },
    }
}

/// Leave to ask, given back when it is dropped: with the answer, or without one.
struct Admitted<'a> {
    circuits: &'a Mutex<Circuits>,
    side: Side,
    pass: Option<Pass>,
}

impl Admitted<'_> {
    fn settle<T>(mut self, answer: &Result<T, CacheError>) {
        let Some(pass) = self.pass.take() else { return };
        let now = Instant::now();
        let verdict = answer.as_ref().map_or_else(verdict, |_| Verdict::Answered);
        let mut circuits = lock(self.circuits);
        circuits.of(self.side).settle(&pass, &verdict, now);
        if answer.as_ref().is_err_and(concerns_all) {
            circuits.of(self.side.other()).judge(&verdict, now);
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if let Some(pass) = &self.pass {
            lock(self.circuits).of(self.side).release(pass, Instant::now());
        }
    }
}

impl<B: Backend> Breaker<B> {
    /// Wraps `inner`, with both circuits closed.
    pub fn new(inner: B, rules: BreakerRules) -> Self {
        let circuits = Circuits { reads: Circuit::new(rules), writes: Circuit::new(rules), refused: 0 };
        Self { inner, circuits: Mutex::new(circuits) }
    }

    /// Its states and counts at this moment.
    #[must_use]
    pub fn snapshot(&self) -> BreakerSnapshot {
        let circuits = lock(&self.circuits);
        BreakerSnapshot {
            reads: circuits.reads.state(),
            writes: circuits.writes.state(),
            openings: circuits.reads.openings() + circuits.writes.openings(),
            trials: circuits.reads.trials() + circuits.writes.trials(),
            refused: circuits.refused,
        }
    }

    /// Does `work` when the circuit of `operation` lets it.
    async fn through<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        let side = Side::of(operation);
        let admitted = {
            let mut circuits = lock(&self.circuits);
            match circuits.of(side).admit(Instant::now()) {
                Ok(pass) => Admitted { circuits: &self.circuits, side, pass: Some(pass) },
                Err((error, left)) => {
                    circuits.refused += 1;
                    return Err(error.refused_by_breaker(operation, left));
                }
            }
        };
        let answer = work.await;
        admitted.settle(&answer);
        answer
    }
}

#[async_trait]
impl<B: Backend> Backend for Breaker<B> {
    async fn open(&self) -> Result<Capability, CacheError> {
        let answer = self.inner.open().await;
        let mut circuits = lock(&self.circuits);
        for side in [Side::Reads, Side::Writes] {
            match &answer {
                Ok(_) => circuits.of(side).close(),
                Err(error) => circuits.of(side).judge(&verdict(error), Instant::now()),
            }
        }
        drop(circuits);
        answer
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.through(Operation::Get, self.inner.get(key)).await
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        let ahead = ahead(&value);
        let put = async {
            self.inner.put(key, value).await.map_err(|error| match ahead {
                Some(ahead) if error.kind == kind::CLOCK => error.with(AHEAD, ahead.to_string()),
                _ => error,
            })
        };
        self.through(Operation::Put, put).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.through(Operation::Stat, self.inner.stat(key)).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.through(Operation::Invalidate, self.inner.invalidate(key)).await
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        self.through(Operation::List, self.inner.list(prefix, limit)).await
    }

    fn overdue(&self, operation: Operation) {
        let error = CacheError::timed_out(operation.as_str(), "no answer in the time that the caller had");
        lock(&self.circuits).of(Side::of(operation)).judge(&Verdict::Failed(error), Instant::now());
        self.inner.overdue(operation);
    }
}

fn lock(circuits: &Mutex<Circuits>) -> MutexGuard<'_, Circuits> {
    // A circuit stays usable whatever happened to another thread.
    circuits.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

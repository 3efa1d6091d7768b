//! Cache backends, tiers and the layers around them.
//!
//! A [`Backend`] is one place to keep values: an adapter component, a peer, a test
//! double. Layers wrap a backend and are backends themselves; [`Layered`] puts all of
//! them around one, outermost first: [`Stats`], [`Trace`], [`Breaker`], [`Retried`],
//! [`Timeout`]. [`Tiers`] tries several in order, shares equal questions, hedges slow
//! ones and keeps to a budget. This crate knows no adapter and no WebAssembly: the
//! engine implements [`Backend`] over a component and wraps it here, so every adapter
//! gets the same limits and is counted the same way. [`Latency`] also keeps times, for
//! whoever measures. What is expected of every backend stands in [`conformance`] as cases
//! that can be run.
//!
//! Three rules hold everywhere:
//!
//! * **An error is never a miss.** `get` answers `Ok(None)` when the backend looked
//!   and the key is not there. Whatever kept it from looking is a [`CacheError`].
//! * **A cache never breaks what it serves.** A tier that fails is counted and the
//!   next one is asked; a back-fill never delays the hit that caused it; nothing takes
//!   longer than its budget.
//! * **No failure is for ever.** A tier that failed is left alone for a while, and then
//!   tried again.
//!
//! ```
//! use seaworthy_cache::{LayerRules, Layered, Tier, Tiers, TiersRules};
//! # use seaworthy_cache::Backend;
//! # use std::{sync::Arc, time::Duration};
//! fn two_tiers(fast: Arc<dyn Backend>, slow: Arc<dyn Backend>) -> Tiers {
//!     let memory = Layered::new("memory", fast, LayerRules::within(Duration::from_secs(1)));
//!     let p2p = Layered::new("p2p", slow, LayerRules::within(Duration::from_secs(5)));
//!     let rules = TiersRules { budget: Some(Duration::from_secs(10)), ..TiersRules::default() };
//!     Tiers::with_rules(vec![Tier::new("memory", memory.backend()), Tier::new("p2p", p2p.backend())], rules)
//! }
//! ```

#![deny(missing_docs)]

mod backend;
mod blob;
mod breaker;
mod capability;
pub mod conformance;
mod error;
mod latency;
mod layers;
mod listener;
mod retry;
mod stats;
pub mod storage;
mod tiers;
mod timeout;
mod trace;

#[cfg(test)]
mod doubles;

pub use backend::Backend;
pub use blob::{Blob, Entry};
pub use breaker::{Breaker, BreakerRules, BreakerSnapshot, CircuitState};
pub use capability::{Capability, Operation, UnknownOperation};
pub use error::{CacheError, Retry, UnknownRetry, kind};
pub use latency::{Latencies, Latency, LatencyRow};
pub use layers::{LayerRules, Layered};
pub use listener::Listener;
pub use retry::{Jitter, Retried, RetryRules, RetrySnapshot};
pub use stats::{Stats, StatsSnapshot};
pub use storage::Storage;
pub use tiers::{
    Answer, BackFill, Flight, Flights, Hit, Lookup, Opened, PutPolicy, Settled, Tier, TierAnswer, Tiers, TiersRules,
    TiersSnapshot, Written,
};
pub use timeout::{Timeout, Timeouts};
pub use trace::Trace;

//! Cache backends, tiers and the layers around them.
//!
//! A [`Backend`] is one place to keep values: an adapter component, a peer, a test
//! double. Layers wrap a backend and are backends themselves ([`Timeout`],
//! [`Stats`]); [`Tiers`] tries several in order. This crate knows no adapter and
//! no WebAssembly: the engine implements [`Backend`] over a component and wraps it
//! here, so every adapter gets the same limits and is counted the same way.
//! [`Latency`] also keeps times, for whoever measures. What is expected of every backend
//! stands in [`conformance`] as cases that can be run.
//!
//! Two rules hold everywhere:
//!
//! * **An error is never a miss.** `get` answers `Ok(None)` when the backend looked
//!   and the key is not there. Whatever kept it from looking is a [`CacheError`].
//! * **A cache never breaks what it serves.** A tier that fails is counted and the
//!   next one is asked; a back-fill never delays the hit that caused it.
//!
//! ```
//! use seaworthy_cache::{PutPolicy, Stats, Tier, Tiers, Timeout, Timeouts};
//! # use seaworthy_cache::Backend;
//! # use std::{sync::Arc, time::Duration};
//! fn two_tiers(fast: impl Backend + 'static, slow: impl Backend + 'static) -> Tiers {
//!     let slow = Timeout::new(slow, Timeouts::all(Duration::from_secs(2)));
//!     Tiers::new(
//!         vec![Tier::new("memory", Arc::new(Stats::new(fast))), Tier::new("p2p", Arc::new(Stats::new(slow)))],
//!         PutPolicy::First,
//!     )
//! }
//! ```

#![deny(missing_docs)]

mod backend;
mod blob;
mod capability;
pub mod conformance;
mod error;
mod latency;
mod stats;
pub mod storage;
mod tiers;
mod timeout;

#[cfg(test)]
mod doubles;

pub use backend::Backend;
pub use blob::{Blob, Entry};
pub use capability::{Capability, Operation, UnknownOperation};
pub use error::{CacheError, Retry, UnknownRetry, kind};
pub use latency::{Latencies, Latency, LatencyRow};
pub use stats::{Stats, StatsSnapshot};
pub use storage::Storage;
pub use tiers::{Answer, BackFill, Hit, Lookup, Opened, PutPolicy, Tier, TierAnswer, Tiers, Written};
pub use timeout::{Timeout, Timeouts};

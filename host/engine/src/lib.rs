//! Runs checks and adapters as WebAssembly components.
//!
//! The only crate that names wasmtime. [`Catalog::open`] loads and describes
//! components without granting them anything; [`run`] takes a plan and a catalog
//! and answers a record, and [`CacheSession`] uses the same tiers without a run. In between, every import of a guest is a function in
//! `hosts/` that checks the grant, asks a probe, records an observation and
//! returns: a guest knows nothing that the host has not written down.
//!
//! What a guest returns is judged in `validate`; what it does instead of returning
//! is explained in `trap`. Both end in the same record.

mod adapter;
mod archive;
mod bindings;
mod cache_session;
mod catalog;
mod code_cache;
mod direct;
mod examine;
mod grantor;
mod hosts;
mod instances;
mod mapped_code;
mod measure;
mod offered;
mod refusal;
mod rehearsal;
mod runtime;
mod schedule;
mod scope;
mod state;
mod step;
mod surface;
mod tape;
mod tier_set;
mod trap;
mod validate;

pub use cache_session::{CacheSession, SessionOptions, Through};
pub use catalog::{Builtin, Catalog, CatalogError, Entry, FetchedPlugin, PackError, PluginSource, Wanted, digest};
pub use examine::{Examination, examine};
pub use hosts::peers::PeerCounts;
pub use measure::Cost;
pub use refusal::{Refusal, Unmet};
pub use rehearsal::Rehearsal;
pub use runtime::{Room, RuntimeError};
pub use schedule::run;
pub use surface::{Import, Surface};
pub use tape::{Playback, Recorder, Scripted, Used};

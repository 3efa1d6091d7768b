//! checks.toml, environment and flags to one validated policy, and a policy to a plan. Pure.
//!
//! # The two steps
//! ```text
//! discover      where the file is                       (asks a predicate, reads nothing)
//! Policy::load  embedded suite < file < profiles < environment < flags  -> Policy
//!               ... the caller loads the components that Policy::plugin_files names ...
//! plan          Policy, catalog, place, filters         -> seaworthy_model::Plan
//! ```
//! Nothing here does I/O: text, environment, clock and file system come in as
//! parameters. The only crate that knows TOML, and the only one that knows what a
//! key of checks.toml means; everybody else sees the plan, or the rules that
//! [`Policy`] hands out ([`Policy::run_rules`], [`Policy::gate_rules`], ...).
//!
//! # Goals, and what was not done for them
//! * *Everything wrong at once, each with its line.* Tables are read key by key by
//!   the `reader` module, not by serde: serde stops at the first error, and loses
//!   the place of a value as soon as types are flattened or untagged.
//! * *Every value knows its origin.* Blocks hold `Option<At<T>>`; merging takes the
//!   uppermost value that is set, and the value brings its [`Origin`] along.
//! * *One description.* The structs of `file` are what is read and what the published
//!   schema is made from; a test compares the keys that the reader asks for with them.
//! * *No templating.* `"${name}"` stands for a whole value or for nothing.
//! * *The environment cannot end a run early.* A wrong value in a variable is what a
//!   diagnosis is about: the default is used and a check reports it. Only a wrong
//!   file, flag or `SEAWORTHY_*` variable is an error.
//!
//! # Grants
//! A bundled component gets what it asks for. A plugin gets what it asks for *and* is
//! granted; a check's own target is granted by the check (`{target}`). What is asked
//! for and not granted is kept in the plan with the line that would grant it.

#![deny(missing_docs)]

mod discover;
mod endpoint;
mod error;
mod file;
mod filter;
mod grant;
mod init;
mod listing;
mod lock;
mod origin;
mod overrides;
mod patience;
mod pin;
mod plan;
mod policy;
mod reader;
mod scalar;
mod schema;
mod settings;
mod show;
mod source;
mod suggestion;
mod tier;
mod trust;
mod usage;
mod validate;
mod values;
mod when;

pub use discover::{CANDIDATES, discover};
pub use error::{ErrorKind, PolicyError, PolicyErrors};
pub use file::*;
pub use init::{init_detect, init_template};
pub use listing::{Listing, with_source};
pub use lock::{Lock, Locked};
pub use origin::{At, Layer, Origin, Place};
pub use overrides::{Filters, Overrides};
pub use pin::RegistryPlugin;
pub use plan::{Catalog, Component, PlanRequest, plan};
pub use policy::{EMBEDDED, EMBEDDED_NAME, LoadRequest, PluginFile, Policy};
pub use schema::schema;
pub use settings::judge as judge_settings;
pub use suggestion::nearest;
pub use usage::Uses;
pub use values::Resolved;
pub use when::{KNOWN_FACTS, When, WhenError};

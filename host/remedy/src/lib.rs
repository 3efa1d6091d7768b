//! From causes to changes. Pure: a report and what is around go in, changes come
//! out; who reads and writes files is the caller.
//!
//! A cause of a report carries remedies in words and commands, for people. This
//! crate reads them back as what they ask for ([`Wanted`]): variables, options of
//! `docker run`, settings of the Docker daemon, sysctls, a node's configuration. So
//! there is one source of advice, and every way to carry it out (an environment
//! file, flags, a compose file, a workflow) is made from the same few values. What
//! cannot be read without a shell stays a command for people.
//!
//! [`propose`] takes the causes of a report one by one, names the [`Strategy`] behind
//! each remedy, leaves out what the facts of the place speak against, and chooses
//! the one that asks for the least privilege. [`Proposal::files`] gives the files as
//! they would be.
//!
//! Not a module of the diagnosis: that one says what is true, and must not change
//! when a file format does.

#![deny(missing_docs)]

mod around;
mod change;
mod choose;
mod compose;
mod daemon;
mod edit;
mod environment;
mod options;
mod outline;
mod placeholder;
mod propose;
mod read;
mod shell;
mod situation;
mod strategy;
mod sysctl;
mod tiers;
mod wanted;
mod workflow;
mod yaml;

pub use around::{Around, TextFile};
pub use change::{Blocker, Change, Content, Fix, Kind, Other, PROPOSAL_SCHEMA_VERSION, Proposal};
pub use edit::{Edit, FileChange, FileEdit};
pub use propose::propose;
pub use situation::Situation;
pub use strategy::Strategy;
pub use wanted::{DockerOption, Value, Wanted};

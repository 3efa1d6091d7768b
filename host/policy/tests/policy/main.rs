//! The policy crate through its public functions, as the command line uses it.

mod init;
mod merge;
mod messages;
mod plan;
mod support;

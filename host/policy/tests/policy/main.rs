//! The policy crate through its public functions, as the command line uses it.

#![expect(clippy::unwrap_used, reason = "what the tests share; a wrong test ends at once")]

mod init;
mod merge;
mod messages;
mod pins;
mod plan;
mod support;

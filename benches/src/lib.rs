//! Whole-process measurements: a command from its start to its end, as a CI job
//! pays for it, against a plain native program that makes the same connections.
//!
//! ```sh
//! packaging/release target/seaworthy-packed
//! SEAWORTHY_BIN=$PWD/target/seaworthy-packed cargo bench -p seaworthy-benches
//! ```
//!
//! `--bench load` alone puts load on a cache peer, beside Redis.
//!
//! The programs take turns, so that a busy moment of the machine falls on both;
//! the minimum is what the work costs, the median what a run is like.

#![deny(missing_docs)]

mod listeners;
mod machine;
mod redis;
mod sample;
mod scenario;
mod table;

pub use listeners::Listeners;
pub use machine::Machine;
pub use redis::Redis;
pub use sample::{Sample, Samples};
pub use scenario::Scenario;
pub use table::{Row, print_rows};

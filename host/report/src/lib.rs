//! Reports: put together, redacted in one place, and written in every format. Pure.
//!
//! The line is always [`assemble`] → [`Redactor::apply`] → one of the formats.
//! Whoever writes a format may rely on two things: secrets are already gone, and
//! everything else in a report is hostile. Evidence comes from probed servers, so
//! a format shows it through [`safe`] and escapes it for its own syntax.
//!
//! | format | for |
//! |---|---|
//! | [`human`] | a terminal: failures first, cause, fix, proof |
//! | [`json`] | machines, by the published [`schema`]; [`read`] takes it back |
//! | [`junit`] | test viewers, in the dialect that Jenkins reads |
//! | [`github`] | annotations, step summary and outputs of GitHub Actions |

#![deny(missing_docs)]

mod advice;
mod asked;
mod assemble;
mod compare;
pub mod github;
mod human;
mod json;
mod junit;
mod observed;
mod redact;
pub mod safe;
mod strings;

pub use assemble::assemble;
pub use compare::{compare, relation};
pub use human::{HumanOptions, Style, compared_human, human};
pub use json::{ReadError, json, read, schema};
pub use junit::{JunitError, WarnAs, junit};
pub use redact::{RedactError, RedactMode, RedactRules, Redactions, Redactor};

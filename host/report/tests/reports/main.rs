//! Reports in every format, redacted, and with hostile content.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod advice;
mod built;
mod compare;
mod formats;
mod injection;
mod redaction;

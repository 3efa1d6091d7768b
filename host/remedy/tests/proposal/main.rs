//! Which change is proposed for what was found, and what its files look like.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod files;
mod left;
mod made;
mod strategies;

//! What a plugin project is, apart from the command line: how one is made, built, tested
//! and documented. Runs nothing of a plugin; the engine does.

#![deny(missing_docs)]

pub mod case;
pub mod claims;
pub mod page;

//! What a plugin project is, apart from the command line: how one is made, built, tested
//! and documented. Runs nothing of a plugin; the engine does.

#![deny(missing_docs)]

pub mod case;
pub mod claims;
mod constants;
pub mod page;
mod project;
pub mod scaffold;
pub mod toolchain;
mod watch;

pub use constants::ConstantsError;
pub use project::{Kind, Language, Project, ProjectError};
pub use watch::Changes;

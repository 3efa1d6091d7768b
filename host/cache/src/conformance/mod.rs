//! What every backend must do, as cases that anyone can run over theirs.
//!
//! Two halves. [`cases`] are chosen by the effective [`Capability`]: what a backend
//! declares it must do well, and what it does not declare it must refuse as
//! `unsupported`. [`Fault`] is the other half: somebody breaks what is behind the
//! backend (takes the server away, flips a byte, refuses the credentials), and the
//! backend must say exactly that, and never that there is nothing.
//!
//! Nothing here is a test by itself: each case answers a [`Violation`] or nothing. In
//! this repository `tests/tests/conformance.rs` runs them over every bundled adapter,
//! as the component it is, against real servers.
//!
//! ```
//! use seaworthy_cache::conformance::{self, Subject};
//! # use seaworthy_cache::{Backend, CacheError};
//! async fn conforms(backend: &dyn Backend) -> Result<(), String> {
//!     let capability = backend.open().await.map_err(|error| error.to_string())?;
//!     for case in conformance::cases() {
//!         let subject = Subject::new(backend, &capability, &format!("conformance/{}/", case.name));
//!         if case.obstacle(&subject).is_none() {
//!             case.run(&subject).await.map_err(|violation| format!("{}: {violation}", case.name))?;
//!         }
//!     }
//!     Ok(())
//! }
//! ```

mod absence;
mod case;
mod fault;
mod keys;
mod life;
mod listing;
mod subject;
mod undeclared;
mod values;
mod violation;
mod writes;

pub use case::{Case, cases};
pub use fault::Fault;
pub use subject::Subject;
pub use violation::Violation;

#[cfg(doc)]
use crate::Capability;

#[cfg(test)]
mod tests;

//! Root causes and their consequences, and the judgement of the gate. Pure:
//! everything that is known arrives in the record of a run.
//!
//! [`explain`] reads a record. Each finding that is wrong (a *symptom*) is given
//! to the rules, most specific first; a rule turns one or several symptoms, the
//! facts of all checks and, where there is one, a report from the host into a
//! *cause* with remedies for this very container. A cause explains what sits on
//! a higher layer of the same target; what nothing else explains is its own
//! cause, so every failure belongs to exactly one.
//!
//! [`judge`] applies waivers and the gate's rules. It changes dispositions, never
//! a status: a report stays true whatever the gate forgives.
//!
//! To add a cause: one [`Rule`](rule::Rule) in the file of its domain under
//! `rules/`, listed there in `RULES`, and one case in `tests/diagnosis/causes.rs`.

#![deny(missing_docs)]

mod address;
mod catalogue;
mod explain;
mod gate;
mod group;
mod remedy;
mod reread;
mod rows;
mod rule;
mod rules;
mod scene;
mod site;
mod summary;
mod waiver;

pub use catalogue::{CauseDescriptor, catalogue};
pub use explain::explain;
pub use gate::judge;
pub use reread::reread;

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
//! What is known of a cause is one record in `faults/`, read when the crate is built.
//! A record that a finding alone tells is a rule by itself; what takes more is a
//! [`Rule`](rule::Rule) in the file of its domain under `rules/` that refers to its
//! record. To add a cause: a record, and one case in `tests/diagnosis/`.

#![deny(missing_docs)]

mod address;
mod catalogue;
mod explain;
mod fault;
mod faults;
mod gate;
mod group;
mod number;
mod remedy;
mod reread;
mod rows;
mod rule;
mod rules;
mod scene;
mod site;
mod summary;
mod waiver;
mod words;

pub use catalogue::{CauseDescriptor, catalogue};
pub use explain::explain;
pub use gate::judge;
pub use number::{Number, numbers};
pub use reread::reread;

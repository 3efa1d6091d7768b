//! Two faults at once. Each of the two scenes has a machine of its own, and both causes
//! must be among the roots.

pub(crate) fn pairs() -> Vec<[&'static str; 2]> {
    Vec::new()
}

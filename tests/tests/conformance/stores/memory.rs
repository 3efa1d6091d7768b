//! The memory of the process.

use crate::place::Place;
use crate::store::{Running, Store};
use seaworthy_cache::conformance::Fault;

const POLICY: &str = "[tiers.memory]\nadapter = \"memory\"\nwith = { max-bytes = 1048576 }\n";

pub(crate) fn store() -> Store {
    let start = || {
        Ok(Running::new(Place::new("memory", POLICY, &[]))
            .without(
                &[Fault::WrongCredentials, Fault::Down, Fault::Slow, Fault::Cut, Fault::RateLimited],
                "there is no service behind it",
            )
            .without(&[Fault::Flipped, Fault::Truncated], "its values never leave the component")
            .without(&[Fault::Skewed], "it has one clock; a value from the future is one of the cases")
            .without(&[Fault::Denied], "it asks for no grant"))
    };
    Store { name: "memory", start }
}

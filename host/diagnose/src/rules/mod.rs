//! What is known about causes, one file a domain. The order of the files, and of
//! the rules in a file, is from the specific to the general: the first that
//! knows a symptom has it.

mod address;
mod cache;
mod dependencies;
mod dns;
mod docker;
mod environment;
mod firewall;
mod identity;
mod ipfs;
mod libp2p;
mod listener;
mod network;
mod origin;
mod python;
mod registry;
mod s3;
mod secret;
mod sharing;
mod storacha;
#[cfg(test)]
mod tests;
mod transport;
mod vantage;

use crate::rule::Rule;

/// Rules with logic of their own.
static RULES: &[&[Rule]] = &[
    environment::RULES,
    // These know more of a symptom than the rules of its layer.
    python::RULES,
    registry::RULES,
    s3::RULES,
    ipfs::RULES,
    address::RULES,
    docker::RULES,
    // Two vantage points tell more than one.
    vantage::RULES,
    network::ALL_OF_THEM,
    dns::RULES,
    listener::RULES,
    firewall::RULES,
    network::RULES,
    transport::RULES,
    libp2p::RULES,
    identity::RULES,
    secret::RULES,
    sharing::RULES,
    // Before the cache's own: a tier that did not open may have ended.
    storacha::RULES,
    origin::RULES,
    cache::RULES,
    dependencies::RULES,
];

/// Every rule, in order: first those that are all record, since they name single
/// codes and what must hold beside them; among these the ones with more conditions
/// first. A code that a rule in Rust reads differently by what surrounds it belongs
/// into no such record.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    crate::faults::RULES.iter().chain(RULES.iter().copied().flatten())
}

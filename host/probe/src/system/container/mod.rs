//! Whether we are in a container, in which kind, and how its network is wired.
//!
//! Gathering ([`Evidence::gather`]) and concluding ([`classify`]) are apart: the
//! conclusion is a pure function that is tested over recorded evidence.

mod evidence;
mod kind;
mod network;
#[cfg(test)]
mod tests;

pub use evidence::Evidence;
pub use kind::Kind;
pub use network::{Mode, Network};

use super::routes::default_route;
use super::{Context, Row, RowBuilder};
use ipnet::IpNet;
use seaworthy_model::Confidence;

/// What the evidence amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// What runs us.
    pub kind: Kind,
    /// How it is connected.
    pub network: Network,
    /// Id of the container, where something names it.
    pub id: Option<String>,
    /// Run by a user who is not root on the machine; `None` when unknown.
    pub rootless: Option<bool>,
    /// What proved the kind, in the order looked at; empty for [`Kind::None`].
    pub evidence: Vec<&'static str>,
}

/// Concludes. Pure.
#[must_use]
pub fn classify(evidence: &Evidence) -> Container {
    let found = kind::recognise(evidence);
    let network = network::recognise(evidence, &found);
    let rootless = match found.kind {
        Kind::None => Some(false),
        _ => kind::rootless(evidence),
    };
    Container { kind: found.kind, network, id: found.id, rootless, evidence: found.proofs }
}

pub(crate) fn inspect(context: &Context) -> Row {
    let evidence = Evidence::gather(&context.environment);
    row(&evidence, &classify(&evidence))
}

fn row(evidence: &Evidence, container: &Container) -> Row {
    let (v4, v6) = (default_route(&evidence.routes, false), default_route(&evidence.routes, true));
    let own = network::primary(evidence).and_then(|link| {
        let v4 = link.addresses.iter().find(|a| matches!(a, IpNet::V4(_)));
        v4.or_else(|| link.addresses.first()).map(|a| (link, *a))
    });
    RowBuilder::default()
        .put("kind", container.kind.as_str())
        .put("network-mode", container.network.mode.as_str())
        .put(
            "network-mode-confidence",
            match container.network.confidence {
                Confidence::Certain => "certain",
                Confidence::Likely => "likely",
                Confidence::Possible => "possible",
            },
        )
        .put("network-mode-reason", &container.network.reason)
        .put("rootless", container.rootless.map_or("unknown".to_owned(), |r| r.to_string()))
        .known("container-id", container.id.as_ref())
        .put("runtime-evidence", container.evidence.join(","))
        .known("gateway", v4.or(v6).and_then(|r| r.gateway))
        .known("address", own.map(|(_, a)| a.addr()))
        .known("subnet", own.map(|(_, a)| a.trunc()))
        .known("interface", own.map(|(l, _)| l.name.as_str()))
        .put("hostname", &evidence.hostname)
        .put("ci", kind::ci(evidence))
        .put("desktop", evidence.kernel.contains("linuxkit"))
        .put("wsl", evidence.kernel.to_ascii_lowercase().contains("microsoft"))
        .done()
}

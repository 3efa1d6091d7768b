use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where in the stack a finding sits. The order is the order of explanation: a
/// finding at a lower layer explains the failures above it on the same target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// What was configured: variables, addresses, files.
    Config,
    /// The process and its limits, dependencies, permissions.
    Process,
    /// Interfaces, routes, container network.
    Interface,
    /// Name resolution.
    Dns,
    /// TCP and UDP reachability.
    Tcp,
    /// TLS and proxies.
    Tls,
    /// libp2p: multistream, noise, yamux.
    Libp2p,
    /// Peer identity and shared secret.
    Identity,
    /// Application protocol.
    Protocol,
    /// Cache semantics.
    Cache,
}

impl Layer {
    /// Every layer, lowest first.
    pub const ALL: [Layer; 10] = [
        Layer::Config,
        Layer::Process,
        Layer::Interface,
        Layer::Dns,
        Layer::Tcp,
        Layer::Tls,
        Layer::Libp2p,
        Layer::Identity,
        Layer::Protocol,
        Layer::Cache,
    ];

    /// The name used in descriptors and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::Config => "config",
            Layer::Process => "process",
            Layer::Interface => "interface",
            Layer::Dns => "dns",
            Layer::Tcp => "tcp",
            Layer::Tls => "tls",
            Layer::Libp2p => "libp2p",
            Layer::Identity => "identity",
            Layer::Protocol => "protocol",
            Layer::Cache => "cache",
        }
    }
}

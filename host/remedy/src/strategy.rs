use crate::situation::Situation;
use crate::wanted::Wanted;
use serde::Serialize;

/// The idea behind a remedy. There are more remedies than ideas; facts speak for or
/// against ideas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Variables are corrected; nothing else changes.
    Variables,
    /// The bridge stays, and peers are named by the host's address on it.
    HostAddress,
    /// The bridge stays, and the host gets a name in the container.
    HostName,
    /// Options of the container other than its network.
    ContainerOptions,
    /// Runner and peer are put on a network of their own, by hand or with compose.
    OwnNetwork,
    /// Settings of the Docker daemon.
    DaemonSettings,
    /// Kernel settings of the host.
    KernelSettings,
    /// Configuration of an IPFS node.
    NodeSettings,
    /// An S3 bucket takes the place of peers.
    S3Tier,
    /// An IPFS node takes the place of peers.
    IpfsTier,
    /// A Storacha space takes the place of peers.
    StorachaTier,
    /// Commands on this or another machine.
    Commands,
    /// Nothing is changed, something is looked at.
    Look,
    /// The container gives up its own network.
    HostNetwork,
}

impl Strategy {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Variables => "variables",
            Strategy::HostAddress => "host-address",
            Strategy::HostName => "host-name",
            Strategy::ContainerOptions => "container-options",
            Strategy::OwnNetwork => "own-network",
            Strategy::DaemonSettings => "daemon-settings",
            Strategy::KernelSettings => "kernel-settings",
            Strategy::NodeSettings => "node-settings",
            Strategy::S3Tier => "s3-tier",
            Strategy::IpfsTier => "ipfs-tier",
            Strategy::StorachaTier => "storacha-tier",
            Strategy::Commands => "commands",
            Strategy::Look => "look",
            Strategy::HostNetwork => "host-network",
        }
    }

    /// The idea behind what a remedy asks for. It is told from the values, not from
    /// the remedy's id, so that a remedy written tomorrow is understood too.
    pub(crate) fn of(wanted: &Wanted, risk: seaworthy_model::Risk, situation: &Situation) -> Self {
        let networks: Vec<&str> = wanted.values("--network").collect();
        let peers = wanted.text("CACHE_BOOTSTRAP_PEERS").unwrap_or_default();
        let is_host =
            |name: &str| ["host.docker.internal", "host.containers.internal"].iter().any(|h| name.contains(h));
        if networks.contains(&"host") {
            Strategy::HostNetwork
        } else if let Some(tier) = new_tier(wanted, situation) {
            tier
        } else if !networks.is_empty() || !wanted.networks.is_empty() || !wanted.aliases.is_empty() {
            Strategy::OwnNetwork
        } else if wanted.values("--add-host").next().is_some() || is_host(peers) {
            Strategy::HostName
        } else if !wanted.options.is_empty() {
            Strategy::ContainerOptions
        } else if situation.gateway.as_deref().is_some_and(|gateway| names(peers, gateway)) {
            Strategy::HostAddress
        } else if !wanted.variables.is_empty() {
            Strategy::Variables
        } else if !wanted.daemon.is_empty() {
            Strategy::DaemonSettings
        } else if !wanted.sysctls.is_empty() {
            Strategy::KernelSettings
        } else if !wanted.kubo.is_empty() {
            Strategy::NodeSettings
        } else if risk == seaworthy_model::Risk::None {
            Strategy::Look
        } else {
            Strategy::Commands
        }
    }

    /// What speaks against it here, if anything does.
    pub(crate) fn objection(self, situation: &Situation) -> Option<&'static str> {
        let own = situation.own_network();
        match self {
            Strategy::HostAddress if !own && situation.in_container.is_some() => {
                Some("there is no container network of its own here, whose gateway could be used")
            }
            Strategy::HostAddress if situation.desktop => {
                Some("the gateway of Docker Desktop is its virtual machine, not the host")
            }
            Strategy::HostAddress if situation.in_pod() => Some("a pod's gateway is its node's network, not the peer"),
            Strategy::HostName if !own && situation.in_container.is_some() => {
                Some("the name is for containers with a network of their own")
            }
            Strategy::OwnNetwork if situation.mode.as_deref() == Some("user-defined") => {
                Some("this container is on a user-defined network already")
            }
            Strategy::OwnNetwork | Strategy::HostNetwork if situation.in_pod() => {
                Some("the network of a pod is made by its orchestrator")
            }
            Strategy::HostNetwork if !own && situation.in_container.is_some() => {
                Some("this is the host's network already")
            }
            Strategy::HostNetwork if situation.desktop => {
                Some("the host's network of Docker Desktop is that of its virtual machine")
            }
            _ => None,
        }
    }

    /// Why it is chosen, after "since".
    pub(crate) fn reason(self, situation: &Situation) -> String {
        match self {
            Strategy::HostAddress => {
                let gateway = situation.gateway.as_deref().unwrap_or("the gateway");
                format!(
                    "the container keeps its own network, {gateway} is its way to the host, and only variables change"
                )
            }
            Strategy::HostName => "the container keeps its own network and gets a name for its host".into(),
            Strategy::OwnNetwork => {
                "container names are known only on a user-defined network, and nothing is opened on the host".into()
            }
            Strategy::HostNetwork => "nothing that asks for less is left".into(),
            Strategy::S3Tier | Strategy::IpfsTier | Strategy::StorachaTier => {
                "packets to the peers are filtered over TCP and over UDP, and this needs no port to be opened".into()
            }
            Strategy::Variables => "only variables change".into(),
            Strategy::ContainerOptions => "only this container's own options change".into(),
            Strategy::DaemonSettings => "the setting belongs to the Docker daemon; no container option has it".into(),
            Strategy::KernelSettings => "the limit is the kernel's, for the whole host".into(),
            Strategy::NodeSettings => "the setting is the node's own".into(),
            Strategy::Commands => "it has to be done where the fault is".into(),
            Strategy::Look => "nothing can be changed before it is known which it is".into(),
        }
    }
}

/// The tier that is put first among those that were not in use.
fn new_tier(wanted: &Wanted, situation: &Situation) -> Option<Strategy> {
    let tiers = wanted.text("CACHE_BACKENDS")?;
    let new = |tier: &&str| !situation.backends.iter().any(|known| known == tier);
    tiers.split(',').map(str::trim).filter(new).find_map(|tier| match tier {
        "s3" => Some(Strategy::S3Tier),
        "ipfs" => Some(Strategy::IpfsTier),
        "storacha" => Some(Strategy::StorachaTier),
        _ => None,
    })
}

/// Whether a list of peers names a host.
fn names(peers: &str, host: &str) -> bool {
    peers.split(['/', ',']).any(|part| part == host)
}

use super::evidence::{Evidence, STANDS_IN_FOR};
use super::kind::{Found, Kind};
use crate::system::interfaces::Link;
use crate::system::resolver::{parse_hosts, parse_resolv_conf};
use crate::system::routes::default_route;
use ipnet::IpNet;
use seaworthy_model::Confidence::{self, Certain, Likely, Possible};
use std::net::{IpAddr, Ipv4Addr};

/// How a container is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It shares the machine's network.
    Host,
    /// The runtime's default bridge.
    Bridge,
    /// A network made by a user or by a CI service.
    UserDefined,
    /// Loopback only.
    None,
    /// The network of another container.
    Container,
    /// A pod's network.
    Pod,
    /// Rootless, through slirp4netns.
    Slirp4netns,
    /// Rootless, through pasta.
    Pasta,
    /// There is no container.
    NotAContainer,
    /// The evidence does not say.
    Unknown,
}

impl Mode {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Host => "host",
            Mode::Bridge => "bridge",
            Mode::UserDefined => "user-defined",
            Mode::None => "none",
            Mode::Container => "container",
            Mode::Pod => "pod",
            Mode::Slirp4netns => "slirp4netns",
            Mode::Pasta => "pasta",
            Mode::NotAContainer => "not-a-container",
            Mode::Unknown => "unknown",
        }
    }
}

/// How a container is connected, how sure that is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The mode.
    pub mode: Mode,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence.
    pub reason: String,
}

/// Docker's embedded name server; it serves user-defined networks only.
const EMBEDDED_DNS: &str = "127.0.0.11";

/// The interface of the default route, else the first one with an address.
pub(super) fn primary(evidence: &Evidence) -> Option<&Link> {
    let route = default_route(&evidence.routes, false).or_else(|| default_route(&evidence.routes, true));
    let routed = route.and_then(|r| evidence.links.iter().find(|l| l.name == r.interface));
    routed.or_else(|| evidence.links.iter().find(|l| !l.loopback && l.up && has_address(l)))
}

/// A link-local address comes by itself and connects to nothing.
fn has_address(link: &Link) -> bool {
    link.addresses.iter().any(|net| match net.addr() {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 != 0xfe80,
    })
}

pub(super) fn recognise(evidence: &Evidence, found: &Found) -> Network {
    let say = |mode, confidence, reason: String| Network { mode, confidence, reason };
    if found.kind == Kind::None {
        return say(Mode::NotAContainer, Certain, "nothing marks this as a container".to_owned());
    }
    if found.kind == Kind::Kubernetes
        && let Some(network) = of_pod(evidence)
    {
        return network;
    }
    let Some(primary) = primary(evidence) else {
        return say(Mode::None, Certain, "loopback is the only interface with an address".to_owned());
    };
    if let Some(device) = evidence.links.iter().find(|l| l.hardware) {
        let reason = format!(
            "the interface {} is a device of the machine, which only the machine's own network has",
            device.name
        );
        return say(Mode::Host, Certain, reason);
    }
    if found.kind == Kind::Kubernetes {
        return say(Mode::Pod, Likely, format!("in a pod, and {} is not a device of the machine", primary.name));
    }
    if primary.tun {
        return of_tunnel(primary, found.kind);
    }
    let inner = evidence.links.iter().find(|l| l.bridge);
    let named = names_itself(evidence);
    if let Some(bridge) = inner
        && !named
    {
        // A container that runs Docker itself has bridges too, but /etc/hosts names its own address.
        let reason =
            format!("the bridge {} is visible, and /etc/hosts does not name an address of our own", bridge.name);
        return say(Mode::Host, Likely, reason);
    }
    if primary.below.is_none() && !named {
        let reason = format!("nothing tells what is behind the interface {}", primary.name);
        return say(Mode::Unknown, Possible, reason);
    }
    if let (Some(own), Some(other)) = (&found.id, &found.files_of)
        && own != other
        // What `run --in` was asked about is that container, and how it is connected.
        && evidence.variable(STANDS_IN_FOR) != Some(other)
        && matches!(found.kind, Kind::Docker | Kind::Podman)
    {
        let reason =
            format!("/etc/hosts belongs to the container {}, which is not ours", other.get(..12).unwrap_or(other));
        return say(Mode::Container, Certain, reason);
    }
    own_namespace(evidence, primary, found)
}

/// The kubelet writes which of the two it is into /etc/hosts.
fn of_pod(evidence: &Evidence) -> Option<Network> {
    let header = evidence.hosts.lines().find(|line| line.starts_with("# Kubernetes-managed hosts file"))?;
    let (mode, reason) = if header.contains("(host network)") {
        (Mode::Host, "the kubelet's note in /etc/hosts says that the pod uses the node's network")
    } else {
        (Mode::Pod, "the kubelet's note in /etc/hosts says that the pod has a network of its own")
    };
    Some(Network { mode, confidence: Certain, reason: reason.to_owned() })
}

fn of_tunnel(primary: &Link, kind: Kind) -> Network {
    // slirp4netns hands out 10.0.2.100/24 on tap0 unless told otherwise.
    let slirp = primary.addresses.iter().any(|a| within(a, Ipv4Addr::new(10, 0, 2, 0), 24));
    if primary.name.starts_with("tap") && (slirp || kind == Kind::Docker) {
        let confidence = if slirp { Certain } else { Likely };
        let reason =
            format!("{} is a tap of a user-space network stack, with the addresses of slirp4netns", primary.name);
        return Network { mode: Mode::Slirp4netns, confidence, reason };
    }
    let reason = format!("{} is a tap that carries the machine's own address, as pasta sets it up", primary.name);
    Network { mode: Mode::Pasta, confidence: if kind == Kind::Podman { Certain } else { Possible }, reason }
}

fn own_namespace(evidence: &Evidence, primary: &Link, found: &Found) -> Network {
    let conf = parse_resolv_conf(&evidence.resolv_conf);
    let gateway = default_route(&evidence.routes, false).and_then(|r| r.gateway).map(|g| g.to_string());
    let is = |wanted: &str| conf.nameservers.iter().any(|n| n == wanted);
    let end = format!("{} ends outside of this network namespace", primary.name);
    let (mode, confidence, reason) = match found.kind {
        Kind::Docker if is(EMBEDDED_DNS) => {
            (Mode::UserDefined, Certain, format!("{end}, and the name server is Docker's embedded one, {EMBEDDED_DNS}"))
        }
        Kind::Docker if inside(primary, Ipv4Addr::new(172, 17, 0, 0), 16) => {
            (Mode::Bridge, Certain, format!("{end}, in 172.17.0.0/16, and Docker's embedded name server is not used"))
        }
        Kind::Docker if found.foreign_resolver => (
            Mode::UserDefined,
            Possible,
            format!(
                "{end}, outside of 172.17.0.0/16; resolv.conf was replaced, so the name server does not tell the networks apart"
            ),
        ),
        Kind::Docker => (
            Mode::Bridge,
            Likely,
            format!("{end}, and Docker's embedded name server is not used; only the default bridge goes without it"),
        ),
        Kind::Podman if inside(primary, Ipv4Addr::new(10, 88, 0, 0), 16) => {
            (Mode::Bridge, Certain, format!("{end}, in 10.88.0.0/16, podman's default network"))
        }
        Kind::Podman if gateway.as_deref().is_some_and(is) => (
            Mode::UserDefined,
            Certain,
            format!("{end}, and the gateway is also the name server, as on networks that a user made"),
        ),
        Kind::Podman => (Mode::UserDefined, Likely, format!("{end}, outside of podman's default network")),
        _ => (Mode::Bridge, Likely, end),
    };
    Network { mode, confidence, reason }
}

fn inside(link: &Link, net: Ipv4Addr, prefix: u8) -> bool {
    link.addresses.iter().any(|a| within(a, net, prefix))
}

fn within(address: &IpNet, net: Ipv4Addr, prefix: u8) -> bool {
    ipnet::Ipv4Net::new(net, prefix).is_ok_and(|net| matches!(address.addr(), IpAddr::V4(ip) if net.contains(&ip)))
}

/// Runtimes write the container's own address and name into its /etc/hosts; with
/// the host's network there is nothing to write.
fn names_itself(evidence: &Evidence) -> bool {
    parse_hosts(&evidence.hosts).iter().any(|entry| {
        entry.address.parse::<IpAddr>().is_ok_and(|ip| {
            !ip.is_loopback() && evidence.links.iter().any(|l| l.addresses.iter().any(|a| a.addr() == ip))
        })
    })
}

use crate::place::{Place, Row, serves};
use seaworthy_check_sdk::ip;
use std::net::IpAddr;

/// A peer's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// As configured.
    pub(crate) text: String,
    pub(crate) host: String,
    pub(crate) is_name: bool,
    pub(crate) transport: String,
    pub(crate) port: u16,
    pub(crate) peer_id: Option<String>,
}

/// What looking a name up gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The name has addresses.
    Found(Vec<IpAddr>),
    /// There is no such name.
    NotFound,
    /// No answer, or a bad one.
    Unknown(String),
}

/// Whether a peer's address makes sense from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    /// Nothing speaks against it.
    Fine,
    /// It means this container itself, where nothing listens on the port.
    Itself {
        /// A loopback address, as against the container's own address.
        loopback: bool,
    },
    /// A name of the container engine for its host that does not resolve.
    HostNameUnresolved(Lookup),
    /// A name of the container engine for its host that is not our gateway.
    WrongGateway(IpAddr),
    /// A bare name on the default bridge, which resolves no container names.
    NameOnDefaultBridge,
}

/// The names that container engines give their host.
pub(crate) fn is_host_name(name: &str) -> bool {
    ["host.docker.internal", "gateway.docker.internal", "host.containers.internal"]
        .iter()
        .any(|known| name.trim_end_matches('.').eq_ignore_ascii_case(known))
}

/// Whether the address can only be judged with the answer of the resolver.
pub(crate) fn needs_lookup(peer: &Peer, place: &Place) -> bool {
    peer.is_name
        && !ip::is_loopback(&peer.host)
        && (is_host_name(&peer.host) || (place.mode == "bridge" && !peer.host.contains('.')))
}

/// Judges one address. `lookup` is the resolver's answer where [`needs_lookup`] asked for it.
pub(crate) fn judge(peer: &Peer, place: &Place, listeners: &[Row], lookup: Option<&Lookup>) -> Sense {
    if place.has_own_loopback() {
        if ip::is_loopback(&peer.host) {
            let served = peer.transport == "tcp" && serves(listeners, peer.port, None);
            return if served { Sense::Fine } else { Sense::Itself { loopback: true } };
        }
        if let Some(own) = ip::parse(&peer.host).filter(|address| place.owns(*address)) {
            let served = peer.transport != "tcp" || serves(listeners, peer.port, Some(own));
            return if served { Sense::Fine } else { Sense::Itself { loopback: false } };
        }
    }
    match lookup {
        Some(answer @ (Lookup::NotFound | Lookup::Unknown(_))) if is_host_name(&peer.host) => {
            Sense::HostNameUnresolved(answer.clone())
        }
        Some(Lookup::NotFound) => Sense::NameOnDefaultBridge,
        Some(Lookup::Found(addresses)) if is_host_name(&peer.host) => wrong_gateway(addresses, place),
        _ => Sense::Fine,
    }
}

/// `host-gateway` stands for the default bridge's gateway even on other networks. On
/// Docker Desktop and in rootless networks the host is not the gateway by design.
fn wrong_gateway(addresses: &[IpAddr], place: &Place) -> Sense {
    let compares = matches!(place.mode.as_str(), "bridge" | "user-defined") && !place.desktop && !place.rootless;
    let gateway = place.gateway.as_deref().and_then(ip::parse);
    match (gateway, addresses.first()) {
        (Some(gateway), Some(first)) if compares && !addresses.contains(&gateway) => Sense::WrongGateway(*first),
        _ => Sense::Fine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(host: &str, is_name: bool) -> Peer {
        Peer { text: String::new(), host: host.into(), is_name, transport: "tcp".into(), port: 9100, peer_id: None }
    }

    fn place(mode: &str) -> Place {
        Place {
            kind: "docker".into(),
            mode: mode.into(),
            confidence: "certain".into(),
            gateway: Some("172.18.0.1".into()),
            own: vec![ip::parse("172.18.0.2").unwrap()],
            ..Place::default()
        }
    }

    fn listener(scope: &str, address: &str) -> Row {
        [("protocol", "tcp"), ("address", address), ("port", "9100"), ("scope", scope)]
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn loopback_means_the_container_unless_something_serves_it_there() {
        let bridge = place("bridge");
        assert_eq!(judge(&peer("127.0.0.1", false), &bridge, &[], None), Sense::Itself { loopback: true });
        assert_eq!(judge(&peer("localhost", true), &bridge, &[], None), Sense::Itself { loopback: true });
        assert_eq!(judge(&peer("127.0.0.1", false), &bridge, &[listener("loopback", "127.0.0.1")], None), Sense::Fine);
        assert_eq!(judge(&peer("172.18.0.2", false), &bridge, &[], None), Sense::Itself { loopback: false });
        assert_eq!(judge(&peer("127.0.0.1", false), &place("host"), &[], None), Sense::Fine);
        assert_eq!(judge(&peer("127.0.0.1", false), &place("pod"), &[], None), Sense::Fine);
        let outside = Place { kind: "none".into(), mode: "not-a-container".into(), ..place("bridge") };
        assert_eq!(judge(&peer("127.0.0.1", false), &outside, &[], None), Sense::Fine);
    }

    #[test]
    fn the_engine_s_name_for_its_host() {
        let host = peer("host.docker.internal", true);
        let network = place("user-defined");
        assert!(needs_lookup(&host, &network));
        assert_eq!(judge(&host, &network, &[], Some(&Lookup::NotFound)), Sense::HostNameUnresolved(Lookup::NotFound));
        let other = ip::parse("172.17.0.1").unwrap();
        let right = ip::parse("172.18.0.1").unwrap();
        assert_eq!(judge(&host, &network, &[], Some(&Lookup::Found(vec![other]))), Sense::WrongGateway(other));
        assert_eq!(judge(&host, &network, &[], Some(&Lookup::Found(vec![right]))), Sense::Fine);
        let desktop = Place { desktop: true, ..place("user-defined") };
        assert_eq!(judge(&host, &desktop, &[], Some(&Lookup::Found(vec![other]))), Sense::Fine);
    }

    #[test]
    fn container_names_need_a_network_with_a_resolver() {
        let name = peer("cache", true);
        assert!(needs_lookup(&name, &place("bridge")) && !needs_lookup(&name, &place("user-defined")));
        assert_eq!(judge(&name, &place("bridge"), &[], Some(&Lookup::NotFound)), Sense::NameOnDefaultBridge);
        let linked = Lookup::Found(vec![ip::parse("172.17.0.3").unwrap()]);
        assert_eq!(judge(&name, &place("bridge"), &[], Some(&linked)), Sense::Fine);
        assert_eq!(judge(&name, &place("bridge"), &[], Some(&Lookup::Unknown("timeout".into()))), Sense::Fine);
        assert!(!needs_lookup(&peer("cache.example.com", true), &place("bridge")));
    }
}

use crate::codes;
use crate::place::Place;
use crate::sense::{Lookup, Peer, Sense};
use seaworthy_check_sdk::{FindingBuilder, ip};

/// This very machine.
const HERE: &str = "127.0.0.1";

/// What to say about an address that makes no sense from here; `None` when it does.
///
/// `host_internal` is what `host.docker.internal` resolves to, where it does.
pub(crate) fn tell(peer: &Peer, sense: &Sense, place: &Place, host_internal: Option<&str>) -> Option<FindingBuilder> {
    let port = peer.port.to_string();
    let gateway = place.gateway.as_deref().unwrap_or("unknown");
    let mut finding = match sense {
        Sense::Fine => return None,
        Sense::Itself { loopback } => itself(peer, *loopback, place, host_internal, &port),
        Sense::HostNameUnresolved(lookup) => {
            let how = match lookup {
                Lookup::Unknown(message) => ["could not be looked up (", message, ")"].concat(),
                _ => "does not resolve here".into(),
            };
            let why = if place.in_container() {
                [
                    ": without Docker Desktop the name exists only in a container started with --add-host ",
                    &peer.host,
                    ":host-gateway; the host is this network's gateway, ",
                    gateway,
                ]
                .concat()
            } else {
                [": the name is for containers, and this machine is none; name the peer's machine itself, ", HERE]
                    .concat()
                    + " when the peer runs on this one"
            };
            let finding =
                codes::DOCKER_HOST_NAME_UNRESOLVED.at(&peer.text).message([&peer.host, " ", &how, &why].concat());
            if *lookup == Lookup::NotFound { finding } else { finding.likely() }
        }
        Sense::WrongGateway(resolved) => {
            let resolved = resolved.to_string();
            codes::DOCKER_WRONG_GATEWAY
                .at(&peer.text)
                .message(
                    [
                        peer.host.as_str(),
                        " resolves to ",
                        &resolved,
                        ", but the gateway of this container's network is ",
                        gateway,
                        ": host-gateway stands for the default bridge even on other networks",
                    ]
                    .concat(),
                )
                .observed(resolved)
                .expected(gateway)
                .likely()
        }
        Sense::NameOnDefaultBridge => codes::DOCKER_NAME_ON_DEFAULT_BRIDGE
            .at(&peer.text)
            .message(
                [
                    "`",
                    peer.host.as_str(),
                    "` looks like the name of a container, but this container is on the default bridge, \
                     where Docker resolves no container names",
                ]
                .concat(),
            )
            .observed("no such name")
            .expected("both containers on one user-defined network")
            .likely(),
    };
    finding = finding
        .detail("port", port)
        .detail("host", peer.host.as_str())
        .detail("network-mode", place.mode.as_str())
        .detail("container-kind", place.kind.as_str())
        .detail("rootless", if place.rootless { "true" } else { "false" });
    if !place.in_container() {
        // The gateway of a machine is its router, where no peer runs.
        finding = finding.detail("suggested-address", address_at(HERE, peer));
    } else if let Some(gateway) = &place.gateway {
        finding = finding.detail("gateway", gateway.as_str()).detail("suggested-address", address_at(gateway, peer));
    }
    if let Some(id) = &peer.peer_id {
        finding = finding.detail("peer-id", id.as_str());
    }
    Some(finding)
}

fn itself(peer: &Peer, loopback: bool, place: &Place, host_internal: Option<&str>, port: &str) -> FindingBuilder {
    let means: &str =
        if loopback { " is this container itself, not the host" } else { " is this container's own address" };
    let way = if place.mode == "none" {
        "; this container has no network through which the host could be reached".into()
    } else {
        match (place.gateway.as_deref(), host_internal) {
            (_, Some(internal)) if place.desktop || place.rootless => {
                ["; from here the host is host.docker.internal, ", internal].concat()
            }
            (Some(gateway), _) => ["; from here the host is the gateway of this network, ", gateway].concat(),
            (None, _) => String::new(),
        }
    };
    let finding = codes::DOCKER_LOOPBACK_PEER
        .at(&peer.text)
        .message(
            [
                peer.host.as_str(),
                means,
                " (",
                place.mode_in_words(),
                "), and nothing in here listens on port ",
                port,
                way.as_str(),
            ]
            .concat(),
        )
        .observed([peer.host.as_str(), " inside a container with its own loopback, no listener on ", port].concat())
        .detail("kind", if loopback { "loopback" } else { "own-address" });
    let finding = match place.gateway.as_deref() {
        Some(gateway) => finding.expected(address_at(gateway, peer)),
        None => finding,
    };
    if place.is_sure() { finding } else { finding.likely() }
}

/// The peer's address with another host.
fn address_at(host: &str, peer: &Peer) -> String {
    let protocol = if ip::parse(host).is_some_and(|ip| ip.is_ipv6()) { "/ip6/" } else { "/ip4/" };
    let mut text = [protocol, host, "/", &peer.transport, "/", &peer.port.to_string()].concat();
    if let Some(id) = &peer.peer_id {
        text.push_str("/p2p/");
        text.push_str(id);
    }
    text
}

/// The one line for people.
pub(crate) fn summary(place: &Place, fine: usize, wrong: usize) -> String {
    let mut text = if place.in_container() {
        let mut text: String = place.mode_in_words().into();
        if place.kind != "unknown" {
            text = [place.kind.as_str(), ", ", text.as_str()].concat();
        }
        if let Some(gateway) = &place.gateway {
            text.push_str(", gateway ");
            text.push_str(gateway);
        }
        text
    } else {
        "not a container".into()
    };
    if wrong > 0 {
        text.push_str(&[", ", &wrong.to_string(), " of ", &counted(wrong + fine), " no sense from here"].concat());
    } else if fine > 0 {
        text.push_str(&[", ", &counted(fine), " sense from here"].concat());
    } else {
        text.push_str(", no peer addresses to judge");
    }
    text
}

fn counted(n: usize) -> String {
    if n == 1 { "1 peer address makes".into() } else { [n.to_string().as_str(), " peer addresses make"].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_the_gateway_and_the_count() {
        let place = Place {
            kind: "docker".into(),
            mode: "user-defined".into(),
            gateway: Some("172.18.0.1".into()),
            ..Place::default()
        };
        assert_eq!(
            summary(&place, 1, 0),
            "docker, user-defined network, gateway 172.18.0.1, 1 peer address makes sense from here"
        );
        assert_eq!(
            summary(&place, 1, 2),
            "docker, user-defined network, gateway 172.18.0.1, 2 of 3 peer addresses make no sense from here"
        );
        let outside = Place { kind: "none".into(), mode: "not-a-container".into(), ..Place::default() };
        assert_eq!(summary(&outside, 0, 0), "not a container, no peer addresses to judge");
    }

    #[test]
    fn outside_of_a_container_none_is_spoken_of() {
        let peer = Peer {
            text: "/dns4/host.docker.internal/tcp/9100".into(),
            host: "host.docker.internal".into(),
            is_name: true,
            transport: "tcp".into(),
            port: 9100,
            peer_id: None,
        };
        let told = |kind: &str, mode: &str| {
            let place =
                Place { kind: kind.into(), mode: mode.into(), gateway: Some("10.0.0.1".into()), ..Place::default() };
            let finding = tell(&peer, &Sense::HostNameUnresolved(Lookup::NotFound), &place, None);
            format!("{:?}", finding.unwrap().cite(1))
        };
        let outside = told("none", "not-a-container");
        assert!(!outside.contains("--add-host") && !outside.contains("10.0.0.1"), "{outside}");
        assert!(outside.contains("/ip4/127.0.0.1/tcp/9100"), "{outside}");
        let inside = told("docker", "bridge");
        assert!(inside.contains("--add-host") && inside.contains("/ip4/10.0.0.1/tcp/9100"), "{inside}");
    }

    #[test]
    fn the_suggested_address_keeps_port_and_peer() {
        let peer = Peer {
            text: String::new(),
            host: "127.0.0.1".into(),
            is_name: false,
            transport: "tcp".into(),
            port: 9100,
            peer_id: Some("12D3".into()),
        };
        assert_eq!(address_at("172.17.0.1", &peer), "/ip4/172.17.0.1/tcp/9100/p2p/12D3");
        assert_eq!(address_at("fd00::1", &peer), "/ip6/fd00::1/tcp/9100/p2p/12D3");
    }
}

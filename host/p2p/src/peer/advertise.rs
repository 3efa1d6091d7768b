//! Which addresses others are told: in identify, in the print-out, by relays.

use super::listen::socket;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use nix::ifaddrs::getifaddrs;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// Addresses that AutoNAT refuted are remembered up to this many.
const REFUTED: usize = 64;
/// Addresses that AutoNAT confirmed, likewise: others choose which they tell us.
const CONFIRMED: usize = 16;

/// Knows where this peer listens, and chooses what to tell.
#[derive(Default)]
pub(super) struct Advertiser {
    /// What the configuration says; nothing else is told then.
    announce: Vec<Multiaddr>,
    listening: Vec<Multiaddr>,
    confirmed: Vec<Multiaddr>,
    refuted: Vec<Multiaddr>,
}

impl Advertiser {
    pub(super) fn new(announce: Vec<Multiaddr>) -> Self {
        Self { announce, ..Self::default() }
    }

    pub(super) fn listens(&mut self, address: &Multiaddr) {
        // A relay's word on where it is reached; we know under which address we reached it.
        if !is_relayed(address) && !self.listening.contains(address) {
            self.listening.push(address.clone());
        }
    }

    pub(super) fn listens_no_more(&mut self, addresses: &[Multiaddr]) {
        self.listening.retain(|a| !addresses.contains(a));
    }

    /// How many addresses are listened on.
    pub(super) fn listeners(&self) -> usize {
        self.listening.len()
    }

    /// Somebody dialled us back there.
    pub(super) fn confirm(&mut self, address: &Multiaddr) {
        self.refuted.retain(|a| a != address);
        if !is_relayed(address) && !self.confirmed.contains(address) && self.confirmed.len() < CONFIRMED {
            self.confirmed.push(address.clone());
        }
    }

    /// Somebody tried to dial us back there, and could not.
    pub(super) fn refute(&mut self, address: &Multiaddr) {
        self.confirmed.retain(|a| a != address);
        if !self.refuted.contains(address) && self.refuted.len() < REFUTED {
            self.refuted.push(address.clone());
        }
    }

    /// Where somebody dialled us back.
    pub(super) fn confirmed(&self) -> &[Multiaddr] {
        &self.confirmed
    }

    /// What to tell others, best first.
    pub(super) fn told(&self) -> Vec<Multiaddr> {
        if !self.announce.is_empty() {
            return self.announce.clone();
        }
        let more = self.confirmed.iter().filter(|a| !self.listening.contains(a));
        let all: Vec<Multiaddr> = self.listening.iter().chain(more).cloned().collect();
        let kept: Vec<Multiaddr> = all.iter().filter(|a| !self.refuted.contains(a)).cloned().collect();
        // One who could not dial back may have been in the wrong place: never tell nothing.
        choose(if kept.is_empty() { all } else { kept }, &bridges())
    }
}

/// Leaves out what nobody else can dial, and puts last what few can.
fn choose(mut addresses: Vec<Multiaddr>, bridges: &BTreeSet<IpAddr>) -> Vec<Multiaddr> {
    addresses.retain(|a| rank(a, bridges).is_some());
    // Stable: among equals the order of the listeners stays.
    addresses.sort_by_key(|a| rank(a, bridges));
    without_loopback(addresses)
}

/// Drops loopback addresses when there are others.
pub(super) fn without_loopback(mut addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    if !addresses.iter().all(is_loopback) {
        addresses.retain(|a| !is_loopback(a));
    }
    addresses
}

/// Whether the way there begins on this machine's loopback.
pub(super) fn is_loopback(address: &Multiaddr) -> bool {
    socket(address).is_some_and(|s| s.ip().is_loopback())
}

pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Lower is better; None is of no use to anybody.
fn rank(address: &Multiaddr, bridges: &BTreeSet<IpAddr>) -> Option<u8> {
    let Some(socket) = socket(address) else { return Some(0) };
    match socket.ip() {
        ip if ip.is_unspecified() => None,
        // It means nothing without the name of the interface.
        IpAddr::V6(v6) if is_link_local(v6) => None,
        ip if ip.is_loopback() => Some(3),
        ip if bridges.contains(&ip) => Some(2),
        IpAddr::V4(v4) if v4.is_link_local() => Some(2),
        _ => Some(0),
    }
}

fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfe80
}

/// Addresses of this machine on bridges that container engines and hypervisors
/// make: right for their guests, of no use to others.
fn bridges() -> BTreeSet<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return BTreeSet::new() };
    let on_bridge = interfaces.filter(|interface| is_bridge(&interface.interface_name));
    on_bridge
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
        })
        .collect()
}

fn is_bridge(name: &str) -> bool {
    let made = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    // Docker names the bridge of a network after the first 12 digits of its id.
    let of_network =
        name.strip_prefix("br-").is_some_and(|id| id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    of_network || ["docker", "podman", "cni", "cni-podman", "virbr", "lxcbr", "lxdbr", "nerdctl"].into_iter().any(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn only_what_others_can_dial_is_told() {
        let bridges = BTreeSet::from([IpAddr::from([172, 17, 0, 1])]);
        let choose = |texts: &[&str]| choose(all(texts), &bridges).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            choose(&[
                "/ip4/127.0.0.1/tcp/1",
                "/ip4/172.17.0.1/tcp/1",
                "/ip4/0.0.0.0/tcp/1",
                "/ip6/fe80::1/tcp/1",
                "/ip6/::/udp/1/quic-v1",
                "/ip6/2001:db8::1/tcp/1",
                "/ip4/192.168.1.5/udp/1/quic-v1",
            ]),
            ["/ip6/2001:db8::1/tcp/1", "/ip4/192.168.1.5/udp/1/quic-v1", "/ip4/172.17.0.1/tcp/1"]
        );
        assert_eq!(
            choose(&["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"]).len(),
            2,
            "loopback where there is nothing else"
        );
        assert!(choose(&["/ip4/0.0.0.0/tcp/1", "/ip6/fe80::1/tcp/1"]).is_empty());
    }

    #[test]
    fn announced_addresses_replace_all_others() {
        let mut advertiser = Advertiser::new(all(&["/dns4/cache.test/tcp/9100"]));
        advertiser.listens(&"/ip4/192.0.2.1/tcp/1".parse().unwrap());
        advertiser.confirm(&"/ip4/198.51.100.1/tcp/1".parse().unwrap());
        assert_eq!(advertiser.told(), all(&["/dns4/cache.test/tcp/9100"]));
    }

    #[test]
    fn a_dial_back_decides_and_never_leaves_nothing() {
        let [inner, outer] =
            ["/ip4/10.1.2.3/tcp/1", "/ip4/198.51.100.1/tcp/1"].map(|t| t.parse::<Multiaddr>().unwrap());
        let mut advertiser = Advertiser::new(Vec::new());
        advertiser.listens(&inner);
        advertiser.confirm(&outer);
        assert_eq!(advertiser.told(), [inner.clone(), outer.clone()]);
        advertiser.refute(&inner);
        assert_eq!(advertiser.told(), std::slice::from_ref(&outer));
        advertiser.refute(&outer);
        assert_eq!(advertiser.told(), std::slice::from_ref(&inner), "it is listened on, whatever others say");
        advertiser.listens_no_more(&[inner]);
        assert!(advertiser.told().is_empty());
    }

    #[test]
    fn bridges_are_known_by_name() {
        for name in ["docker0", "br-0123456789ab", "podman1", "virbr0", "cni-podman0"] {
            assert!(is_bridge(name), "{name}");
        }
        for name in ["eth0", "br-lan", "br0", "docker", "dockerx", "wlan0", "lo"] {
            assert!(!is_bridge(name), "{name}");
        }
    }
}

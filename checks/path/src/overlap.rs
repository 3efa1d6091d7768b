use crate::probe::Probe;
use crate::reply::Reply;
use crate::surroundings::Surroundings;
use std::net::IpAddr;

/// A local bridge has the target's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overlap {
    pub(crate) ip: IpAddr,
    pub(crate) interface: String,
    pub(crate) block: String,
    /// Another interface that also leads there.
    pub(crate) instead: Option<String>,
    /// Something speaks for a machine elsewhere: another route, or a name server.
    pub(crate) likely: bool,
}

/// Interfaces that container engines and hypervisors make for networks of their own.
const BRIDGES: [&str; 7] = ["docker", "br-", "cni", "podman", "virbr", "lxcbr", "lxdbr"];

pub(crate) fn is_bridge(interface: &str) -> bool {
    BRIDGES.iter().any(|prefix| interface.starts_with(prefix))
}

pub(crate) fn judge(net: &Surroundings, probe: &Probe) -> Option<Overlap> {
    let (ip, reply) = *probe.tried.first()?;
    let route = net.route(ip).filter(|route| route.gateway.is_none() && is_bridge(&route.interface))?;
    let nobody = match reply {
        Reply::NobodyThere => true,
        Reply::Silent => net.neighbour(ip) == Some(false),
        _ => false,
    };
    if !nobody || net.owns(ip) || probe.tried.iter().any(|(_, reply)| reply.shows_life()) {
        return None;
    }
    // A default route leads everywhere and says nothing of this address.
    let specific = |destination: &str| !destination.ends_with("/0");
    let instead = net
        .routes_to(ip)
        .find(|other| other.interface != route.interface && specific(&other.destination))
        .map(|other| other.interface.clone());
    Some(Overlap {
        ip,
        interface: route.interface.clone(),
        block: route.destination.clone(),
        likely: instead.is_some() || probe.is_named(),
        instead,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::probe;
    use crate::surroundings::tests::{container, host, vpn_route};

    #[test]
    fn a_bridge_in_the_way_of_a_vpn_is_likely_and_alone_possible() {
        let target = probe("172.20.3.4:443", &[("172.20.3.4", Reply::NobodyThere)]);
        let found = judge(&host(&[vpn_route()]), &target).unwrap();
        assert_eq!((found.interface.as_str(), found.instead.as_deref()), ("br-0a1b2c3d4e5f", Some("tun0")));
        assert!(found.likely);
        assert!(!judge(&host(&[]), &target).unwrap().likely);
        let named = probe("git.corp.test:443", &[("172.20.3.4", Reply::NobodyThere)]);
        assert!(judge(&host(&[]), &named).unwrap().likely);
    }

    #[test]
    fn whoever_answers_is_there() {
        for reply in [Reply::Connected, Reply::Refused, Reply::Rejected, Reply::Silent] {
            assert!(judge(&host(&[]), &probe("172.20.3.4:443", &[("172.20.3.4", reply)])).is_none(), "{reply:?}");
        }
    }

    #[test]
    fn other_ways_out_are_no_bridges() {
        assert!(judge(&host(&[]), &probe("10.0.0.9:1", &[("10.0.0.9", Reply::NobodyThere)])).is_none());
        assert!(judge(&host(&[]), &probe("172.21.0.9:1", &[("172.21.0.9", Reply::NobodyThere)])).is_none());
        // In a container it is eth0 that leads to the neighbours.
        assert!(judge(&container(), &probe("172.18.0.9:1", &[("172.18.0.9", Reply::NobodyThere)])).is_none());
    }
}

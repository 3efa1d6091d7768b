use seaworthy_check_sdk::{ip, row_value};
use std::net::IpAddr;

/// Rows as the host gives them.
pub(crate) type Row = Vec<(String, String)>;

/// What our own machine knows of the ways out of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    links: Vec<Link>,
    routes: Vec<Route>,
    neighbours: Vec<(IpAddr, bool)>,
    pub(crate) in_container: bool,
    /// A job of GitHub Actions.
    pub(crate) github: bool,
}

#[derive(Clone, Debug)]
struct Link {
    name: String,
    /// `172.17.0.2/16`.
    block: String,
    mtu: Option<u32>,
}

/// A way to some addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `172.18.0.0/16`.
    pub(crate) destination: String,
    pub(crate) interface: String,
    pub(crate) gateway: Option<IpAddr>,
    length: u32,
    metric: u32,
    ipv4: bool,
}

/// Words in the names of interfaces of VXLAN, Geneve and the like.
const TUNNELS: [&str; 6] = ["flannel", "vxlan", "genev", "antrea", "weave", "wg"];

impl Surroundings {
    pub(crate) fn of(container: &[Row], interfaces: &[Row], routes: &[Row], neighbours: &[Row]) -> Self {
        let about = container.first().map(Vec::as_slice).unwrap_or_default();
        Self {
            links: interfaces.iter().filter_map(link).collect(),
            routes: routes.iter().filter_map(|row| route(row)).collect(),
            neighbours: neighbours
                .iter()
                .filter_map(|row| {
                    let address = ip::parse(row_value(row, "address")?)?;
                    Some((address, row_value(row, "state") == Some("reachable")))
                })
                .collect(),
            in_container: row_value(about, "kind").is_some_and(|kind| kind != "none" && kind != "unknown"),
            github: row_value(about, "ci") == Some("github-actions"),
        }
    }

    /// An address of this machine, loopback included.
    pub(crate) fn owns(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.links.iter().any(|link| ip::parse(&link.block) == Some(address))
    }

    /// The address is on one of our own networks.
    pub(crate) fn on_link(&self, address: IpAddr) -> bool {
        self.owns(address) || self.links.iter().any(|link| ip::in_block(&link.block, address))
    }

    /// The way that packets to `address` take.
    pub(crate) fn route(&self, address: IpAddr) -> Option<&Route> {
        self.routes_to(address).max_by_key(|route| (route.length, std::cmp::Reverse(route.metric)))
    }

    /// Every route that would lead there, default routes left out.
    pub(crate) fn routes_to(&self, address: IpAddr) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(move |route| {
            route.ipv4 == address.is_ipv4() && (route.length == 0 || ip::in_block(&route.destination, address))
        })
    }

    /// The gateway of the default route for IPv4, else for IPv6.
    pub(crate) fn gateway(&self) -> Option<IpAddr> {
        let default = |ipv4| {
            let routes = self.routes.iter().filter(move |route| route.length == 0 && route.ipv4 == ipv4);
            routes.min_by_key(|route| route.metric).and_then(|route| route.gateway)
        };
        default(true).or_else(|| default(false))
    }

    /// Whether packets to any IPv6 address would leave.
    pub(crate) fn has_ipv6(&self) -> bool {
        self.routes.iter().any(|route| route.length == 0 && !route.ipv4)
    }

    /// Whether packets to `address` are handed to a gateway.
    pub(crate) fn beyond_gateway(&self, address: IpAddr) -> bool {
        !self.owns(address) && self.route(address).is_some_and(|route| route.gateway.is_some())
    }

    /// What the link layer knows of an address: it answered, or it did not.
    pub(crate) fn neighbour(&self, address: IpAddr) -> Option<bool> {
        self.neighbours.iter().find(|(known, _)| *known == address).map(|(_, alive)| *alive)
    }

    /// An interface that carries others' packets in UDP.
    pub(crate) fn has_tunnel(&self) -> bool {
        self.links.iter().any(|link| TUNNELS.iter().any(|word| link.name.contains(word)))
    }

    pub(crate) fn mtu_of(&self, interface: &str) -> Option<u32> {
        self.links.iter().find(|link| link.name == interface)?.mtu
    }
}

fn link(row: &Row) -> Option<Link> {
    Some(Link {
        name: row_value(row, "name")?.into(),
        block: row_value(row, "address").unwrap_or_default().into(),
        mtu: row_value(row, "mtu").and_then(|mtu| mtu.parse().ok()),
    })
}

fn route(row: &[(String, String)]) -> Option<Route> {
    let gateway = row_value(row, "gateway").and_then(ip::parse).filter(|ip| !ip.is_unspecified());
    let destination = row_value(row, "destination")?;
    let (network, length) = destination.split_once('/')?;
    Some(Route {
        destination: destination.into(),
        interface: row_value(row, "interface")?.into(),
        gateway,
        length: length.parse().ok()?,
        metric: row_value(row, "metric").and_then(|metric| metric.parse().ok()).unwrap_or(0),
        ipv4: ip::parse(network)?.is_ipv4(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn route(destination: &str, gateway: &str, interface: &str) -> Row {
        row(&[("destination", destination), ("gateway", gateway), ("interface", interface), ("metric", "0")])
    }

    /// A container at 172.18.0.2 behind 172.18.0.1.
    pub(crate) fn container() -> Surroundings {
        Surroundings::of(
            &[row(&[("kind", "docker"), ("ci", "none")])],
            &[
                row(&[("name", "lo"), ("address", "127.0.0.1/8"), ("mtu", "65536")]),
                row(&[("name", "eth0"), ("address", "172.18.0.2/16"), ("mtu", "1500")]),
            ],
            &[route("0.0.0.0/0", "172.18.0.1", "eth0"), route("172.18.0.0/16", "", "eth0")],
            &[row(&[("address", "172.18.0.1"), ("state", "reachable")])],
        )
    }

    /// A Docker host at 10.0.0.5, with further routes.
    pub(crate) fn host(more: &[Row]) -> Surroundings {
        let mut routes = vec![
            route("0.0.0.0/0", "10.0.0.1", "eth0"),
            route("10.0.0.0/24", "", "eth0"),
            route("172.20.0.0/16", "", "br-0a1b2c3d4e5f"),
        ];
        routes.extend(more.iter().cloned());
        Surroundings::of(
            &[row(&[("kind", "none")])],
            &[
                row(&[("name", "eth0"), ("address", "10.0.0.5/24"), ("mtu", "1500")]),
                row(&[("name", "br-0a1b2c3d4e5f"), ("address", "172.20.0.1/16"), ("mtu", "1500")]),
            ],
            &routes,
            &[],
        )
    }

    /// A node of a cluster, with the tunnel to the others.
    pub(crate) fn node() -> Surroundings {
        let tunnel = row(&[("name", "flannel.1"), ("address", "10.42.0.0/32"), ("mtu", "1450")]);
        Surroundings::of(&[row(&[("kind", "none")])], &[tunnel], &[], &[])
    }

    pub(crate) fn without_neighbours(net: Surroundings) -> Surroundings {
        Surroundings { neighbours: Vec::new(), ..net }
    }

    pub(crate) fn vpn_route() -> Row {
        route("172.16.0.0/12", "", "tun0")
    }

    #[test]
    fn the_longest_route_is_taken() {
        let host = host(&[vpn_route()]);
        let ip = |text| ip::parse(text).unwrap();
        assert_eq!(host.route(ip("172.20.3.4")).unwrap().interface, "br-0a1b2c3d4e5f");
        assert_eq!(host.route(ip("172.21.3.4")).unwrap().interface, "tun0");
        assert_eq!(host.route(ip("8.8.8.8")).unwrap().gateway, Some(ip("10.0.0.1")));
        assert!(host.route(ip("2001:db8::1")).is_none() && !host.has_ipv6());
    }

    #[test]
    fn near_and_far() {
        let container = container();
        let ip = |text| ip::parse(text).unwrap();
        assert!(container.owns(ip("172.18.0.2")) && container.on_link(ip("172.18.0.9")));
        assert!(!container.beyond_gateway(ip("172.18.0.1")) && container.beyond_gateway(ip("10.1.2.3")));
        assert_eq!(container.gateway(), Some(ip("172.18.0.1")));
        assert_eq!(container.neighbour(ip("172.18.0.1")), Some(true));
        assert_eq!(container.mtu_of("eth0"), Some(1500));
        assert!(container.in_container && !container.github);
    }
}

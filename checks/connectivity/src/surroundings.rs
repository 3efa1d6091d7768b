use seaworthy_check_sdk::{ip, row_value};
use std::net::IpAddr;

type Row = Vec<(String, String)>;

/// What our own machine knows of the way to a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The address that the peer's host has.
    pub(crate) resolved: Option<IpAddr>,
    /// It is one of our own addresses.
    pub(crate) own: bool,
    /// It lies in the block of one of our interfaces.
    pub(crate) on_link: bool,
    /// It is our default gateway: for a container on a bridge, its host.
    pub(crate) is_gateway: bool,
    /// The gateway that packets to it go through; none when it is on the link.
    pub(crate) via: Option<IpAddr>,
    /// Some route leads there; unknown when the table could not be read.
    pub(crate) has_route: Option<bool>,
    /// Link-layer state of the peer, or of the gateway that leads to it:
    /// `reachable`, `stale`, `incomplete`, `failed`.
    pub(crate) neighbour: Option<String>,
}

impl Surroundings {
    pub(crate) fn of(resolved: Option<IpAddr>, interfaces: &[Row], routes: &[Row], neighbours: &[Row]) -> Self {
        let Some(address) = resolved else { return Self::default() };
        let addresses = || interfaces.iter().filter_map(|row| row_value(row, "address"));
        let own = address.is_loopback() || addresses().any(|own| ip::parse(own) == Some(address));
        let on_link = !own && addresses().any(|own| ip::in_block(own, address));
        let best = routes
            .iter()
            .filter_map(|row| Some((length(row, address)?, row)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, row)| row);
        let gateway_of = |row: &Row| row_value(row, "gateway").and_then(ip::parse).filter(|ip| !ip.is_unspecified());
        let via = best.and_then(gateway_of).filter(|_| !own && !on_link);
        let is_gateway = routes.iter().any(|row| is_default(row) && gateway_of(row) == Some(address));
        let hop = via.unwrap_or(address);
        let neighbour = neighbours
            .iter()
            .find(|row| row_value(row, "address").and_then(ip::parse) == Some(hop))
            .and_then(|row| row_value(row, "state"))
            .map(str::to_owned);
        let has_route = if own || on_link { Some(true) } else { (!routes.is_empty()).then_some(best.is_some()) };
        Self { resolved, own, on_link, is_gateway, via, has_route, neighbour }
    }

    /// The link layer got no answer from the peer, or from the way to it.
    pub(crate) fn neighbour_is_dead(&self) -> bool {
        matches!(self.neighbour.as_deref(), Some("incomplete" | "failed"))
    }

    /// The peer itself answers on the link: a firewall does not hide that.
    pub(crate) fn neighbour_is_alive(&self) -> bool {
        self.on_link && self.neighbour.as_deref() == Some("reachable")
    }
}

fn is_default(row: &Row) -> bool {
    matches!(row_value(row, "destination"), Some("default" | "0.0.0.0/0" | "::/0"))
}

/// Prefix length of a route that leads to `address`.
fn length(row: &Row, address: IpAddr) -> Option<u32> {
    let destination = row_value(row, "destination")?;
    if destination == "default" {
        let gateway = row_value(row, "gateway").and_then(ip::parse)?;
        return (gateway.is_ipv4() == address.is_ipv4()).then_some(0);
    }
    let (_, bits) = destination.split_once('/')?;
    ip::in_block(destination, address).then(|| bits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn around(address: &str, neighbour: Option<(&str, &str)>) -> Surroundings {
        let interfaces = [row(&[("address", "127.0.0.1/8")]), row(&[("address", "172.18.0.2/16")])];
        let routes = [
            row(&[("destination", "0.0.0.0/0"), ("gateway", "172.18.0.1")]),
            row(&[("destination", "172.18.0.0/16"), ("gateway", "0.0.0.0")]),
        ];
        let neighbours: Vec<Row> = neighbour.iter().map(|(a, s)| row(&[("address", a), ("state", s)])).collect();
        Surroundings::of(ip::parse(address), &interfaces, &routes, &neighbours)
    }

    #[test]
    fn the_gateway_is_on_the_link() {
        let s = around("172.18.0.1", Some(("172.18.0.1", "reachable")));
        assert!(s.is_gateway && s.on_link && s.via.is_none() && s.neighbour_is_alive());
        assert!(!around("172.18.0.9", None).is_gateway);
    }

    #[test]
    fn what_is_behind_the_gateway_has_the_gateway_s_link_state() {
        let s = around("172.19.0.5", Some(("172.18.0.1", "reachable")));
        assert!(!s.on_link && s.via == ip::parse("172.18.0.1") && s.has_route == Some(true));
        // The gateway is alive; of the peer nothing is known.
        assert!(!s.neighbour_is_alive() && !s.neighbour_is_dead());
        assert!(around("172.18.0.9", Some(("172.18.0.9", "incomplete"))).neighbour_is_dead());
    }

    #[test]
    fn own_addresses_and_missing_routes() {
        assert!(around("127.0.0.1", None).own && around("172.18.0.2", None).own);
        let none = Surroundings::of(ip::parse("10.0.0.1"), &[], &[row(&[("destination", "10.1.0.0/16")])], &[]);
        assert_eq!(none.has_route, Some(false));
        assert_eq!(Surroundings::of(ip::parse("10.0.0.1"), &[], &[], &[]).has_route, None);
    }
}

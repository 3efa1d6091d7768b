//! The routing tables, IPv4 and IPv6.

use super::{Row, RowBuilder, procfs_failure};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use seaworthy_model::Failure;
use std::net::{IpAddr, Ipv6Addr};

/// One route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads; `/0` is the default route.
    pub destination: IpNet,
    /// Whom the packets go to; none when the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// Through which interface.
    pub interface: String,
    /// Less is preferred.
    pub metric: u32,
}

// <linux/route.h>, <linux/ipv6_route.h>
const UP: u32 = 0x0001;
const REJECT: u32 = 0x0200;
const LOCAL: u32 = 0x8000_0000;

/// All usable routes: those that are up and do not reject, without the table of
/// the machine's own addresses and without multicast.
///
/// # Errors
/// When /proc/net cannot be read.
pub fn routes() -> Result<Vec<Route>, Failure> {
    let mut found = Vec::new();
    for entry in procfs::net::route().map_err(|e| procfs_failure("/proc/net/route", &e))? {
        let flags = u32::from(entry.flags);
        let prefix = u32::from(entry.mask).leading_ones();
        let Ok(net) = Ipv4Net::new(entry.destination, u8::try_from(prefix).unwrap_or(32)) else {
            continue;
        };
        if flags & UP != 0 && flags & REJECT == 0 {
            found.push(Route {
                destination: IpNet::V4(net),
                gateway: (!entry.gateway.is_unspecified()).then_some(IpAddr::V4(entry.gateway)),
                interface: entry.iface,
                metric: entry.metrics,
            });
        }
    }
    // Absent when IPv6 is off.
    found.extend(parse_ipv6(&super::text("/proc/net/ipv6_route").unwrap_or_default()));
    Ok(found)
}

/// The default route that the kernel prefers.
#[must_use]
pub fn default_route(routes: &[Route], ipv6: bool) -> Option<&Route> {
    routes
        .iter()
        .filter(|r| r.destination.prefix_len() == 0 && matches!(r.destination, IpNet::V6(_)) == ipv6)
        .min_by_key(|r| r.metric)
}

/// The addresses of the default gateways, IPv4 first: what a grant's `{gateway}` means.
///
/// # Errors
/// When /proc/net cannot be read.
pub fn gateways() -> Result<Vec<IpAddr>, Failure> {
    let mut found: Vec<IpAddr> =
        routes()?.into_iter().filter(|r| r.destination.prefix_len() == 0).filter_map(|r| r.gateway).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Lines of /proc/net/ipv6_route: destination, its length, source, its length,
/// next hop, metric, references, uses, flags (all hexadecimal), interface.
fn parse_ipv6(text: &str) -> Vec<Route> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [destination, length, _, _, hop, metric, _, _, flags, interface] = fields[..] else {
                return None;
            };
            let hex = |text: &str| u32::from_str_radix(text, 16).ok();
            let address = |text: &str| u128::from_str_radix(text, 16).ok().map(Ipv6Addr::from);
            let flags = hex(flags)?;
            let destination = Ipv6Net::new(address(destination)?, u8::try_from(hex(length)?).ok()?).ok()?;
            if flags & UP == 0 || flags & (REJECT | LOCAL) != 0 || destination.addr().is_multicast() {
                return None;
            }
            Some(Route {
                destination: IpNet::V6(destination),
                gateway: address(hop).filter(|a| !a.is_unspecified()).map(IpAddr::V6),
                interface: interface.to_owned(),
                metric: hex(metric)?,
            })
        })
        .collect()
}

pub(crate) fn inspect() -> Result<Vec<Row>, Failure> {
    Ok(routes()?
        .iter()
        .map(|route| {
            RowBuilder::default()
                .put("destination", route.destination)
                .known("gateway", route.gateway)
                .put("interface", &route.interface)
                .put("metric", route.metric)
                .put("family", if matches!(route.destination, IpNet::V4(_)) { "ipv4" } else { "ipv6" })
                .done()
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejecting_local_and_multicast_routes_are_left_out() {
        let zero = "00000000000000000000000000000000";
        let text = format!(
            "fd000000000000000000000000000000 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001     eth0\n\
             {zero} 00 {zero} 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
             00000000000000000000000000000001 80 {zero} 00 {zero} 00000000 00000002 00000000 80200001       lo\n\
             ff000000000000000000000000000000 08 {zero} 00 {zero} 00000100 00000001 00000000 00000001     eth0\n"
        );
        let routes = parse_ipv6(&text);
        assert_eq!(routes.iter().map(|r| r.destination.to_string()).collect::<Vec<_>>(), ["fd00::/64", "::/0"]);
        assert_eq!(default_route(&routes, true).unwrap().gateway, Some("fd00::1".parse().unwrap()));
        assert_eq!(default_route(&routes, false), None);
    }
}

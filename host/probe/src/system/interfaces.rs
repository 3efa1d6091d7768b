//! Network interfaces, asked for over netlink; only what netlink lacks comes from sysfs.

use super::{Row, RowBuilder};
use ipnet::IpNet;

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// `eth0`.
    pub name: String,
    /// Its number in this namespace.
    pub index: u32,
    /// Number of the interface it rests on. For a veth that is the other end,
    /// a number of another namespace. Unknown without a fitting sysfs.
    pub below: Option<u32>,
    /// Addresses with their prefix lengths, IPv4 first.
    pub addresses: Vec<IpNet>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// Administratively up.
    pub up: bool,
    /// The loopback interface.
    pub loopback: bool,
    /// Hardware address.
    pub mac: Option<String>,
    /// A device of the machine is behind it (a card, virtio, Hyper-V).
    pub hardware: bool,
    /// A program of user space is behind it (tun, tap).
    pub tun: bool,
    /// It is a bridge.
    pub bridge: bool,
}

/// All interfaces of this network namespace.
///
/// *Behaviour*: /sys may have been mounted in another namespace, so what it says
/// of an interface counts only if it knows the interface by the same number.
#[must_use]
pub fn links() -> Vec<Link> {
    let mut links: Vec<Link> = netdev::get_interfaces()
        .into_iter()
        .map(|found| {
            let sys = format!("/sys/class/net/{}", found.name);
            let number = |file: &str| super::text(&format!("{sys}/{file}")).and_then(|t| t.parse::<u32>().ok());
            let has = |file: &str| std::path::Path::new(&format!("{sys}/{file}")).exists();
            let fits = number("ifindex") == Some(found.index);
            Link {
                index: found.index,
                below: fits.then(|| number("iflink")).flatten(),
                addresses: found
                    .ipv4
                    .iter()
                    .map(|n| IpNet::V4(*n))
                    .chain(found.ipv6.iter().map(|n| IpNet::V6(*n)))
                    .collect(),
                mtu: found.mtu,
                up: found.is_up(),
                loopback: found.is_loopback(),
                mac: found.mac_addr.map(|m| m.to_string()),
                hardware: fits && has("device"),
                tun: fits && has("tun_flags"),
                bridge: fits && has("bridge"),
                name: found.name,
            }
        })
        .collect();
    links.sort_by_key(|l| l.index);
    links
}

pub(crate) fn inspect() -> Vec<Row> {
    links().iter().flat_map(rows).collect()
}

/// One row for each address; an interface without one has one row.
fn rows(link: &Link) -> Vec<Row> {
    let row = |address: Option<&IpNet>| {
        RowBuilder::default()
            .put("name", &link.name)
            .known("address", address)
            .known("mtu", link.mtu)
            .put("up", link.up)
            .put("loopback", link.loopback)
            .known("mac", link.mac.as_ref())
            .put("index", link.index)
            .known("link-index", link.below)
            .done()
    };
    if link.addresses.is_empty() { vec![row(None)] } else { link.addresses.iter().map(|a| row(Some(a))).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_with_its_address() {
        let links = links();
        let lo = links.iter().find(|l| l.loopback).expect("a loopback interface");
        assert!(lo.addresses.iter().any(|a| a.to_string() == "127.0.0.1/8"), "{lo:?}");
        assert_eq!(rows(lo).len(), lo.addresses.len());
        assert!(lo.mtu.is_some());
    }

    #[test]
    fn an_interface_without_an_address_still_has_a_row() {
        assert_eq!(rows(&Link { name: "eth9".into(), ..Link::default() }).len(), 1);
    }
}

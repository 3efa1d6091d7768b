//! Network interfaces, asked for over netlink; only what netlink lacks comes from sysfs.

use super::netlink::{self, Interface};
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
/// of an interface counts only if it knows the interface by the same number. None where
/// the kernel does not answer.
#[must_use]
pub fn links() -> Vec<Link> {
    let (interfaces, addresses) = netlink::interfaces().unwrap_or_default();
    let mut links: Vec<Link> = interfaces.into_iter().map(link).collect();
    for found in addresses {
        let Ok(address) = IpNet::new(found.address, found.prefix) else { continue };
        links.iter_mut().filter(|link| link.index == found.index).for_each(|link| link.addresses.push(address));
    }
    for link in &mut links {
        link.addresses.sort_by_key(|address| matches!(address, IpNet::V6(_)));
    }
    links.sort_by_key(|l| l.index);
    links
}

/// An interface without its addresses.
fn link(found: Interface) -> Link {
    let sys = format!("/sys/class/net/{}", found.name);
    let fits = super::text(&format!("{sys}/ifindex")).and_then(|text| text.parse().ok()) == Some(found.index);
    let mac: Vec<String> = found.hardware_address.iter().map(|byte| format!("{byte:02x}")).collect();
    Link {
        index: found.index,
        // The kernel does not say of an interface that it rests on itself.
        below: found.below.or(fits.then_some(found.index)),
        addresses: Vec::new(),
        mtu: found.mtu,
        up: found.up,
        loopback: found.loopback,
        mac: (mac.len() == 6).then(|| mac.join(":")),
        hardware: fits && std::path::Path::new(&format!("{sys}/device")).exists(),
        tun: found.kind == "tun",
        bridge: found.kind == "bridge",
        name: found.name,
    }
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

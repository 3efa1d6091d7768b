use super::{Row, RowBuilder, procfs_failure};
use procfs::net::ARPFlags;
use seaworthy_model::Failure;

/// The IPv4 neighbour table. /proc tells a known neighbour from one that did not
/// answer, and no more: `reachable` includes stale entries, `incomplete` failed ones.
pub(crate) fn inspect() -> Result<Vec<Row>, Failure> {
    let entries = procfs::net::arp().map_err(|e| procfs_failure("/proc/net/arp", &e))?;
    Ok(entries
        .into_iter()
        .map(|entry| {
            let known = entry.flags.intersects(ARPFlags::COM | ARPFlags::PERM);
            let mac = entry.hw_address.filter(|_| known);
            RowBuilder::default()
                .put("address", entry.ip_address)
                .known("mac", mac.map(|m| m.map(|b| format!("{b:02x}")).join(":")))
                .put("state", if known { "reachable" } else { "incomplete" })
                .put("interface", entry.device)
                .done()
        })
        .collect())
}

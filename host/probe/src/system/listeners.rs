use super::{Row, RowBuilder, procfs_failure};
use procfs::net::{TcpState, UdpState};
use seaworthy_model::Failure;
use std::collections::HashMap;
use std::net::SocketAddr;

/// A socket that takes connections or datagrams.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) protocol: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) uid: u32,
    inode: u64,
}

/// All listeners of this network namespace, sorted by protocol, port, address.
/// IPv6 tables may be absent.
pub(crate) fn listeners() -> Result<Vec<Listener>, Failure> {
    let mut found = Vec::new();
    let tcp = procfs::net::tcp().map_err(|e| procfs_failure("/proc/net/tcp", &e))?;
    for entry in tcp.into_iter().chain(procfs::net::tcp6().unwrap_or_default()) {
        if entry.state == TcpState::Listen {
            found.push(Listener { protocol: "tcp", address: entry.local_address, uid: entry.uid, inode: entry.inode });
        }
    }
    let udp = procfs::net::udp().map_err(|e| procfs_failure("/proc/net/udp", &e))?;
    for entry in udp.into_iter().chain(procfs::net::udp6().unwrap_or_default()) {
        // A connected UDP socket takes datagrams of one peer only.
        if entry.state == UdpState::Close {
            found.push(Listener { protocol: "udp", address: entry.local_address, uid: entry.uid, inode: entry.inode });
        }
    }
    found.sort_by_key(|l| (l.protocol, l.address.port(), l.address.ip()));
    Ok(found)
}

/// Whose sockets are whose: inode to "name (pid)". Only processes that we may
/// look into, and that are in our process namespace, can be known.
pub(crate) struct Owners(HashMap<u64, String>);

impl Owners {
    pub(crate) fn read() -> Self {
        let mut owners = HashMap::new();
        for process in procfs::process::all_processes().into_iter().flatten().flatten() {
            let Ok(files) = process.fd() else { continue };
            for file in files.flatten() {
                if let procfs::process::FDTarget::Socket(inode) = file.target {
                    owners.entry(inode).or_insert_with(|| {
                        let name = process.stat().map_or_else(|_| "unknown".to_owned(), |s| s.comm);
                        format!("{name} ({})", process.pid)
                    });
                }
            }
        }
        Self(owners)
    }

    pub(crate) fn of(&self, listener: &Listener) -> Option<&str> {
        self.0.get(&listener.inode).map(String::as_str)
    }
}

pub(crate) fn inspect() -> Result<Vec<Row>, Failure> {
    let owners = Owners::read();
    Ok(listeners()?
        .iter()
        .map(|listener| {
            let ip = listener.address.ip().to_canonical();
            let scope = if ip.is_unspecified() {
                "any"
            } else if ip.is_loopback() {
                "loopback"
            } else {
                "specific"
            };
            RowBuilder::default()
                .put("protocol", listener.protocol)
                .put("address", ip)
                .put("port", listener.address.port())
                .put("scope", scope)
                .known("process", owners.of(listener))
                .put("uid", listener.uid)
                .done()
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_of(port: u16, protocol: &str) -> Option<Row> {
        let is = |row: &Row, key: &str, value: &str| row.iter().any(|(k, v)| k == key && v == value);
        inspect().unwrap().into_iter().find(|row| is(row, "port", &port.to_string()) && is(row, "protocol", protocol))
    }

    #[test]
    fn a_listener_of_ours_is_found_with_its_scope_and_process() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let row = row_of(tcp.local_addr().unwrap().port(), "tcp").expect("the TCP listener");
        assert!(row.contains(&("scope".into(), "loopback".into())), "{row:?}");
        let process = row.iter().find(|(k, _)| k == "process").expect("our own process");
        assert!(process.1.contains(&format!("({})", std::process::id())), "{process:?}");

        let udp = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let row = row_of(udp.local_addr().unwrap().port(), "udp").expect("the UDP socket");
        assert!(row.contains(&("scope".into(), "any".into())), "{row:?}");
    }
}

use super::{Row, RowBuilder, text};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// What this process may use, and how much of it is used.
pub(crate) fn inspect() -> Row {
    let nofile = limit(Resource::RLIMIT_NOFILE);
    let nproc = limit(Resource::RLIMIT_NPROC);
    let own = text("/proc/self/cgroup").unwrap_or_default();
    let sockets = text("/proc/net/sockstat").unwrap_or_default();
    let counters = text("/proc/net/snmp").unwrap_or_default();
    let files = text("/proc/sys/fs/file-nr").unwrap_or_default();
    RowBuilder::default()
        .known("nofile-soft", nofile.as_ref().map(|l| &l.0))
        .known("nofile-hard", nofile.as_ref().map(|l| &l.1))
        .known("fd-count", std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count))
        .known("nproc-soft", nproc.as_ref().map(|l| &l.0))
        .known("nproc-hard", nproc.as_ref().map(|l| &l.1))
        .known(
            "port-range",
            text("/proc/sys/net/ipv4/ip_local_port_range").map(|t| t.split_whitespace().collect::<Vec<_>>().join("-")),
        )
        .known("ports-to-one", ports_to_one())
        .known("time-wait", tcp_sockets(&sockets, "tw"))
        .known("tcp-in-use", tcp_sockets(&sockets, "inuse"))
        .known("udp-checksum-errors", counter(&counters, "Udp:", "InCsumErrors"))
        .known("udp-received", counter(&counters, "Udp:", "InDatagrams"))
        .known("udp-buffer-errors", counter(&counters, "Udp:", "RcvbufErrors"))
        .known("file-handles", files.split_whitespace().next())
        .known("file-handles-max", files.split_whitespace().nth(2))
        .known("conntrack-count", text("/proc/sys/net/netfilter/nf_conntrack_count"))
        .known("conntrack-max", text("/proc/sys/net/netfilter/nf_conntrack_max"))
        .known("memory-max", controlled(&own, "memory", "memory.max", "memory.limit_in_bytes"))
        .known("memory-current", controlled(&own, "memory", "memory.current", "memory.usage_in_bytes"))
        .known("pids-max", controlled(&own, "pids", "pids.max", "pids.max"))
        .known("cpu-max", controlled(&own, "cpu", "cpu.max", "cpu.cfs_quota_us"))
        .known("ip-forward", text("/proc/sys/net/ipv4/ip_forward"))
        .known("rmem-max", text("/proc/sys/net/core/rmem_max"))
        .known("wmem-max", text("/proc/sys/net/core/wmem_max"))
        .known("somaxconn", text("/proc/sys/net/core/somaxconn"))
        .done()
}

fn limit(resource: Resource) -> Option<(String, String)> {
    let shown = |value: u64| if value == RLIM_INFINITY { "unlimited".to_owned() } else { value.to_string() };
    getrlimit(resource).ok().map(|(soft, hard)| (shown(soft), shown(hard)))
}

/// A number of the line `TCP:` of /proc/net/sockstat.
fn tcp_sockets(sockstat: &str, name: &str) -> Option<u64> {
    let tcp = sockstat.lines().find_map(|l| l.strip_prefix("TCP:"))?;
    let mut words = tcp.split_whitespace();
    words.find(|w| *w == name)?;
    words.next()?.parse().ok()
}

/// How many source ports the address and port that has most of them takes; connections
/// that wait in TIME_WAIT are among them.
fn ports_to_one() -> Option<usize> {
    let range = text("/proc/sys/net/ipv4/ip_local_port_range")?;
    let mut ends = range.split_whitespace().filter_map(|end| end.parse::<u16>().ok());
    let (first, last) = (ends.next()?, ends.next()?);
    let connections = procfs::net::tcp().ok()?.into_iter().chain(procfs::net::tcp6().unwrap_or_default());
    Some(most_ports(connections.map(|c| (c.local_address, c.remote_address)), first..=last))
}

/// Ports of the range, each once, towards the remote end that has most of them. A listener has
/// no remote end, and what came in has the one port of its service.
fn most_ports(connections: impl Iterator<Item = (SocketAddr, SocketAddr)>, range: RangeInclusive<u16>) -> usize {
    let mut of: HashMap<SocketAddr, HashSet<u16>> = HashMap::new();
    for (local, remote) in connections.filter(|(local, remote)| range.contains(&local.port()) && remote.port() != 0) {
        of.entry(remote).or_default().insert(local.port());
    }
    of.values().map(HashSet::len).max().unwrap_or(0)
}

/// A counter of /proc/net/snmp, where each protocol has a line of names and one of numbers.
fn counter(snmp: &str, protocol: &str, name: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter(|line| line.starts_with(protocol));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let place = names.split_whitespace().position(|word| word == name)?;
    numbers.split_whitespace().nth(place)?.parse().ok()
}

/// A file of our control group: version 2 first, then version 1, each in our own
/// group and then at the root, which is our own group in a container.
fn controlled(own: &str, controller: &str, unified: &str, legacy: &str) -> Option<String> {
    let path_of = |wanted: &dyn Fn(&str, &str) -> bool| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (id, names, path) = (parts.next()?, parts.next()?, parts.next()?);
            wanted(id, names).then(|| path.trim_end_matches('/').to_owned())
        })
    };
    let two = path_of(&|id, names| id == "0" && names.is_empty());
    let one = path_of(&|_, names| names.split(',').any(|n| n == controller));
    let candidates = [
        two.map(|p| format!("/sys/fs/cgroup{p}/{unified}")),
        Some(format!("/sys/fs/cgroup/{unified}")),
        one.map(|p| format!("/sys/fs/cgroup/{controller}{p}/{legacy}")),
        Some(format!("/sys/fs/cgroup/{controller}/{legacy}")),
    ];
    candidates.into_iter().flatten().find_map(|path| text(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_source_ports_to_one_remote_end_are_counted() {
        let pair = |local: &str, remote: &str| (local.parse().unwrap(), remote.parse().unwrap());
        let connections = [
            pair("0.0.0.0:40001", "0.0.0.0:0"),
            pair("10.0.0.1:40002", "10.0.0.2:443"),
            pair("10.0.0.1:40003", "10.0.0.2:443"),
            pair("10.0.0.1:40003", "10.0.0.2:443"),
            pair("10.0.0.1:40002", "10.0.0.3:443"),
            // Those that came in, and one from a port outside of the range.
            pair("10.0.0.1:443", "10.0.0.9:50001"),
            pair("10.0.0.1:443", "10.0.0.9:50002"),
            pair("10.0.0.1:1000", "10.0.0.2:443"),
        ];
        assert_eq!(most_ports(connections.into_iter(), 40000..=41000), 2);
        assert_eq!(most_ports(std::iter::empty(), 40000..=41000), 0);
    }

    #[test]
    fn the_limits_that_every_linux_has_are_there() {
        let row = inspect();
        for key in
            ["nofile-soft", "nofile-hard", "fd-count", "port-range", "ip-forward", "tcp-in-use", "file-handles-max"]
        {
            assert!(row.iter().any(|(k, v)| k == key && !v.is_empty()), "{key}: {row:?}");
        }
    }

    #[test]
    fn sockets_are_read_from_their_own_field() {
        let sockstat = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 28231 alloc 8 mem 1\nUDP: inuse 1 mem 0";
        assert_eq!((tcp_sockets(sockstat, "tw"), tcp_sockets(sockstat, "inuse")), (Some(28231), Some(5)));
        assert_eq!(tcp_sockets("UDP: inuse 1 mem 0", "inuse"), None);
    }

    #[test]
    fn counters_are_found_by_their_name() {
        let snmp = "Tcp: InErrs\nTcp: 4\nUdp: InDatagrams RcvbufErrors InCsumErrors\nUdp: 10 2 7\nUdpLite: InCsumErrors\nUdpLite: 9";
        assert_eq!(counter(snmp, "Udp:", "InCsumErrors"), Some(7));
        assert_eq!(counter(snmp, "Udp:", "RcvbufErrors"), Some(2));
        // Kernels before 3.13 do not count it.
        assert_eq!(counter("Udp: InDatagrams\nUdp: 10", "Udp:", "InCsumErrors"), None);
    }
}

use crate::{Row, number};
use seaworthy_check_sdk::{ip, row_value};

/// Percent from which something counts as used up.
const FULL: u64 = 95;
/// Fewer source ports than this are used up in seconds.
const FEW_PORTS: u64 = 128;
const FEW_PROCESSES: u64 = 32;
/// Subnets in Docker's pools, as long as nobody configures others.
const POOLS: u64 = 31;
const POOLS_SCARCE: u64 = 28;

/// How much there is of what can be counted, and how much is used. What is not known is
/// left out, never assumed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    conntrack: Option<(u64, u64)>,
    /// The count is the host's, by its report.
    conntrack_of_host: bool,
    ports: Option<(u64, u64)>,
    time_wait: Option<u64>,
    tcp_in_use: Option<u64>,
    /// Source ports towards the remote end that has most of them.
    ports_to_one: Option<u64>,
    pub(crate) files_soft: Option<u64>,
    files_hard: Option<u64>,
    pub(crate) files_used: Option<u64>,
    machine_files: Option<(u64, u64)>,
    processes: Option<u64>,
    memory: Option<(u64, u64)>,
}

/// Something that ran out, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Full when nothing is left; nearly so before, when nothing is dropped yet.
    Conntrack {
        used: u64,
        limit: u64,
        of_host: bool,
        full: bool,
    },
    /// Known of one remote end; else of all of them, with connections that came in.
    Ports {
        used: u64,
        waiting: u64,
        range: u64,
        first: u64,
        to_one: bool,
    },
    FewPorts {
        range: u64,
    },
    FilesUsed {
        used: u64,
        limit: u64,
        of_machine: bool,
    },
    FilesFew {
        soft: u64,
        hard: Option<u64>,
        wanted: u64,
    },
    Processes {
        limit: u64,
    },
    Pools {
        networks: u64,
        none_left: bool,
    },
}

fn percent(used: u64, limit: u64) -> Option<u64> {
    used.saturating_mul(100).checked_div(limit)
}

impl Counts {
    pub(crate) fn read(own: &Row, host: Option<&Row>) -> Self {
        let pair = |row: &Row, used, limit| Some((number(row, used)?, number(row, limit)?));
        let conntrack = |row: &Row| pair(row, "conntrack-count", "conntrack-max");
        let fuller = |a: &(u64, u64), b: &(u64, u64)| percent(a.0, a.1) >= percent(b.0, b.1);
        let (mine, theirs) = (conntrack(own), host.and_then(conntrack));
        let of_host = match (&mine, &theirs) {
            (Some(mine), Some(theirs)) => !fuller(mine, theirs),
            (None, Some(_)) => true,
            _ => false,
        };
        let ports = row_value(own, "port-range").and_then(|text| {
            let (first, last) = text.split_once('-')?;
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        });
        let least = |keys: &[&str]| keys.iter().filter_map(|key| number(own, key)).min();
        Self {
            conntrack: if of_host { theirs } else { mine },
            conntrack_of_host: of_host,
            ports,
            time_wait: number(own, "time-wait"),
            tcp_in_use: number(own, "tcp-in-use"),
            ports_to_one: number(own, "ports-to-one"),
            files_soft: number(own, "nofile-soft"),
            files_hard: number(own, "nofile-hard"),
            files_used: number(own, "fd-count"),
            machine_files: pair(own, "file-handles", "file-handles-max"),
            processes: least(&["pids-max", "nproc-soft"]),
            memory: pair(own, "memory-current", "memory-max"),
        }
    }

    pub(crate) fn conntrack_percent(&self) -> Option<u64> {
        self.conntrack.and_then(|(used, limit)| percent(used, limit))
    }

    pub(crate) fn conntrack(&self) -> Option<Verdict> {
        let (used, limit) = self.conntrack?;
        let verdict = Verdict::Conntrack { used, limit, of_host: self.conntrack_of_host, full: used >= limit };
        (percent(used, limit)? >= FULL).then_some(verdict)
    }

    /// How many ports connections may be made from.
    pub(crate) fn port_range(&self) -> Option<u64> {
        let (first, last) = self.ports?;
        last.checked_sub(first).map(|between| between + 1)
    }

    /// A port may be used to each remote end, so those to one count. Where they are not
    /// known, all sockets are no less, listeners and connections that came in among them.
    fn ports_used(&self) -> Option<u64> {
        self.ports_to_one.or_else(|| Some(self.time_wait? + self.tcp_in_use.unwrap_or(0)))
    }

    pub(crate) fn ports_percent(&self) -> Option<u64> {
        percent(self.ports_used()?, self.port_range()?)
    }

    pub(crate) fn ports(&self) -> Option<Verdict> {
        let range = self.port_range()?;
        let used = self.ports_used();
        let full = self.ports_percent().is_some_and(|percent| percent >= FULL);
        match used {
            Some(used) if full => Some(Verdict::Ports {
                used,
                waiting: self.time_wait.unwrap_or(0),
                range,
                first: self.ports.map_or(0, |(first, _)| first),
                to_one: self.ports_to_one.is_some(),
            }),
            _ if range < FEW_PORTS => Some(Verdict::FewPorts { range }),
            _ => None,
        }
    }

    /// Descriptors that are used up come before those that may be few.
    pub(crate) fn files(&self, wanted: u64) -> Option<Verdict> {
        let full = |(used, limit): (u64, u64)| percent(used, limit).is_some_and(|percent| percent >= FULL);
        if let Some((used, limit)) = self.machine_files.filter(|pair| full(*pair)) {
            return Some(Verdict::FilesUsed { used, limit, of_machine: true });
        }
        let soft = self.files_soft?;
        if let Some(used) = self.files_used.filter(|used| full((*used, soft))) {
            return Some(Verdict::FilesUsed { used, limit: soft, of_machine: false });
        }
        (soft < wanted).then_some(Verdict::FilesFew { soft, hard: self.files_hard, wanted })
    }

    pub(crate) fn processes(&self) -> Option<Verdict> {
        let limit = self.processes?;
        (limit < FEW_PROCESSES).then_some(Verdict::Processes { limit })
    }

    /// For people only: the page cache is part of it and gives way.
    pub(crate) fn memory_percent(&self) -> Option<u64> {
        self.memory.and_then(|(used, limit)| percent(used, limit))
    }
}

/// Networks of Docker on a machine whose subnets are of its own pools.
pub(crate) fn container_networks(interfaces: &[Row]) -> u64 {
    let mut names: Vec<&str> = Vec::new();
    for row in interfaces {
        let Some(name) = row_value(row, "name") else { continue };
        let bridge = name.starts_with("br-") || name == "docker0";
        let pooled = row_value(row, "address").and_then(ip::parse).is_some_and(|address| {
            ip::in_block("192.168.0.0/16", address)
                || ip::in_block("172.16.0.0/12", address) && !ip::in_block("172.16.0.0/16", address)
        });
        if bridge && pooled && !names.contains(&name) {
            names.push(name);
        }
    }
    u64::try_from(names.len()).unwrap_or(u64::MAX)
}

pub(crate) fn pools(networks: u64) -> Option<Verdict> {
    (networks >= POOLS_SCARCE).then_some(Verdict::Pools { networks, none_left: networks >= POOLS })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    /// A usual machine, with some values replaced.
    fn counts(with: &[(&str, &str)]) -> Counts {
        let mut pairs = vec![
            ("conntrack-count", "120"),
            ("conntrack-max", "262144"),
            ("port-range", "32768-60999"),
            ("time-wait", "14"),
            ("tcp-in-use", "30"),
            ("ports-to-one", "12"),
            ("nofile-soft", "1024"),
            ("nofile-hard", "524288"),
            ("fd-count", "20"),
            ("pids-max", "max"),
            ("nproc-soft", "unlimited"),
            ("memory-current", "99"),
            ("memory-max", "100"),
        ];
        pairs.retain(|(key, _)| !with.iter().any(|(other, _)| key == other));
        pairs.extend(with);
        Counts::read(&row(&pairs), None)
    }

    fn all(counts: &Counts) -> Vec<Verdict> {
        [counts.conntrack(), counts.ports(), counts.files(1024), counts.processes()].into_iter().flatten().collect()
    }

    #[test]
    fn a_usual_machine_is_well_though_its_memory_is_full_of_pages() {
        assert_eq!(all(&counts(&[])), []);
        assert_eq!(counts(&[]).memory_percent(), Some(99));
        // A container sees few of these.
        assert_eq!(all(&Counts::read(&row(&[("nofile-soft", "unlimited")]), None)), []);
    }

    #[test]
    fn conntrack_is_full_at_its_limit_and_nearly_so_from_95_percent() {
        let of = |used: &str| all(&counts(&[("conntrack-count", used), ("conntrack-max", "100")]));
        assert_eq!(of("96"), [Verdict::Conntrack { used: 96, limit: 100, of_host: false, full: false }]);
        assert_eq!(of("99"), [Verdict::Conntrack { used: 99, limit: 100, of_host: false, full: false }]);
        assert_eq!(of("100"), [Verdict::Conntrack { used: 100, limit: 100, of_host: false, full: true }]);
        assert_eq!(all(&counts(&[("conntrack-count", "94"), ("conntrack-max", "100")])), []);
        let host = row(&[("conntrack-count", "100"), ("conntrack-max", "100")]);
        let own = row(&[("conntrack-count", "3"), ("conntrack-max", "100")]);
        let read = Counts::read(&own, Some(&host));
        assert_eq!(read.conntrack(), Some(Verdict::Conntrack { used: 100, limit: 100, of_host: true, full: true }));
    }

    #[test]
    fn ports_are_used_up_to_one_remote_end() {
        let used = counts(&[("time-wait", "28200"), ("ports-to-one", "28200")]);
        let verdict = Verdict::Ports { used: 28200, waiting: 28200, range: 28232, first: 32768, to_one: true };
        assert_eq!(all(&used), [verdict]);
        assert_eq!(all(&counts(&[("ports-to-one", "20000")])), []);
        let few = counts(&[("port-range", "40000-40000"), ("ports-to-one", "0")]);
        assert_eq!(all(&few), [Verdict::FewPorts { range: 1 }]);
    }

    #[test]
    fn a_busy_server_uses_no_source_ports() {
        // Connections that came in, and listeners, are in these counters too.
        assert_eq!(all(&counts(&[("time-wait", "20000"), ("tcp-in-use", "30000")])), []);
        let older = row(&[("port-range", "32768-60999"), ("time-wait", "20000"), ("tcp-in-use", "30000")]);
        let found = Counts::read(&older, None).ports();
        assert!(matches!(found, Some(Verdict::Ports { to_one: false, .. })), "{found:?}");
    }

    #[test]
    fn files_that_are_used_up_and_files_that_are_few() {
        assert_eq!(
            all(&counts(&[("fd-count", "1000")])),
            [Verdict::FilesUsed { used: 1000, limit: 1024, of_machine: false }]
        );
        assert_eq!(
            all(&counts(&[("nofile-soft", "256"), ("nofile-hard", "4096")])),
            [Verdict::FilesFew { soft: 256, hard: Some(4096), wanted: 1024 }]
        );
        let machine = counts(&[("file-handles", "99"), ("file-handles-max", "100")]);
        assert_eq!(all(&machine), [Verdict::FilesUsed { used: 99, limit: 100, of_machine: true }]);
    }

    #[test]
    fn few_processes() {
        assert_eq!(all(&counts(&[("pids-max", "20")])), [Verdict::Processes { limit: 20 }]);
        assert_eq!(all(&counts(&[("pids-max", "512")])), []);
    }

    #[test]
    fn pools_are_counted_by_their_bridges() {
        let bridge = |n: u32| row(&[("name", &format!("br-{n:012x}")), ("address", &format!("172.{}.0.1/16", 17 + n))]);
        let mut rows: Vec<Row> = (0..15).map(bridge).collect();
        assert_eq!(container_networks(&rows), 15);
        // An interface has a row for each address; other bridges and other subnets do not count.
        rows.push(bridge(0));
        rows.push(row(&[("name", "br-lan"), ("address", "10.0.0.1/24")]));
        rows.push(row(&[("name", "eth0"), ("address", "192.168.1.5/24")]));
        rows.push(row(&[("name", "docker0"), ("address", "192.168.16.1/20")]));
        assert_eq!(container_networks(&rows), 16);
        assert_eq!(pools(27), None);
        assert_eq!(pools(28), Some(Verdict::Pools { networks: 28, none_left: false }));
        assert_eq!(pools(31), Some(Verdict::Pools { networks: 31, none_left: true }));
    }
}

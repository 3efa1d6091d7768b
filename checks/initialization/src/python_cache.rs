//! What only the Python cache does: a listener that is not there, a port that moved, a
//! registry of peers that misleads. Said here, judged in [`listener`] and [`registry`].

use crate::codes;
use crate::listener::{self, CacheProcess, Row, Socket};
use crate::registry::{self, Entry, Fault, Here};
use seaworthy_check_sdk::env::system::{Query, Seen};
use seaworthy_check_sdk::{Evidence, FindingBuilder, Findings, argument, ip, query, row_value};

/// The cache's own default for `CACHE_LISTEN_PORT`.
const DEFAULT_PORT: u16 = 9100;
/// Where it keeps entries and its registry below the home folder.
const CACHE_FOLDER: &str = "/.cache/github_cli";
const REGISTRY_FOLDER: &str = "/.cache/p2p_peers";
/// What its log says when it believes that it listens.
const LISTENING: [&str; 2] = ["listening", "sharing enabled on port"];

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch<'a> {
    /// The Python client is the one in use.
    pub(crate) client: bool,
    /// P2P is on.
    pub(crate) p2p: bool,
    /// `with.expect-listener`.
    pub(crate) expected: bool,
    /// `with.cache-process`.
    pub(crate) process: Option<&'a str>,
    /// `with.log-file`.
    pub(crate) log: Option<&'a str>,
    /// The configured port.
    pub(crate) port: Option<u16>,
    /// The registry's folder.
    pub(crate) registry: Option<String>,
    /// `RUNNER_NAME`.
    pub(crate) runner: Option<&'a str>,
    /// `RUNNER_TEMP`.
    pub(crate) temporary: Option<&'a str>,
    /// Peers are configured, so that the registry is not the only way to them.
    pub(crate) has_peers: bool,
}

/// The folder for entries that the Python cache takes where no variable names one.
pub(crate) fn default_folder(home: Option<&str>) -> Option<String> {
    home.filter(|home| home.starts_with('/')).map(|home| [home.trim_end_matches('/'), CACHE_FOLDER].concat())
}

/// The folder of its registry in the same case.
pub(crate) fn default_registry(home: Option<&str>) -> Option<String> {
    home.filter(|home| home.starts_with('/')).map(|home| [home.trim_end_matches('/'), REGISTRY_FOLDER].concat())
}

impl Watch<'_> {
    /// Whether somebody says that the cache listens, or may be asked whether it does.
    fn listens(&self) -> bool {
        self.p2p && (self.expected || self.process.is_some() || self.log.is_some() || self.client)
    }

    /// What has to be asked.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        if self.port.is_some() || self.listens() || self.registry.is_some() {
            queries.push(query("listeners", vec![]));
        }
        if self.listens() || self.port.is_some() {
            let names = if self.process.is_some() { vec![] } else { vec![argument("name", "python*")] };
            queries.push(query("processes", names));
        }
        if let Some(path) = self.log.filter(|_| self.p2p) {
            for text in LISTENING {
                queries.push(query("lines", vec![argument("path", path), argument("contains", text)]));
            }
        }
        if let Some(path) = &self.registry {
            queries.push(query("peer-registry", vec![argument("path", path.as_str())]));
            queries.push(query("container", vec![]));
            queries.push(query("host-report", vec![argument("topic", "peer-registry")]));
        }
        queries
    }

    /// What is so by design of the Python cache, and good to know.
    pub(crate) fn remarks(&self, peers: &[String], read: u32, findings: &mut Findings) {
        if !self.client || !self.p2p || peers.is_empty() {
            return;
        }
        let message = "the Python cache pushes its entries to the peers that it dialled itself, from then on, and asks nobody: \
                       what they have arrives here only if they dial this runner as well";
        findings.add(codes::CACHE_ONE_WAY.found().message(message).cite(read));
        for peer in peers.iter().map(|peer| peer.trim_ascii()).filter(|peer| peer.starts_with("/dns")) {
            let message = [
                peer,
                " is dialled, and not passed on to other Python peers: their peer exchange takes /ip4 and /ip6 only",
            ];
            let finding = codes::CACHE_ADDRESS_NOT_PASSED_ON.at(peer).message(message.concat());
            findings.add(finding.expected("/ip4/ADDRESS/tcp/PORT/p2p/ID").cite(read));
        }
    }

    /// Everything that is wrong. `taken` says that something else than the cache has its port.
    pub(crate) fn judge(&self, seen: &[Seen], taken: bool, findings: &mut Findings) {
        let sockets = rows(seen, "listeners").map(listener::sockets);
        if let Some(sockets) = &sockets {
            self.listener(seen, sockets, taken, findings);
        }
        if self.registry.is_some() {
            self.peers(seen, sockets.as_deref(), findings);
        }
    }

    fn listener(&self, seen: &[Seen], sockets: &[Socket], taken: bool, findings: &mut Findings) {
        let all = rows(seen, "processes").unwrap_or_default();
        let processes = listener::cache_processes(all, self.process, self.p2p);
        let said = self.said(seen);
        let process = processes.iter().find(|p| !has(sockets, p.port.or(self.port).unwrap_or(DEFAULT_PORT)));
        let by_process = process.filter(|_| self.process.is_some() || self.client);
        let port = said.as_ref().and_then(|(port, _)| *port).or(by_process.and_then(|p| p.port)).or(self.port);
        let port = port.unwrap_or(DEFAULT_PORT);
        let evidence = evidence(seen, &["listeners", "processes", "lines", "port"]);
        let absent = taken || !has(sockets, port);
        if let Some((socket, known)) = listener::moved(port, sockets, &processes).filter(|_| absent) {
            let finding = moved(port, socket);
            let sure = known || self.expected && !taken;
            findings.add(if sure { finding } else { finding.likely() }.cite_all(&evidence));
            return;
        }
        if !self.p2p || has(sockets, port) {
            return;
        }
        let (why, sure) = match (&said, self.expected, by_process) {
            (Some((_, line)), _, _) => (["its log says so: ", line].concat(), true),
            (None, true, _) => ("with.expect-listener says that it should".to_owned(), true),
            (None, false, Some(process)) => (running(process), false),
            (None, false, None) => return,
        };
        let number = port.to_string();
        let finding = codes::CACHE_NO_LISTENER
            .at(&number)
            .message(["nothing here listens on TCP port ", &number, ", although ", &why].concat())
            .observed("no listening socket")
            .expected(["a listener on TCP port ", &number].concat())
            .detail("port", &number);
        let finding = match by_process.or(processes.first()) {
            Some(process) => finding.detail("pid", process.pid.to_string()).detail("process", &process.words),
            None => finding,
        };
        findings.add(if sure { finding } else { finding.likely() }.cite_all(&evidence));
    }

    /// The last line of the log that says that the cache listens, with its port.
    fn said(&self, seen: &[Seen]) -> Option<(Option<u16>, String)> {
        self.log?;
        let lines =
            seen.iter().filter(|answer| answer.topic == "lines").filter_map(|answer| answer.outcome.as_ref().ok());
        let lines = lines.flatten().filter(|row| row_value(row, "row-kind") == Some("line"));
        let text = lines.filter_map(|row| row_value(row, "text")).next_back()?;
        Some((listener::logged_port(text), ["`", text, "`"].concat()))
    }

    fn peers(&self, seen: &[Seen], sockets: Option<&[Socket]>, findings: &mut Findings) {
        let Some(own_rows) = rows(seen, "peer-registry") else { return };
        let entries = registry::entries(own_rows);
        let host: Option<Vec<Entry>> = rows(seen, "host-report").map(registry::entries);
        let kind = rows(seen, "container").and_then(|rows| rows.first()).and_then(|row| row_value(row, "kind"));
        let container = kind.is_some_and(|kind| kind != "none");
        let addresses: Vec<_> = rows(seen, "interfaces")
            .into_iter()
            .flatten()
            .filter_map(|row| row_value(row, "address").and_then(ip::parse))
            .collect();
        let evidence =
            evidence(seen, &["peer-registry", "directory", "listeners", "interfaces", "container", "host-report"]);
        let here = Here { runner: self.runner, own: &addresses, sockets, container };
        for (entry, fault) in registry::faults(&entries, here) {
            findings.add(self.fault(entry, &fault).cite_all(&evidence));
        }
        let path = self.registry.as_deref().unwrap_or_default();
        let directory = rows(seen, "directory").into_iter().flatten().find(|row| row_value(row, "path") == Some(path));
        let why =
            directory.and_then(|row| registry::private(row, &entries, host.as_deref(), container, self.temporary));
        let Some(why) = why else { return };
        let finding = codes::CACHE_REGISTRY_NOT_SHARED
            .at(path)
            .message(["runners do not find each other through this registry: ", &why].concat())
            .detail("path", path);
        // With peers that are configured the registry is only one way to more of them.
        findings.add(if self.has_peers { finding.level("info") } else { finding }.cite_all(&evidence));
        if let Some(entry) = host.as_deref().and_then(|host| registry::twice(&entries, host)) {
            let fault = Fault::SameName("the host's registry has the name with another peer id".into());
            findings.add(self.fault(entry, &fault).likely().cite_all(&evidence));
        }
    }

    fn fault(&self, entry: &Entry, fault: &Fault) -> FindingBuilder {
        let (code, message) = match fault {
            Fault::Dead(_) => (
                codes::CACHE_REGISTRY_DEAD_ENTRY,
                [
                    &entry.file,
                    " still offers ",
                    &entry.multiaddr,
                    ", and nothing on this machine listens there: the process \
                     whose identity it publishes has ended",
                ]
                .concat(),
            ),
            Fault::Undialable => (
                codes::CACHE_REGISTRY_UNDIALABLE,
                [&entry.file, " offers ", &entry.multiaddr, ", an address that nobody can dial"].concat(),
            ),
            Fault::SameName(why) => {
                (codes::CACHE_RUNNER_NAME_TWICE, ["two runners are called ", &entry.runner, ": ", why].concat())
            }
        };
        let target = match fault {
            Fault::SameName(_) => &entry.runner,
            _ => &entry.multiaddr,
        };
        let folder = self.registry.as_deref().unwrap_or_default();
        let finding = code
            .at(target)
            .message(message)
            .detail("file", [folder.trim_end_matches('/'), "/", &entry.file].concat())
            .detail("peer-id", &entry.peer_id)
            .detail("runner", &entry.runner);
        match fault {
            Fault::Dead(true) | Fault::Undialable => finding,
            Fault::Dead(false) => finding.possible(),
            Fault::SameName(_) => finding.likely(),
        }
    }
}

fn moved(port: u16, socket: &Socket) -> FindingBuilder {
    let (from, to) = (port.to_string(), socket.port.to_string());
    let process = socket.process.as_deref().unwrap_or("a process");
    let pid = socket.pid.map(|pid| pid.to_string()).unwrap_or_default();
    let message = [
        "the cache (",
        process,
        " ",
        &pid,
        ") listens on port ",
        &to,
        " instead of ",
        &from,
        ": it moved on when its port was taken, and said nothing",
    ];
    codes::CACHE_PORT_MOVED
        .at(&from)
        .message(message.concat())
        .observed(&to)
        .expected(&from)
        .detail("port", &from)
        .detail("moved-to", &to)
        .detail("process", process)
        .detail("pid", pid)
}

fn running(process: &CacheProcess) -> String {
    ["the cache runs with P2P on (process ", &process.pid.to_string(), ", ", &process.words, ")"].concat()
}

fn has(sockets: &[Socket], port: u16) -> bool {
    sockets.iter().any(|socket| socket.port == port)
}

fn rows<'a>(seen: &'a [Seen], topic: &str) -> Option<&'a [Row]> {
    seen.iter().find(|answer| answer.topic == topic).and_then(|answer| answer.outcome.as_deref().ok())
}

/// What a finding rests on; one of the topics is always among what was asked.
fn evidence(seen: &[Seen], topics: &[&str]) -> Evidence {
    let mut ids = seen.iter().filter(|answer| topics.contains(&answer.topic.as_str())).map(|answer| answer.id);
    let first = ids.next().unwrap_or_default();
    Evidence::one(first).with(ids)
}

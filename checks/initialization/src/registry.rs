//! What the Python cache's registry of peers tells: whether runners can find each
//! other through it, and whether what it names is still there.

use crate::listener::{Row, Socket};
use crate::port::endpoint;
use seaworthy_check_sdk::{ip, row_value};
use std::net::IpAddr;

/// The cache itself drops what is older.
const LIVES_SECONDS: i64 = 30 * 60;
/// File systems that end with their container.
const PRIVATE: [&str; 6] = ["overlay", "tmpfs", "ramfs", "aufs", "fuse-overlayfs", "rootfs"];

/// One runner's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Name of its file.
    pub file: String,
    /// Name of the runner.
    pub runner: String,
    /// Its peer id.
    pub peer_id: String,
    /// Its address.
    pub multiaddr: String,
    /// The cache still takes it.
    pub lives: bool,
}

impl Entry {
    /// Host and port: of the address, else the port alone.
    fn place(&self) -> (Option<&str>, Option<u16>) {
        match endpoint(&self.multiaddr) {
            Some((host, port)) => (Some(host), Some(port)),
            None => (None, None),
        }
    }
}

/// The entries of a `peer-registry` answer.
#[must_use]
pub fn entries(rows: &[Row]) -> Vec<Entry> {
    let peers = rows.iter().filter(|row| row_value(row, "row-kind") == Some("peer"));
    let read = |row: &Row| {
        let text = |key: &str| row_value(row, key).unwrap_or_default().to_owned();
        let age = row_value(row, "age-seconds").and_then(|age| age.parse::<i64>().ok());
        Some(Entry {
            peer_id: row_value(row, "peer-id")?.to_owned(),
            file: text("file"),
            runner: text("runner-name"),
            multiaddr: text("multiaddr"),
            lives: age.is_some_and(|age| age < LIVES_SECONDS),
        })
    };
    peers.filter_map(read).collect()
}

/// What is known of this place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Here<'a> {
    /// `RUNNER_NAME`.
    pub runner: Option<&'a str>,
    /// Addresses of its interfaces.
    pub own: &'a [IpAddr],
    /// Its listeners; none when they are not known.
    pub sockets: Option<&'a [Socket]>,
    /// A container.
    pub container: bool,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its process is gone: it names an address of this machine where nothing listens.
    /// The flag says that the address is surely ours.
    Dead(bool),
    /// Nobody can dial it.
    Undialable,
    /// Another runner has registered under the same name.
    SameName(String),
}

/// Everything that is wrong with the entries that the cache would still use.
#[must_use]
pub fn faults<'e>(all: &'e [Entry], here: Here<'_>) -> Vec<(&'e Entry, Fault)> {
    let mut found = Vec::new();
    for (at, entry) in all.iter().enumerate().filter(|(_, entry)| entry.lives) {
        let (host, port) = entry.place();
        let address = host.and_then(ip::parse);
        let unspecified = address.is_some_and(|address| address.is_unspecified());
        let own = address.is_some_and(|address| here.own.contains(&address) && !address.is_loopback());
        let loopback = host.is_some_and(ip::is_loopback);
        let silent = here.sockets.zip(port).is_some_and(|(all, port)| all.iter().all(|socket| socket.port != port));
        if silent && (own || loopback || unspecified) {
            found.push((entry, Fault::Dead(own || !here.container)));
        } else if unspecified {
            found.push((entry, Fault::Undialable));
        }
        let earlier = all.get(..at).unwrap_or_default().iter();
        let twin = earlier
            .filter(|other| other.lives)
            .find(|other| !entry.runner.is_empty() && other.runner == entry.runner && other.peer_id != entry.peer_id);
        if let Some(twin) = twin {
            let message = ["also registered as ", &twin.peer_id, " in ", &twin.file].concat();
            found.push((entry, Fault::SameName(message)));
        } else if here.runner.is_some_and(|name| name == entry.runner) && !here.own.is_empty() {
            // Only a private address that is not ours is surely another machine: a public one may be our NAT.
            let foreign = address.filter(|address| is_private(*address) && !here.own.contains(address));
            if let Some(address) = foreign {
                let message = ["its entry leads to ", &address.to_string(), ", which is not this machine"].concat();
                found.push((entry, Fault::SameName(message)));
            }
        }
    }
    found
}

/// Why other runners do not see this registry. `temporary` is RUNNER_TEMP.
#[must_use]
pub fn private(
    directory: &Row,
    entries: &[Entry],
    host: Option<&[Entry]>,
    container: bool,
    temporary: Option<&str>,
) -> Option<String> {
    let path = row_value(directory, "path").unwrap_or_default();
    let elsewhere = host.into_iter().flatten().find(|other| entries.iter().all(|entry| entry.peer_id != other.peer_id));
    if let Some(other) = elsewhere {
        let message = [path, " holds other entries than the host's registry, which has ", &other.file];
        return Some(message.concat());
    }
    if let Some(root) = temporary.filter(|root| !root.is_empty() && within(path, root)) {
        let why = "), which each runner has for itself and empties for every job";
        return Some([path, " is in RUNNER_TEMP (", root, why].concat());
    }
    let system = row_value(directory, "filesystem").unwrap_or_default();
    let mount = row_value(directory, "mount-point").unwrap_or_default();
    (container && PRIVATE.contains(&system)).then(|| {
        let why = "), not in a volume: no other runner sees it";
        [path, " is on the container's own ", system, " (mounted at ", mount, why].concat()
    })
}

/// The same runner name in two registries that are not the same folder.
#[must_use]
pub fn twice<'e>(own: &'e [Entry], host: &[Entry]) -> Option<&'e Entry> {
    own.iter().find(|entry| {
        let same = |other: &&Entry| other.runner == entry.runner && other.peer_id != entry.peer_id;
        entry.lives && !entry.runner.is_empty() && host.iter().any(|other| same(&other))
    })
}

fn within(path: &str, root: &str) -> bool {
    path.strip_prefix(root.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// RFC 1918 and RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(runner: &str, id: &str, multiaddr: &str) -> Entry {
        Entry {
            file: ["peer_", runner, ".json"].concat(),
            runner: runner.into(),
            peer_id: id.into(),
            multiaddr: multiaddr.into(),
            lives: true,
        }
    }

    fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_entry_lives_half_an_hour() {
        let peer = |age: &str| {
            row(&[
                ("row-kind", "peer"),
                ("peer-id", "A"),
                ("file", "peer_a.json"),
                ("multiaddr", "x"),
                ("age-seconds", age),
            ])
        };
        let rows =
            [peer("10"), peer("1800"), row(&[("row-kind", "folder")]), row(&[("row-kind", "peer"), ("error", "x")])];
        assert_eq!(entries(&rows).iter().map(|e| e.lives).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn an_ended_process_is_told_from_one_elsewhere() {
        let own = [ip::parse("10.0.0.5").unwrap()];
        let sockets = [Socket { port: 9101, process: None, pid: None }];
        let here = Here { own: &own, sockets: Some(&sockets), ..Here::default() };
        let of = |address: &str, here: Here<'_>| {
            faults(&[entry("a", "A", address)], here).into_iter().map(|(_, fault)| fault).collect::<Vec<_>>()
        };
        assert_eq!(of("/ip4/10.0.0.5/tcp/9100/p2p/A", here), [Fault::Dead(true)]);
        assert_eq!(of("/ip4/127.0.0.1/tcp/9100/p2p/A", here), [Fault::Dead(true)]);
        assert_eq!(of("/ip4/127.0.0.1/tcp/9100/p2p/A", Here { container: true, ..here }), [Fault::Dead(false)]);
        assert_eq!(of("/ip4/0.0.0.0/tcp/9101/p2p/A", here), [Fault::Undialable]);
        assert!(of("/ip4/10.0.0.5/tcp/9101/p2p/A", here).is_empty());
        assert!(of("/ip4/10.0.0.9/tcp/9100/p2p/A", here).is_empty());
        // What the cache drops by itself, and what cannot be compared, is no fault.
        let old = Entry { lives: false, ..entry("a", "A", "/ip4/127.0.0.1/tcp/9100") };
        assert!(faults(&[old], here).is_empty());
        assert!(of("/ip4/127.0.0.1/tcp/9100", Here { sockets: None, ..here }).is_empty());
    }

    #[test]
    fn one_name_and_two_runners() {
        let all = [entry("a", "A", "/ip4/10.0.0.9/tcp/1"), entry("a", "B", "/ip4/10.0.0.8/tcp/1")];
        assert!(matches!(&faults(&all, Here::default())[..], [(e, Fault::SameName(_))] if e.peer_id == "B"));
        let own = [ip::parse("10.0.0.5").unwrap()];
        let here = Here { runner: Some("a"), own: &own, ..Here::default() };
        assert!(matches!(&faults(&all[..1], here)[..], [(_, Fault::SameName(why))] if why.contains("10.0.0.9")));
        let public = [entry("a", "A", "/ip4/203.0.113.5/tcp/1")];
        assert!(faults(&public, here).is_empty());
        assert_eq!(twice(&all[..1], &all[1..]).map(|e| e.peer_id.as_str()), Some("A"));
        assert_eq!(twice(&all[..1], &all[..1]), None);
    }

    #[test]
    fn whose_registry_it_is() {
        let on =
            |system: &str| row(&[("path", "/root/.cache/p2p_peers"), ("filesystem", system), ("mount-point", "/")]);
        assert!(private(&on("overlay"), &[], None, true, None).is_some_and(|why| why.contains("overlay")));
        assert_eq!(private(&on("overlay"), &[], None, false, None), None);
        assert_eq!(private(&on("ext4"), &[], None, true, None), None);
        assert!(private(&on("ext4"), &[], None, false, Some("/root/.cache/")).is_some());
        assert_eq!(private(&on("ext4"), &[], None, false, Some("/root/.ca")), None);
        let host = [entry("h", "H", "/ip4/10.0.0.1/tcp/1")];
        assert!(private(&on("ext4"), &[], Some(&host), true, None).is_some_and(|why| why.contains("peer_h.json")));
        assert_eq!(private(&on("ext4"), &host, Some(&host), true, None), None);
    }
}

//! Whether the cache listens where it is said to.

use crate::port::{matches, number};
use seaworthy_check_sdk::row_value;

/// One thing that a topic lists.
pub type Row = Vec<(String, String)>;

/// How far the Python cache moves when its port is taken.
const MOVES: u16 = 20;
/// What the interpreter of the Python cache is called.
const PYTHON: &str = "python*";
/// What its modules are called, somewhere in what the interpreter runs.
const MODULES: [&str; 3] = ["ipfs_accelerate", "github_cli", "github_cache"];

/// A TCP socket that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its port.
    pub port: u16,
    /// Name of its process, where it can be known.
    pub process: Option<String>,
    /// Number of its process.
    pub pid: Option<u32>,
}

/// A process that is the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheProcess {
    /// Its number.
    pub pid: u32,
    /// What it is called and runs, for people.
    pub words: String,
    /// The port that its own environment names.
    pub port: Option<u16>,
}

/// The sockets of a `listeners` answer.
#[must_use]
pub fn sockets(rows: &[Row]) -> Vec<Socket> {
    let read = |row: &Row| {
        let process = row_value(row, "process").unwrap_or_default();
        let (name, rest) = process.rsplit_once(" (").unwrap_or((process, ""));
        (row_value(row, "protocol") == Some("tcp")).then_some(())?;
        Some(Socket {
            port: number(row_value(row, "port")?)?,
            process: (!name.is_empty()).then(|| name.to_owned()),
            pid: rest.trim_end_matches(')').parse().ok(),
        })
    };
    rows.iter().filter_map(read).collect()
}

/// The cache among the rows of a `processes` answer: what `glob` names by its process
/// or its script; without one, a Python that runs one of the cache's modules. One that
/// has P2P switched off is not meant to listen; `p2p` is for those that do not say.
#[must_use]
pub fn cache_processes(rows: &[Row], glob: Option<&str>, p2p: bool) -> Vec<CacheProcess> {
    let read = |row: &Row| {
        let text = |key: &str| row_value(row, key).unwrap_or_default();
        let (name, script) = (text("name"), text("script"));
        let ours = match glob {
            Some(glob) => matches(glob, name) || matches(glob, script),
            None => matches(PYTHON, name) && MODULES.iter().any(|module| script.contains(module)),
        };
        let on = row_value(row, "enable-p2p").map_or(p2p, |value| value.eq_ignore_ascii_case("true"));
        (ours && on).then_some(())?;
        let words = if script.is_empty() { name.to_owned() } else { [name, " ", script].concat() };
        Some(CacheProcess { pid: text("pid").parse().ok()?, words, port: number(text("listen-port")) })
    };
    rows.iter().filter_map(read).collect()
}

/// The port in a line of a log that says that something listens there.
#[must_use]
pub fn logged_port(line: &str) -> Option<u16> {
    let lower = line.to_ascii_lowercase();
    let after = |mark: &str| {
        let rest = lower.rsplit_once(mark)?.1.trim_ascii_start();
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        number(digits)
    };
    ["/tcp/", "port ", "port=", "port: ", ":"].into_iter().find_map(after)
}

/// Where the cache went when `wanted` was taken: a socket on one of the next twenty
/// ports that belongs to a known process of the cache, or to another Python than the
/// owner of the port. The flag says that it is a known process.
#[must_use]
pub fn moved<'a>(wanted: u16, sockets: &'a [Socket], known: &[CacheProcess]) -> Option<(&'a Socket, bool)> {
    let owners: Vec<u32> = sockets.iter().filter(|s| s.port == wanted).filter_map(|s| s.pid).collect();
    let near = || {
        let next = |s: &&Socket| s.port > wanted && s.port - wanted <= MOVES;
        sockets.iter().filter(next).filter(|s| s.pid.is_some_and(|pid| !owners.contains(&pid)))
    };
    let is_known = |s: &&Socket| known.iter().any(|process| Some(process.pid) == s.pid);
    let is_python = |s: &&Socket| s.process.as_deref().is_some_and(|name| matches(PYTHON, name));
    near().find(is_known).map(|s| (s, true)).or_else(|| near().find(is_python).map(|s| (s, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn socket(port: u16, process: &str, pid: u32) -> Socket {
        Socket { port, process: Some(process.into()), pid: Some(pid) }
    }

    #[test]
    fn sockets_are_read_from_rows() {
        let rows = [
            row(&[("protocol", "tcp"), ("port", "9100"), ("process", "python3 (12)")]),
            row(&[("protocol", "tcp"), ("port", "22")]),
            row(&[("protocol", "udp"), ("port", "9100")]),
        ];
        assert_eq!(sockets(&rows), [socket(9100, "python3", 12), Socket { port: 22, process: None, pid: None }]);
    }

    #[test]
    fn the_cache_is_told_from_other_programs() {
        let python = |script: &str, on: &str| {
            row(&[("pid", "7"), ("name", "python3"), ("script", script), ("enable-p2p", on), ("listen-port", "9105")])
        };
        let of = |row: &Row, glob: Option<&str>| cache_processes(std::slice::from_ref(row), glob, true);
        let found = of(&python("ipfs_accelerate_py.mcp", "True"), None);
        assert_eq!((found[0].pid, found[0].port), (7, Some(9105)));
        assert!(of(&python("-m pytest", "true"), None).is_empty());
        assert!(of(&python("ipfs_accelerate_py.mcp", "false"), None).is_empty());
        assert_eq!(of(&python("/srv/worker.py", "true"), Some("*/worker.py")).len(), 1);
        assert!(
            cache_processes(
                &[row(&[("pid", "1"), ("name", "python3"), ("script", "ipfs_accelerate_py")])],
                None,
                false
            )
            .is_empty()
        );
    }

    #[test]
    fn a_log_names_its_port() {
        for (line, port) in [
            ("INFO P2P cache sharing enabled on port 9100", Some(9100)),
            ("Listening on /ip4/0.0.0.0/tcp/9103/p2p/12D3", Some(9103)),
            ("listening on 0.0.0.0:9100", Some(9100)),
            ("listening for peers", None),
        ] {
            assert_eq!(logged_port(line), port, "{line}");
        }
    }

    #[test]
    fn the_next_twenty_ports() {
        let all = [socket(9100, "nginx", 1), socket(9120, "python3", 2), socket(9121, "python3", 3)];
        assert_eq!(moved(9100, &all, &[]), Some((&all[1], false)));
        let known = [CacheProcess { pid: 2, words: "w".into(), port: None }];
        assert_eq!(moved(9100, &all, &known), Some((&all[1], true)));
        assert_eq!(moved(9101, &all[2..], &[]).map(|(s, _)| s.port), Some(9121));
        assert_eq!(moved(9100, &all[2..], &[]), None);
        // The owner of the port listens elsewhere too: it did not move.
        assert_eq!(moved(9100, &[socket(9100, "python3", 2), socket(9101, "python3", 2)], &[]), None);
        assert_eq!(moved(9100, &[socket(9101, "nginx", 4)], &[]), None);
    }
}

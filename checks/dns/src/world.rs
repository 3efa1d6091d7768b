//! What was seen, as data: the judging asks nobody.

use std::net::IpAddr;

/// What one server said to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Addresses of the kind that was asked for.
    Addresses(Vec<IpAddr>),
    /// The name exists and has none of this kind.
    NoAddress,
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL, REFUSED and the like.
    Fails(String),
    /// Nothing that can be used: the kind of the failure.
    Silent(String),
}

impl Heard {
    /// Whether the server spoke at all.
    #[must_use]
    pub fn is_said(&self) -> bool {
        !matches!(self, Self::Silent(_))
    }

    /// The addresses, where there are some.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Addresses(found) => found,
            _ => &[],
        }
    }
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A target's name, as it is.
    Name(usize),
    /// That name below an element of the search list.
    Searched(usize),
    /// A random name that cannot exist: below `.invalid`, or right below `.com`.
    Invented,
    /// A random name beside a target's, below the same parent.
    Sibling(usize),
}

/// One question to one server, and what came of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its observation.
    pub id: u32,
    /// Number of the server.
    pub server: usize,
    /// What about.
    pub about: About,
    /// AAAA, not A.
    pub v6: bool,
    /// Over TCP, not UDP.
    pub tcp: bool,
    /// The answer did not fit.
    pub truncated: bool,
    /// The answer.
    pub heard: Heard,
}

/// A question that did not leave this machine, which says nothing of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// Number of the server.
    pub server: usize,
    /// The kind of the failure: no route, no socket, no time left.
    pub kind: String,
}

/// A server that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its address, without the port.
    pub address: String,
    /// Stands in resolv.conf; otherwise it was asked for comparison.
    pub configured: bool,
}

/// One look-up by the C library.
#[derive(Clone, Debug)]
pub struct LookUp {
    /// Its observation.
    pub id: u32,
    /// Microseconds.
    pub elapsed: u64,
    /// Addresses and whether `/etc/hosts` gave them, or the kind of the failure.
    pub outcome: Result<(Vec<IpAddr>, bool), String>,
}

/// A name among the targets.
#[derive(Clone, Debug, Default)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Targets that use it, as they are written.
    pub targets: Vec<String>,
    /// Looked up as it is written, several times.
    pub written: Vec<LookUp>,
    /// Looked up with a dot at its end: without the search list.
    pub dotted: Option<LookUp>,
}

impl Name {
    /// No look-up found an address.
    #[must_use]
    pub fn fails(&self) -> bool {
        !self.written.is_empty() && self.written.iter().all(|one| one.outcome.is_err())
    }

    /// What programs get, by the first look-up that got something.
    #[must_use]
    pub fn found(&self) -> Option<&(Vec<IpAddr>, bool)> {
        self.written.iter().find_map(|one| one.outcome.as_ref().ok())
    }
}

/// resolv.conf as it was read.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// What could not be read and how: the kind of the failure.
    pub unreadable: Option<String>,
    /// The link that leads nowhere, where it is one.
    pub dangling: Option<String>,
    /// As written.
    pub servers: Vec<String>,
    /// As written.
    pub search: Vec<String>,
    /// As written.
    pub options: Vec<String>,
    /// Observations it rests on.
    pub ids: Vec<u32>,
}

impl Configuration {
    /// The number of an option such as `ndots:5`.
    #[must_use]
    pub fn option(&self, key: &str, default: u64) -> u64 {
        let value = |option: &String| option.strip_prefix(key)?.strip_prefix(':')?.parse().ok();
        self.options.iter().rev().find_map(value).unwrap_or(default)
    }

    /// Whether a name is first looked up below the search list.
    #[must_use]
    pub fn searches(&self, name: &str) -> bool {
        let dots = name.matches('.').count();
        !name.ends_with('.') && !self.search.is_empty() && (dots as u64) < self.option("ndots", 1)
    }
}

/// A program that runs for long, and what changed since it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Its name and process id.
    pub process: String,
    /// The file.
    pub path: String,
    /// Seconds since the process started.
    pub process_age: u64,
    /// Seconds since the file was written.
    pub file_age: u64,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// resolv.conf.
    pub configuration: Configuration,
    /// Those of resolv.conf first.
    pub servers: Vec<Server>,
    /// The names among the targets.
    pub names: Vec<Name>,
    /// Every question that left this machine.
    pub asked: Vec<Asked>,
    /// Those that did not.
    pub unasked: Vec<Unasked>,
    /// Destinations of IPv6 routes; none when they are not known.
    pub ipv6_routes: Option<Vec<String>>,
    /// Kind of container: `docker`, `none` ...
    pub container: Option<String>,
    /// Programs that may still use what the files said before.
    pub outdated: Vec<Outdated>,
    /// Observations of those.
    pub outdated_ids: Vec<u32>,
    /// The settings say that these programs keep what they once read.
    pub keeps: bool,
    /// Addresses and blocks, one of which each name must resolve to.
    pub expected: Vec<String>,
}

impl World {
    /// Questions over UDP about one name, itself, to one server.
    pub fn of<'a>(&'a self, server: usize, name: usize) -> impl Iterator<Item = &'a Asked> + 'a {
        self.asked.iter().filter(move |one| one.server == server && one.about == About::Name(name) && !one.tcp)
    }

    /// Questions over UDP to one server.
    pub fn over_udp<'a>(&'a self, server: usize) -> impl Iterator<Item = &'a Asked> + 'a {
        self.asked.iter().filter(move |one| one.server == server && !one.tcp)
    }

    /// Numbers of the servers in resolv.conf.
    pub fn configured(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.servers.len()).filter(|at| self.servers[*at].configured)
    }

    /// A server that answered at least one question over UDP.
    #[must_use]
    pub fn answers(&self, server: usize) -> bool {
        self.over_udp(server).any(|one| one.heard.is_said())
    }

    /// Servers of resolv.conf that could not be asked from here, each with the reason.
    pub fn unreached(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        let asked = |at: &usize| self.over_udp(*at).next().is_some();
        self.configured().filter(move |at| !asked(at)).filter_map(|at| {
            let one = self.unasked.iter().find(|one| one.server == at)?;
            Some((self.servers[at].address.as_str(), one.kind.as_str()))
        })
    }

    /// A server to which questions over UDP were put, none of which it answered.
    #[must_use]
    pub fn is_silent(&self, server: usize) -> bool {
        let mut all = self.over_udp(server).peekable();
        all.peek().is_some() && all.all(|one| !one.heard.is_said())
    }
}

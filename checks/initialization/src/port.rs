//! Who holds the listen port, and whether that is right.

/// Answer of the `port` topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// It could be bound.
    pub bindable: bool,
    /// Why not.
    pub error_kind: String,
    /// Name of the process that holds it, where it can be known.
    pub owner: Option<String>,
}

/// What the answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Free to use.
    Free,
    /// Held by the cache itself.
    Ours,
    /// Held by something else.
    Taken,
    /// Not to be had for another reason.
    Refused,
}

impl State {
    /// The value of the fact `listen-port-state`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Free => "free",
            State::Ours => "in-use-by-cache",
            State::Taken => "in-use",
            State::Refused => "not-bindable",
        }
    }
}

/// Judges a probe. `local_peer`: a configured peer has this port on a local address.
#[must_use]
pub fn judge(probe: &Probe, owner_glob: &str, local_peer: bool) -> State {
    let ours = probe.owner.as_deref().is_some_and(|owner| matches(owner_glob, owner));
    match (probe.bindable, probe.error_kind.as_str()) {
        (true, _) => State::Free,
        (false, "address-in-use") if ours || local_peer => State::Ours,
        (false, "address-in-use") => State::Taken,
        (false, _) => State::Refused,
    }
}

/// A process of another runner on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its RUNNER_NAME.
    pub runner: String,
    /// The port that it was told to listen on.
    pub port: Option<u16>,
    /// Its process.
    pub pid: String,
}

/// The other runner whose process, `NAME (PID)`, holds `port`.
///
/// *Behaviour*: it has to name the port, or to be that very process; a process of this runner is none.
#[must_use]
pub fn other_runner<'a>(port: u16, owner: &str, own: &str, others: &'a [Other]) -> Option<&'a Other> {
    let pid = owner.rsplit_once(" (").and_then(|(_, pid)| pid.strip_suffix(')'));
    let holds = |other: &&Other| match pid {
        Some(pid) => other.pid == pid,
        None => other.port == Some(port),
    };
    others.iter().filter(|other| other.runner != own).find(holds)
}

/// Whether `text` matches a glob of `*` and `?`.
#[must_use]
pub fn matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                g += 1;
                retry = Some((g, t));
            }
            Some(&c) if c == b'?' || c == text[t] => (g, t) = (g + 1, t + 1),
            _ => match retry {
                // Let the last star take one more.
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (g, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == b'*')
}

/// A configured number as a port.
#[must_use]
pub fn number(text: &str) -> Option<u16> {
    text.trim_ascii().parse().ok().filter(|&port| port > 0)
}

/// Host and TCP port of a multiaddr such as `/ip4/127.0.0.1/tcp/9100/p2p/...`.
#[must_use]
pub fn endpoint(multiaddr: &str) -> Option<(&str, u16)> {
    let mut parts = multiaddr.trim_ascii().strip_prefix('/')?.split('/');
    let (_, host, transport, port) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (transport == "tcp").then_some(())?;
    Some((host, number(port)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(owner: Option<&str>) -> Probe {
        Probe { bindable: false, error_kind: "address-in-use".into(), owner: owner.map(Into::into) }
    }

    #[test]
    fn the_cache_may_hold_its_port_and_others_may_not() {
        assert_eq!(judge(&Probe { bindable: true, ..Probe::default() }, "*seaworthy*", false), State::Free);
        assert_eq!(judge(&taken(Some("seaworthy")), "*seaworthy*", false), State::Ours);
        assert_eq!(judge(&taken(None), "*seaworthy*", true), State::Ours);
        assert_eq!(judge(&taken(Some("nginx")), "*seaworthy*", false), State::Taken);
        assert_eq!(judge(&taken(None), "*seaworthy*", false), State::Taken);
        let refused = Probe { bindable: false, error_kind: "permission-denied".into(), owner: None };
        assert_eq!(judge(&refused, "*", true), State::Refused);
    }

    #[test]
    fn another_runner_is_told_from_this_one() {
        let other = |runner: &str, port, pid: &str| Other { runner: runner.into(), port, pid: pid.into() };
        let all = [other("a", Some(9100), "7"), other("b", None, "8"), other("c", Some(9100), "9")];
        let holder = |owner: &str, own: &str| other_runner(9100, owner, own, &all).map(|one| one.runner.as_str());
        assert_eq!((holder("cache (9)", "a"), holder("cache (8)", "a")), (Some("c"), Some("b")));
        assert_eq!(holder("cache (7)", "a"), None, "our own process");
        assert_eq!(holder("nginx (5)", "a"), None, "a process of no runner");
        assert_eq!(holder("cache", "a"), Some("c"), "its number is not known, and it names the port");
    }

    #[test]
    fn globs() {
        for (glob, text) in [("*", ""), ("*sea*", "my-seaworthy"), ("py?hon*", "python3"), ("a*b*c", "aXbYbZc")] {
            assert!(matches(glob, text), "{glob} {text}");
        }
        for (glob, text) in [("", "x"), ("sea", "seaworthy"), ("*y", "yx"), ("a?", "a")] {
            assert!(!matches(glob, text), "{glob} {text}");
        }
    }

    #[test]
    fn endpoints_of_multiaddrs() {
        assert_eq!(endpoint("/ip4/10.0.0.1/tcp/9100/p2p/12D3"), Some(("10.0.0.1", 9100)));
        assert_eq!(endpoint("/ip4/10.0.0.1/udp/9100"), None);
        assert_eq!(endpoint("10.0.0.1:9100"), None);
        assert_eq!((number("0"), number("notaport"), number("65536"), number("9100")), (None, None, None, Some(9100)));
    }
}

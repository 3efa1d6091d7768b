use crate::ip;
use std::net::IpAddr;

/// Over what an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP, and what runs over it.
    Tcp,
    /// UDP without QUIC.
    Udp,
    /// QUIC.
    Quic,
}

/// The first hop of an address, in any of the notations that targets are written in:
/// `host:port`, `scheme://host[:port]/path`, `/ip4/1.2.3.4/udp/9100/quic-v1/p2p/ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// A name, or an address without brackets.
    pub host: String,
    /// Whether only addresses of IPv4 (`/dns4/`), or of IPv6 (`/dns6/`), are meant; none
    /// where any will do.
    pub only_ipv4: Option<bool>,
    /// The port; that of the scheme where none is written.
    pub port: u16,
    /// Over what.
    pub transport: Transport,
    /// `libp2p` for a multiaddr, else the scheme; empty where there is none.
    pub scheme: String,
    /// The peer that a multiaddr ends at, which behind a relay is not the first hop.
    pub peer_id: Option<String>,
}

impl Hop {
    /// Reads an address; `None` where it names no host and port.
    #[must_use]
    pub fn parse(address: &str) -> Option<Self> {
        let address = address.trim();
        if address.starts_with('/') {
            return multiaddr(address);
        }
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, tail) = inner.split_once(']')?;
                (host, tail.strip_prefix(':'))
            }
            None => match authority.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                _ => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None => default_port(scheme)?,
        };
        (!host.is_empty()).then(|| Self {
            host: host.into(),
            only_ipv4: None,
            port,
            transport: Transport::Tcp,
            scheme: scheme.to_ascii_lowercase(),
            peer_id: None,
        })
    }

    /// `host:port`, as probes take it.
    #[must_use]
    pub fn socket(&self) -> String {
        self.with_port(self.port)
    }

    /// Another port of the same host.
    #[must_use]
    pub fn with_port(&self, port: u16) -> String {
        join(&self.host, port)
    }

    /// Whether an address of its name is one that is meant.
    #[must_use]
    pub fn means(&self, address: IpAddr) -> bool {
        self.only_ipv4.is_none_or(|wanted| wanted == address.is_ipv4())
    }

    /// The address, where the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        ip::parse(&self.host)
    }
}

/// `host:port`, with brackets around an IPv6 address.
fn join(host: &str, port: u16) -> String {
    let port = port.to_string();
    let (open, close) = if host.contains(':') { ("[", "]:") } else { ("", ":") };
    [open, host, close, &port].concat()
}

fn multiaddr(address: &str) -> Option<Hop> {
    let parts: Vec<&str> = address.strip_prefix('/')?.split('/').collect();
    let [kind, host, transport, port, rest @ ..] = parts.as_slice() else { return None };
    if !matches!(*kind, "ip4" | "ip6" | "dns" | "dns4" | "dns6") {
        return None;
    }
    let transport = match *transport {
        "tcp" => Transport::Tcp,
        "udp" if rest.first().is_some_and(|next| next.starts_with("quic")) => Transport::Quic,
        "udp" => Transport::Udp,
        _ => return None,
    };
    let after = rest.iter().rposition(|part| matches!(*part, "p2p" | "ipfs"));
    Some(Hop {
        host: (*host).into(),
        only_ipv4: match *kind {
            "dns4" => Some(true),
            "dns6" => Some(false),
            _ => None,
        },
        port: port.parse().ok()?,
        transport,
        scheme: "libp2p".into(),
        peer_id: after.and_then(|at| rest.get(at + 1)).map(|id| (*id).into()),
    })
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "redis" => Some(6379),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_names_a_socket() {
        for (address, expected) in [
            ("cache:9100", Some("cache:9100")),
            ("[::1]:9100", Some("[::1]:9100")),
            ("/ip4/10.0.0.1/tcp/9100/p2p/A", Some("10.0.0.1:9100")),
            ("/ip6/::1/udp/7/quic-v1", Some("[::1]:7")),
            ("https://cache.test/x?y", Some("cache.test:443")),
            ("http://user:secret@cache.test:8080/", Some("cache.test:8080")),
            ("https://[::1]/", Some("[::1]:443")),
            ("tcp://cache:1", Some("cache:1")),
            ("cache", None),
            ("fe80::1", None),
            ("foo://cache", None),
            ("/dns4/a.test/tcp", None),
            ("cache:x", None),
            ("", None),
        ] {
            assert_eq!(Hop::parse(address).map(|e| e.socket()).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_name_may_mean_one_family() {
        let means = |text: &str, address: &str| Hop::parse(text).unwrap().means(ip::parse(address).unwrap());
        assert!(means("/dns4/a.test/tcp/1", "10.0.0.1") && !means("/dns4/a.test/tcp/1", "fd00::1"));
        assert!(means("/dns6/a.test/tcp/1", "fd00::1") && !means("/dns6/a.test/tcp/1", "10.0.0.1"));
        assert!(means("/dns/a.test/tcp/1", "fd00::1") && means("a.test:1", "10.0.0.1"));
    }

    #[test]
    fn a_multiaddr_says_over_what_and_to_whom() {
        let read = |text: &str| {
            let hop = Hop::parse(text).unwrap();
            (hop.transport, hop.peer_id)
        };
        assert_eq!(read("/dns4/a.test/udp/1/quic-v1/p2p/A"), (Transport::Quic, Some("A".into())));
        assert_eq!(read("/ip4/1.2.3.4/udp/1"), (Transport::Udp, None));
        assert_eq!(read("/ip4/1.2.3.4/tcp/1/p2p/RELAY/p2p-circuit/p2p/PEER"), (Transport::Tcp, Some("PEER".into())));
    }
}

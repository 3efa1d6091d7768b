use std::net::IpAddr;

/// Host, port and peer id of an address, as far as they can be read from it.
/// *Behaviour*: lenient on purpose. Whether an address is valid is for the checks
/// to say; this reads what someone meant, to write it correctly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) peer: Option<String>,
    /// `ip4`, `dns4` ... as written; none where the address was no multiaddr.
    kind: Option<String>,
    /// Whether the port is one of QUIC.
    quic: bool,
    /// Whether a part of the text had to be left out to read the rest.
    partial: bool,
}

/// Parts of a multiaddr that stand alone and are dropped with their transport.
const TRANSPORTS: &[&str] = &["quic", "ws", "wss", "tls", "http", "https", "noise"];

/// A text without the quotes around it. In a list only one end may have them.
/// *Behaviour*: a shell takes quotes away; `docker --env-file` leaves them in the value.
pub(crate) fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).trim()
}

impl Place {
    /// Reads a multiaddr, a URL, `host:port` or a host. None when there is no host.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = unquoted(text);
        if text.starts_with('/') { Self::multiaddr(text) } else { Self::host_port(text) }
    }

    fn multiaddr(text: &str) -> Option<Self> {
        let mut place = Self { host: String::new(), port: None, peer: None, kind: None, quic: false, partial: false };
        let mut parts = text.trim_matches('/').split('/');
        while let Some(name) = parts.next() {
            match name {
                "ip4" | "ip6" | "dns" | "dns4" | "dns6" | "dnsaddr" => {
                    place.host = parts.next()?.to_owned();
                    place.kind = Some(name.to_owned());
                }
                "tcp" | "udp" => {
                    place.port = parts.next().and_then(port);
                    place.partial |= place.port.is_none();
                }
                "p2p" | "ipfs" => place.peer = parts.next().filter(|id| !id.is_empty()).map(str::to_owned),
                "quic-v1" => place.quic = true,
                // Over QUIC too; what the cache speaks instead is TCP.
                "webtransport" => place.quic = false,
                name => place.partial |= !TRANSPORTS.contains(&name),
            }
        }
        (!place.host.is_empty()).then_some(place)
    }

    fn host_port(text: &str) -> Option<Self> {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, written) = if let Some(inner) = authority.strip_prefix('[') {
            let (host, rest) = inner.split_once(']')?;
            (host, rest.strip_prefix(':'))
        } else {
            match authority.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                _ => (authority, None),
            }
        };
        let peer = rest.split_once("/p2p/").map(|(_, peer)| peer.trim_matches('/').to_owned());
        let port = written.and_then(port);
        let partial = written.is_some() && port.is_none();
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port, peer, kind: None, quic: false, partial })
    }

    /// The host as an IP address, where it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The same place at another host.
    pub(crate) fn at_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), kind: None, ..self.clone() }
    }

    /// The same place with another peer id.
    pub(crate) fn with_peer(&self, peer: &str) -> Self {
        Self { peer: Some(peer.to_owned()), ..self.clone() }
    }

    /// As a multiaddr that can be dialled, where nothing had to be guessed for it.
    pub(crate) fn written(&self) -> Option<String> {
        let host = match (self.ip(), self.kind.as_deref()) {
            (Some(ip), None) => !ip.is_unspecified(),
            (Some(IpAddr::V4(ip)), Some("ip4")) => !ip.is_unspecified(),
            (Some(IpAddr::V6(ip)), Some("ip6")) => !ip.is_unspecified(),
            (Some(_), Some(_)) | (None, Some("ip4" | "ip6")) => false,
            (None, _) => is_name(&self.host),
        };
        let peer = self.peer.as_ref().is_none_or(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()));
        (host && peer && !self.partial).then(|| self.to_multiaddr())
    }

    /// The same place over TCP.
    pub(crate) fn over_tcp(&self) -> Self {
        Self { quic: false, ..self.clone() }
    }

    /// As a multiaddr, with QUIC where it was written so, else with TCP.
    pub(crate) fn to_multiaddr(&self) -> String {
        let kind = match (self.ip(), &self.kind) {
            (Some(IpAddr::V4(_)), _) => "ip4",
            (Some(IpAddr::V6(_)), _) => "ip6",
            (None, Some(kind)) if kind.starts_with("dns") => kind,
            (None, _) => "dns4",
        };
        let port = self.port.unwrap_or(9100);
        let way = if self.quic { format!("udp/{port}/quic-v1") } else { format!("tcp/{port}") };
        let mut text = format!("/{kind}/{}/{way}", self.host);
        if let Some(peer) = &self.peer {
            text.push_str("/p2p/");
            text.push_str(peer);
        }
        text
    }
}

/// Not 0, which asks for any port and is none.
fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

/// Whether DNS could know a name. Underscores are legal in names of containers; a
/// last label of digits only is an IP address gone wrong.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253 && host.split('.').all(label) && !last.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn what_was_meant_is_written_correctly() {
        for (text, expected) in [
            ("/ip4/127.0.0.1/tcp/9100/p2p/12D3", "/ip4/127.0.0.1/tcp/9100/p2p/12D3"),
            ("/dns6/a.test/tcp/1", "/dns6/a.test/tcp/1"),
            ("10.0.0.5:9100", "/ip4/10.0.0.5/tcp/9100"),
            ("[fd00::1]:7", "/ip6/fd00::1/tcp/7"),
            ("http://cache.test:80/p2p/12D3", "/dns4/cache.test/tcp/80/p2p/12D3"),
            ("tcp://u:p@cache:81", "/dns4/cache/tcp/81"),
            ("/ip4/1.2.3.4/udp/5/quic-v1/ipfs/Qm", "/ip4/1.2.3.4/udp/5/quic-v1/p2p/Qm"),
            ("/ip4/1.2.3.4/udp/5/quic-v1/webtransport/p2p/Qm", "/ip4/1.2.3.4/tcp/5/p2p/Qm"),
            ("/ip4/1.2.3.4/udp/5/quic/p2p/Qm", "/ip4/1.2.3.4/tcp/5/p2p/Qm"),
        ] {
            assert_eq!(Place::read(text).unwrap().to_multiaddr(), expected, "{text}");
        }
        for quoted in ["\"/ip4/1.2.3.4/tcp/1/p2p/A\"", "'/ip4/1.2.3.4/tcp/1/p2p/A", "\"1.2.3.4:1/p2p/A"] {
            assert_eq!(Place::read(quoted).unwrap().written().unwrap(), "/ip4/1.2.3.4/tcp/1/p2p/A", "{quoted}");
        }
        assert!(Place::read("/tcp/9100").is_none());
        assert!(Place::read("").is_none());
        let moved = Place::read("/dns4/x/tcp/1/p2p/A").unwrap().at_host("172.17.0.1").with_peer("B");
        assert_eq!(moved.to_multiaddr(), "/ip4/172.17.0.1/tcp/1/p2p/B");
    }

    #[test]
    fn what_cannot_be_meant_is_not_written() {
        for text in [
            "/ip4/999.1.1.1/tcp/9100/p2p/A",
            "999.1.1.1:9100",
            "/ip4/fd00::1/tcp/9100",
            "/ip4/1.2.3.4/tpc/9200/p2p/A",
            "/ip4/1.2.3.4/tcp/99999",
            "cache:port",
            "cache:0",
            "a b:9100",
            "-a.test:9100",
            "a..b:9100",
            "${PEER}:9100",
            "/ip4/0.0.0.0/tcp/9100/p2p/A",
            "/ip4/1.2.3.4/tcp/1/p2p/YOUR_PEER_ID",
            "/ip4/1.2.3.4/tcp/1/p2p/R/p2p-circuit/p2p/B",
        ] {
            assert_eq!(Place::read(text).and_then(|place| place.written()), None, "{text}");
        }
        assert!(Place::read("my_cache:1").unwrap().written().is_some());
        assert!(Place::read("/ip4/10.0.0.5/udp/9100/quic-v1/p2p/A").unwrap().written().is_some());
    }
}

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
}

impl Place {
    /// Reads a multiaddr, a URL, `host:port` or a host. None when there is no host.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('/') { Self::multiaddr(text) } else { Self::host_port(text) }
    }

    fn multiaddr(text: &str) -> Option<Self> {
        let mut place = Self { host: String::new(), port: None, peer: None, kind: None };
        let mut parts = text.trim_matches('/').split('/');
        while let Some(name) = parts.next() {
            match name {
                "ip4" | "ip6" | "dns" | "dns4" | "dns6" | "dnsaddr" => {
                    place.host = parts.next()?.to_owned();
                    place.kind = Some(name.to_owned());
                }
                "tcp" | "udp" => place.port = parts.next().and_then(|port| port.parse().ok()),
                "p2p" | "ipfs" => place.peer = parts.next().map(str::to_owned),
                _ => {}
            }
        }
        (!place.host.is_empty()).then_some(place)
    }

    fn host_port(text: &str) -> Option<Self> {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
            let (host, rest) = inner.split_once(']')?;
            (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()))
        } else {
            match authority.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
                _ => (authority, None),
            }
        };
        let peer = rest.split_once("/p2p/").map(|(_, peer)| peer.trim_matches('/').to_owned());
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port, peer, kind: None })
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

    /// As a multiaddr, with TCP, the only transport of the cache.
    pub(crate) fn to_multiaddr(&self) -> String {
        let kind = match (self.ip(), &self.kind) {
            (Some(IpAddr::V4(_)), _) => "ip4",
            (Some(IpAddr::V6(_)), _) => "ip6",
            (None, Some(kind)) if kind.starts_with("dns") => kind,
            (None, _) => "dns4",
        };
        let mut text = format!("/{kind}/{}/tcp/{}", self.host, self.port.unwrap_or(9100));
        if let Some(peer) = &self.peer {
            text.push_str("/p2p/");
            text.push_str(peer);
        }
        text
    }
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
            ("/ip4/1.2.3.4/udp/5/quic-v1/ipfs/Qm", "/ip4/1.2.3.4/tcp/5/p2p/Qm"),
        ] {
            assert_eq!(Place::read(text).unwrap().to_multiaddr(), expected, "{text}");
        }
        assert!(Place::read("/tcp/9100").is_none());
        assert!(Place::read("").is_none());
        let moved = Place::read("/dns4/x/tcp/1/p2p/A").unwrap().at_host("172.17.0.1").with_peer("B");
        assert_eq!(moved.to_multiaddr(), "/ip4/172.17.0.1/tcp/1/p2p/B");
    }
}

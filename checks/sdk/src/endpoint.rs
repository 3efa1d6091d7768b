//! Addresses of targets, in any of the notations that they are written in.

/// `host:port` of an address, written as `host:port`, `scheme://host[:port]/path` or
/// `/ip4/1.2.3.4/tcp/9100/...`. None for one that names no port.
#[must_use]
pub fn socket(address: &str) -> Option<String> {
    if let Some((host, port)) = multiaddr(address) {
        let brackets = host.contains(':');
        return Some([if brackets { "[" } else { "" }, host, if brackets { "]:" } else { ":" }, port].concat());
    }
    let (default, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (default_port(scheme), rest),
        None => (None, address),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    if authority.get(after_brackets..).is_some_and(|tail| tail.contains(':')) {
        return Some(authority.into());
    }
    if authority.is_empty() {
        return None;
    }
    default.map(|port| [authority, ":", port].concat())
}

/// The host of an address in any of these notations; a bare name is its own host.
#[must_use]
pub fn host(address: &str) -> &str {
    if let Some((host, _)) = multiaddr(address) {
        return host;
    }
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(inner) = authority.strip_prefix('[') {
        return inner.split(']').next().unwrap_or(inner);
    }
    match authority.split_once(':') {
        // More than one colon is an IPv6 address, not a port.
        Some((host, port)) if !port.contains(':') => host,
        _ => authority,
    }
}

fn multiaddr(address: &str) -> Option<(&str, &str)> {
    let mut parts = address.strip_prefix('/')?.split('/');
    let kind = parts.next()?;
    let (host, transport, port) = (parts.next()?, parts.next()?, parts.next()?);
    (matches!(kind, "ip4" | "ip6" | "dns" | "dns4" | "dns6") && transport == "tcp").then_some((host, port))
}

fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" | "ws" => Some("80"),
        "https" | "wss" => Some("443"),
        "redis" => Some("6379"),
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
            ("/ip6/::1/tcp/7", Some("[::1]:7")),
            ("https://cache.test/x?y", Some("cache.test:443")),
            ("http://user:secret@cache.test:8080/", Some("cache.test:8080")),
            ("https://[::1]/", Some("[::1]:443")),
            ("tcp://cache:1", Some("cache:1")),
            ("cache", None),
            ("foo://cache", None),
            ("", None),
        ] {
            assert_eq!(socket(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn every_notation_names_a_host() {
        for (address, expected) in [
            ("cache.test", "cache.test"),
            ("cache:9100", "cache"),
            ("[::1]:9100", "::1"),
            ("fe80::1", "fe80::1"),
            ("/dns4/a.test/tcp/1", "a.test"),
            ("https://u@cache.test:8/x", "cache.test"),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
    }
}

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Where a node's RPC is: the URL that its paths are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    base: String,
}

/// Why a text is no address of an RPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    text: String,
    reason: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no address of an IPFS RPC: {}", self.text, self.reason)
    }
}

impl std::error::Error for AddressError {}

impl Address {
    /// Reads a URL (`http://127.0.0.1:5001`), a multiaddr (`/ip4/127.0.0.1/tcp/5001`,
    /// `/dns4/ipfs.example/tcp/443/https`) as Kubo writes it into `$IPFS_PATH/api`, or
    /// `host:port`.
    ///
    /// *Behaviour*: a trailing `/api/v0`, which some variables hold, is taken off.
    ///
    /// # Errors
    /// With the reason; a Unix socket and a URL with credentials have their own.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let base = if text.starts_with('/') { multiaddr(text) } else { url(text) };
        base.map(|base| Self { base }).map_err(|reason| AddressError { text: shown(text), reason })
    }

    /// The URL of a path that begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The base URL, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.strip_prefix('[') {
            Some(inner) => inner.split(']').next().unwrap_or(inner),
            None => authority.split(':').next().unwrap_or(authority),
        }
    }

    /// Whether it is this very machine, or what takes itself for one: a container.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
            || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn authority(&self) -> &str {
        let rest = self.base.split_once("://").map_or(self.base.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

/// The text without what may be a password.
fn shown(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://...{}", &text[..scheme], &text[at..]),
        _ => text.to_owned(),
    }
}

fn url(text: &str) -> Result<String, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !matches!(scheme, "http" | "https") {
        return Err(format!("`{scheme}` is neither http nor https"));
    }
    let rest = rest.split(['?', '#']).next().unwrap_or(rest).trim_end_matches('/');
    let rest = rest.strip_suffix("/api/v0").unwrap_or(rest).trim_end_matches('/');
    let authority = rest.split('/').next().unwrap_or(rest);
    if authority.contains('@') {
        return Err("it holds credentials; give them as IPFS_API_AUTH".to_owned());
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err("it has no host".to_owned());
    }
    if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it holds blanks".to_owned());
    }
    Ok(format!("{scheme}://{rest}"))
}

fn multiaddr(text: &str) -> Result<String, String> {
    let mut parts = text.split('/').skip(1);
    let kind = parts.next().unwrap_or_default();
    if kind == "unix" {
        return Err("a Unix socket cannot be reached from here; give the RPC a TCP address too, \
                    `ipfs config --json Addresses.API '[\"/ip4/127.0.0.1/tcp/5001\", ...]'`"
            .to_owned());
    }
    let host = parts.next().unwrap_or_default();
    let host = match kind {
        "ip4" => {
            host.parse::<Ipv4Addr>().map(|ip| ip.to_string()).map_err(|_| format!("`{host}` is no IPv4 address"))?
        }
        "ip6" => {
            host.parse::<Ipv6Addr>().map(|ip| format!("[{ip}]")).map_err(|_| format!("`{host}` is no IPv6 address"))?
        }
        "dns" | "dns4" | "dns6" if !host.is_empty() => host.to_owned(),
        other => return Err(format!("it begins with `/{other}`, not with /ip4, /ip6, /dns, /dns4 or /dns6")),
    };
    let port = match (parts.next(), parts.next().map(str::parse::<u16>)) {
        (Some("tcp"), Some(Ok(port))) if port > 0 => port,
        _ => return Err("it has no `/tcp/PORT`; Kubo's RPC is HTTP over TCP".to_owned()),
    };
    let scheme = match (parts.next().filter(|p| !p.is_empty()), parts.next()) {
        (None | Some("http"), None) => "http",
        (Some("https"), None) | (Some("tls"), Some("http")) => "https",
        (other, _) => {
            return Err(format!("`/{}` after the port is no HTTP; leave a peer id out", other.unwrap_or_default()));
        }
    };
    Ok(format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_multiaddrs_are_the_same_place() {
        for (text, base) in [
            ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
            (" http://127.0.0.1:5001/api/v0/ ", "http://127.0.0.1:5001"),
            ("127.0.0.1:5001", "http://127.0.0.1:5001"),
            ("https://ipfs.test/rpc/", "https://ipfs.test/rpc"),
            ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001"),
            ("/ip6/::1/tcp/5001/http", "http://[::1]:5001"),
            ("/dns4/ipfs.test/tcp/443/https", "https://ipfs.test:443"),
            ("/dns/ipfs.test/tcp/443/tls/http", "https://ipfs.test:443"),
        ] {
            assert_eq!(Address::parse(text).unwrap().base(), base, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, reason) in [
            ("/unix/run/ipfs.sock", "Unix socket"),
            ("/ip4/300.1.1.1/tcp/1", "no IPv4"),
            ("/ip4/127.0.0.1/udp/5001", "/tcp/PORT"),
            ("/ip4/127.0.0.1/tcp/4001/p2p/12D3", "leave a peer id out"),
            ("/dnsaddr/x/tcp/1", "begins with"),
            ("ftp://x", "neither http"),
            ("http://", "no host"),
            ("", "no host"),
            ("http://a b", "blanks"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        let error = Address::parse("http://user:hunter2@ipfs.test:5001").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert!(error.to_string().contains("IPFS_API_AUTH"));
    }

    #[test]
    fn hosts_are_found() {
        let of = |text: &str| Address::parse(text).unwrap();
        assert_eq!(of("http://[::1]:5001/x").host(), "::1");
        assert!(of("/ip6/::1/tcp/1").is_loopback() && of("http://localhost:5001").is_loopback());
        assert!(!of("http://10.0.0.1:5001").is_loopback() && !of("http://localhost.test").is_loopback());
    }
}

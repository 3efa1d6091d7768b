use seaworthy_model::Failure;
use std::net::{IpAddr, Ipv6Addr};

/// `host:port`, read strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A name or an address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

impl Target {
    /// Reads `name:port`, `1.2.3.4:port` or `[::1]:port`.
    ///
    /// *Behaviour*: strict, because the same text is compared with grants: no
    /// scheme, no path, no spaces, no leading zeros or signs in the port, and no
    /// number that the C library would take for an IPv4 address in disguise
    /// (`127.1`, `0x7f000001`).
    ///
    /// # Errors
    /// Kind `invalid`, stage `parse`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let fail = |reason: &str| {
            Failure::new(
                "invalid",
                "parse",
                format!("`{text}` is not host:port: {reason}; write `name:9100`, `10.0.0.1:9100` or `[::1]:9100`"),
            )
        };
        if text.contains("://") || text.contains('/') {
            return Err(fail("it is a URL or a path, not an address"));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once("]:").ok_or_else(|| fail("`]:port` is missing"))?;
                host.parse::<Ipv6Addr>().map_err(|_| fail("what is in brackets is not an IPv6 address"))?;
                (host, port)
            }
            None => {
                let (host, port) = text.rsplit_once(':').ok_or_else(|| fail("the port is missing"))?;
                if host.contains(':') {
                    return Err(fail("an IPv6 address needs brackets"));
                }
                (host, port)
            }
        };
        let port = parse_port(port).ok_or_else(|| fail("the port is not a number from 1 to 65535"))?;
        check_host(host).map_err(fail)?;
        Ok(Self { host: host.to_owned(), port })
    }

    /// The address, when the host is one and not a name.
    #[must_use]
    pub fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

/// Whether `host` is an address or a name that may be handed to the C library.
/// The error is the reason, for people. Names follow RFC 1123, with `_` as real
/// container and service names have it.
pub(crate) fn check_host(host: &str) -> Result<(), &'static str> {
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.is_empty() {
        return Err("the host is empty");
    }
    if name.len() > 253 {
        return Err("the name is longer than 253 characters");
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("a part of the name is empty or longer than 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("a part of the name starts or ends with `-`");
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err("the name has a character that names cannot have");
        }
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    if last.bytes().all(|b| b.is_ascii_digit()) || hex.is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err("it ends in a number but is not a complete IPv4 address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address_is_read() {
        for (text, host, port) in [
            ("localhost:9100", "localhost", 9100),
            ("10.0.0.1:1", "10.0.0.1", 1),
            ("[::1]:65535", "::1", 65535),
            ("cache_peer.svc.:80", "cache_peer.svc.", 80),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port));
            assert_eq!(target.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_its_reason() {
        for (text, reason) in [
            ("localhost", "port is missing"),
            ("::1:80", "brackets"),
            ("http://a:80", "URL"),
            ("a:080", "1 to 65535"),
            ("a:+80", "1 to 65535"),
            ("a:65536", "1 to 65535"),
            (":80", "empty"),
            ("a b:80", "character"),
            ("127.1:80", "number"),
            ("0x7f000001:80", "number"),
            ("256.1.1.1:80", "number"),
            ("-a.b:80", "`-`"),
            ("[10.0.0.1]:80", "IPv6"),
        ] {
            let failure = Target::parse(text).unwrap_err();
            assert_eq!(failure.kind, "invalid");
            assert!(failure.message.contains(reason), "{text}: {failure}");
        }
    }
}

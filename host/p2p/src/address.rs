//! Reading of multiaddrs, strict and with a position.
//!
//! A peer address comes from a person or a workflow file, so the interesting
//! case is the wrong one: every failure names the byte where the text stops
//! making sense, the offending part, a machine-matchable reason, and what a
//! right address looks like. Nothing here touches the network.
//!
//! Reasons: `empty`, `whitespace`, `quoted`, `list`, `host-port`, `url`,
//! `bare-peer-id`, `not-multiaddr`, `empty-component`, `trailing`,
//! `missing-value`, `missing-transport`, `missing-host`, `missing-relay-id`,
//! `missing-peer-id` (after a relay only), `placeholder-host`,
//! `placeholder-peer-id`, `bad-ip`, `bad-name`, `bad-port`, `bad-peer-id`,
//! `unknown-protocol`, `unsupported-transport`.

mod id_text;
mod shape;
mod way;

use id_text::{is_placeholder, is_placeholder_name};
use libp2p::PeerId;
use seaworthy_model::Failure;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a dialable address looks like; ends every message of this module.
pub(crate) const EXAMPLE: &str =
    "/ip4/192.0.2.7/tcp/9100/p2p/12D3KooW… (or /dns4/cache.example.com/tcp/9100/p2p/12D3KooW…)";

/// A multiaddr that this crate can dial: a host, a TCP or QUIC port and, usually,
/// the id of the peer that is expected there. Through a relay, host and port are
/// those of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As it is written canonically: `/ipfs/ID` becomes `/p2p/ID`, IP addresses
    /// take their shortest form, a CIDv1 peer id becomes base58.
    pub canonical: String,
    /// `ip4`, `ip6`, `dns`, `dns4` or `dns6`.
    pub host_kind: String,
    /// The address or name.
    pub host: String,
    /// `tcp`, or `udp` for QUIC version 1.
    pub transport: String,
    /// 1 to 65535.
    pub port: u16,
    /// The expected peer in base58. A missing one is no error here: a dial
    /// without it learns the real one.
    pub peer_id: Option<String>,
    /// The peer at host and port, in base58, where it only passes on what is
    /// meant for `peer_id` (`/p2p-circuit`).
    pub relay: Option<String>,
    /// `scope`: `unspecified`, `loopback`, `link-local`, `private`, `public` or `name`;
    /// `relay-peer-id`: as `relay`.
    pub details: BTreeMap<String, String>,
}

impl Address {
    /// The address to which a dial goes when the host is no name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        if self.host_kind.starts_with("ip") { self.host.parse().ok() } else { None }
    }

    /// Whether the way there is QUIC, to the relay where there is one.
    pub(crate) fn is_quic(&self) -> bool {
        self.transport == "udp"
    }

    /// The rung on which the peer proves its id.
    pub(crate) fn proving_rung(&self) -> &'static str {
        if self.is_quic() && self.relay.is_none() { "quic" } else { "noise" }
    }

    /// The expected peer, as libp2p holds it.
    pub(crate) fn expected(&self) -> Option<PeerId> {
        self.peer_id.as_deref().and_then(|id| id.parse().ok())
    }
}

/// One `/`-separated part and the byte where it starts.
type Part<'a> = (usize, &'a str);

/// Reads one address.
///
/// *Behaviour*: takes no liberties; surrounding blanks, a trailing slash and
/// leading zeros are errors, because other implementations differ on them.
///
/// # Errors
/// Kind `invalid`, stage `parse`, with the details `position` (byte offset),
/// `component`, `reason` and, where one can be given, `suggestion`.
pub fn parse(text: &str) -> Result<Address, Failure> {
    shape::check(text)?;
    let parts = split(text)?;
    let mut parts = parts.into_iter();
    let host = read_host(&mut parts, text)?;
    let way = way::read(&mut parts, text)?;
    if let Some((at, part)) = parts.next() {
        return Err(invalid(at, part, "trailing", &format!("has `{part}` after the peer id, where it should end")));
    }
    let Host { kind, host, scope } = host;
    let mut details = BTreeMap::from([("scope".to_owned(), scope.to_owned())]);
    details.extend(way.relay.iter().map(|id| ("relay-peer-id".to_owned(), id.clone())));
    Ok(Address {
        canonical: format!("/{kind}/{host}{way}"),
        host_kind: kind.into(),
        host,
        transport: way.transport.into(),
        port: way.port,
        peer_id: way.peer_id,
        relay: way.relay,
        details,
    })
}

fn split(text: &str) -> Result<Vec<Part<'_>>, Failure> {
    let mut at = 1;
    let mut parts = Vec::new();
    for part in text[1..].split('/') {
        if part.is_empty() {
            return Err(if at >= text.len() && !parts.is_empty() {
                invalid(at - 1, "/", "trailing", "ends with a slash")
            } else {
                invalid(at, "", "empty-component", "two slashes with nothing between them")
            });
        }
        parts.push((at, part));
        at += part.len() + 1;
    }
    Ok(parts)
}

struct Host {
    kind: &'static str,
    host: String,
    scope: &'static str,
}

fn read_host<'a>(parts: &mut impl Iterator<Item = Part<'a>>, text: &str) -> Result<Host, Failure> {
    let Some((at, name)) = parts.next() else { return Err(invalid(0, "", "empty", "is empty")) };
    let kind = match name {
        "ip4" => "ip4",
        "ip6" => "ip6",
        "dns" => "dns",
        "dns4" => "dns4",
        "dns6" => "dns6",
        "tcp" | "udp" => return Err(invalid(at, name, "missing-host", "starts with the port; the host comes first")),
        "p2p" | "ipfs" => {
            return Err(invalid(
                at,
                name,
                "missing-host",
                "holds a peer id but no host and port, and there is no routing that could find them",
            ));
        }
        other => return Err(unknown(at, other, "the host (ip4, ip6, dns, dns4 or dns6)")),
    };
    let (at, value) = value_of(parts, text, kind)?;
    // `peer` or `host` may well be the name of a machine; as an IP address it can only be a stand-in.
    let stand_in = if kind.starts_with("ip") {
        // `::` has no letter either, and is an address.
        value.parse::<IpAddr>().is_err() && is_placeholder(value)
    } else {
        is_placeholder_name(value)
    };
    if stand_in {
        return Err(invalid(
            at,
            value,
            "placeholder-host",
            &format!("holds the placeholder `{value}` where the host belongs"),
        ));
    }
    let (host, scope) = match kind {
        "ip4" => {
            let ip: Ipv4Addr = value.parse().map_err(|_| bad_ip(at, value, "an IPv4 address such as 192.0.2.7"))?;
            (ip.to_string(), scope(IpAddr::V4(ip)))
        }
        "ip6" => {
            let ip: Ipv6Addr = value
                .parse()
                .map_err(|_| bad_ip(at, value, "an IPv6 address such as 2001:db8::7, without brackets or zone"))?;
            (ip.to_string(), scope(IpAddr::V6(ip)))
        }
        _ if is_name(value) => (value.to_ascii_lowercase(), "name"),
        _ => return Err(invalid(at, value, "bad-name", &format!("`{value}` is not a host name"))),
    };
    Ok(Host { kind, host, scope })
}

fn value_of<'a>(parts: &mut impl Iterator<Item = Part<'a>>, text: &str, name: &str) -> Result<Part<'a>, Failure> {
    parts.next().ok_or_else(|| {
        invalid(text.len(), name, "missing-value", &format!("ends after /{name}, whose value is missing"))
    })
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn scope(ip: IpAddr) -> &'static str {
    let v4 = match ip {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
    };
    match (v4, ip) {
        _ if ip.is_unspecified() => "unspecified",
        _ if ip.is_loopback() => "loopback",
        (Some(v4), _) if v4.is_unspecified() => "unspecified",
        (Some(v4), _) if v4.is_loopback() => "loopback",
        (Some(v4), _) if v4.is_link_local() => "link-local",
        (Some(v4), _) if v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64) => "private",
        (None, IpAddr::V6(v6)) if v6.segments()[0] & 0xffc0 == 0xfe80 => "link-local",
        (None, IpAddr::V6(v6)) if v6.segments()[0] & 0xfe00 == 0xfc00 => "private",
        _ => "public",
    }
}

fn bad_ip(at: usize, value: &str, wanted: &str) -> Failure {
    let hint = if is_name(value) && value.bytes().any(|b| b.is_ascii_alphabetic()) {
        format!("`{value}` is a name, not an IP address; write /dns4/{value}")
    } else {
        format!("`{value}` is not {wanted}")
    };
    invalid(at, value, "bad-ip", &hint)
}

fn unknown(at: usize, part: &str, wanted: &str) -> Failure {
    let meant = match part.to_ascii_lowercase().as_str() {
        "ipv4" | "ip" | "ip4" | "inet" => Some("ip4"),
        "ipv6" | "ip6" | "inet6" => Some("ip6"),
        "host" | "hostname" | "name" | "dns4" => Some("dns4"),
        "tcp" | "tcp4" | "port" => Some("tcp"),
        "p2p" | "peer" | "id" | "peer-id" => Some("p2p"),
        "dnsaddr" | "unix" | "memory" | "onion" | "onion3" | "ip6zone" | "garlic64" | "garlic32" | "sctp" | "dccp" => {
            return unsupported(at, part, part);
        }
        _ => None,
    };
    let hint = meant.map(|m| format!("; `{m}` is probably meant")).unwrap_or_default();
    invalid(at, part, "unknown-protocol", &format!("has `{part}` where {wanted} belongs{hint}"))
}

fn unsupported(at: usize, part: &str, what: &str) -> Failure {
    invalid(
        at,
        part,
        "unsupported-transport",
        &format!("asks for {what} (`{part}`), and the cache speaks TCP and QUIC (/udp/PORT/quic-v1) only"),
    )
}

/// The failure of this module: where, what, why, and what is right.
fn invalid(position: usize, component: &str, reason: &str, what: &str) -> Failure {
    Failure::new("invalid", "parse", format!("the address {what} (byte {position}); a right one looks like {EXAMPLE}"))
        .with("position", position.to_string())
        .with("component", component)
        .with("reason", reason)
}

#[cfg(test)]
mod tests;

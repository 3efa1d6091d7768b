//! Addresses as the host's rows write them.

use std::net::IpAddr;

/// Reads an address. Brackets, a prefix length (`/24`) and a zone (`%eth0`) are left out;
/// an IPv4 address in IPv6 form is the IPv4 address.
#[must_use]
pub fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[');
    let end = bare.find(['/', '%', ']']).unwrap_or(bare.len());
    let ip: IpAddr = bare.get(..end)?.parse().ok()?;
    Some(ip.to_canonical())
}

/// Whether `address` lies in `block`, written as `10.0.0.0/8` or as an interface's own
/// address with its prefix, `172.17.0.2/16`. A text that is no block contains nothing.
#[must_use]
pub fn in_block(block: &str, address: IpAddr) -> bool {
    let Some((network, length)) = block.split_once('/') else { return false };
    let (Some(network), Ok(length)) = (parse(network), length.parse::<u32>()) else { return false };
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => length <= 32 && (a.to_bits() ^ b.to_bits()).leading_zeros() >= length,
        (IpAddr::V6(a), IpAddr::V6(b)) => length <= 128 && (a.to_bits() ^ b.to_bits()).leading_zeros() >= length,
        _ => false,
    }
}

/// Whether `host` means the machine (or the container) itself: a loopback address or
/// the name `localhost`.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || parse(host).is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_contain_their_addresses_only() {
        let ip = |text: &str| parse(text).unwrap();
        assert!(in_block("172.17.0.2/16", ip("172.17.255.1")));
        assert!(!in_block("172.17.0.2/16", ip("172.18.0.1")));
        assert!(in_block("0.0.0.0/0", ip("8.8.8.8")) && !in_block("0.0.0.0/0", ip("::1")));
        assert!(in_block("10.0.0.7/32", ip("10.0.0.7")) && !in_block("10.0.0.7/32", ip("10.0.0.6")));
        assert!(in_block("fd00::/8", ip("fd12::1")) && !in_block("fd00::/129", ip("fd12::1")));
        assert!(!in_block("10.0.0.0", ip("10.0.0.0")) && !in_block("x/8", ip("10.0.0.0")));
    }

    #[test]
    fn loopback_has_many_spellings() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["128.0.0.1", "localhost.example.com", "", "0.0.0.0"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}

use crate::x509::{Certificate, Name};
use std::net::IpAddr;

const DAY: i64 = 86_400;

/// How the days that are left are judged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) warn_days: i64,
    pub(crate) fail_days: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Good,
    NotYet,
    /// Soon over: with fewer days than the limit of this level.
    Ends(&'static str),
    Over,
}

/// Whole days that are left, rounded down: half a day after the end is -1.
pub(crate) fn days_left(certificate: &Certificate, now: i64) -> i64 {
    (certificate.not_after - now).div_euclid(DAY)
}

pub(crate) fn life(certificate: &Certificate, now: i64, limits: Limits) -> Life {
    let left = days_left(certificate, now);
    if now > certificate.not_after {
        Life::Over
    } else if now < certificate.not_before {
        Life::NotYet
    } else if left < limits.fail_days {
        Life::Ends("fail")
    } else if left < limits.warn_days {
        Life::Ends("warn")
    } else {
        Life::Good
    }
}

/// Whether a certificate is for a host (RFC 9525): a name, or `*` for its first label.
pub(crate) fn is_for(certificate: &Certificate, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        let wanted = match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        return certificate.names.contains(&Name::Ip(wanted));
    }
    certificate.names.iter().any(|name| match name {
        Name::Dns(name) => match name.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
            None => *name == host,
        },
        Name::Ip(_) => false,
    })
}

/// The names for people, at most five.
pub(crate) fn shown(certificate: &Certificate) -> String {
    let name = |name: &Name| match name {
        Name::Dns(name) => name.clone(),
        Name::Ip(octets) => match (<[u8; 4]>::try_from(&octets[..]), <[u8; 16]>::try_from(&octets[..])) {
            (Ok(v4), _) => IpAddr::from(v4).to_string(),
            (_, Ok(v6)) => IpAddr::from(v6).to_string(),
            _ => String::new(),
        },
    };
    let names: Vec<String> = certificate.names.iter().take(5).map(name).collect();
    if names.is_empty() { "no name at all".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { warn_days: 30, fail_days: 7 };

    fn certificate(names: &[&str]) -> Certificate {
        let name = |name: &&str| match name.parse::<std::net::Ipv4Addr>() {
            Ok(address) => Name::Ip(address.octets().to_vec()),
            Err(_) => Name::Dns((*name).into()),
        };
        let names = names.iter().map(name).collect();
        Certificate { name: String::new(), not_before: 0, not_after: 100 * DAY, names }
    }

    #[test]
    fn the_days_that_are_left_decide() {
        let certificate = certificate(&[]);
        for (now, left, expected) in [
            (-1, 100, Life::NotYet),
            (0, 100, Life::Good),
            (70 * DAY, 30, Life::Good),
            (70 * DAY + 1, 29, Life::Ends("warn")),
            (93 * DAY, 7, Life::Ends("warn")),
            (93 * DAY + 1, 6, Life::Ends("fail")),
            (100 * DAY, 0, Life::Ends("fail")),
            (100 * DAY + 1, -1, Life::Over),
        ] {
            assert_eq!((days_left(&certificate, now), life(&certificate, now, LIMITS)), (left, expected), "{now}");
        }
    }

    #[test]
    fn a_name_is_one_of_the_certificates() {
        let certificate = certificate(&["cache.test", "*.corp.test", "10.0.0.1"]);
        for host in ["cache.test", "CACHE.test.", "a.corp.test", "10.0.0.1"] {
            assert!(is_for(&certificate, host), "{host}");
        }
        for host in ["test", "x.cache.test", "corp.test", "a.b.corp.test", ".corp.test", "10.0.0.2", "::1"] {
            assert!(!is_for(&certificate, host), "{host}");
        }
        assert_eq!(shown(&certificate), "cache.test, *.corp.test, 10.0.0.1");
    }
}

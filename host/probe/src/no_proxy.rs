use ipnet::IpNet;
use std::net::IpAddr;

/// The entry of a NO_PROXY list that takes `host:port` out of the proxy.
///
/// *Behaviour*: there is no standard; this is what Go's `httpproxy` and curl
/// agree on, plus what people write: `*` takes everything; an address or a CIDR
/// block takes literal addresses only (no name is resolved for it);
/// `example.com`, `.example.com` and `*.example.com` take the domain's
/// subdomains, the first also the domain itself; `host:port` takes that port
/// only. Separators are commas and spaces.
pub(crate) fn matching<'a>(list: &'a str, host: &str, port: u16) -> Option<&'a str> {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).find(|entry| takes(entry, &host, address, port))
}

fn takes(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let (wanted, wanted_port) = split_port(entry);
    if wanted_port.is_some_and(|p| p != port) {
        return false;
    }
    let wanted = wanted.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    if let Some(address) = address {
        return wanted.parse::<IpAddr>().is_ok_and(|w| w == address)
            || wanted.parse::<IpNet>().is_ok_and(|net| net.contains(&address));
    }
    if let Some(domain) = wanted.strip_prefix("*.").or_else(|| wanted.strip_prefix('.')) {
        return below(host, domain);
    }
    !wanted.is_empty() && (host == wanted || below(host, &wanted))
}

pub(crate) fn below(host: &str, domain: &str) -> bool {
    !domain.is_empty() && host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// `name:80` and `[::1]:80`; a bare IPv6 address has no port.
pub(crate) fn split_port(entry: &str) -> (&str, Option<u16>) {
    if entry.parse::<IpAddr>().is_ok() || entry.parse::<IpNet>().is_ok() {
        return (entry, None);
    }
    match entry.rsplit_once(':') {
        Some((host, port)) => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        None => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_takes_what_it_should_and_no_more() {
        for (list, host, port, wanted) in [
            ("*", "anything", 1, true),
            ("localhost,127.0.0.1", "127.0.0.1", 5001, true),
            ("localhost,127.0.0.1", "127.0.0.2", 5001, false),
            ("example.com", "example.com", 80, true),
            ("example.com", "a.example.com", 80, true),
            ("example.com", "badexample.com", 80, false),
            (".example.com", "example.com", 80, false),
            (".example.com", "A.Example.com", 80, true),
            ("*.example.com", "a.b.example.com", 80, true),
            ("10.0.0.0/8", "10.9.8.7", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("10.0.0.0/8", "ten.example.com", 80, false),
            ("fd00::/8", "[fd00::2]", 80, true),
            ("::1", "[::1]", 80, true),
            ("example.com:8080", "example.com", 8080, true),
            ("example.com:8080", "example.com", 80, false),
            ("[::1]:80", "[::1]", 80, true),
            ("[::1]:80", "[::1]", 81, false),
            ("a.test b.test", "b.test", 80, true),
            ("", "b.test", 80, false),
            (".", "b.test", 80, false),
            ("127.0.0.1", "x127.0.0.1", 80, false),
        ] {
            assert_eq!(matching(list, host, port).is_some(), wanted, "{list} {host}:{port}");
        }
    }
}

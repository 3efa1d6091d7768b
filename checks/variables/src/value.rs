//! Judging one value by its type.

use crate::known::{BACKENDS, Kind};
use crate::spelling::distance;
use std::net::IpAddr;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its reader cannot use it.
    Invalid(String),
    /// Usable, but surely not what was meant.
    Dubious(String),
    /// Set to nothing.
    Empty,
}

/// What the switch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The word `true`, in any case.
    On,
    /// Meant as off.
    Off,
    /// Meant as on, read as off.
    LookAlike,
    /// Neither; read as off.
    Other,
}

/// Reads `CACHE_ENABLE_P2P` as the cache does: `value.lower() == "true"`, untrimmed.
#[must_use]
pub fn switch(value: &str) -> Switch {
    if value.eq_ignore_ascii_case("true") {
        return Switch::On;
    }
    let word = value.trim_ascii().trim_matches(['"', '\'']).trim_ascii().to_ascii_lowercase();
    match word.as_str() {
        "" | "false" | "0" | "no" | "off" | "n" | "f" | "disable" | "disabled" | "none" | "null" => Switch::Off,
        "true" | "1" | "yes" | "on" | "y" | "t" | "enable" | "enabled" => Switch::LookAlike,
        other if distance(other, "true") <= 2 && other.len() <= 6 => Switch::LookAlike,
        _ => Switch::Other,
    }
}

/// What is wrong with `value`, if anything. Switches and secrets are judged elsewhere.
#[must_use]
pub fn judge(kind: Kind, value: &str) -> Option<Fault> {
    let text = value.trim_ascii();
    if text.is_empty() {
        return Some(Fault::Empty);
    }
    if is_quoted(text) {
        return Some(invalid(
            "has quotation marks, which are part of the value; `docker --env-file` and YAML blocks keep them",
        ));
    }
    if text.starts_with('$') || text.bytes().zip(text.bytes().skip(1)).any(|pair| pair == (b'$', b'{')) {
        return Some(invalid("holds a reference that was never expanded"));
    }
    match kind {
        Kind::Switch | Kind::Secret | Kind::Text => None,
        Kind::Port => port(text).err().map(invalid),
        Kind::Seconds => seconds(text),
        Kind::Count => digits(text).is_none().then(|| invalid("is not a whole number")),
        Kind::PeerList => list(text, '/'),
        Kind::BackendList => list(text, ' ').or_else(|| misspelt_backend(text)),
        Kind::Address => address(text),
        Kind::Directory => directory(text),
        Kind::Repository => repository(text),
        Kind::Api => (!(text.starts_with('/') || text.starts_with("http://") || text.starts_with("https://")))
            .then(|| invalid("is neither a multiaddr nor an http URL")),
        Kind::Url => url(text),
        Kind::Did => (!text.starts_with("did:") || text.split(':').count() < 3 || text.split(':').any(str::is_empty))
            .then(|| invalid("is not a DID")),
        Kind::Bucket => bucket(text),
        Kind::Region => (!text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
            .then(|| invalid("is not a region name")),
    }
}

/// The port, or why it is none.
pub fn port(text: &str) -> Result<u16, &'static str> {
    match digits(text.trim_ascii()) {
        None => Err("is not a number"),
        Some(0) => Err("is 0, which lets the system pick a port that no peer can know"),
        Some(number) => u16::try_from(number).map_err(|_| "is above 65535, the highest port"),
    }
}

fn invalid(reason: impl Into<String>) -> Fault {
    Fault::Invalid(reason.into())
}

fn dubious(reason: impl Into<String>) -> Fault {
    Fault::Dubious(reason.into())
}

/// A run of ASCII digits as a number; a number too large for `u32` is the largest.
fn digits(text: &str) -> Option<u32> {
    let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.bytes().fold(0u32, |sum, b| sum.saturating_mul(10).saturating_add(u32::from(b - b'0'))))
}

fn is_quoted(text: &str) -> bool {
    ['"', '\''].iter().any(|quote| text.starts_with(*quote) || text.ends_with(*quote))
}

fn seconds(text: &str) -> Option<Fault> {
    match digits(text) {
        Some(0) => Some(dubious("is 0, which lets every entry expire at once")),
        Some(_) => None,
        None if text.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(invalid("is not a whole number of seconds; units and fractions are not read"))
        }
        None => Some(invalid("is not a number of seconds")),
    }
}

/// `start` is what an element begins with where that tells a wrong separator.
fn list(text: &str, start: char) -> Option<Fault> {
    if text.starts_with('[') {
        return Some(invalid("is written as a JSON list; a plain comma list is read"));
    }
    if text.contains(';') {
        return Some(invalid("is separated by semicolons; only commas separate"));
    }
    let blank_inside = text.split(',').any(|element| element.split_ascii_whitespace().count() > 1);
    if blank_inside {
        let what = if start == '/' { "multiaddr" } else { "name" };
        return Some(invalid(format!("has blanks inside a {what}; only commas separate")));
    }
    text.split(',')
        .any(|element| element.trim_ascii().is_empty())
        .then(|| dubious("has an empty element between commas"))
}

fn misspelt_backend(text: &str) -> Option<Fault> {
    for name in crate::known::elements(text) {
        let lower = name.to_ascii_lowercase();
        if BACKENDS.contains(&name) {
            continue;
        }
        // Short names (p2p, s3) allow one slip, so that a plugin's own name is left alone.
        let slip = if name.len() <= 4 { 1 } else { 2 };
        if let Some(meant) = BACKENDS.iter().find(|known| known.len() > 2 && distance(&lower, known) <= slip) {
            return Some(invalid(format!("names the backend `{name}`; `{meant}` was probably meant")));
        }
    }
    None
}

fn address(text: &str) -> Option<Fault> {
    match text.parse::<IpAddr>() {
        Err(_) => Some(invalid("is not an IP address")),
        Ok(ip) if ip.is_unspecified() => Some(invalid("stands for every interface; nobody can dial it")),
        Ok(ip) if ip.is_loopback() => Some(dubious("is a loopback address; only this machine can dial it")),
        Ok(_) => None,
    }
}

fn directory(text: &str) -> Option<Fault> {
    if text.starts_with('~') {
        return Some(dubious("starts with `~`, which only a shell expands; here it names a folder called `~`"));
    }
    (!text.starts_with('/')).then(|| dubious("is relative, so it depends on where the job was started"))
}

fn repository(text: &str) -> Option<Fault> {
    let right = text.split_once('/').is_some_and(|(owner, name)| {
        !owner.is_empty() && !name.is_empty() && !name.contains('/') && !text.contains(':')
    });
    (!right).then(|| dubious("is not of the form owner/name"))
}

fn url(text: &str) -> Option<Fault> {
    let scheme = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = scheme else {
        return Some(invalid(if text.contains("://") {
            "is not an http or https URL"
        } else {
            "has no scheme; write https:// or http:// before it"
        }));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some(dubious(
            "holds a user name or a password, which ends up in logs; give the secret by its variable",
        ));
    }
    let host = match authority.rsplit_once(':') {
        // The last part of an IPv6 address in brackets is no port.
        Some((host, port)) if !port.ends_with(']') => {
            if let Err(why) = self::port(port) {
                return Some(invalid(format!("has a port that {why}")));
            }
            host
        }
        _ => authority,
    };
    (host.is_empty() || text.contains(char::is_whitespace)).then(|| invalid("has no host, or blanks in it"))
}

fn bucket(text: &str) -> Option<Fault> {
    let right = (3..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    (!right).then(|| invalid("is not a bucket name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_read_as_the_cache_reads_it() {
        for on in ["true", "True", "TRUE"] {
            assert_eq!(switch(on), Switch::On, "{on}");
        }
        for off in ["false", "0", "no", "off", ""] {
            assert_eq!(switch(off), Switch::Off, "{off}");
        }
        for alike in ["1", "yes", "on", "true ", "\"true\"", "enabled", "treu", "ture"] {
            assert_eq!(switch(alike), Switch::LookAlike, "{alike}");
        }
        assert_eq!(switch("p2p"), Switch::Other);
    }

    #[test]
    fn ports() {
        assert_eq!(port("9100"), Ok(9100));
        assert!(port("notaport").is_err() && port("0").is_err() && port("65536").is_err() && port("-1").is_err());
        assert!(port("99999999999999999999").is_err());
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let invalid = |v: &str| matches!(judge(Kind::PeerList, v), Some(Fault::Invalid(_)));
        assert!(invalid("/ip4/10.0.0.1/tcp/1 /ip4/10.0.0.2/tcp/1"));
        assert!(invalid("/ip4/10.0.0.1/tcp/1;/ip4/10.0.0.2/tcp/1"));
        assert!(invalid("[\"/ip4/10.0.0.1/tcp/1\"]"));
        assert!(matches!(judge(Kind::PeerList, "/ip4/10.0.0.1/tcp/1,,"), Some(Fault::Dubious(_))));
        assert_eq!(judge(Kind::PeerList, "/ip4/10.0.0.1/tcp/1, /ip4/10.0.0.2/tcp/1"), None);
        assert_eq!(judge(Kind::PeerList, " "), Some(Fault::Empty));
    }

    #[test]
    fn numbers_take_no_units() {
        assert_eq!(judge(Kind::Seconds, "300"), None);
        for wrong in ["5m", "300s", "1.5", "-1", "x"] {
            assert!(matches!(judge(Kind::Seconds, wrong), Some(Fault::Invalid(_))), "{wrong}");
        }
        assert!(matches!(judge(Kind::Seconds, "0"), Some(Fault::Dubious(_))));
    }

    #[test]
    fn quotes_and_references_are_named() {
        for wrong in ["\"9100\"", "'9100'", "${PORT}", "$PORT"] {
            assert!(matches!(judge(Kind::Port, wrong), Some(Fault::Invalid(_))), "{wrong}");
        }
    }

    #[test]
    fn other_types() {
        assert!(judge(Kind::Address, "0.0.0.0").is_some() && judge(Kind::Address, "host").is_some());
        assert_eq!(judge(Kind::Address, "10.1.2.3"), None);
        assert!(judge(Kind::Directory, "~/.cache").is_some() && judge(Kind::Directory, "cache").is_some());
        assert_eq!(judge(Kind::Repository, "owner/name"), None);
        assert!(judge(Kind::Repository, "https://github.com/owner/name").is_some());
        assert_eq!(judge(Kind::BackendList, "p2p,ipfs,s3"), None);
        assert!(matches!(judge(Kind::BackendList, "p2p,ifps"), Some(Fault::Invalid(_))));
        assert!(matches!(judge(Kind::BackendList, "ppp"), Some(Fault::Invalid(_))));
        assert_eq!(judge(Kind::BackendList, "acme-store"), None);
        assert!(judge(Kind::Bucket, "My_Bucket").is_some());
        for right in
            ["https://s3.example.com", "http://127.0.0.1:9000/", "http://[::1]:9000", "http://[::1]", "https://h/p?q"]
        {
            assert_eq!(judge(Kind::Url, right), None, "{right}");
        }
        for wrong in ["s3.example.com:9000", "ftp://h", "http://", "http://h:99999", "https://:443", "https://a b"] {
            assert!(matches!(judge(Kind::Url, wrong), Some(Fault::Invalid(_))), "{wrong}");
        }
        assert!(matches!(judge(Kind::Url, "https://user:pass@h"), Some(Fault::Dubious(_))));
        assert_eq!(judge(Kind::Did, "did:key:z6MkExample"), None);
        assert!(judge(Kind::Did, "z6MkExample").is_some() && judge(Kind::Did, "did:key:").is_some());
        assert!(judge(Kind::Api, "127.0.0.1:5001").is_some());
    }
}

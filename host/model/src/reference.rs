use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// How a reference begins, in checks.toml and on the command line.
const SCHEME: &str = "oci://";

/// A component in a registry: `oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]`.
///
/// A tag names what was pushed under it last; the digest names one manifest for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryReference {
    /// Name or address, with the port where one is written: `ghcr.io`, `localhost:5000`.
    pub host: String,
    /// Path within the registry: `acme/tcp-banner`.
    pub repository: String,
    /// What it is called there.
    pub tag: Option<String>,
    /// `sha256:...` of the manifest.
    pub manifest: Option<String>,
}

/// What is wrong with a text that should be a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" names nothing in a registry: {why}; write oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST"
)]
pub struct BadReference {
    text: String,
    why: &'static str,
}

impl RegistryReference {
    /// Whether a text means to be one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("oci:")
    }

    /// The same artifact, whatever its tag will name one day.
    #[must_use]
    pub fn pinned(&self, manifest: &str) -> Self {
        Self { manifest: Some(manifest.into()), ..self.clone() }
    }

    /// Host and repository, without tag and digest: `ghcr.io/acme/tcp-banner`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// Whether the host is this very machine, with which one speaks without TLS.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let (name, _) = split_port(&self.host).unwrap_or((&self.host, None));
        is_loopback(name.trim_matches(['[', ']']))
    }
}

/// Whether a name or an address, without brackets and port, is this very machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a text is `sha256:` and 64 hex digits in lower case.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
}

impl FromStr for RegistryReference {
    type Err = BadReference;

    /// *Behaviour*: strict, by the grammar of the OCI distribution specification. There
    /// is no host and no tag that is meant where none is written.
    fn from_str(text: &str) -> Result<Self, BadReference> {
        let wrong = |why| BadReference { text: text.into(), why };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| wrong("it does not begin with oci://"))?;
        let (host, rest) = rest.split_once('/').ok_or_else(|| wrong("the repository is missing"))?;
        if !is_host(host) {
            return Err(wrong("the host is no name or address with an optional port"));
        }
        let (rest, manifest) = match rest.split_once('@') {
            Some((_, digest)) if !is_digest(digest) => {
                return Err(wrong("after `@` comes `sha256:` and 64 hex digits in lower case"));
            }
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((_, tag)) if !is_tag(tag) => {
                return Err(wrong("a tag is up to 128 letters, digits, `_`, `.` and `-`"));
            }
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (rest, None),
        };
        if !repository.split('/').all(is_component) || repository.len() > 255 {
            return Err(wrong("a repository is words in lower case with `/` between them"));
        }
        if tag.is_none() && manifest.is_none() {
            return Err(wrong("it has neither a tag nor a digest"));
        }
        Ok(Self { host: host.into(), repository: repository.into(), tag, manifest })
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.manifest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// A host and its port, where one is written; none where the port is no port.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let at = match host.rfind(']') {
        Some(end) => host[end..].find(':').map(|colon| end + colon),
        None => host.find(':'),
    };
    let Some(at) = at else { return Some((host, None)) };
    let port = &host[at + 1..];
    let plain = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
    port.parse().ok().filter(|_| plain).map(|port| (&host[..at], Some(port)))
}

fn is_host(host: &str) -> bool {
    let Some((name, _)) = split_port(host) else { return false };
    if let Some(address) = name.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let good = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(good)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(word) && bytes.last().is_some_and(word);
    ends && bytes
        .split(word)
        .all(|between| matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|b| *b == b'-'))
}

fn is_tag(text: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(|b| first(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RegistryReference, BadReference> {
        text.parse()
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for text in [
            "oci://ghcr.io/acme/tcp-banner:1.0".to_owned(),
            "oci://localhost:5000/x:latest".to_owned(),
            "oci://[::1]:5000/a/b__c/d.e:_x.y-z".to_owned(),
            format!("oci://registry.example.com/acme/a@{digest}"),
            format!("oci://registry.example.com/acme/a:1@{digest}"),
        ] {
            assert_eq!(read(&text).unwrap().to_string(), text);
        }
        let pinned = read("oci://a/b:1").unwrap().pinned(&digest);
        assert_eq!(pinned.to_string(), format!("oci://a/b:1@{digest}"));
        assert_eq!(pinned.place(), "a/b");
    }

    #[test]
    fn what_is_no_reference_is_told_why() {
        let why = |text: &str| read(text).unwrap_err().why;
        assert_eq!(why("ghcr.io/acme/a:1"), "it does not begin with oci://");
        assert_eq!(why("oci://ghcr.io"), "the repository is missing");
        assert_eq!(why("oci://ghcr.io/acme/a"), "it has neither a tag nor a digest");
        for host in ["", "-a", "a..b", "a:0", "a:99999", "a:+80", "user@a", "[::1", "[::g]", "a b"] {
            assert!(read(&format!("oci://{host}/a:1")).is_err(), "{host}");
        }
        for repository in ["", "A", "a//b", "a/", "a..b", "a___b", "-a", "a-", "../a", "a%2fb", "a?b"] {
            assert!(read(&format!("oci://a/{repository}:1")).is_err(), "{repository}");
        }
        assert!(read("oci://a/a--b:1").is_ok());
        for rest in [":", ":-a", ":a/b", "@sha256:aa", "@sha512:aa", ":1@", ":1@sha256:AA"] {
            assert!(read(&format!("oci://a/b{rest}")).is_err(), "{rest}");
        }
        assert!(read(&format!("oci://a/b:{}", "x".repeat(129))).is_err());
    }

    #[test]
    fn loopback_is_told_by_the_host_alone() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.8.8", "[::1]:5000", "LOCALHOST"] {
            assert!(read(&format!("oci://{host}/a:1")).unwrap().is_loopback(), "{host}");
        }
        for host in ["localhost.example.com", "10.0.0.1:5000", "[::2]", "registry"] {
            assert!(!read(&format!("oci://{host}/a:1")).unwrap().is_loopback(), "{host}");
        }
    }
}

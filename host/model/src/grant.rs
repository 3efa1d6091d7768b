use crate::Failure;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

/// What one step may do: requested by the component and allowed by the policy.
/// Everything that is not here is denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Addresses that may be connected to (TCP, TLS, HTTP, libp2p). Names in it may be looked up.
    pub net: Vec<NetRule>,
    /// Further names that may be looked up.
    pub dns: Vec<HostPattern>,
    /// Globs over names of environment variables.
    pub env: Vec<String>,
    /// Topics of `system.inspect`, or `*`.
    pub system: Vec<String>,
    /// Absolute paths that may be read; a trailing `/**` takes a folder.
    pub read: Vec<String>,
    /// `dial`, and names of protocols that may be requested.
    pub p2p: Vec<String>,
    /// `read`, `write`: operations on the configured tiers.
    pub cache: Vec<String>,
    /// Labels of secrets that may be used (never read).
    pub secret: Vec<String>,
}

impl Grants {
    /// Whether `path` may be read: named itself, or below a folder granted with `/**`.
    #[must_use]
    pub fn allows_read(&self, path: &Path) -> bool {
        self.read.iter().any(|grant| match grant.strip_suffix("/**") {
            Some(folder) => path.starts_with(folder),
            None => path == Path::new(grant),
        })
    }

    /// One line for each grant, as it stands in checks.toml.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let net: Vec<String> = self.net.iter().map(ToString::to_string).collect();
        let dns: Vec<String> = self.dns.iter().map(ToString::to_string).collect();
        [
            ("net", &net),
            ("dns", &dns),
            ("env", &self.env),
            ("system", &self.system),
            ("read", &self.read),
            ("p2p", &self.p2p),
            ("cache", &self.cache),
            ("secret", &self.secret),
        ]
        .into_iter()
        .flat_map(|(capability, entries)| entries.iter().map(move |entry| format!("{capability} {entry}")))
        .collect()
    }
}

/// A request that the policy did not allow, or a host call that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// `net`, `env`, ...
    pub capability: String,
    /// What was wanted: `10.0.0.1:80`, `GITHUB_TOKEN`.
    pub wanted: String,
    /// The line that would allow it, ready for checks.toml; empty where no line does.
    pub add: String,
}

impl Denial {
    /// What to do, after "is not granted; ".
    #[must_use]
    pub fn way_out(&self) -> String {
        if self.add.is_empty() {
            "a bundled component has what it asks for, and no policy gives it more; a plugin of your own can have it"
                .into()
        } else {
            format!("to allow it, add to checks.toml: {}", self.add)
        }
    }
}

/// Decides, at the resolved address, whether a probe may connect. The engine
/// implements it for a step's grants; probes call it for every address they are
/// about to use, so that a name that resolves elsewhere gains nothing.
pub trait Permit: Send + Sync {
    /// Whether `host` may be looked up.
    ///
    /// # Errors
    /// A [`Failure`] of kind `denied`, already recorded by the implementor.
    fn lookup(&self, host: &str) -> Result<(), Failure>;

    /// Whether `address`, asked for as `host`, may be connected to.
    ///
    /// # Errors
    /// A [`Failure`] of kind `denied`, already recorded by the implementor.
    fn connect(&self, host: &str, address: SocketAddr) -> Result<(), Failure>;

    /// Whether `host` may be reached by its name alone, where somebody else (a
    /// proxy) resolves it and the address is never seen here. *Behaviour*: refused
    /// unless the implementor says otherwise.
    ///
    /// # Errors
    /// A [`Failure`] of kind `denied`, already recorded by the implementor.
    fn connect_by_name(&self, host: &str, port: u16) -> Result<(), Failure> {
        Err(Failure::new("denied", "grant", format!("`{host}:{port}` is not granted by name")))
    }
}

/// Allows everything: for the host's own use and for tests.
pub struct PermitAll;

impl Permit for PermitAll {
    fn lookup(&self, _host: &str) -> Result<(), Failure> {
        Ok(())
    }

    fn connect(&self, _host: &str, _address: SocketAddr) -> Result<(), Failure> {
        Ok(())
    }

    fn connect_by_name(&self, _host: &str, _port: u16) -> Result<(), Failure> {
        Ok(())
    }
}

/// `host:port` of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetRule {
    /// Which hosts.
    pub host: HostPattern,
    /// Which ports.
    pub port: PortPattern,
}

/// Hosts of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// `*`: any host except metadata and link-local addresses.
    Any,
    /// An exact name.
    Name(String),
    /// `*.example.com`: any name below, not the name itself.
    Suffix(String),
    /// An address or a CIDR block.
    Net(IpNet),
    /// `{gateway}`: the default gateway of this machine.
    Gateway,
    /// `{nameservers}`: the name servers that this machine is configured with.
    Nameservers,
}

/// What this machine's own configuration names: what `{gateway}` and
/// `{nameservers}` stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The default gateways.
    pub gateways: Vec<IpAddr>,
    /// The name servers of /etc/resolv.conf.
    pub nameservers: Vec<IpAddr>,
}

/// Ports of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortPattern {
    /// `*`.
    Any,
    /// One port.
    One(u16),
}

/// As it is written in a grant.
const NAMESERVERS: &str = "{nameservers}";
/// The port of a name server in resolv.conf, which has no room for another one.
const DNS: u16 = 53;

/// Why a grant cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a host:port grant: {reason}; write `name:443`, `*.example.com:443`, `10.0.0.0/8:*` or `[::1]:9100`"
)]
pub struct NetRuleError {
    text: String,
    reason: String,
}

impl NetRule {
    /// A rule for one host and port, taken literally.
    #[must_use]
    pub fn exact(host: &str, port: u16) -> Self {
        Self { host: HostPattern::literal(host), port: PortPattern::One(port) }
    }

    /// Whether it names this very host, as the rules of targets do, and the port.
    #[must_use]
    pub fn names(&self, host: &str, port: u16) -> bool {
        self.host == HostPattern::literal(host)
            && (self.port == PortPattern::Any || self.port == PortPattern::One(port))
    }

    /// Whether a connection to `address`, asked for as `host`, is allowed.
    ///
    /// *Behaviour*: the decision is made on the resolved address. Link-local and
    /// metadata addresses need a rule that names them; loopback needs a rule
    /// that names it or the name `localhost`, so a public name that resolves to
    /// either (DNS rebinding) is refused. `{nameservers}` names those addresses,
    /// wherever they are: the resolver of a container or of systemd is on loopback.
    #[must_use]
    pub fn allows(&self, host: &str, address: SocketAddr, around: &Surroundings) -> bool {
        let port = match self.port {
            PortPattern::Any => true,
            PortPattern::One(port) => port == address.port(),
        };
        port && self.host.allows(host, address.ip(), around)
    }

    /// Whether `host` may be reached through a proxy, which resolves the name
    /// itself. *Behaviour*: a name needs a rule on names; an address is judged as
    /// an address.
    #[must_use]
    pub fn allows_by_name(&self, host: &str, port: u16) -> bool {
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return self.allows(host, SocketAddr::new(ip, port), &Surroundings::default());
        }
        let by_name = matches!(self.host, HostPattern::Any | HostPattern::Name(_) | HostPattern::Suffix(_));
        let port_fits = self.port == PortPattern::Any || self.port == PortPattern::One(port);
        by_name && port_fits && self.host.allows_lookup(host)
    }
}

impl HostPattern {
    /// The pattern for exactly this host, an address or a name.
    #[must_use]
    pub fn literal(host: &str) -> Self {
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => HostPattern::Net(IpNet::from(ip)),
            Err(_) => HostPattern::Name(host.trim_end_matches('.').to_ascii_lowercase()),
        }
    }

    /// Whether looking up `name` is allowed.
    #[must_use]
    pub fn allows_lookup(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match self {
            HostPattern::Any => true,
            HostPattern::Name(n) => *n == name,
            HostPattern::Suffix(s) => name.strip_suffix(s.as_str()).is_some_and(|rest| rest.ends_with('.')),
            HostPattern::Net(net) => name.parse::<IpAddr>().is_ok_and(|ip| net.contains(&ip)),
            HostPattern::Gateway | HostPattern::Nameservers => false,
        }
    }

    /// Whether [`Surroundings`] say what it stands for.
    #[must_use]
    pub fn depends_on_surroundings(&self) -> bool {
        matches!(self, HostPattern::Gateway | HostPattern::Nameservers)
    }

    fn allows(&self, host: &str, ip: IpAddr, around: &Surroundings) -> bool {
        let ip = canonical(ip);
        match self {
            HostPattern::Net(net) => {
                net.contains(&ip) && (!guarded(ip) || net.prefix_len() == net.max_prefix_len() || net_is_guarded(net))
            }
            HostPattern::Gateway => around.gateways.contains(&ip),
            HostPattern::Nameservers => around.nameservers.iter().any(|server| canonical(*server) == ip),
            HostPattern::Any => !is_metadata(ip),
            HostPattern::Name(name) => {
                self.allows_lookup(host)
                    && !is_metadata(ip)
                    && (!is_local(ip) || name == "localhost" || name.ends_with(".localhost"))
            }
            HostPattern::Suffix(_) => self.allows_lookup(host) && !guarded(ip),
        }
    }
}

/// `::ffff:a.b.c.d` is the address a.b.c.d.
fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    }
}

fn guarded(ip: IpAddr) -> bool {
    is_local(ip) || is_metadata(ip)
}

/// This machine: Linux connects the unspecified address to loopback.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        // fd00:ec2::254 is the metadata address of EC2 over IPv6.
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80 || v6.segments()[..2] == [0xfd00, 0x0ec2],
    }
}

/// A block that lies wholly inside loopback or link-local was meant.
fn net_is_guarded(net: &IpNet) -> bool {
    let loopback = IpNet::new_assert(IpAddr::V4(Ipv4Addr::LOCALHOST), 8).trunc();
    let link_local = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16);
    loopback.contains(net) || link_local.contains(net)
}

impl FromStr for HostPattern {
    type Err = NetRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason: &str| NetRuleError { text: text.into(), reason: reason.into() };
        if text == "*" {
            return Ok(HostPattern::Any);
        }
        if text == "{gateway}" {
            return Ok(HostPattern::Gateway);
        }
        if text == NAMESERVERS {
            return Ok(HostPattern::Nameservers);
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            if suffix.is_empty() || suffix.contains('*') {
                return Err(fail("`*` stands for whole leading labels only"));
            }
            return Ok(HostPattern::Suffix(suffix.to_ascii_lowercase()));
        }
        if text.contains('*') {
            return Err(fail("`*` stands for whole leading labels only"));
        }
        if text.is_empty() || text.contains("://") || text.contains('{') || text.contains(' ') {
            return Err(fail("not a host"));
        }
        if text.contains('/') {
            return text
                .parse::<IpNet>()
                .map(|net| HostPattern::Net(net.trunc()))
                .map_err(|_| fail("not a CIDR block"));
        }
        Ok(HostPattern::literal(text))
    }
}

impl FromStr for NetRule {
    type Err = NetRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason: &str| NetRuleError { text: text.into(), reason: reason.into() };
        if text == "*" {
            return Ok(NetRule { host: HostPattern::Any, port: PortPattern::Any });
        }
        if text == NAMESERVERS {
            return Ok(NetRule { host: HostPattern::Nameservers, port: PortPattern::One(DNS) });
        }
        if text.starts_with(NAMESERVERS) {
            return Err(fail("name servers are asked on port 53, so `{nameservers}` takes no port"));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| fail("the port is missing"))?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(|| fail("`]` is missing"))?,
            None => host,
        };
        let port = if port == "*" {
            PortPattern::Any
        } else {
            PortPattern::One(port.parse().map_err(|_| fail("the port is not a number from 1 to 65535"))?)
        };
        Ok(NetRule { host: host.parse().map_err(|e: NetRuleError| fail(&e.reason))?, port })
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HostPattern::Any => f.write_str("*"),
            HostPattern::Name(name) => f.write_str(name),
            HostPattern::Suffix(suffix) => write!(f, "*.{suffix}"),
            HostPattern::Net(net) if net.prefix_len() == net.max_prefix_len() => match net.addr() {
                IpAddr::V4(ip) => write!(f, "{ip}"),
                IpAddr::V6(ip) => write!(f, "[{ip}]"),
            },
            HostPattern::Net(net) => write!(f, "{net}"),
            HostPattern::Gateway => f.write_str("{gateway}"),
            HostPattern::Nameservers => f.write_str(NAMESERVERS),
        }
    }
}

impl std::fmt::Display for NetRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            _ if self.host == HostPattern::Nameservers => self.host.fmt(f),
            PortPattern::Any => write!(f, "{}:*", self.host),
            PortPattern::One(port) => write!(f, "{}:{port}", self.host),
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = NetRuleError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl TryFrom<String> for NetRule {
    type Error = NetRuleError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NetRule> for String {
    fn from(rule: NetRule) -> Self {
        rule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> NetRule {
        text.parse().unwrap()
    }

    fn alone() -> Surroundings {
        Surroundings::default()
    }

    /// A gateway and a name server at the same address.
    fn around(address: &str) -> Surroundings {
        let address = vec![address.parse().unwrap()];
        Surroundings { gateways: address.clone(), nameservers: address }
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_does_not_reach_metadata_or_loopback() {
        let r = rule("cache.example.com:80");
        assert!(r.allows("cache.example.com", at("203.0.113.7:80"), &alone()));
        assert!(!r.allows("cache.example.com", at("169.254.169.254:80"), &alone()));
        assert!(!r.allows("cache.example.com", at("127.0.0.1:80"), &alone()));
        assert!(!r.allows("cache.example.com", at("0.0.0.0:80"), &alone()));
        assert!(!r.allows("cache.example.com", at("[::]:80"), &alone()));
        assert!(!rule("0.0.0.0/0:80").allows("x", at("0.0.0.0:80"), &alone()));
        assert!(r.allows_by_name("cache.example.com", 80) && !r.allows_by_name("other.example.com", 80));
        assert!(!rule("0.0.0.0/0:*").allows_by_name("metadata.test", 80), "a block says nothing about names");
        assert!(!r.allows("cache.example.com", at("[::ffff:127.0.0.1]:80"), &alone()));
        assert!(!r.allows("other.example.com", at("203.0.113.7:80"), &alone()));
        assert!(!r.allows("cache.example.com", at("203.0.113.7:81"), &alone()));
    }

    #[test]
    fn blocks_and_suffixes() {
        assert!(rule("10.0.0.0/8:*").allows("10.2.3.4", at("10.2.3.4:1"), &alone()));
        assert!(!rule("0.0.0.0/0:80").allows("x", at("169.254.169.254:80"), &alone()));
        assert!(rule("127.0.0.0/8:80").allows("x", at("127.0.0.1:80"), &alone()));
        assert!(rule("169.254.169.254:80").allows("x", at("169.254.169.254:80"), &alone()));
        assert!(rule("*.x.test:1").allows("a.x.test", at("10.0.0.1:1"), &alone()));
        assert!(!rule("*.x.test:1").allows("x.test", at("10.0.0.1:1"), &alone()));
        assert!(!rule("*.x.test:1").allows("ax.test", at("10.0.0.1:1"), &alone()));
        assert!(rule("{gateway}:*").allows("172.17.0.1", at("172.17.0.1:9"), &around("172.17.0.1")));
    }

    #[test]
    fn name_servers_are_reached_where_they_are_and_on_their_port() {
        let r = rule("{nameservers}");
        for server in ["127.0.0.11", "127.0.0.53", "169.254.20.10", "10.0.0.2"] {
            let address = SocketAddr::new(server.parse().unwrap(), 53);
            assert!(r.allows(server, address, &around(server)), "{server}");
            assert!(!r.allows(server, address, &alone()), "{server}");
            assert!(!r.allows(server, SocketAddr::new(address.ip(), 80), &around(server)), "{server}");
        }
        assert!(!r.allows("127.0.0.1", at("127.0.0.1:53"), &around("127.0.0.53")));
        assert!(!r.host.allows_lookup("example.com") && !r.allows_by_name("example.com", 53));
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["a.b:1", "*.a.b:443", "10.0.0.0/8:*", "[::1]:9100", "*:*", "{gateway}:*", "{nameservers}"] {
            assert_eq!(rule(text).to_string(), text);
        }
        for bad in ["a.b", "a.b:0x1", "*a.b:1", "http://a:1", "10.0.0.0/40:1", "{nameservers}:80"] {
            assert!(bad.parse::<NetRule>().is_err(), "{bad}");
        }
    }
}

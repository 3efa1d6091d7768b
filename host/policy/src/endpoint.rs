use seaworthy_model::{Environment, HostPattern, NetRule, PortPattern, Target};
use std::net::IpAddr;

/// Where an address text leads: a host, and a port where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl Endpoint {
    /// Reads a multiaddr, a URL, `host:port` or a bare host.
    ///
    /// *Behaviour*: only what a grant needs is read; `None` for anything else.
    /// Whether an address is a good one is for the checks to say.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('/') {
            return multiaddr(text);
        }
        if text.contains("://") {
            let url = url::Url::parse(text).ok()?;
            return Self::of(url.host_str()?, url.port_or_known_default());
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            return Self::of(bare, None);
        }
        match text.rsplit_once(':') {
            Some((host, port)) => Self::of(host, Some(port.parse().ok().filter(|p| *p > 0)?)),
            None => Self::of(text, None),
        }
    }

    /// Where a target leads: its addresses, and those of its details that are http or
    /// https addresses, alone or separated by commas, such as the `gateway` beside a
    /// service.
    ///
    /// *Behaviour*: whoever writes the address into the target names it, as with
    /// `addresses`; labels of secrets are no details.
    pub(crate) fn all_of(target: &Target) -> Vec<Self> {
        let details = target.details.iter().filter(|(key, _)| !key.starts_with("credentials."));
        let urls = details.flat_map(|(_, value)| value.split(',')).map(str::trim);
        let urls = urls.filter(|text| text.starts_with("http://") || text.starts_with("https://"));
        target.addresses.iter().map(String::as_str).chain(urls).filter_map(Self::read).collect()
    }

    /// Where the proxies are that HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name, in either case.
    ///
    /// *Behaviour*: a proxy without a port counts at both ports that clients take
    /// then: that of its scheme, and 1080 as curl does.
    pub(crate) fn proxies(environment: &Environment) -> Vec<Self> {
        let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
        let texts = names.iter().flat_map(|name| {
            [(*name).to_owned(), name.to_ascii_lowercase()].map(|name| environment.text(&name).unwrap_or_default())
        });
        let mut found = Vec::new();
        for text in texts.map(str::trim).filter(|text| !text.is_empty()) {
            let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
            let Ok(url) = url::Url::parse(&full) else { continue };
            let ports = match url.port() {
                Some(port) => vec![port],
                None => url.port_or_known_default().into_iter().chain([1080]).collect(),
            };
            for port in ports {
                let endpoint = url.host_str().and_then(|host| Self::of(host, Some(port)));
                found.extend(endpoint.filter(|endpoint| !found.contains(endpoint)));
            }
        }
        found
    }

    fn of(host: &str, port: Option<u16>) -> Option<Self> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        (name || host.parse::<IpAddr>().is_ok()).then(|| Self { host: host.to_owned(), port })
    }

    /// The grants for a bucket's own name below those endpoints that have names: S3 asks
    /// for a bucket there, or in the path.
    pub(crate) fn of_bucket(bucket: &str, endpoints: &[Self]) -> Vec<NetRule> {
        let named = endpoints.iter().filter(|endpoint| endpoint.host.parse::<IpAddr>().is_err());
        let below = named.filter_map(|e| Self::of(&format!("{bucket}.{}", e.host), e.port));
        below.filter_map(|endpoint| endpoint.exact()).collect()
    }

    /// The grant for exactly this endpoint.
    pub(crate) fn exact(&self) -> Option<NetRule> {
        Some(NetRule::exact(&self.host, self.port?))
    }

    /// The grant for its host on any port.
    pub(crate) fn any_port(&self) -> NetRule {
        NetRule { host: self.pattern(), port: PortPattern::Any }
    }

    /// Its host alone.
    pub(crate) fn pattern(&self) -> HostPattern {
        HostPattern::literal(&self.host)
    }
}

/// `/ip4/10.0.0.1/tcp/9100/p2p/...`: the first host and the port after it.
fn multiaddr(text: &str) -> Option<Endpoint> {
    let mut parts = text.split('/').skip(1);
    let (kind, host) = (parts.next()?, parts.next()?);
    let good = match kind {
        "ip4" => host.parse::<std::net::Ipv4Addr>().is_ok(),
        "ip6" => host.parse::<std::net::Ipv6Addr>().is_ok(),
        "dns" | "dns4" | "dns6" | "dnsaddr" => true,
        _ => false,
    };
    let port = match parts.next() {
        Some("tcp" | "udp") => parts.next()?.parse().ok().filter(|p| *p > 0),
        _ => None,
    };
    if good { Endpoint::of(host, port) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_of_the_environment_are_found_in_either_case() {
        let found = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            let found = Endpoint::proxies(&Environment::from_pairs(pairs));
            found.iter().filter_map(Endpoint::exact).map(|rule| rule.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            found(&[("http_proxy", "http://u:p@proxy.test:3128/"), ("HTTPS_PROXY", "proxy.test:3128")]),
            ["proxy.test:3128"]
        );
        assert_eq!(found(&[("ALL_PROXY", "socks5://[::1]:9050")]), ["[::1]:9050"]);
        assert_eq!(found(&[("all_proxy", "socks5h://p.test")]), ["p.test:1080"]);
        assert_eq!(found(&[("HTTPS_PROXY", "https://p.test")]), ["p.test:443", "p.test:1080"]);
        assert_eq!(found(&[("HTTP_PROXY", " "), ("https_proxy", "http://a b")]), Vec::<String>::new());
    }

    #[test]
    fn address_texts_lead_somewhere() {
        let read = |t: &str| Endpoint::read(t).map(|e| (e.host, e.port));
        let some = |h: &str, p: Option<u16>| Some((h.to_owned(), p));
        assert_eq!(read("/ip4/10.0.0.1/tcp/9100/p2p/12D3"), some("10.0.0.1", Some(9100)));
        assert_eq!(read("/dns4/peer.test/tcp/9100"), some("peer.test", Some(9100)));
        assert_eq!(read("/ip6/::1/tcp/1"), some("::1", Some(1)));
        assert_eq!(read("/dnsaddr/boot.test"), some("boot.test", None));
        assert_eq!(read("10.0.0.1:9100"), some("10.0.0.1", Some(9100)));
        assert_eq!(read("[::1]:9100"), some("::1", Some(9100)));
        assert_eq!(read("https://s3.test/x"), some("s3.test", Some(443)));
        assert_eq!(read("http://[::1]:8080/"), some("::1", Some(8080)));
        assert_eq!(read("peer"), some("peer", None));
        for bad in
            ["", "/ip4/300.0.0.1/tcp/1", "/unix/x", "a:b:c", "a b:1", "{gateway}:1", "/ip4/10.0.0.1/tcp", "x:0", "*:1"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bucket_has_a_name_below_a_name() {
        let all = ["http://minio:9000", "http://10.0.0.1:9000"].map(|url| Endpoint::read(url).unwrap());
        let rules =
            |bucket: &str| Endpoint::of_bucket(bucket, &all).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(rules("cache"), ["cache.minio:9000"]);
        assert!(rules("*").is_empty() && rules("a/b").is_empty(), "a bucket is no pattern");
    }

    #[test]
    fn a_target_leads_to_the_addresses_in_its_details_too() {
        let details = [
            ("gateway", "https://gateway.test"),
            ("storage", "http://10.0.0.1:1, http://10.0.0.2:2"),
            ("space", "did:key:z6Mk"),
            ("bucket", "http"),
            ("credentials.agent", "https://label.test"),
        ];
        let target = Target {
            label: "t".into(),
            kind: "storacha".into(),
            addresses: vec!["https://service.test".into()],
            details: details.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        };
        let rules: Vec<String> =
            Endpoint::all_of(&target).iter().filter_map(Endpoint::exact).map(|r| r.to_string()).collect();
        assert_eq!(rules, ["service.test:443", "gateway.test:443", "10.0.0.1:1", "10.0.0.2:2"]);
    }

    #[test]
    fn grants_of_an_endpoint() {
        let at = Endpoint::read("/ip6/::1/tcp/9").unwrap();
        assert_eq!((at.exact().unwrap().to_string(), at.any_port().to_string()), ("[::1]:9".into(), "[::1]:*".into()));
    }
}

//! What a step may do: what its component asks for, as far as the policy allows it.

use crate::endpoint::Endpoint;
use crate::file::GrantBlock;
use seaworthy_model::glob_matches;
use seaworthy_model::{CapabilityRequest, Denial, Grants, HostPattern, NetRule, PortPattern, RefusedGrant};

/// The target's own addresses, in a request.
const TARGET: &str = "{target}";
/// Any port of the target's hosts, in a request.
const TARGET_HOST: &str = "{target-host}";
/// The proxies that the environment names, in a request.
const PROXIES: &str = "{proxies}";
/// The folder of a storage tier, in a request.
const DIRECTORY: &str = "{directory}";

/// Who asks, and what the step or tier itself brings along.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    /// Name and grants of a plugin; `None` for a bundled component, which gets what it asks for.
    pub(crate) plugin: Option<(&'a str, &'a GrantBlock)>,
    /// Where its targets lead.
    pub(crate) endpoints: &'a [Endpoint],
    /// Where the proxies of the environment are.
    pub(crate) proxies: &'a [Endpoint],
    /// Folder of a storage tier.
    pub(crate) directory: Option<&'a str>,
}

/// What came of a component's requests.
#[derive(Default)]
pub(crate) struct Granted {
    pub(crate) grants: Grants,
    pub(crate) refused: Vec<RefusedGrant>,
    /// Requests that mean nothing: an error of the component.
    pub(crate) nonsense: Vec<String>,
}

impl Asking<'_> {
    /// Judges every request.
    ///
    /// *Behaviour*: a bundled component gets what it asks for. A plugin gets the
    /// intersection of what it asks for and what it is granted; `{target}` is
    /// granted by the check's own target. A request of which nothing is granted
    /// is refused, with the line that would grant it.
    pub(crate) fn judge(&self, requests: &[CapabilityRequest]) -> Granted {
        let mut result = Granted::default();
        for request in requests {
            for wanted in &request.scope {
                match self.allow(&request.capability, wanted, &mut result.grants) {
                    Some(true) => {}
                    Some(false) => result.refused.extend(self.refusal(request, wanted)),
                    None => result.nonsense.push(format!("{} \"{wanted}\"", request.capability)),
                }
            }
        }
        result
    }

    /// Adds what is allowed of one request; whether anything is; `None` for nonsense.
    fn allow(&self, capability: &str, wanted: &str, grants: &mut Grants) -> Option<bool> {
        let granted = self.plugin.map(|(_, block)| block.of(capability));
        let free = self.plugin.is_none() || granted.iter().flatten().any(|g| *g == wanted);
        match capability {
            "net" => {
                let (rules, own) = self.net(wanted)?;
                let allowed: Vec<NetRule> = match &granted {
                    Some(granted) if !(own || free) => {
                        let given =
                            granted.iter().filter_map(|g| self.net(g)).flat_map(|(rules, _)| rules).collect::<Vec<_>>();
                        rules.iter().flat_map(|r| given.iter().filter_map(|g| meet(r, g))).collect()
                    }
                    _ => rules.clone(),
                };
                Some(add(&mut grants.net, allowed) || rules.is_empty())
            }
            "dns" => {
                let (names, own) = self.names(wanted)?;
                let allowed: Vec<HostPattern> = match &granted {
                    Some(granted) if !(own || free) => {
                        let given = granted.iter().filter_map(|g| g.parse().ok()).collect::<Vec<HostPattern>>();
                        names.iter().flat_map(|n| given.iter().filter_map(|g| meet_host(n, g))).collect()
                    }
                    _ => names.clone(),
                };
                Some(add(&mut grants.dns, allowed) || names.is_empty())
            }
            "read" => {
                // The paths that a target names are added by whoever knows the target.
                let own = wanted == DIRECTORY || wanted == TARGET;
                let paths = match self.directory {
                    Some(directory) if wanted == DIRECTORY => {
                        vec![directory.to_owned(), format!("{}/**", directory.trim_end_matches('/'))]
                    }
                    None if own => Vec::new(),
                    _ => vec![wanted.to_owned()],
                };
                let allowed = match &granted {
                    Some(granted) if !(own || free) => granted.iter().filter_map(|g| meet_path(wanted, g)).collect(),
                    _ => paths,
                };
                Some(add(&mut grants.read, allowed) || own)
            }
            "env" | "system" | "p2p" | "cache" | "secret" => {
                let list = match capability {
                    "env" => &mut grants.env,
                    "system" => &mut grants.system,
                    "p2p" => &mut grants.p2p,
                    "cache" => &mut grants.cache,
                    _ => &mut grants.secret,
                };
                let allowed = match &granted {
                    Some(granted) if !free => granted.iter().filter_map(|g| meet_text(wanted, g)).collect(),
                    _ => vec![wanted.to_owned()],
                };
                Some(add(list, allowed))
            }
            _ => None,
        }
    }

    /// The rules that a `net` scope stands for, and whether the step's own target grants them.
    fn net(&self, wanted: &str) -> Option<(Vec<NetRule>, bool)> {
        match wanted {
            TARGET => Some((self.endpoints.iter().filter_map(Endpoint::exact).collect(), true)),
            TARGET_HOST => Some((self.endpoints.iter().map(Endpoint::any_port).collect(), false)),
            PROXIES => Some((self.proxies.iter().filter_map(Endpoint::exact).collect(), false)),
            _ => Some((vec![wanted.parse().ok()?], false)),
        }
    }

    fn names(&self, wanted: &str) -> Option<(Vec<HostPattern>, bool)> {
        match wanted {
            TARGET | TARGET_HOST => Some((self.endpoints.iter().map(Endpoint::pattern).collect(), true)),
            _ => Some((vec![wanted.parse().ok()?], false)),
        }
    }

    /// What a plugin does not get; nothing is kept from a bundled component, which has no block.
    fn refusal(&self, request: &CapabilityRequest, wanted: &str) -> Option<RefusedGrant> {
        let (name, block) = self.plugin?;
        let granted = block.of(&request.capability);
        let all = granted.into_iter().chain([wanted]).map(|g| format!("{g:?}")).collect::<Vec<_>>().join(", ");
        let denial = Denial {
            capability: request.capability.clone(),
            wanted: wanted.to_owned(),
            add: format!("grant.{} = [{all}]  # under [plugins.{name}]", request.capability),
        };
        Some(RefusedGrant { denial, reason: request.reason.clone() })
    }
}

/// Adds what is not there yet; whether there was anything to add.
pub(crate) fn add<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) -> bool {
    let any = !more.is_empty();
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
    any
}

/// What both rules allow.
fn meet(a: &NetRule, b: &NetRule) -> Option<NetRule> {
    let port = match (a.port, b.port) {
        (PortPattern::Any, port) | (port, PortPattern::Any) => port,
        (a, b) if a == b => a,
        _ => return None,
    };
    Some(NetRule { host: meet_host(&a.host, &b.host)?, port })
}

fn meet_host(a: &HostPattern, b: &HostPattern) -> Option<HostPattern> {
    match (a, b) {
        (HostPattern::Any, other) | (other, HostPattern::Any) => Some(other.clone()),
        (HostPattern::Name(name), pattern) | (pattern, HostPattern::Name(name)) => {
            pattern.allows_lookup(name).then(|| HostPattern::Name(name.clone()))
        }
        (HostPattern::Suffix(a), HostPattern::Suffix(b)) => {
            let below = |long: &str, short: &str| long == short || long.ends_with(&format!(".{short}"));
            if below(a, b) {
                Some(HostPattern::Suffix(a.clone()))
            } else {
                below(b, a).then(|| HostPattern::Suffix(b.clone()))
            }
        }
        (HostPattern::Net(a), HostPattern::Net(b)) => {
            if a.contains(b) {
                Some(HostPattern::Net(*b))
            } else {
                b.contains(a).then_some(HostPattern::Net(*a))
            }
        }
        (HostPattern::Gateway, HostPattern::Gateway) => Some(HostPattern::Gateway),
        (HostPattern::Nameservers, HostPattern::Nameservers) => Some(HostPattern::Nameservers),
        _ => None,
    }
}

/// The narrower of two patterns, when one takes the other in.
fn meet_text(wanted: &str, granted: &str) -> Option<String> {
    if glob_matches(granted, wanted) {
        Some(wanted.to_owned())
    } else {
        glob_matches(wanted, granted).then(|| granted.to_owned())
    }
}

fn meet_path(wanted: &str, granted: &str) -> Option<String> {
    let inside = |path: &str, folder: &str| {
        let base = folder.strip_suffix("/**");
        path == folder || base.is_some_and(|b| path.strip_prefix(b).is_some_and(|rest| rest.starts_with('/')))
    };
    if wanted.split('/').any(|part| part == "..") {
        None
    } else if inside(wanted, granted) {
        Some(wanted.to_owned())
    } else {
        inside(granted, wanted).then(|| granted.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::At;

    fn request(capability: &str, scope: &[&str]) -> CapabilityRequest {
        let scope = scope.iter().map(|s| (*s).to_owned()).collect();
        CapabilityRequest { capability: capability.into(), scope, reason: "why".into() }
    }

    fn at(texts: &[&str]) -> Vec<At<String>> {
        texts.iter().map(|t| At::built_in((*t).to_owned())).collect()
    }

    fn texts<T: ToString>(list: &[T]) -> Vec<String> {
        list.iter().map(T::to_string).collect()
    }

    #[test]
    fn a_bundled_component_gets_what_it_asks_for() {
        let endpoints =
            [Endpoint::read("/dns4/peer.test/tcp/9100").unwrap(), Endpoint::read("/ip4/10.0.0.1/tcp/1").unwrap()];
        let asking = Asking { plugin: None, endpoints: &endpoints, proxies: &[], directory: None };
        let got = asking
            .judge(&[request("net", &["{target}", "{target-host}", "{gateway}:*"]), request("env", &["CACHE_*"])]);
        assert_eq!(
            texts(&got.grants.net),
            ["peer.test:9100", "10.0.0.1:1", "peer.test:*", "10.0.0.1:*", "{gateway}:*"]
        );
        assert_eq!(got.grants.env, ["CACHE_*"]);
        assert!(got.refused.is_empty() && got.nonsense.is_empty());
    }

    #[test]
    fn a_plugin_gets_the_intersection() {
        let block = GrantBlock {
            net: at(&["proxy.test:3128", "10.1.0.0/16:*"]),
            env: at(&["HTTP*"]),
            read: at(&["/etc/**"]),
            ..GrantBlock::default()
        };
        let endpoints = [Endpoint::read("s3.test:443").unwrap()];
        let asking = Asking { plugin: Some(("acme", &block)), endpoints: &endpoints, proxies: &[], directory: None };
        let got = asking.judge(&[
            request("net", &["{target}", "*:3128", "10.0.0.0/8:80", "{target-host}", "evil.test:1"]),
            request("env", &["HTTPS_PROXY", "GITHUB_TOKEN"]),
            request("read", &["/etc/resolv.conf", "/etc/../root/x"]),
            request("secret", &["cache"]),
        ]);
        assert_eq!(texts(&got.grants.net), ["s3.test:443", "proxy.test:3128", "10.1.0.0/16:3128", "10.1.0.0/16:80"]);
        assert_eq!(got.grants.env, ["HTTPS_PROXY"]);
        assert_eq!(got.grants.read, ["/etc/resolv.conf"]);
        assert!(got.grants.secret.is_empty());
        let refused = got.refused.iter().map(|r| r.denial.wanted.as_str()).collect::<Vec<_>>();
        assert_eq!(refused, ["{target-host}", "evil.test:1", "GITHUB_TOKEN", "/etc/../root/x", "cache"]);
        assert_eq!(
            got.refused[1].denial.add,
            r#"grant.net = ["proxy.test:3128", "10.1.0.0/16:*", "evil.test:1"]  # under [plugins.acme]"#
        );
    }

    #[test]
    fn what_is_granted_and_not_requested_is_not_given() {
        let block = GrantBlock { net: at(&["*:*"]), env: at(&["*"]), ..GrantBlock::default() };
        let asking = Asking { plugin: Some(("acme", &block)), endpoints: &[], proxies: &[], directory: None };
        assert_eq!(asking.judge(&[]).grants, Grants::default());
        assert_eq!(asking.judge(&[request("net", &["a.test:1"])]).grants.net, ["a.test:1".parse().unwrap()]);
    }

    #[test]
    fn proxies_are_those_of_the_environment() {
        let proxies = [Endpoint::read("proxy.test:3128").unwrap(), Endpoint::read("127.0.0.1:8080").unwrap()];
        let wanted = [request("net", &["{proxies}", "{nameservers}"])];
        let bundled = Asking { plugin: None, endpoints: &[], proxies: &proxies, directory: None };
        assert_eq!(texts(&bundled.judge(&wanted).grants.net), ["proxy.test:3128", "127.0.0.1:8080", "{nameservers}"]);
        // Where there is no proxy there is nothing to refuse.
        let direct = Asking { proxies: &[], ..bundled };
        assert_eq!(texts(&direct.judge(&wanted).grants.net), ["{nameservers}"]);
        assert!(direct.judge(&wanted).refused.is_empty());
    }

    #[test]
    fn a_plugin_gets_proxies_and_name_servers_when_they_are_granted() {
        let proxies = [Endpoint::read("proxy.test:3128").unwrap()];
        let wanted = [request("net", &["{proxies}", "{nameservers}"])];
        for (granted, got) in [
            (&["{proxies}", "{nameservers}"][..], &["proxy.test:3128", "{nameservers}"][..]),
            (&["proxy.test:3128"], &["proxy.test:3128"]),
            (&["other.test:3128"], &[]),
        ] {
            let block = GrantBlock { net: at(granted), ..GrantBlock::default() };
            let asking = Asking { plugin: Some(("acme", &block)), endpoints: &[], proxies: &proxies, directory: None };
            assert_eq!(texts(&asking.judge(&wanted).grants.net), got, "{granted:?}");
        }
    }

    #[test]
    fn nonsense_is_an_error_of_the_component() {
        let asking = Asking { plugin: None, endpoints: &[], proxies: &[], directory: None };
        assert_eq!(asking.judge(&[request("net", &["no-port"]), request("magic", &["x"])]).nonsense.len(), 2);
    }

    #[test]
    fn asking_for_everything_gets_what_is_granted() {
        // `*` asked and one address granted: the address, no more.
        let block = GrantBlock { net: at(&["169.254.169.254:80"]), ..GrantBlock::default() };
        let asking = Asking { plugin: Some(("acme", &block)), endpoints: &[], proxies: &[], directory: None };
        assert_eq!(texts(&asking.judge(&[request("net", &["*"])]).grants.net), ["169.254.169.254:80"]);
    }
}

use crate::address::Place;
use crate::rows::{Row, rows};
use ipnet::IpNet;
use seaworthy_model::{Observation, Report, RunRecord};
use std::net::IpAddr;

/// Where the run was made, from the facts of its checks. What no check reported
/// is unknown, never assumed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    pub(crate) in_container: Option<bool>,
    pub(crate) kind: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) own: Option<IpAddr>,
    pub(crate) subnet: Option<IpNet>,
    pub(crate) host_internal: Option<IpAddr>,
    pub(crate) rootless: bool,
    pub(crate) github: bool,
    pub(crate) listeners: Option<Vec<Listener>>,
    pub(crate) host: Option<Host>,
}

/// What a report recorded on the host tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    pub(crate) listeners: Option<Vec<Listener>>,
    pub(crate) addresses: Vec<IpAddr>,
    /// What it could connect to, as it was asked for.
    pub(crate) reached: Vec<Place>,
    /// Names that it could look up.
    pub(crate) resolved: Vec<String>,
}

/// A TCP socket that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) process: Option<String>,
}

impl Site {
    pub(crate) fn of(record: &RunRecord, host: Option<&Report>) -> Self {
        let container = rows(record.observations.iter(), "container").and_then(|rows| rows.into_iter().next());
        let fact = |key: &str, row_key: &str| {
            let facts = record.steps.iter().flat_map(|step| &step.facts);
            facts
                .filter(|fact| fact.key == key)
                .map(|fact| fact.value.clone())
                .next()
                .or_else(|| record.vantage.get(key).cloned())
                .or_else(|| container.as_ref().and_then(|row| row.get(row_key).cloned()))
                .filter(|value| !value.is_empty() && value != "unknown")
        };
        let kind = fact("container-kind", "kind");
        let mode = fact("network-mode", "network-mode");
        let in_container = fact("in-container", "in-container").map(|value| value == "true");
        Self {
            in_container: in_container.or_else(|| kind.as_ref().map(|kind| kind != "none")),
            kind,
            mode,
            gateway: fact("gateway", "gateway").and_then(|ip| ip.parse().ok()),
            own: fact("own-address", "address").and_then(|ip| bare(&ip)),
            subnet: fact("subnet", "subnet").and_then(|net| net.parse::<IpNet>().ok()).map(|net| net.trunc()),
            host_internal: fact("host-internal-address", "host-internal-address").and_then(|ip| ip.parse().ok()),
            rootless: fact("rootless", "rootless").is_some_and(|value| value == "true"),
            github: fact("ci", "ci").is_some_and(|value| value == "github-actions"),
            listeners: listeners(record.observations.iter()),
            host: host.map(|report| {
                let seen = || report.checks.iter().flat_map(|check| &check.evidence);
                let interfaces = rows(seen(), "interfaces").unwrap_or_default();
                let addresses =
                    interfaces.iter().filter_map(|row| bare(row.get("address")?)).filter(|ip| !ip.is_loopback());
                let answered = |probe: &'static str, key: &'static str| {
                    let of_probe = seen().filter(move |o| o.probe == probe && o.failure.is_none());
                    of_probe.filter_map(move |o| o.asked.get(key)?.as_str())
                };
                let reached = answered("swarm.dial", "address").chain(answered("tcp.connect", "target"));
                let reached: Vec<Place> = reached.filter_map(Place::read).collect();
                // A name that was connected to was looked up.
                let by_name = reached.iter().map(|place| place.host.clone());
                let resolved = answered("dns.resolve", "name").map(str::to_owned).chain(by_name).collect();
                Host { listeners: listeners(seen()), addresses: addresses.collect(), reached, resolved }
            }),
        }
    }

    /// Whether this process has a network of its own, apart from the machine's.
    pub(crate) fn own_network(&self) -> bool {
        self.in_container == Some(true) && !matches!(self.mode.as_deref(), Some("host" | "not-a-container"))
    }

    /// Whether the network is Docker's default bridge.
    pub(crate) fn default_bridge(&self) -> bool {
        self.mode.as_deref() == Some("bridge")
    }

    /// In words: `a docker container on the default bridge (172.17.0.2/16)`.
    pub(crate) fn words(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or("container");
        let place = match self.mode.as_deref() {
            _ if self.in_container != Some(true) => return "this machine".into(),
            Some("bridge") => "on the default bridge",
            Some("user-defined") => "on a user-defined network",
            Some("host") => "on the host's network",
            Some("none") => "without a network",
            Some("container") => "in another container's network",
            Some("pod") => "in a pod's network",
            Some("slirp4netns" | "pasta") => "on a rootless network",
            _ => "with a network of its own",
        };
        let own = self.own.map(|ip| format!(" ({ip})")).unwrap_or_default();
        let kind = if kind == "docker" { "Docker" } else { kind };
        if kind == "container" {
            format!("a container {place}{own}")
        } else {
            format!("a {kind} container {place}{own}")
        }
    }
}

/// An address without its prefix length.
fn bare(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

fn listeners<'a>(observations: impl Iterator<Item = &'a Observation>) -> Option<Vec<Listener>> {
    let tcp = |row: &Row| row.get("protocol").is_none_or(|protocol| protocol.starts_with("tcp"));
    let read = |row: Row| {
        let process = row.get("process").filter(|name| !name.is_empty()).cloned();
        Some(Listener { address: row.get("address")?.parse().ok()?, port: row.get("port")?.parse().ok()?, process })
    };
    Some(rows(observations, "listeners")?.into_iter().filter(tcp).filter_map(read).collect())
}

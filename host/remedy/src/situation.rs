use crate::around::Around;
use seaworthy_model::{Report, SkipReason, Status};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Whether the peers can be reached, by transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Some peer answers, or it is not known.
    #[default]
    Open,
    /// No peer answers, packets over TCP are filtered; UDP was not tried.
    TcpFiltered,
    /// No peer answers, and packets are filtered over TCP and over UDP.
    Filtered,
}

/// The facts that a choice between remedies rests on. What no check reported is
/// unknown, never assumed.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// Whether the run was made in a container.
    pub in_container: Option<bool>,
    /// `bridge`, `user-defined`, `host`, `none`, `pod`...
    pub mode: Option<String>,
    /// The container's gateway.
    pub gateway: Option<String>,
    /// Id of the container.
    pub container_id: Option<String>,
    /// Whether its host is a virtual machine of Docker Desktop.
    pub desktop: bool,
    /// Whether it is a runner of GitHub Actions.
    pub github: bool,
    /// The cache's tiers, in their order.
    pub backends: Vec<String>,
    /// Whether peers can be reached.
    pub reach: Reach,
    /// Variables whose value is known; empty for those known not to be set.
    pub values: BTreeMap<String, String>,
    /// Variables known to be set, secrets too.
    pub set: BTreeSet<String>,
    /// Tiers whose check looked and found nothing wrong.
    pub sound: BTreeSet<String>,
    /// Tiers whose check says that they are not configured, or found them wrong.
    pub unsound: BTreeSet<String>,
}

/// What says that packets are dropped or rejected on the way, rather than a port closed.
const FILTERED: [&str; 4] = ["peer.silent", "peer.filtered", "peer.rejected", "peer.udp-blocked"];

impl Situation {
    /// From a report and what is around.
    #[must_use]
    pub fn of(report: &Report, around: &Around) -> Self {
        let fact = |key: &str| {
            let facts = report.checks.iter().flat_map(|check| &check.facts);
            let told = facts.filter(|fact| fact.key == key).map(|fact| fact.value.clone()).next();
            told.or_else(|| report.vantage.facts.get(key).cloned()).filter(|v| !v.is_empty() && v != "unknown")
        };
        let list =
            |text: String| text.split(',').map(|part| part.trim().to_owned()).filter(|p| !p.is_empty()).collect();
        let mut situation = Self {
            in_container: fact("in-container").map(|value| value == "true"),
            mode: fact("network-mode"),
            gateway: fact("gateway"),
            container_id: fact("container-id"),
            desktop: fact("desktop-vm").is_some_and(|value| value == "true"),
            github: fact("ci").is_some_and(|value| value == "github-actions"),
            backends: fact("backends").map(list).unwrap_or_default(),
            reach: reach(report, fact("reachable-peers")),
            set: around.variables.clone(),
            ..Self::default()
        };
        let seen = report.checks.iter().flat_map(|check| &check.evidence);
        for answer in seen.filter(|seen| seen.probe.contains("vars.")).filter_map(|seen| seen.answer.as_ref()) {
            situation.learn(answer);
        }
        for check in &report.checks {
            let Some(tier) = tier_of(&check.used_as) else { continue };
            match check.status {
                Status::Pass | Status::Warn => situation.sound.insert(tier.to_owned()),
                Status::Fail => situation.unsound.insert(tier.to_owned()),
                Status::Skip if check.skip_reason == Some(SkipReason::NotConfigured) => {
                    situation.unsound.insert(tier.to_owned())
                }
                Status::Skip | Status::Error => false,
            };
        }
        situation
    }

    /// Variables out of the answer of a probe.
    fn learn(&mut self, answer: &Value) {
        match answer {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(map) => {
                let Some(name) = map.get("name").and_then(Value::as_str) else { return };
                let present = map.get("present").and_then(Value::as_bool);
                match (present, map.get("value").and_then(Value::as_str)) {
                    (Some(true), value) => {
                        self.set.insert(name.to_owned());
                        if let Some(value) = value {
                            self.values.insert(name.to_owned(), value.to_owned());
                        }
                    }
                    (Some(false), _) => {
                        self.values.insert(name.to_owned(), String::new());
                    }
                    (None, _) => {}
                }
            }
            _ => {}
        }
    }

    /// What a variable holds: empty where it is known not to be set, none where nobody looked.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether a container has a network of its own, apart from its machine's.
    pub(crate) fn own_network(&self) -> bool {
        self.in_container == Some(true) && !matches!(self.mode.as_deref(), Some("host" | "not-a-container"))
    }

    /// Whether it is in a pod, where the orchestrator makes the network.
    pub(crate) fn in_pod(&self) -> bool {
        self.mode.as_deref() == Some("pod")
    }

    /// Whether any of these variables is set.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.set.contains(*name))
    }
}

/// The tier that a check looks at.
fn tier_of(used_as: &str) -> Option<&'static str> {
    match used_as.rsplit(':').next()? {
        "s3/store" => Some("s3"),
        "ipfs/node" => Some("ipfs"),
        "storacha/space" => Some("storacha"),
        _ => None,
    }
}

/// Whether peers answer. *Behaviour*: filtered only where every finding about a peer
/// says so; one that refuses or has another id shows that packets come through. UDP
/// alone is never enough: where nothing over TCP is filtered, TCP is the way.
fn reach(report: &Report, reachable: Option<String>) -> Reach {
    if reachable.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 0) {
        return Reach::Open;
    }
    let (mut tcp, mut udp) = (false, false);
    for finding in report.checks.iter().flat_map(|check| &check.findings).filter(|f| f.code.starts_with("peer.")) {
        if !FILTERED.contains(&finding.code.as_str()) {
            return Reach::Open;
        }
        let over_udp = finding.target.as_deref().is_some_and(|target| target.contains("/udp/"));
        if over_udp || finding.code == "peer.udp-blocked" { udp = true } else { tcp = true }
    }
    match (tcp, udp) {
        (true, true) => Reach::Filtered,
        (true, false) => Reach::TcpFiltered,
        (false, _) => Reach::Open,
    }
}

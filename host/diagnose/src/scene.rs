use crate::address::Place;
use crate::fault::Fault;
use crate::rows::variable;
use crate::site::{Listener, Site};
use ipnet::IpNet;
use seaworthy_model::{Finding, Level, Report, RunRecord, StepRecord};
use std::net::IpAddr;

/// Everything a rule may look at.
pub(crate) struct Scene<'a> {
    pub(crate) record: &'a RunRecord,
    pub(crate) site: Site,
    /// Findings of level `warn` and `fail`, in the order of the record.
    pub(crate) symptoms: Vec<Symptom<'a>>,
    /// Configured bootstrap peers, where a check read them.
    peers: Vec<String>,
}

/// A finding that wants an explanation.
#[derive(Clone)]
pub(crate) struct Symptom<'a> {
    pub(crate) step: &'a StepRecord,
    pub(crate) finding: &'a Finding,
    /// Its target, read as an address.
    pub(crate) place: Option<Place>,
}

/// Where an address is, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// Loopback of a container with a network of its own.
    OwnLoopback,
    /// The machine, and network, that we run on.
    ThisMachine,
    /// The host of our container.
    Host,
    /// On our own container network.
    Neighbour,
    /// A private address outside our container network.
    OtherPrivate,
    /// Anywhere else, or not known.
    Elsewhere,
}

impl<'a> Scene<'a> {
    pub(crate) fn of(record: &'a RunRecord, host: Option<&Report>) -> Self {
        let symptoms = record
            .steps
            .iter()
            .flat_map(|step| step.findings.iter().map(move |finding| (step, finding)))
            .filter(|(_, finding)| finding.level >= Level::Warn)
            .map(|(step, finding)| Symptom { step, finding, place: finding.target.as_deref().and_then(Place::read) })
            .collect();
        let peers = variable(record.observations.iter(), "CACHE_BOOTSTRAP_PEERS").unwrap_or_default();
        let peers = peers.split(',').map(str::trim).filter(|peer| !peer.is_empty()).map(str::to_owned).collect();
        Self { record, site: Site::of(record, host), symptoms, peers }
    }

    /// The value of a fact, whichever check reported it.
    pub(crate) fn fact(&self, key: &str) -> Option<&'a str> {
        self.record
            .steps
            .iter()
            .flat_map(|step| &step.facts)
            .find(|fact| fact.key == key)
            .map(|fact| fact.value.as_str())
    }

    /// A fact, else what is known of the vantage point under that name.
    pub(crate) fn known(&self, key: &str) -> Option<&'a str> {
        let fact = self.fact(key).or_else(|| self.record.vantage.get(key).map(String::as_str));
        fact.filter(|value| !value.is_empty() && *value != "unknown")
    }

    /// Whether some check found `code`, on `target` where one is given.
    pub(crate) fn has(&self, code: &str, target: Option<&str>) -> bool {
        self.symptoms
            .iter()
            .any(|s| s.finding.code == code && (target.is_none() || s.finding.target.as_deref() == target))
    }

    /// Id of the check that runs `domain/name` in this run, else the one that `symptom` comes from.
    pub(crate) fn proof(&self, name: &str, symptom: &Symptom<'_>) -> String {
        let step = self.record.steps.iter().find(|step| step.used_as.rsplit(':').next() == Some(name));
        step.map_or_else(|| symptom.step.id.clone(), |step| step.id.clone())
    }

    /// Id of the check that proves a cause in this run.
    pub(crate) fn proof_of(&self, fault: &Fault, symptom: &Symptom<'_>) -> String {
        // The bundled suite gives a check `domain/name` the id `domain.name`.
        self.proof(&fault.proof.replacen('.', "/", 1), symptom)
    }

    /// The IP address that a symptom is about.
    pub(crate) fn ip(&self, symptom: &Symptom<'_>) -> Option<IpAddr> {
        let place = symptom.place.as_ref()?;
        let resolved = || {
            let keys = ["resolved", "address", "remote", "ip"];
            keys.iter().filter_map(|key| symptom.detail(key)).find_map(|text| Place::read(text)?.ip())
        };
        let internal = || if is_host_name(&place.host) { self.site.host_internal } else { None };
        place.ip().or_else(resolved).or_else(internal)
    }

    /// Where a symptom's address is, seen from here.
    pub(crate) fn whereabouts(&self, symptom: &Symptom<'_>) -> Whereabouts {
        let Some(place) = &symptom.place else { return Whereabouts::Elsewhere };
        let site = &self.site;
        let named_host = is_host_name(&place.host);
        let Some(ip) = self.ip(symptom) else {
            return match (place.host.as_str(), named_host, site.own_network()) {
                ("localhost", _, true) => Whereabouts::OwnLoopback,
                ("localhost", _, false) => Whereabouts::ThisMachine,
                (_, true, true) => Whereabouts::Host,
                _ => Whereabouts::Elsewhere,
            };
        };
        let host_has = site.host.as_ref().is_some_and(|host| host.addresses.contains(&ip));
        if ip.is_loopback() {
            if site.own_network() { Whereabouts::OwnLoopback } else { Whereabouts::ThisMachine }
        } else if site.own == Some(ip) {
            Whereabouts::ThisMachine
        } else if site.own_network()
            && (site.gateway == Some(ip) || site.host_internal == Some(ip) || named_host || host_has)
        {
            Whereabouts::Host
        } else if site.subnet.is_some_and(|net| net.contains(&ip)) {
            Whereabouts::Neighbour
        } else if site.own_network() && site.subnet.is_some() && is_private(ip) {
            Whereabouts::OtherPrivate
        } else {
            Whereabouts::Elsewhere
        }
    }

    /// The sockets that listen where a symptom's address is, where that is known.
    pub(crate) fn listeners(&self, symptom: &Symptom<'_>) -> Option<Vec<&Listener>> {
        let known = match self.whereabouts(symptom) {
            Whereabouts::ThisMachine | Whereabouts::OwnLoopback => self.site.listeners.as_ref()?,
            Whereabouts::Host => self.site.host.as_ref()?.listeners.as_ref()?,
            _ => return None,
        };
        let port = symptom.place.as_ref()?.port?;
        Some(known.iter().filter(|listener| listener.port == port).collect())
    }

    /// A place with the host that this container must use for it: a loopback
    /// address means the container's host, which is its gateway.
    pub(crate) fn as_seen_here(&self, place: &Place) -> Place {
        let loopback =
            place.host == "localhost" || place.ip().is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
        match self.site.gateway {
            Some(gateway) if loopback && self.site.own_network() => place.at_host(&gateway.to_string()),
            _ => place.clone(),
        }
    }

    /// The whole list of bootstrap peers, with some replaced.
    pub(crate) fn peers_with(&self, replaced: &[(String, String)]) -> String {
        let mut peers: Vec<String> = if self.peers.is_empty() {
            replaced.iter().map(|(_, new)| new.clone()).collect()
        } else {
            let new_for = |peer: &String| replaced.iter().find(|(old, _)| old == peer).map(|(_, new)| new.clone());
            self.peers.iter().map(|peer| new_for(peer).unwrap_or_else(|| peer.clone())).collect()
        };
        let mut seen = std::collections::BTreeSet::new();
        peers.retain(|peer| !peer.is_empty() && seen.insert(peer.clone()));
        peers.join(",")
    }
}

impl Symptom<'_> {
    pub(crate) fn code(&self) -> &str {
        &self.finding.code
    }

    pub(crate) fn detail(&self, key: &str) -> Option<&str> {
        self.finding.details.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Its target, or the check it comes from.
    pub(crate) fn subject(&self) -> &str {
        self.finding.target.as_deref().unwrap_or(&self.step.id)
    }

    /// Whether its address never leaves the network namespace.
    pub(crate) fn is_on_loopback(&self) -> bool {
        let loopback = |place: &Place| place.host == "localhost" || place.ip().is_some_and(|ip| ip.is_loopback());
        self.place.as_ref().is_some_and(loopback)
    }

    /// The port in its address; the cache's own where there is none.
    pub(crate) fn port(&self) -> u16 {
        self.place.as_ref().and_then(|place| place.port).unwrap_or(9100)
    }
}

/// The names under which container engines offer their host.
pub(crate) fn is_host_name(name: &str) -> bool {
    matches!(name, "host.docker.internal" | "gateway.docker.internal" | "host.containers.internal")
}

/// RFC 1918 and RFC 4193.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// Whether an address is in 172.16.0.0/12, where Docker puts its networks first.
pub(crate) fn is_docker_pool(ip: IpAddr) -> bool {
    "172.16.0.0/12".parse::<IpNet>().is_ok_and(|pool| pool.contains(&ip))
}

use seaworthy_model::{
    AddressDifference, COMPARED_SCHEMA_VERSION, Cause, CauseDifference, CheckDifference, Compared, FactDifference,
    Found, Observation, Relation, Report, Side, Status,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Probes that use one address, and where in the question it stands.
const PROBES: [(&str, &str); 4] =
    [("swarm.dial", "address"), ("tcp.connect", "target"), ("tls.handshake", "target"), ("http.send", "url")];

/// What `first` and `second` are to each other, by where they were recorded.
#[must_use]
pub fn relation(first: &Report, second: &Report) -> Relation {
    fn container(report: &Report) -> Option<&str> {
        report.vantage.facts.get("in-container").map(String::as_str)
    }
    match (container(first), container(second)) {
        (Some("false"), Some("true")) => Relation::HostAndContainer,
        (a, b) if a == b && place(first) == place(second) => Relation::BeforeAndAfter,
        _ => Relation::TwoPlaces,
    }
}

/// What tells one place from another. A container that is started again has another
/// id and often another address, and is the same place all the same.
fn place(report: &Report) -> [Option<&String>; 3] {
    let facts = &report.vantage.facts;
    ["container-kind", "network-mode", "ci"].map(|key| facts.get(key))
}

/// Reads two reports together. `causes` are those of the second, where both tell more
/// than it alone.
#[must_use]
pub fn compare(first: &Report, second: &Report, relation: Relation, causes: &[Cause]) -> Compared {
    let causes = differing_causes(&first.causes, causes);
    let checks = differing_checks(first, second);
    let broken = |check: &CheckDifference| {
        matches!(check.first, Some(Status::Pass | Status::Warn)) && matches!(check.second, Some(Status::Fail))
    };
    Compared {
        schema_version: COMPARED_SCHEMA_VERSION.into(),
        relation,
        first: side(first),
        second: side(second),
        worse: checks.iter().any(broken) || causes.iter().any(|cause| cause.found == Found::Second),
        addresses: differing_addresses(first, second),
        causes,
        checks,
        facts: differing_facts(first, second),
    }
}

fn side(report: &Report) -> Side {
    Side {
        vantage: report.vantage.name.clone(),
        run_id: report.run_id.clone(),
        started: report.started.clone(),
        exit_code: report.gate.exit_code,
    }
}

fn differing_causes(first: &[Cause], second: &[Cause]) -> Vec<CauseDifference> {
    let same = |a: &Cause, b: &Cause| a.code == b.code && a.target == b.target;
    let told = |cause: &Cause, found: Found| CauseDifference {
        code: cause.code.clone(),
        title: cause.title.clone(),
        message: cause.message.clone(),
        layer: cause.layer,
        target: cause.target.clone(),
        found,
    };
    let of_second = second.iter().map(|cause| {
        let both = first.iter().any(|other| same(other, cause));
        told(cause, if both { Found::Both } else { Found::Second })
    });
    let gone = first.iter().filter(|cause| !second.iter().any(|other| same(other, cause)));
    of_second.chain(gone.map(|cause| told(cause, Found::First))).collect()
}

fn differing_checks(first: &Report, second: &Report) -> Vec<CheckDifference> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for check in first.checks.iter().chain(&second.checks) {
        if !all.iter().any(|(id, _)| *id == check.id) {
            all.push((&check.id, &check.title));
        }
    }
    let status = |report: &Report, id: &str| report.checks.iter().find(|check| check.id == id).map(|c| c.status);
    let compared = all.into_iter().map(|(id, title)| CheckDifference {
        id: id.to_owned(),
        title: title.to_owned(),
        first: status(first, id),
        second: status(second, id),
    });
    compared.filter(|check| check.first != check.second).collect()
}

/// Every address that a report tried, with how it failed.
fn addresses(report: &Report) -> BTreeMap<(String, String), Option<String>> {
    let mut tried: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    for seen in report.checks.iter().flat_map(|check| &check.evidence) {
        let Some((probe, key)) = PROBES.iter().find(|(probe, _)| *probe == seen.probe) else { continue };
        let Some(address) = seen.asked.get(key).and_then(Value::as_str) else { continue };
        let outcome = failure(seen);
        tried
            .entry((address.to_owned(), (*probe).to_owned()))
            // Used once is usable: a check may ask for more than another of the same address.
            .and_modify(|known| {
                if outcome.is_none() {
                    *known = None;
                }
            })
            .or_insert(outcome);
    }
    tried
}

fn failure(seen: &Observation) -> Option<String> {
    seen.failure.as_ref().map(|failure| format!("{} ({})", failure.kind, failure.stage))
}

fn differing_addresses(first: &Report, second: &Report) -> Vec<AddressDifference> {
    let (first, second) = (addresses(first), addresses(second));
    first
        .into_iter()
        .filter_map(|((address, probe), first)| {
            let second = second.get(&(address.clone(), probe.clone()))?.clone();
            // Which error it is matters only where one side has none.
            (first.is_some() != second.is_some()).then_some(AddressDifference { address, probe, first, second })
        })
        .collect()
}

fn differing_facts(first: &Report, second: &Report) -> Vec<FactDifference> {
    let (first, second) = (facts(first), facts(second));
    let keys: std::collections::BTreeSet<_> = first.keys().chain(second.keys()).cloned().collect();
    keys.into_iter()
        .map(|(check, key)| {
            let at = (check.clone(), key.clone());
            FactDifference { check, key, first: first.get(&at).cloned(), second: second.get(&at).cloned() }
        })
        // How long something took differs every time and says nothing.
        .filter(|fact| fact.first != fact.second && !fact.key.ends_with("-ms") && !fact.key.ends_with("-us"))
        .collect()
}

fn facts(report: &Report) -> BTreeMap<(String, String), String> {
    let of_place = report.vantage.facts.iter().map(|(key, value)| (("vantage".into(), key.clone()), value.clone()));
    let of_checks = report
        .checks
        .iter()
        .flat_map(|check| check.facts.iter().map(|f| ((check.id.clone(), f.key.clone()), f.value.clone())));
    of_place.chain(of_checks).collect()
}

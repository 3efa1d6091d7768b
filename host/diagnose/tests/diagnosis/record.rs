//! Builds the records that the engine would, for a table of cases.

use seaworthy_model::{
    CheckResult, Confidence, Disposition, Fact, Finding, Layer, Level, Observation, ObservationId, Report, RunRecord,
    Severity, SkipReason, Status, StepRecord,
};
use serde_json::json;
use std::collections::BTreeMap;

pub(crate) fn finding(code: &str, layer: Layer) -> F {
    F(Finding {
        code: code.into(),
        title: format!("title of {code}"),
        message: format!("message of {code}."),
        level: Level::Fail,
        severity: Severity::Major,
        confidence: Confidence::Certain,
        layer,
        target: None,
        observed: None,
        expected: None,
        evidence_ids: vec![ObservationId(1)],
        details: BTreeMap::new(),
        remediations: Vec::new(),
        fingerprint: String::new(),
        disposition: Disposition::Counted,
        waiver: None,
        caused_by: None,
    })
}

#[derive(Clone)]
pub(crate) struct F(pub(crate) Finding);

impl F {
    pub(crate) fn at(mut self, target: &str) -> Self {
        self.0.target = Some(target.into());
        self
    }
    pub(crate) fn warn(mut self) -> Self {
        self.0.level = Level::Warn;
        self
    }
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.0.severity = severity;
        self
    }
    pub(crate) fn observed(mut self, text: &str) -> Self {
        self.0.observed = Some(text.into());
        self
    }
    pub(crate) fn expected(mut self, text: &str) -> Self {
        self.0.expected = Some(text.into());
        self
    }
    pub(crate) fn detail(mut self, key: &str, value: &str) -> Self {
        self.0.details.insert(key.into(), value.into());
        self
    }
}

pub(crate) fn step(id: &str, used_as: &str, findings: Vec<F>) -> StepRecord {
    let mut findings: Vec<Finding> = findings.into_iter().map(|f| f.0).collect();
    for (n, finding) in findings.iter_mut().enumerate() {
        finding.fingerprint = format!("{id}/{}/{}/{n}", finding.code, finding.target.as_deref().unwrap_or_default());
    }
    let worst = findings.iter().map(|f| f.level).max();
    let status = match worst {
        Some(Level::Fail) => Status::Fail,
        Some(Level::Warn) => Status::Warn,
        _ => Status::Pass,
    };
    StepRecord {
        id: id.into(),
        title: id.into(),
        used_as: format!("bundled:{used_as}"),
        target: None,
        severity: Severity::Critical,
        status,
        skip: None,
        error: None,
        blocked_by: None,
        message: format!("message of {id}"),
        findings,
        facts: Vec::new(),
        evidence: vec![ObservationId(1)],
        attempts: Vec::new(),
        flaky: false,
        duration_s: 0.01,
        needs: Vec::new(),
        tags: Vec::new(),
        owner: None,
        docs: None,
        source: None,
        log: Vec::new(),
    }
}

pub(crate) fn blocked(id: &str, by: &str, code: Option<&str>) -> StepRecord {
    StepRecord {
        status: Status::Skip,
        skip: Some(SkipReason::DependencyFailed),
        blocked_by: Some((by.into(), code.map(str::to_owned))),
        ..step(id, "cache/operations", Vec::new())
    }
}

pub(crate) fn record(steps: Vec<StepRecord>) -> RunRecord {
    RunRecord {
        run_id: "run".into(),
        started: "2026-01-01T00:00:00Z".into(),
        duration_s: 1.0,
        interrupted: false,
        steps,
        observations: Vec::new(),
        plugins: Vec::new(),
        vantage: BTreeMap::new(),
    }
}

pub(crate) fn facts(step: &mut StepRecord, facts: &[(&str, &str)]) {
    step.facts.extend(facts.iter().map(|(key, value)| Fact {
        key: (*key).into(),
        value: (*value).into(),
        evidence_ids: vec![ObservationId(1)],
    }));
}

/// A Docker container on the default bridge.
pub(crate) const BRIDGE: &[(&str, &str)] = &[
    ("container-kind", "docker"),
    ("in-container", "true"),
    ("network-mode", "bridge"),
    ("gateway", "172.17.0.1"),
    ("own-address", "172.17.0.2"),
    ("subnet", "172.17.0.0/16"),
];

/// A Docker container on a network of its own.
pub(crate) const USER_DEFINED: &[(&str, &str)] = &[
    ("container-kind", "docker"),
    ("in-container", "true"),
    ("network-mode", "user-defined"),
    ("gateway", "172.20.0.1"),
    ("own-address", "172.20.0.5"),
    ("subnet", "172.20.0.0/16"),
];

/// Directly on a machine.
pub(crate) const MACHINE: &[(&str, &str)] = &[
    ("container-kind", "none"),
    ("in-container", "false"),
    ("network-mode", "not-a-container"),
    ("own-address", "10.0.0.7"),
];

/// The suite as it is after a run: what the network check and the connectivity check found.
pub(crate) fn suite(site: &[(&str, &str)], docker: Vec<F>, peers: Vec<F>) -> RunRecord {
    let mut network = step("docker.network-mode", "docker/network-mode", docker);
    facts(&mut network, site);
    record(vec![network, step("net.connectivity", "net/connectivity", peers)])
}

pub(crate) fn observed(check: &str, probe: &str, asked: serde_json::Value, answer: serde_json::Value) -> Observation {
    Observation {
        id: ObservationId(1),
        check: check.into(),
        probe: probe.into(),
        asked,
        answer: Some(answer),
        failure: None,
        at_s: 0.0,
        elapsed_s: 0.001,
    }
}

/// What `env/variables` saw of the peers.
pub(crate) fn with_peers(mut record: RunRecord, peers: &str) -> RunRecord {
    let variable = json!({"variables": [{"name": "CACHE_BOOTSTRAP_PEERS", "present": true, "value": peers}]});
    record.observations.push(observed(
        "env.variables",
        "vars.read",
        json!({"names": ["CACHE_BOOTSTRAP_PEERS"]}),
        variable,
    ));
    record
}

/// A report from the host whose only content is the sockets that listen there.
pub(crate) fn host(listeners: &[(&str, u16)]) -> Report {
    let rows: Vec<_> = listeners
        .iter()
        .map(|(address, port)| json!({"protocol": "tcp", "address": address, "port": port.to_string(), "process": "peer"}))
        .collect();
    let check = json!({
        "id": "docker.network-mode", "title": "t", "use": "bundled:docker/network-mode", "status": "pass", "message": "m",
        "severity": "info", "duration_s": 0.0, "flaky": false, "attempts": [], "findings": [], "facts": [], "needs": [],
        "evidence": [observed("docker.network-mode", "system.inspect", json!({"topic": "listeners"}), json!(rows))],
    });
    report(vec![serde_json::from_value(check).unwrap()])
}

/// A report of these checks.
pub(crate) fn report(checks: Vec<CheckResult>) -> Report {
    let report = json!({
        "schema_version": "1.0", "run_id": "host", "started": "2026-01-01T00:00:00Z", "duration_s": 0.0, "interrupted": false,
        "tool": {"name": "seaworthy", "version": "0.1.0"},
        "config": {"path": "embedded", "digest": "sha256:0", "profile": "default"},
        "vantage": {"name": "host", "facts": {}}, "plugins": [],
        "gate": {"verdict": "pass", "exit_code": 0, "reasons": []},
        "summary": {"total": 1, "pass": 1, "warn": 0, "fail": 0, "error": 0, "skip": 0, "waived": 0, "observations": 1},
        "causes": [], "checks": checks, "waivers": [],
    });
    serde_json::from_value(report).unwrap()
}

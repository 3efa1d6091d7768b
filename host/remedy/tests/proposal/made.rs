//! Reports to propose something for.

use seaworthy_model::{
    Cause, CheckResult, Confidence, ConfigInfo, Disposition, Fact, Finding, Gate, Layer, Level, REPORT_SCHEMA_VERSION,
    Remediation, RemedyStep, Report, Risk, Severity, Snippet, Status, Summary, ToolInfo, VantageInfo,
};
use serde_json::json;
use std::collections::BTreeMap;

pub(crate) const PEER: &str = "12D3KooWLWtVaC9GkkUkh7rFdxCXYQ9QjqHqAbBjZp9mN4sT6uVw";

/// A remedy of configuration, proved by `net.connectivity`.
pub(crate) fn remedy(id: &str, steps: Vec<RemedyStep>) -> Remediation {
    Remediation {
        id: id.into(),
        title: format!("Title of {id}"),
        why: "Because.".into(),
        steps,
        tradeoff: None,
        risk: Risk::Config,
        docs: None,
        verified_by: Some("net.connectivity".into()),
    }
}

pub(crate) fn risky(id: &str, steps: Vec<RemedyStep>) -> Remediation {
    Remediation { risk: Risk::Security, ..remedy(id, steps) }
}

pub(crate) fn run(command: &str) -> RemedyStep {
    RemedyStep { text: "Do this.".into(), command: Some(command.into()), snippet: None }
}

pub(crate) fn write(file: &str, text: &str) -> RemedyStep {
    let snippet = Snippet { language: "x".into(), file: Some(file.into()), text: text.into() };
    RemedyStep { text: "Write this.".into(), command: None, snippet: Some(snippet) }
}

pub(crate) fn cause(code: &str, layer: Layer, remediations: Vec<Remediation>) -> Cause {
    Cause {
        code: code.into(),
        title: format!("Title of {code}"),
        message: "What it means here.".into(),
        confidence: Confidence::Certain,
        layer,
        target: None,
        explains: Vec::new(),
        blocks: Vec::new(),
        supported_by: Vec::new(),
        contradicted_by: Vec::new(),
        would_fix: 1,
        remediations,
    }
}

/// The remedies that the diagnosis has for a loopback peer in a container, in its order.
pub(crate) fn loopback() -> Cause {
    let peers = |host: &str| format!("CACHE_BOOTSTRAP_PEERS=/ip4/{host}/tcp/9100/p2p/{PEER}");
    let named = |name: &str| format!("CACHE_BOOTSTRAP_PEERS=/dns4/{name}/tcp/9100/p2p/{PEER}");
    cause(
        "docker.loopback-in-bridge",
        Layer::Interface,
        vec![
            remedy(
                "use-gateway-address",
                vec![run(&format!("export {}", peers("172.17.0.1"))), run("ss -ltnp 'sport = :9100'")],
            ),
            remedy(
                "use-host-gateway-name",
                vec![run(&format!(
                    "--add-host host.docker.internal:host-gateway -e {}",
                    named("host.docker.internal")
                ))],
            ),
            remedy(
                "use-shared-network",
                vec![
                    run("docker network create cache-net"),
                    run("docker network connect --alias cache-peer cache-net PEER_CONTAINER"),
                    run(&format!("--network cache-net -e {}", named("cache-peer"))),
                ],
            ),
            risky("use-host-network", vec![run("--network host")]),
        ],
    )
}

/// A name that the default bridge does not know, as the diagnosis tells it.
pub(crate) fn name_on_bridge() -> Cause {
    cause(
        "dns.name-not-found",
        Layer::Dns,
        vec![
            remedy(
                "use-named-network",
                vec![
                    run("docker network create cache-net"),
                    run("docker network connect --alias cache-peer cache-net PEER_CONTAINER"),
                    run("docker network connect cache-net $(hostname)"),
                ],
            ),
            remedy("correct-name", vec![run("getent hosts NAME")]),
        ],
    )
}

/// A firewall that drops, with the remedies that the diagnosis has for it.
pub(crate) fn dropped() -> Cause {
    cause(
        "firewall.drop",
        Layer::Tcp,
        vec![
            Remediation { risk: Risk::None, ..remedy("find-rule", vec![run("sudo iptables -L INPUT -v -n")]) },
            risky("allow-port", vec![run("sudo iptables -I INPUT -p tcp --dport 9100 -j ACCEPT")]),
        ],
    )
}

/// A report from a container on the default bridge.
pub(crate) struct Made(pub(crate) Report);

impl Made {
    pub(crate) fn on(mode: &str) -> Self {
        let facts = [("in-container", "true"), ("network-mode", mode), ("gateway", "172.17.0.1"), ("ci", "none")];
        let facts = facts.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self(Report {
            schema_version: REPORT_SCHEMA_VERSION.into(),
            run_id: "run".into(),
            started: "2026-01-01T00:00:00Z".into(),
            duration_s: 0.0,
            interrupted: false,
            tool: ToolInfo { name: "seaworthy".into(), version: "0".into() },
            config: ConfigInfo { path: "embedded".into(), digest: String::new(), profile: "default".into() },
            vantage: VantageInfo { name: "docker container".into(), facts: BTreeMap::from(facts) },
            plugins: Vec::new(),
            gate: serde_json::from_value::<Gate>(json!({ "verdict": "fail", "exit_code": 1, "reasons": [] })).unwrap(),
            summary: Summary::default(),
            causes: Vec::new(),
            checks: Vec::new(),
            waivers: Vec::new(),
        })
    }

    pub(crate) fn fact(mut self, key: &str, value: &str) -> Self {
        self.0.vantage.facts.insert(key.into(), value.into());
        self
    }

    pub(crate) fn cause(mut self, cause: Cause) -> Self {
        self.0.causes.push(cause);
        self
    }

    /// A check with findings, each a code and a target.
    pub(crate) fn check(mut self, used_as: &str, status: Status, findings: &[(&str, &str)]) -> Self {
        let finding = |(code, target): &(&str, &str)| Finding {
            code: (*code).into(),
            title: "x".into(),
            message: "x".into(),
            level: Level::Fail,
            severity: Severity::Major,
            confidence: Confidence::Likely,
            layer: Layer::Tcp,
            target: Some((*target).into()),
            observed: None,
            expected: None,
            evidence_ids: Vec::new(),
            details: BTreeMap::new(),
            remediations: Vec::new(),
            fingerprint: (*target).into(),
            disposition: Disposition::Counted,
            waiver: None,
            caused_by: None,
        };
        let facts: Vec<Fact> = Vec::new();
        self.0.checks.push(CheckResult {
            id: used_as.into(),
            title: "x".into(),
            used_as: used_as.into(),
            target: None,
            status,
            skip_reason: None,
            error_reason: None,
            blocked_by: None,
            caused_by: None,
            message: "x".into(),
            severity: Severity::Major,
            duration_s: 0.0,
            flaky: false,
            attempts: Vec::new(),
            findings: findings.iter().map(finding).collect(),
            evidence: Vec::new(),
            facts,
            needs: Vec::new(),
            owner: None,
            docs: None,
            source: None,
            log: Vec::new(),
        });
        self
    }

    /// Peers over these transports, from which nothing comes back.
    pub(crate) fn filtered(self, transports: &[&str]) -> Self {
        let targets: Vec<String> = transports.iter().map(|t| format!("/ip4/10.0.0.9/{t}/p2p/{PEER}")).collect();
        let findings: Vec<(&str, &str)> = targets.iter().map(|target| ("peer.silent", target.as_str())).collect();
        self.check("bundled:net/connectivity", Status::Fail, &findings).cause(dropped())
    }
}

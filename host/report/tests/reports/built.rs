//! Reports as a run would make them, small and without clocks.

use seaworthy_model::{
    Attempt, Cause, CheckResult, Confidence, ConfigInfo, Disposition, ErrorReason, ExitCode, Failure, Finding, Gate,
    Layer, Level, Observation, ObservationId, Remediation, RemedyStep, Report, Risk, Severity, SkipReason, Snippet,
    SourceLocation, Status, Summary, ToolInfo, VantageInfo, Verdict, WaiverUse,
};
use serde_json::json;
use std::collections::BTreeMap;

pub(crate) const SUITE: [(&str, &str, &str); 8] = [
    ("p2p.dependencies", "P2P Dependencies Check", "p2p/dependencies"),
    ("cache.module-import", "Cache Module Import", "cache/module-import"),
    ("cache.initialization", "Cache Initialization", "cache/initialization"),
    ("net.connectivity", "Network Connectivity", "net/connectivity"),
    ("cache.operations", "Cache Operations", "cache/operations"),
    ("p2p.encryption", "Encryption Setup", "p2p/encryption"),
    ("env.variables", "Environment Variables", "env/variables"),
    ("docker.network-mode", "Docker Network Mode", "docker/network-mode"),
];

pub(crate) fn passing() -> Report {
    let checks: Vec<CheckResult> = SUITE.iter().map(|(id, title, used_as)| check(id, title, used_as)).collect();
    let mut report = Report {
        schema_version: "1.0".into(),
        run_id: "run-1".into(),
        started: "2026-01-02T03:04:05Z".into(),
        duration_s: 1.5,
        interrupted: false,
        tool: ToolInfo { name: "seaworthy".into(), version: "0.1.0".into() },
        config: ConfigInfo { path: "embedded".into(), digest: "sha256:00".into(), profile: "default".into() },
        vantage: VantageInfo {
            name: "docker container".into(),
            facts: BTreeMap::from([("kind".into(), "docker".into())]),
        },
        plugins: vec![],
        gate: Gate { verdict: Verdict::Pass, exit_code: 0, reasons: vec![], exit: ExitCode::Passed },
        summary: Summary::default(),
        causes: vec![],
        checks,
        waivers: vec![],
    };
    count(&mut report);
    report
}

/// A loopback address inside a bridge: one cause, two findings, one blocked check.
pub(crate) fn failing() -> Report {
    let mut report = passing();
    let peer = "/ip4/127.0.0.1/tcp/9100/p2p/12D3KooWPeer";
    let mut loopback = finding("docker.loopback-peer", Layer::Interface, peer);
    loopback.message = "The peer's address is loopback, and this container has a network of its own.".into();
    let mut refused = finding("peer.refused", Layer::Tcp, peer);
    refused.message = "127.0.0.1:9100 refused the connection.".into();
    refused.caused_by = Some("docker.loopback-in-bridge".into());
    refused.evidence_ids = vec![ObservationId(40)];
    let cause = Cause {
        code: "docker.loopback-in-bridge".into(),
        title: "A peer's address is loopback, which inside this container is the container itself".into(),
        message: format!(
            "{peer} is loopback. Inside a Docker container on the default bridge that is the container itself, and nothing there listens on port 9100."
        ),
        confidence: Confidence::Certain,
        layer: Layer::Interface,
        target: Some(peer.into()),
        explains: vec![loopback.fingerprint.clone(), refused.fingerprint.clone()],
        blocks: vec!["cache.operations".into()],
        supported_by: vec![ObservationId(40)],
        contradicted_by: vec![],
        remediations: vec![
            remediation(
                "use-gateway-address",
                "Use the host's address as this container sees it: 172.17.0.1",
                "export CACHE_BOOTSTRAP_PEERS=/ip4/172.17.0.1/tcp/9100/p2p/12D3KooWPeer",
            ),
            Remediation {
                tradeoff: Some("The container shares every port with the host.".into()),
                risk: Risk::Security,
                ..remediation(
                    "use-host-network",
                    "Run the container on the host's network",
                    "docker run --network host \"$IMAGE\"",
                )
            },
        ],
        would_fix: 3,
    };
    fail(&mut report.checks[7], loopback, "one peer cannot be meant");
    fail(&mut report.checks[3], refused, "0 of 1 peers reachable");
    report.checks[3].evidence = vec![Observation {
        failure: Some(Failure::new("connection-refused", "connect", "Connection refused (os error 111)")),
        answer: None,
        ..observation(40, "net.connectivity", "tcp.connect", json!({"target": "127.0.0.1:9100"}))
    }];
    let blocked = &mut report.checks[4];
    blocked.status = Status::Skip;
    blocked.skip_reason = Some(SkipReason::DependencyFailed);
    blocked.blocked_by = Some("net.connectivity".into());
    blocked.message = "net.connectivity failed".into();
    for at in [3, 4, 7] {
        report.checks[at].caused_by = Some(cause.code.clone());
    }
    report.causes = vec![cause];
    report.gate = Gate {
        verdict: Verdict::Fail,
        exit_code: 1,
        reasons: vec![format!("docker.network-mode: docker.loopback-peer at {peer} (critical)")],
        exit: ExitCode::Failed,
    };
    count(&mut report);
    report
}

/// A warning, an error, a flaky check and a waived failure.
pub(crate) fn mixed() -> Report {
    let mut report = passing();
    let mut weak = finding("secret.weak", Layer::Identity, "CACHE_P2P_SHARED_SECRET");
    weak.level = Level::Warn;
    weak.message = "The secret is 6 characters long.".into();
    let encryption = &mut report.checks[5];
    encryption.status = Status::Warn;
    encryption.message = "one warning".into();
    encryption.source = Some(SourceLocation { file: "ci/checks, all.toml".into(), line: 12, column: 1 });
    encryption.findings = vec![weak.clone()];
    let mut slow = finding("cache.slow", Layer::Cache, "p2p");
    slow.disposition = Disposition::Waived;
    slow.waiver = Some("OPS-1".into());
    fail(&mut report.checks[4], slow.clone(), "answers take 40 ms");
    let trapped = &mut report.checks[1];
    trapped.status = Status::Error;
    trapped.error_reason = Some(ErrorReason::Trap);
    trapped.message = "the component trapped: unreachable at check::run".into();
    trapped.log = vec!["importing".into(), "::error::from the guest".into()];
    let flaky = &mut report.checks[3];
    flaky.flaky = true;
    flaky.attempts = vec![
        Attempt { status: Status::Fail, reason: Some("timeout".into()), duration_s: 5.0 },
        Attempt { status: Status::Pass, reason: None, duration_s: 0.1 },
    ];
    report.causes = vec![own_cause(&slow, "cache.operations"), own_cause(&weak, "p2p.encryption")];
    report.gate = Gate {
        verdict: Verdict::Indeterminate,
        exit_code: 5,
        reasons: vec!["cache.module-import: could not tell: the component trapped".into()],
        exit: ExitCode::Indeterminate,
    };
    report.waivers = vec![WaiverUse {
        check: "cache.*".into(),
        code: "cache.slow".into(),
        reason: "OPS-1".into(),
        owner: "@ops".into(),
        expires: "2026-12-31".into(),
        used: 1,
        expired: false,
        ends_soon: false,
    }];
    count(&mut report);
    report
}

pub(crate) fn own_cause(finding: &Finding, check: &str) -> Cause {
    Cause {
        code: finding.code.clone(),
        title: finding.title.clone(),
        message: finding.message.clone(),
        confidence: Confidence::Likely,
        layer: finding.layer,
        target: finding.target.clone(),
        explains: vec![finding.fingerprint.clone()],
        blocks: vec![],
        supported_by: finding.evidence_ids.clone(),
        contradicted_by: vec![],
        remediations: vec![Remediation {
            verified_by: Some(check.into()),
            ..remediation("mend", "Mend it", "mend --it")
        }],
        would_fix: 1,
    }
}

pub(crate) fn finding(code: &str, layer: Layer, target: &str) -> Finding {
    Finding {
        code: code.into(),
        title: format!("About {code}"),
        message: format!("{code} was found."),
        level: Level::Fail,
        severity: Severity::Critical,
        confidence: Confidence::Certain,
        layer,
        target: Some(target.into()),
        observed: None,
        expected: None,
        evidence_ids: vec![ObservationId(1)],
        details: BTreeMap::new(),
        remediations: vec![],
        fingerprint: format!("print-of-{code}"),
        disposition: Disposition::Counted,
        waiver: None,
        caused_by: None,
    }
}

pub(crate) fn observation(id: u32, check: &str, probe: &str, asked: serde_json::Value) -> Observation {
    Observation {
        id: ObservationId(id),
        check: check.into(),
        probe: probe.into(),
        asked,
        answer: Some(json!({"ok": true})),
        failure: None,
        at_s: 0.1,
        elapsed_s: 0.0002,
    }
}

fn remediation(id: &str, title: &str, command: &str) -> Remediation {
    Remediation {
        id: id.into(),
        title: title.into(),
        why: "It is the same machine.".into(),
        steps: vec![
            RemedyStep { text: "In this shell.".into(), command: Some(command.into()), snippet: None },
            RemedyStep {
                text: "Or in a workflow.".into(),
                command: None,
                snippet: Some(Snippet {
                    language: "yaml".into(),
                    file: Some("ci.yml".into()),
                    text: "env:\n  A: b\n".into(),
                }),
            },
        ],
        tradeoff: None,
        risk: Risk::Config,
        docs: None,
        verified_by: Some("net.connectivity".into()),
    }
}

fn check(id: &str, title: &str, used_as: &str) -> CheckResult {
    CheckResult {
        id: id.into(),
        title: title.into(),
        used_as: format!("bundled:{used_as}"),
        target: None,
        status: Status::Pass,
        skip_reason: None,
        error_reason: None,
        blocked_by: None,
        caused_by: None,
        message: "all is well".into(),
        severity: Severity::Critical,
        duration_s: 0.012,
        flaky: false,
        attempts: vec![Attempt { status: Status::Pass, reason: None, duration_s: 0.012 }],
        findings: vec![],
        evidence: vec![observation(1, id, "env.read", json!({"names": ["CACHE_DIR"]}))],
        facts: vec![],
        needs: vec![],
        owner: None,
        docs: None,
        source: None,
        log: vec![],
    }
}

fn fail(check: &mut CheckResult, finding: Finding, message: &str) {
    check.status = Status::Fail;
    check.message = message.into();
    check.findings = vec![finding];
}

fn count(report: &mut Report) {
    let of = |status: Status| report.checks.iter().filter(|check| check.status == status).count();
    let waived =
        report.checks.iter().flat_map(|check| &check.findings).filter(|f| f.disposition == Disposition::Waived).count();
    report.summary = Summary {
        total: report.checks.len(),
        pass: of(Status::Pass),
        warn: of(Status::Warn),
        fail: of(Status::Fail),
        error: of(Status::Error),
        skip: of(Status::Skip),
        waived,
        observations: report.checks.iter().map(|check| check.evidence.len()).sum(),
    };
}

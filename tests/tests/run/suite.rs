//! The bundled suite as a whole.

use crate::Loopback;
use anyhow::{Context, Result, ensure};
use seaworthy_model::Status;
use seaworthy_tests::{Reading, Scene, Seaworthy};
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("embedded_run_passes_eight_of_eight", embedded),
        Scene::new("embedded_run_says_so_to_people", embedded_for_people),
        Scene::new("the_false_passes_of_the_original_fail", false_passes),
        Scene::new("nothing_configured_does_not_pass", nothing_configured),
    ]
}

/// The suite's names, in the order in which they are reported.
const SUITE: [(&str, &str); 8] = [
    ("p2p.dependencies", "P2P Dependencies Check"),
    ("cache.module-import", "Cache Module Import"),
    ("cache.initialization", "Cache Initialization"),
    ("net.connectivity", "Network Connectivity"),
    ("cache.operations", "Cache Operations"),
    ("p2p.encryption", "Encryption Setup"),
    ("env.variables", "Environment Variables"),
    ("docker.network-mode", "Docker Network Mode"),
];

fn embedded(_: &Loopback) -> Result<()> {
    let report = Seaworthy::new(["run", "--embedded", "-f", "json"])?.run()?.exits(0)?.report()?;
    let names: Vec<(&str, &str)> = report.checks.iter().map(|c| (c.id.as_str(), c.title.as_str())).collect();
    ensure!(names == SUITE, "the suite is {names:?}");
    report.all_pass_with_evidence()?;
    ensure!(report.summary.pass == 8 && report.summary.total == 8, "{:?}", report.summary);
    for check in &report.checks {
        // Every citation is an observation that the same report shows.
        for fact in &check.facts {
            let known = fact.evidence_ids.iter().all(|id| check.evidence.iter().any(|o| o.id == *id));
            ensure!(known && !fact.evidence_ids.is_empty(), "{} cites what is not in the report: {fact:?}", check.id);
        }
        ensure!(
            check.evidence.iter().all(|o| o.answer.is_some() || o.failure.is_some()),
            "{} shows an empty observation",
            check.id
        );
    }
    let connectivity = report.check("net.connectivity")?;
    ensure!(connectivity.evidence.iter().any(|o| o.probe.contains("dial")), "nobody was dialled\n{}", report.digest());
    Ok(())
}

fn embedded_for_people(_: &Loopback) -> Result<()> {
    let run = Seaworthy::new(["run", "--embedded"])?.run()?;
    run.exits(0)?;
    for (_, title) in SUITE {
        ensure!(run.stdout.contains(title), "{title} is missing\n{}", run.transcript());
    }
    ensure!(run.stdout.contains("8/8"), "no summary line\n{}", run.transcript());
    ensure!(!run.stdout.contains('\u{1b}'), "colour where no terminal is");
    Ok(())
}

/// The original printed "8/8 passed" for exactly this.
fn false_passes(_: &Loopback) -> Result<()> {
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let peers = [
        format!("127.0.0.1:{closed}"),
        format!("/ip4/127.0.0.1/tcp/{closed}"),
        format!("/ip4/127.0.0.1/tcp/{closed}/p2p/YOUR_PEER_ID"),
        format!("http://127.0.0.1:{closed}"),
    ];
    let run = |flags: &[&str]| -> Result<_> {
        let run = Seaworthy::new(["run", "-f", "json"].iter().chain(flags))?;
        let run = run.env("CACHE_BOOTSTRAP_PEERS", peers.join(",")).env("CACHE_LISTEN_PORT", "notaport");
        run.env("CACHE_ENABLE_P2P", "false").run()
    };
    let report = run(&[])?.exits(1)?.report()?;
    let codes = ["addr.host-port", "addr.missing-peer-id", "addr.placeholder-peer-id", "addr.url"];
    for (code, peer) in codes.iter().zip(&peers) {
        let finding = report.finding(code)?;
        ensure!(finding.target.as_deref() == Some(peer), "{code} is about {:?}, not {peer}", finding.target);
        ensure!(!finding.evidence_ids.is_empty(), "{code} cites nothing");
    }
    let wrong = report.finding("env.invalid-value")?;
    ensure!(
        wrong.observed.as_deref().is_some_and(|seen| seen.contains("notaport")),
        "the wrong value is not named: {wrong:?}"
    );
    ensure!(wrong.target.as_deref() == Some("CACHE_LISTEN_PORT"), "it is about {:?}", wrong.target);
    report.finding("env.p2p-disabled")?;
    run(&["--report-only"])?.exits(0)?;
    Ok(())
}

fn nothing_configured(_: &Loopback) -> Result<()> {
    let run = Seaworthy::new(["run", "-f", "json"])?.run()?;
    let report = run.report()?;
    let connectivity = report.check("net.connectivity")?;
    ensure!(connectivity.status != Status::Pass, "no peer is configured, and connectivity passes");
    for check in report.checks.iter().filter(|c| c.status == Status::Pass) {
        ensure!(!check.evidence.is_empty(), "{} passed and cites nothing", check.id);
    }
    let exit = run.code().context("no exit code")?;
    ensure!(
        i32::from(report.gate.exit_code) == exit,
        "the report says {} and the process {exit}",
        report.gate.exit_code
    );
    Ok(())
}

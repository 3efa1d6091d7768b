//! The report in every format, also when what it tells of is hostile text.

use crate::Loopback;
use anyhow::{Context, Error, Result, ensure};
use quick_junit::Report as JunitReport;
use seaworthy_model::Report;
use seaworthy_tests::{Scene, Seaworthy, scratch, workspace_root};
use serde_json::Value;

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("json_follows_the_published_schema", json),
        Scene::new("the_published_schemas_are_what_the_binary_prints", schemas),
        Scene::new("junit_can_be_read", junit),
        Scene::new("github_cannot_be_injected", github),
        Scene::new("stdout_and_file_hold_the_same_report", files),
    ]
}

/// A peer list that tries to speak to the CI runner, to XML and to the terminal.
const INJECTION: &str =
    "/ip4/127.0.0.1/tcp/1/p2p/x\n::error::injected,##[error]injected,\u{1b}[31m<b>&]]>%0A::warning::injected";

fn hostile(format: &str) -> Result<Seaworthy> {
    Ok(Seaworthy::new(["run", "-f", format])?.env("CACHE_ENABLE_P2P", "true").env("CACHE_BOOTSTRAP_PEERS", INJECTION))
}

fn published(name: &str) -> Result<Value> {
    let path = workspace_root().join("schema").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn json(_: &Loopback) -> Result<()> {
    let schema = published("report.v1.json")?;
    let validator = jsonschema::validator_for(&schema).map_err(|e| Error::msg(e.to_string()))?;
    let passing = Seaworthy::new(["run", "--embedded", "-f", "json"])?.run()?;
    for run in [passing, hostile("json")?.run()?] {
        let report: Value = serde_json::from_str(&run.stdout).with_context(|| run.transcript())?;
        let wrong: Vec<String> =
            validator.iter_errors(&report).map(|e| format!("{} at {}", e, e.instance_path())).collect();
        ensure!(wrong.is_empty(), "the report breaks its schema: {wrong:?}");
        let typed: Report = serde_json::from_value(report.clone())?;
        ensure!(serde_json::to_value(&typed)? == report, "the report changes when it is read and written again");
    }
    Ok(())
}

fn schemas(_: &Loopback) -> Result<()> {
    for (name, file) in [("report", "report.v1.json"), ("checks", "checks.v1.json")] {
        let run = Seaworthy::new(["schema", name])?.run()?;
        let printed: Value = serde_json::from_str(&run.exits(0)?.stdout)?;
        ensure!(
            printed == published(file)?,
            "schema/{file} differs; write it anew with `seaworthy schema {name} > schema/{file}`"
        );
    }
    Ok(())
}

fn junit(_: &Loopback) -> Result<()> {
    let run = hostile("junit")?.run()?;
    let report = JunitReport::deserialize_from_str(&run.exits(1)?.stdout)
        .map_err(|e| Error::msg(format!("{e}\n{}", run.transcript())))?;
    let cases: usize = report.test_suites.iter().map(|suite| suite.test_cases.len()).sum();
    ensure!(cases >= 8, "{cases} test cases for eight checks");
    let failures: usize = report.test_suites.iter().map(|suite| suite.failures).sum();
    ensure!(failures > 0, "a failed run without failures");
    ensure!(!run.stdout.contains('\u{1b}'), "a control character is in the XML");
    Ok(())
}

fn github(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let (summary, outputs) = (folder.path().join("summary.md"), folder.path().join("outputs"));
    for file in [&summary, &outputs] {
        std::fs::write(file, "")?;
    }
    let secret = "github-secret-Jd8nWq2z";
    let run = hostile("github")?
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("GITHUB_OUTPUT", &outputs)
        .env("CACHE_P2P_SHARED_SECRET", secret)
        .run()?;
    run.exits(1)?;
    for line in run.stdout.lines() {
        ensure!(!line.contains("##[error]injected"), "an old-style command got through: {line}");
        let injected =
            ["::error::injected", "::warning::injected"].iter().any(|command| line.trim_start().starts_with(command));
        ensure!(!injected, "a command got through: {line}");
    }
    ensure!(run.stdout.lines().any(|line| line.starts_with("::error")), "no annotation\n{}", run.transcript());
    let masks = run.stdout.lines().position(|line| line == format!("::add-mask::{secret}"));
    ensure!(masks == Some(0), "the secret is not masked before anything else is said\n{}", run.transcript());
    let told = std::fs::read_to_string(&summary)?;
    ensure!(told.contains("Network Connectivity"), "no step summary: {told:?}");
    let told = std::fs::read_to_string(&outputs)?;
    // `name<<delimiter`, value, delimiter: the form that no value can end early.
    for (name, value) in [("verdict", "fail"), ("exit-code", "1")] {
        let mut lines = told.lines().skip_while(|line| !line.starts_with(&format!("{name}<<")));
        let delimiter = lines
            .next()
            .and_then(|line| line.split("<<").nth(1))
            .with_context(|| format!("no output {name}: {told:?}"))?;
        ensure!(lines.next() == Some(value) && lines.next() == Some(delimiter), "output {name}: {told:?}");
    }
    ensure!(!told.lines().any(|line| line.starts_with("::")), "outputs: {told:?}");
    Ok(())
}

fn files(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let path = folder.path().join("made/on/the/way/report.json");
    let run = hostile("json")?.arg("-o").arg(format!("json={}", path.display())).run()?;
    let shown = run.exits(1)?.report()?;
    let written: Report = serde_json::from_str(&std::fs::read_to_string(&path).context("no report file")?)?;
    ensure!(shown == written, "stdout and file differ");
    Ok(())
}

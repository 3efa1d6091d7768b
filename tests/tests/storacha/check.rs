//! `storacha/space`: each of its findings in a scene of its own, with the cause.

use crate::Here;
use crate::faults::{former, no_namespace, where_no_name_is};
use crate::runner::Runner;
use anyhow::{Context, Result, ensure};
use seaworthy_model::{Report, Status};
use seaworthy_tests::{Scene, Storacha, StorachaAddresses, StorachaGrant, scratch};
use serde_json::json;
use std::ffi::OsString;
use std::net::TcpListener;

const POLICY: &str = r#"
version = 1
[run]
allow-writes = true
[[check]]
id = "storacha.space"
use = "bundled:storacha/space"
target = "storacha"
timeout = "30s"
"#;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("check_passes_where_all_is_well", well),
        Scene::new("check_knows_what_is_wrong_with_key_and_proof", credentials),
        Scene::new("check_knows_a_space_without_a_provider", not_provisioned),
        Scene::new("check_knows_a_provider_that_has_ended", retired),
        Scene::new("check_knows_names_that_are_no_more", dead_names).unless(no_namespace()),
        Scene::new("check_knows_a_service_that_is_down_or_none", service_down),
        Scene::new("check_knows_a_gateway_that_lies_or_lags", gateway),
        Scene::new("check_says_what_is_not_configured", unconfigured),
    ]
}

fn look(runner: &Runner, through: &[OsString]) -> Result<Report> {
    runner.policy(POLICY)?;
    let run = runner.command(&["run", "-f", "json"])?.through(through).run()?;
    runner.discreet(run)?.report()
}

/// The codes of the findings, in order, and the codes of the causes.
fn found(report: &Report) -> (Vec<String>, Vec<String>) {
    let findings = report.checks.iter().flat_map(|check| &check.findings);
    let causes = report.causes.iter().map(|cause| cause.code.clone());
    (findings.map(|finding| finding.code.clone()).collect(), causes.collect())
}

fn fact<'a>(report: &'a Report, key: &str) -> Option<&'a str> {
    report.checks.iter().flat_map(|check| &check.facts).find(|fact| fact.key == key).map(|fact| fact.value.as_str())
}

/// Checks findings and causes.
fn finds(runner: &Runner, findings: &[&str], causes: &[&str]) -> Result<Report> {
    let report = look(runner, &[])?;
    let (found, caused) = found(&report);
    ensure!(
        found == findings && caused == causes,
        "found {found:?}, caused by {caused:?}; not {findings:?} and {causes:?}"
    );
    let advised = report.causes.iter().all(|cause| !cause.remediations.is_empty());
    ensure!(advised, "a cause without advice: {:?}", report.causes);
    Ok(report)
}

fn with(at: &StorachaAddresses, granted: &StorachaGrant, name: &str, value: &str) -> Result<Runner> {
    Ok(Runner::new(at, granted)?.with(name, value))
}

fn well(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let runner = Runner::new(&service.at, &granted)?;
    let report = finds(&runner, &[], &[])?;
    ensure!(report.checks[0].status == Status::Pass, "{:?}", report.checks[0]);
    ensure!(fact(&report, "agent") == Some(granted.agent.as_str()), "{:?}", fact(&report, "agent"));
    ensure!(fact(&report, "provider") == Some(service.at.did.as_str()) && fact(&report, "uploads") == Some("taken"));
    ensure!(fact(&report, "re-hashed").is_none(), "there is no upload yet");
    ensure!(service.blobs()? == 0, "the attempt stored something");
    runner.put("key", b"value", &[])?.exits(0)?;
    let report = finds(&runner, &[], &[])?;
    ensure!(fact(&report, "re-hashed") == Some("1"), "the newest upload was not read");
    Ok(())
}

fn credentials(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let other = service.grant(&json!({}))?;
    let useless = ["storacha.proof-useless"];
    let runner = with(&service.at, &granted, "STORACHA_AGENT_KEY", &other.key)?;
    let report = finds(&runner, &["storacha.proof-not-for-agent"], &useless)?;
    let told = serde_json::to_string(&report.causes)?;
    ensure!(told.contains(&format!("delegation create {}", other.agent)), "{told}");
    let runner = with(&service.at, &granted, "STORACHA_AGENT_KEY", "did:key:z6MkHunter2hunter2")?;
    finds(&runner, &["storacha.agent-key-malformed"], &["storacha.agent-key-malformed"])?;
    let cut = &granted.proof[..granted.proof.len() / 2 / 4 * 4];
    finds(&with(&service.at, &granted, "STORACHA_PROOF", cut)?, &["storacha.proof-malformed"], &useless)?;
    let expired = service.grant(&json!({ "expires": 1_700_000_000 }))?;
    finds(&Runner::new(&service.at, &expired)?, &["storacha.proof-expired"], &useless)?;
    let narrow = service.grant(&json!({ "can": ["upload/*", "space/info"] }))?;
    let report = finds(&Runner::new(&service.at, &narrow)?, &["storacha.proof-lacks-capability"], &useless)?;
    ensure!(report.checks[0].findings[0].message.contains("space/blob/add"), "{:?}", report.checks[0].findings);
    Ok(())
}

fn not_provisioned(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({ "provision": false }))?;
    let code = ["storacha.space-not-provisioned"];
    let report = finds(&Runner::new(&service.at, &granted)?, &code, &code)?;
    let told = serde_json::to_string(&report.causes)?;
    ensure!(told.contains(&granted.space) && told.contains("space provision"), "{told}");
    Ok(())
}

fn retired(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    service.disable(&["space/blob/add"])?;
    let report = finds(&runner, &["storacha.retired"], &["storacha.retired"])?;
    let told = serde_json::to_string(&report.causes)?;
    for says in ["Filebase", "Pinata", "Filecoin Pin", "CACHE_BACKENDS", "currently disabled"] {
        ensure!(told.contains(says), "it does not say `{says}`: {told}");
    }
    service.disable(&[])?;
    service.gateway("gone")?;
    finds(&runner, &["storacha.retired"], &["storacha.retired"])?;
    Ok(())
}

fn dead_names(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let folder = scratch()?;
    let resolver = folder.path().join("resolv.conf");
    std::fs::write(&resolver, "nameserver 127.0.0.1\n")?;
    let report = look(&Runner::new(&former(), &granted)?, &where_no_name_is(&resolver))?;
    let (found, caused) = found(&report);
    ensure!(found == ["storacha.retired"; 2] && caused == ["storacha.retired"], "{found:?} {caused:?}");
    Ok(())
}

fn service_down(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        format!("http://{}", listener.local_addr()?)
    };
    let address = ["storacha.address"];
    finds(&with(&service.at, &granted, "STORACHA_SERVICE_URL", &closed)?, &["storacha.unreachable"], &address)?;
    finds(&with(&service.at, &granted, "STORACHA_GATEWAY_URL", &closed)?, &["storacha.gateway-unreachable"], &address)?;
    // The gateway in the service's place: it answers, and is none.
    let gateway = service.at.gateway.clone();
    finds(&with(&service.at, &granted, "STORACHA_SERVICE_URL", &gateway)?, &["storacha.not-a-service"], &address)?;
    Ok(())
}

fn gateway(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("key", b"value", &[])?.exits(0)?;
    let unfit = ["storacha.gateway-unfit"];
    for mode in ["flip", "cut"] {
        service.gateway(mode)?;
        finds(&runner, &["storacha.gateway-wrong-content"], &unfit)?;
    }
    service.gateway("forgetful")?;
    let report = finds(&runner, &["storacha.gateway-lags"], &unfit)?;
    ensure!(report.checks[0].status == Status::Warn, "{:?}", report.checks[0].status);
    service.gateway("broken")?;
    finds(&runner, &["storacha.gateway-unreachable"], &["storacha.address"])?;
    Ok(())
}

fn unconfigured(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let reader = Runner::new(&service.at, &granted)?.with("STORACHA_AGENT_KEY", "");
    let report = finds(&reader, &["storacha.read-only"], &["storacha.read-only"])?;
    ensure!(report.checks[0].findings[0].message.contains("STORACHA_AGENT_KEY"), "{:?}", report.checks[0].findings);
    let nothing = reader.with("STORACHA_SERVICE_URL", "").with("STORACHA_GATEWAY_URL", "");
    let report = look(&nothing, &[])?;
    let check = report.checks.first().context("no check")?;
    ensure!(check.status == Status::Skip && check.findings.is_empty(), "{check:?}");
    Ok(())
}

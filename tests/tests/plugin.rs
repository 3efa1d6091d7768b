//! A team's own check: built outside the workspace, listed in checks.toml, run by
//! the binary as it is.

use anyhow::{Context, Result, ensure};
use seaworthy_model::{ErrorReason, Status};
use seaworthy_tests::{Reading, Run, Seaworthy, build_guests, digest, scratch};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};

/// A service on loopback that says `220 ready` to everyone.
fn greeter() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"220 ready\r\n");
        }
    });
    Ok(address)
}

fn run(command: &str, grants: &str, settings: &str, flags: &[&str]) -> Result<Run> {
    let component = build_guests("plugin-outside")?.join("tcp_banner.wasm");
    let address = greeter()?;
    let folder = scratch()?;
    let text = format!(
        r#"version = 1

[plugins.acme]
source = "file:{}"
digest = "{}"
{grants}

[targets.mail]
kind = "tcp"
addresses = ["{address}"]

[[check]]
id = "acme.greeting"
use = "acme:acme/tcp-banner"
target = "mail"
severity = "major"
with = {settings}

[[check]]
id = "bystander"
use = "bundled:docker/network-mode"
"#,
        component.display(),
        digest(&component)?
    );
    let text = text.replace("PORT", &address.port().to_string());
    std::fs::write(folder.path().join("checks.toml"), text)?;
    let command = [command].into_iter().chain(flags.iter().copied());
    Seaworthy::new(command)?.directory(folder.path()).run()
}

const GRANTS: &str = "grant.net = [\"127.0.0.1:PORT\"]\ngrant.env = [\"HTTPS_PROXY\"]";
const GREETING: &str = "{ greeting = \"220 \" }";

#[test]
fn it_runs_without_a_rebuild_of_the_host() -> Result<()> {
    let report = run("run", GRANTS, GREETING, &["-f", "json"])?.exits(0)?.report()?;
    let check = report.check("acme.greeting")?;
    ensure!(check.status == Status::Pass && check.facts.iter().any(|f| f.key == "greeting-ms"), "{}", report.digest());
    ensure!(check.evidence.iter().any(|o| o.probe.contains("connect")), "it did not look: {:?}", check.evidence);
    let plugin = report.plugins.iter().find(|p| p.id == "acme").context("the plugin is not listed")?;
    ensure!(plugin.granted.iter().any(|line| line.contains("HTTPS_PROXY")), "{plugin:?}");
    Ok(())
}

#[test]
fn its_findings_count_like_any_other() -> Result<()> {
    let report = run("run", GRANTS, "{ greeting = \"SSH-2.0-\" }", &["-f", "json"])?.exits(1)?.report()?;
    let finding = report.finding("banner.differs")?;
    ensure!(finding.observed.as_deref().is_some_and(|seen| seen.contains("220 ready")), "{finding:?}");
    Ok(())
}

#[test]
fn without_its_grants_it_is_denied_and_told_what_to_add() -> Result<()> {
    let report = run("run", "", GREETING, &["-f", "json"])?.exits(5)?.report()?;
    let check = report.check("acme.greeting")?;
    ensure!(check.status == Status::Error && check.error_reason == Some(ErrorReason::Denied), "{}", report.digest());
    let told = serde_json::to_string(check)?;
    ensure!(told.contains("grant.env") && told.contains("HTTPS_PROXY"), "the line to add is not told: {told}");
    let bystander = report.check("bystander")?;
    ensure!(bystander.status == Status::Pass, "the other check does not finish: {}", report.digest());
    let people = run("run", "", GREETING, &[])?;
    ensure!(
        people.exits(5)?.stdout.contains("grant.env"),
        "people are not told the line to add\n{}",
        people.transcript()
    );
    Ok(())
}

#[test]
fn its_settings_are_validated_by_its_own_schema() -> Result<()> {
    let wrong = run("validate", GRANTS, "{ greting = \"220 \" }", &[])?;
    wrong.exits(3)?;
    ensure!(wrong.stderr.contains("greting"), "the setting is not named\n{}", wrong.transcript());
    run("validate", GRANTS, GREETING, &[])?.exits(0)?;
    Ok(())
}

//! What a bundled check is told to have in checks.toml is something that a policy can have,
//! and that helps.

use crate::Stage;
use anyhow::{Context, Result, ensure};
use seaworthy_model::{CheckResult, ErrorReason, Report, Status};
use seaworthy_tests::{Reading, Scene, Seaworthy, scratch};
use std::net::{IpAddr, TcpListener};

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("a_bundled_check_that_is_led_elsewhere_is_told_to_name_it_in_its_target", |_| elsewhere())
            .unless(on_loopback().is_none().then(|| "/etc/hosts has no other name for loopback".to_owned())),
        Scene::new("a_bundled_check_with_another_secret_is_told_to_name_it_in_its_target", |_| another_secret()),
    ]
}

fn run(policy: &str) -> Result<Report> {
    let folder = scratch()?;
    std::fs::write(folder.path().join("checks.toml"), format!("version = 1\n{policy}"))?;
    let command =
        Seaworthy::new(["run", "-f", "json"])?.directory(folder.path()).env("OTHER_SECRET", "sixteen letters!");
    command.run()?.report()
}

/// The line of the advice, after the block that it belongs to.
fn advised(check: &CheckResult, block: &str) -> Result<String> {
    ensure!(check.error_reason == Some(ErrorReason::Denied), "{check:?}");
    let (_, line) = check.message.split_once("add to checks.toml: ").context(check.message.clone())?;
    let line = line.strip_prefix(block).with_context(|| format!("another place than {block}: {line}"))?;
    Ok(line.trim().to_owned())
}

/// A name other than localhost that leads to loopback, as most machines have one for themselves.
fn on_loopback() -> Option<(IpAddr, String)> {
    let hosts = std::fs::read_to_string("/etc/hosts").ok()?;
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        let name = words.find(|name| !name.contains("localhost") && !name.contains("loopback"))?;
        (address.is_ipv4() && address.is_loopback()).then(|| (address, name.to_owned()))
    })
}

/// A grant for a name does not reach loopback, so what the name resolves to has to be named.
fn elsewhere() -> Result<()> {
    let (address, name) = on_loopback().context("no such name")?;
    let listener = TcpListener::bind((address, 0))?;
    let port = listener.local_addr()?.port();
    let policy = |further: &str| {
        format!(
            "[[check]]\nid = \"a\"\nuse = \"bundled:net/tcp\"\ntarget = \"here\"\n\n[targets.here]\nkind = \"tcp\"\naddresses = [\"{name}:{port}\"]\n{further}\n"
        )
    };
    let line = advised(run(&policy(""))?.check("a")?, "[targets.here]")?;
    let report = run(&policy(&line))?;
    ensure!(report.check("a")?.status == Status::Pass, "{line} does not help: {}", report.digest());
    Ok(())
}

fn another_secret() -> Result<()> {
    let policy = |further: &str| {
        format!(
            "[[check]]\nid = \"a\"\nuse = \"bundled:p2p/encryption\"\ntarget = \"peers\"\nwith = {{ secret = \"other\" }}\n\n[vars.other]\nenv = \"OTHER_SECRET\"\ntype = \"secret\"\n\n[targets.peers]\nkind = \"libp2p\"\naddresses = []\n{further}\n"
        )
    };
    let line = advised(run(&policy(""))?.check("a")?, "[targets.peers]")?;
    let report = run(&policy(&line))?;
    ensure!(report.check("a")?.error_reason != Some(ErrorReason::Denied), "{line} does not help: {}", report.digest());
    Ok(())
}

//! The check says of each fault what it is, and of a sound node that it is sound.

use crate::{Here, Runner};
use anyhow::{Context, Result, ensure};
use seaworthy_model::{Report, Status};
use seaworthy_tests::{Kubo, KuboOptions, Reading, Scene, Scripted, SilentPorts, Told};
use serde_json::json;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("the_check_passes_on_a_sound_node", sound),
        Scene::new("the_check_names_who_answers", who),
        Scene::new("the_check_names_what_credentials_lack", credentials),
        Scene::new("the_check_looks_into_the_node", node),
        Scene::new("the_check_hashes_what_a_gateway_serves", gateway),
    ]
}

/// What must be in no report.
const TOKEN: &str = "cK5-check-token-2Rd7Yb9S";

fn report(runner: &Runner, settings: &str) -> Result<Report> {
    let run = runner.check(settings)?;
    ensure!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "a secret is shown");
    run.report()
}

fn sound(here: &Here) -> Result<()> {
    let runner = Runner::on(&here.kubo.multiaddr());
    let report = report(&runner, "")?;
    report.all_pass_with_evidence()?;
    let check = report.check("ipfs.node")?;
    let fact = |key: &str| {
        check.facts.iter().find(|fact| fact.key == key).map(|fact| fact.value.as_str()).context(key.to_owned())
    };
    ensure!(fact("version")?.starts_with("0."), "{}", report.digest());
    ensure!(
        fact("permitted")? == "read,write" && fact("access")? == "anonymous" && fact("peers")? == "0",
        "{}",
        report.digest()
    );
    // It stored nothing: the name that it tried to remove was never there.
    ensure!(here.kubo.ipfs(&["files", "ls", "/"]).is_ok(), "the node is as it was");
    Ok(())
}

fn who(here: &Here) -> Result<()> {
    let gateway = report(&Runner::on(&format!("http://{}", here.kubo.gateway())), "")?;
    let finding = gateway.finding("ipfs.not-rpc")?;
    ensure!(finding.details.get("who").map(String::as_str) == Some("gateway"), "{}", gateway.digest());
    gateway.cause("ipfs.wrong-port")?;
    let other = Scripted::start(|_| Told::text(200, "<html>welcome</html>"))?;
    let stranger = report(&Runner::on(&other.url()), "")?;
    let finding = stranger.finding("ipfs.not-rpc")?;
    ensure!(finding.details.get("who").map(String::as_str) == Some("other"), "{}", stranger.digest());
    let csrf = Scripted::start(|_| Told::text(403, "403 - Forbidden"))?;
    report(&Runner::on(&csrf.url()), "")?.cause("ipfs.forged-by-proxy")?;
    let old = Scripted::start(|_| Told::json(200, &json!({ "Version": "0.18.1", "Repo": "13" })))?;
    report(&Runner::on(&old.url()), "")?.cause("ipfs.old-kubo")?;
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let nobody = report(&Runner::on(&format!("http://{free}")), "")?;
    nobody.finding("ipfs.unreachable")?;
    nobody.cause("ipfs.not-listening")?;
    let silent = SilentPorts::open(1)?;
    let dropped = report(&Runner::on(&format!("http://{}", silent.addresses[0])), "timeout-ms = 700")?;
    dropped.cause("ipfs.silent")?;
    report(&Runner::on("/unix/run/ipfs.sock"), "")?.finding("ipfs.address-invalid")?;
    Ok(())
}

fn credentials(_: &Here) -> Result<()> {
    let paths = ["/api/v0/version", "/api/v0/cat", "/api/v0/files/ls", "/api/v0/repo/stat"];
    let kubo = Kubo::start(&KuboOptions {
        authorizations: Some(json!({ "ro": { "AuthSecret": format!("bearer:{TOKEN}"), "AllowedPaths": paths } })),
        ..KuboOptions::default()
    })?;
    let nobody = Runner::on(&kubo.multiaddr());
    let shut = report(&nobody, "")?;
    shut.finding("ipfs.unauthenticated")?;
    shut.cause("ipfs.credentials")?;
    let reader = nobody.clone().env("IPFS_API_AUTH", TOKEN);
    let limited = report(&reader, "")?;
    let finding = limited.finding("ipfs.forbidden")?;
    ensure!(finding.details.get("commands").map(String::as_str) == Some("add,files/rm"), "{}", limited.digest());
    limited.cause("ipfs.credentials")?;
    // Who only wants to read may.
    report(&reader, "need = [\"read\"]")?.all_pass_with_evidence()
}

fn node(_: &Here) -> Result<()> {
    let kubo = Kubo::start(&KuboOptions { storage_max: Some("20KB"), offline: true, ..KuboOptions::default() })?;
    let runner = Runner::on(&kubo.multiaddr());
    let folder = seaworthy_tests::scratch()?;
    let file = folder.path().join("no-folder");
    std::fs::write(&file, "a file where the folder should be")?;
    kubo.ipfs(&["files", "write", "--create", "/seaworthy", file.to_str().context("a path that is not UTF-8")?])?;
    let report = report(&runner, "need-peers = true")?;
    for code in ["ipfs.repo-full", "ipfs.offline", "ipfs.mfs-unusable"] {
        report.finding(code)?;
    }
    for code in ["ipfs.no-room", "ipfs.alone", "ipfs.repository-damaged"] {
        report.cause(code)?;
    }
    ensure!(report.check("ipfs.node")?.status == Status::Fail, "{}", report.digest());
    Ok(())
}

fn gateway(here: &Here) -> Result<()> {
    let runner = Runner::on(&here.kubo.multiaddr());
    runner.puts("gateway/key", b"so that MFS is not empty")?;
    let own = report(&runner.clone().env("IPFS_GATEWAY", &format!("http://{}", here.kubo.gateway())), "")?;
    own.all_pass_with_evidence()?;
    ensure!(own.check("ipfs.node")?.message.contains("serves the node's content"), "{}", own.digest());
    let page = Scripted::start(|_| Told::text(200, "<html>log in</html>"))?;
    report(&runner.clone().env("IPFS_GATEWAY", &page.url()), "")?.finding("ipfs.not-gateway")?;
    let liar = Scripted::start(|asked| {
        let body = if asked.target.contains("bafkqaaa") { "" } else { "other bytes" };
        Told::of(200, "application/vnd.ipld.raw", body)
    })?;
    let lied = report(&runner.clone().env("IPFS_GATEWAY", &liar.url()), "")?;
    lied.finding("ipfs.gateway-lies")?;
    lied.cause("ipfs.bad-gateway")?;
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    report(&runner.env("IPFS_GATEWAY", &format!("http://{free}")), "")?.finding("ipfs.gateway-unreachable")?;
    Ok(())
}

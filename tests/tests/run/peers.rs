//! What answers at a right address, when it is not the cache it should be; and the
//! peer itself.

use crate::Loopback;
use anyhow::{Context, Result, ensure};
use seaworthy_tests::lab::SECRET;
use seaworthy_tests::{Peer, PeerOptions, Reading, Scene, Seaworthy, scratch};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("a_web_server_is_not_libp2p", web_server),
        Scene::new("a_server_that_says_nothing_is_wedged_within_its_budget", wedged),
        Scene::new("a_closed_port_is_no_firewall", closed_port),
        Scene::new("other_shared_secrets_are_named_and_never_shown", other_secret),
        Scene::new("a_live_peer_passes", live_peer),
        Scene::new("a_peer_keeps_its_identity_and_ends_when_asked", peer_identity),
        Scene::new("a_peer_prints_lines_to_paste", peer_lines),
    ]
}

fn listening(secret: &str) -> Result<Peer> {
    Peer::start(&PeerOptions { secret: secret.into(), ..PeerOptions::on("/ip4/127.0.0.1/tcp/0") })
}

/// An address with a well-formed id that belongs to nobody.
fn address_of(at: SocketAddr) -> Result<String> {
    let nobody = listening(SECRET)?;
    Ok(format!("/ip4/{}/tcp/{}/p2p/{}", at.ip(), at.port(), nobody.id()))
}

fn web_server(loopback: &Loopback) -> Result<()> {
    let server = loopback.stand("http")?;
    let run = Peer::configure(Seaworthy::new(["run", "-f", "json"])?, &address_of(server.address)?).run()?;
    let report = run.exits(1)?.report()?;
    report.cause("libp2p.not-libp2p")?;
    let finding = report.finding("peer.not-libp2p")?;
    ensure!(
        finding.details.get("protocol").is_some_and(|p| p.contains("http")),
        "it is not said to be HTTP: {finding:?}"
    );
    report.no_cause("libp2p.wedged")
}

fn wedged(loopback: &Loopback) -> Result<()> {
    let server = loopback.stand("silent")?;
    let args = ["run", "-f", "json", "--timeout", "2s", "--retries", "0"];
    let run = Peer::configure(Seaworthy::new(args)?, &address_of(server.address)?).run()?;
    let report = run.exits(1)?.report()?;
    report.cause("libp2p.wedged")?;
    report.no_cause("libp2p.not-libp2p")?;
    report.no_cause("firewall")?;
    let took = report.check("net.connectivity")?.duration_s;
    ensure!(took < 2.5, "its budget was 2 s, and it took {took} s");
    Ok(())
}

fn closed_port(_: &Loopback) -> Result<()> {
    let gone = listening(SECRET)?;
    let address = gone.at("ip4/127.0.0.1")?;
    drop(gone);
    let report = Peer::configure(Seaworthy::new(["run", "-f", "json"])?, &address).run()?.exits(1)?.report()?;
    report.finding("peer.refused")?;
    report.no_cause("firewall")?;
    report.no_cause("docker")
}

fn other_secret(_: &Loopback) -> Result<()> {
    const THEIRS: &str = "their-secret-Hk5wQz9pXt3mRb7c";
    let peer = listening(THEIRS)?;
    let folder = scratch()?;
    let files = ["json", "junit", "github", "human"].map(|format| (format, folder.path().join(format)));
    let mut command = Peer::configure(Seaworthy::new(["run", "-f", "json"])?, &peer.at("ip4/127.0.0.1")?);
    for (format, file) in &files {
        command = command.arg("-o").arg(format!("{format}={}", file.display()));
    }
    let run = command.run()?;
    let report = run.exits(1)?.report()?;
    report.cause("secret.different")?;
    let mut outputs = vec![("stdout", run.stdout.clone()), ("stderr", run.stderr.clone())];
    for (format, file) in &files {
        outputs.push((format, std::fs::read_to_string(file).with_context(|| format!("no {format} report"))?));
    }
    // `::add-mask::` is the one place where a secret has to be said, and only to the runner.
    for (name, text) in outputs {
        let shown = text
            .lines()
            .filter(|line| !line.starts_with("::add-mask::"))
            .any(|line| line.contains(SECRET) || line.contains(THEIRS));
        ensure!(!shown, "{name} shows a secret");
    }
    Ok(())
}

fn live_peer(_: &Loopback) -> Result<()> {
    let peer = listening(SECRET)?;
    let run = Peer::configure(Seaworthy::new(["run", "-f", "json"])?, &peer.at("ip4/127.0.0.1")?).run()?;
    run.exits(0)?.report()?.all_pass_with_evidence()
}

fn peer_identity(_: &Loopback) -> Result<()> {
    let state = scratch()?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let started = Seaworthy::new(["peer", "--json", "--listen", "/ip4/127.0.0.1/tcp/0", "--state"])?
            .arg(state.path())
            .env("CACHE_P2P_SHARED_SECRET", SECRET)
            .start()?;
        std::thread::sleep(Duration::from_millis(1500));
        started.signal(nix::sys::signal::Signal::SIGTERM)?;
        let ended = started.wait()?;
        ended.exits(0)?;
        let first = ended.stdout.lines().next().unwrap_or_default();
        let said: serde_json::Value = serde_json::from_str(first).with_context(|| ended.transcript())?;
        ids.push(said["peer_id"].as_str().context("no peer id")?.to_owned());
    }
    ensure!(ids[0] == ids[1], "two starts on one state folder have the ids {ids:?}");
    listening(SECRET)?.terminate()?;
    Ok(())
}

fn peer_lines(_: &Loopback) -> Result<()> {
    let state = scratch()?;
    let started = Seaworthy::new(["peer", "--listen", "/ip4/127.0.0.1/tcp/0", "--state"])?
        .arg(state.path())
        .env("CACHE_P2P_SHARED_SECRET", SECRET)
        .start()?;
    std::thread::sleep(Duration::from_millis(1500));
    started.signal(nix::sys::signal::Signal::SIGTERM)?;
    let ended = started.wait()?;
    ended.exits(0)?;
    let line = ended.stdout.lines().find_map(|l| l.strip_prefix("export CACHE_BOOTSTRAP_PEERS="));
    let value = line.with_context(|| format!("no line to paste\n{}", ended.transcript()))?;
    ensure!(value.contains("/tcp/") && value.contains("/p2p/"), "{value} is no address of a peer");
    ensure!(
        !ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET),
        "the secret is shown\n{}",
        ended.transcript()
    );
    Ok(())
}

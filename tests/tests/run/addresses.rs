//! Peer addresses that are wrong in themselves, with a live peer behind them.

use crate::Loopback;
use anyhow::{Result, ensure};
use seaworthy_model::{Finding, Report};
use seaworthy_tests::{Peer, PeerOptions, Reading, Scene, Seaworthy};

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("an_id_of_another_key_is_named_with_the_real_one", wrong_id),
        Scene::new("a_missing_peer_id_is_named_with_the_real_one", missing_id),
        Scene::new("host_and_port_is_named_with_the_real_id", host_port),
        Scene::new("a_placeholder_is_named_with_the_real_id", placeholder),
    ]
}

fn listening() -> Result<Peer> {
    Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))
}

fn report(address: &str) -> Result<Report> {
    Peer::configure(Seaworthy::new(["run", "-f", "json"])?, address).run()?.exits(1)?.report()
}

fn shows(finding: &Finding, address: &str, id: &str) -> Result<()> {
    ensure!(finding.target.as_deref() == Some(address), "it is about {:?}, not {address}", finding.target);
    let seen = finding.details.get("seen-peer-id");
    ensure!(seen.is_some_and(|seen| seen == id), "the real id {id} is not named: {finding:?}");
    Ok(())
}

fn wrong_id(_: &Loopback) -> Result<()> {
    let (peer, other) = (listening()?, listening()?);
    let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", peer.port()?, other.id());
    let report = report(&address)?;
    let finding = report.finding("peer.wrong-id")?;
    shows(finding, &address, peer.id())?;
    ensure!(finding.details.get("expected-peer-id").is_some_and(|id| id == other.id()), "{finding:?}");
    let told = serde_json::to_string(&report.causes)?;
    ensure!(told.contains(peer.id()), "no cause names the real id: {told}");
    Ok(())
}

fn missing_id(_: &Loopback) -> Result<()> {
    let peer = listening()?;
    let address = format!("/ip4/127.0.0.1/tcp/{}", peer.port()?);
    shows(report(&address)?.finding("addr.missing-peer-id")?, &address, peer.id())
}

fn host_port(_: &Loopback) -> Result<()> {
    let peer = listening()?;
    let address = format!("127.0.0.1:{}", peer.port()?);
    shows(report(&address)?.finding("addr.host-port")?, &address, peer.id())
}

fn placeholder(_: &Loopback) -> Result<()> {
    let peer = listening()?;
    let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/YOUR_PEER_ID", peer.port()?);
    let report = report(&address)?;
    let finding = report.finding("addr.placeholder-peer-id")?;
    shows(finding, &address, peer.id())?;
    ensure!(finding.details.contains_key("position"), "the position is not told: {finding:?}");
    Ok(())
}

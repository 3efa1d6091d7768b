//! A `seaworthy peer`, as the process that it is.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::{Context, Result};
use seaworthy_cache::conformance::Fault;
use seaworthy_model::Secret;
use seaworthy_p2p::SharedSecret;
use seaworthy_p2p::double::{Double, Faults};
use seaworthy_tests::lab::SECRET;
use seaworthy_tests::{NoStage, Peer, PeerOptions};
use std::net::SocketAddr;

pub(crate) fn store() -> Store {
    Store { name: "p2p", start }
}

const POLICY: &str = "[tiers.p2p]\nadapter = \"p2p\"\ntarget = \"p2p\"\nsecret = \"cache\"\n";

fn place(address: &str, secret: &str) -> Place {
    Place::new("p2p", POLICY, &[("CACHE_BOOTSTRAP_PEERS", address), ("CACHE_P2P_SHARED_SECRET", secret)])
}

fn start() -> Result<Running, NoStage> {
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let address = peer.at("ip4/127.0.0.1")?;
    let server = SocketAddr::from(([127, 0, 0, 1], peer.port()?));
    let id = peer.id().to_owned();
    let relayed = move |at: SocketAddr| Ok(place(&format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", at.port()), SECRET));
    let damages = |faults: Faults| damaging(faults).map(Breakage::Within);
    Ok(Running::new(place(&address, SECRET).keeping(peer))
        .through_tcp(server, relayed)
        .with(Fault::WrongCredentials, Breakage::At(place(&address, "another-secret-7Qm2vTzLxW4p")))
        .with(Fault::Flipped, damages(Faults { flips: true, ..Faults::default() })?)
        .with(Fault::Truncated, damages(Faults { truncates: true, ..Faults::default() })?)
        .without(&[Fault::Skewed], "a value carries its own time; one from the future is one of the cases")
        .without(&[Fault::RateLimited], "the protocol has no such answer"))
}

/// A peer that damages what it keeps, which no way to it can: noise notices that.
fn damaging(faults: Faults) -> Result<Place> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let secret = SharedSecret::derive(&Secret::new(SECRET.into()));
    let double = runtime.block_on(Double::start(secret, faults)).context("the double does not start")?;
    Ok(place(double.address(), SECRET).keeping(double).keeping(runtime))
}

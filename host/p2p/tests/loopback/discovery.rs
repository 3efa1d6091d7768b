//! Peers that nobody named.

use crate::cache::{blob, client};
use crate::support::{SECOND, config, eventually, node};
use seaworthy_model::PermitAll;
use seaworthy_p2p::{Peer, PeerConfig};
use std::process::Command;

async fn put(peer: &Peer, key: &str) {
    client(&[&peer.addresses()[0]]).await.put(key, &blob(b"v"), &PermitAll).await.unwrap();
}

/// The middle one has no secret: what comes through did not come by it.
#[tokio::test(flavor = "multi_thread")]
async fn kademlia_finds_a_third_peer() {
    let middle = Peer::start(PeerConfig { kademlia: true, secret: None, ..config() }).await.unwrap();
    let start = || Peer::start(PeerConfig { kademlia: true, peers: vec![middle.addresses().remove(0)], ..config() });
    let (one, other) = (start().await.unwrap(), start().await.unwrap());
    put(&one, "k").await;
    eventually(30 * SECOND, || other.stats().entries == 1).await;
    assert_eq!(middle.stats().entries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_back_confirms_an_address() {
    let server = Peer::start(PeerConfig { autonat: true, ..config() }).await.unwrap();
    let peer = PeerConfig { autonat: true, peers: vec![server.addresses().remove(0)], ..config() };
    let peer = Peer::start(peer).await.unwrap();
    assert!(peer.confirmed_addresses().is_empty());
    // It is tested some seconds after the first identify.
    eventually(20 * SECOND, || !peer.confirmed_addresses().is_empty()).await;
    assert_eq!(peer.confirmed_addresses(), peer.addresses());
}

/// Multicast needs an interface that is not loopback, so this one has a network of its own.
#[test]
fn mdns_finds_a_neighbour() {
    let set_up = "ip link set lo up && ip link add seg0 type dummy && ip addr add 10.77.0.1/24 dev seg0 \
                  && ip link set seg0 up multicast on && ip route add 224.0.0.0/4 dev seg0";
    let run = |script: &str| Command::new("unshare").args(["--net", "--map-root-user", "sh", "-c", script]).output();
    match run(set_up) {
        Ok(done) if done.status.success() => {}
        Ok(done) => return eprintln!("skipped: no network of its own: {}", String::from_utf8_lossy(&done.stderr)),
        Err(error) => return eprintln!("skipped: no unshare: {error}"),
    }
    let us = std::env::current_exe().unwrap();
    let inner = format!("{set_up} && exec {} --exact discovery::mdns_in_a_segment --ignored --nocapture", us.display());
    let done = run(&inner).unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "is run by mdns_finds_a_neighbour in a network of its own"]
async fn mdns_in_a_segment() {
    let start = |port: u16| {
        let listen = vec![format!("/ip4/0.0.0.0/tcp/{port}")];
        Peer::start(PeerConfig { listen, mdns: true, ..config() })
    };
    let (one, other) = (start(9100).await.unwrap(), start(9101).await.unwrap());
    // Loopback is not told where there is another address.
    assert_eq!(one.addresses(), [format!("/ip4/10.77.0.1/tcp/9100/p2p/{}", one.peer_id())]);
    let dialed = node().dial(&crate::support::attempt(&one.addresses()[0], 5 * SECOND), &PermitAll).await;
    assert_eq!(dialed.outcome.unwrap().listen_addresses, ["/ip4/10.77.0.1/tcp/9100"]);
    put(&one, "k").await;
    eventually(20 * SECOND, || other.stats().entries == 1).await;
}

//! Peers that are reached through another one.

use crate::cache::{blob, client};
use crate::support::{SECOND, attempt, config, eventually, node, without_id};
use seaworthy_model::PermitAll;
use seaworthy_p2p::{CACHE_PROTOCOL, Dialed, Peer, PeerConfig, RelayLimits};

/// Has no secret, so that it shares no cache of its own.
async fn relay_at(listen: &str) -> (Peer, String) {
    let relay = PeerConfig { listen: vec![listen.into()], relay_server: true, secret: None, ..config() };
    let relay = Peer::start(relay).await.unwrap();
    let address = relay.addresses().remove(0);
    (relay, address)
}

/// Listens nowhere itself.
async fn behind(relay: &str) -> Peer {
    Peer::start(PeerConfig { listen: Vec::new(), relays: vec![relay.into()], ..config() }).await.unwrap()
}

fn broken(dialed: &Dialed) -> (&str, &str) {
    let rung = dialed.ladder.iter().find(|r| r.outcome.is_err()).unwrap();
    (rung.name.as_str(), rung.outcome.as_ref().unwrap_err().kind.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_a_port_is_reached_and_shares_its_cache() {
    for listen in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        let (relay, at) = relay_at(listen).await;
        let peer = behind(&at).await;
        assert!(peer.reservations()[0].held, "{:?}", peer.reservations());
        let address = peer.addresses().remove(0);
        assert_eq!(address, format!("{at}/p2p-circuit/p2p/{}", peer.peer_id()));
        let dialed = node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await;
        let names: Vec<&str> = dialed.ladder.iter().map(|r| r.name.as_str()).collect();
        let first = if listen.contains("tcp") { "connect" } else { "quic" };
        assert_eq!(names, ["resolve", first, "relay", "noise", "yamux", "identify", "ping"], "{dialed:#?}");
        let facts = dialed.ladder[2].outcome.as_ref().unwrap();
        assert_eq!((facts["relay-peer-id"].as_str(), facts["limit-seconds"].as_str()), (relay.peer_id(), "600"));
        let info = dialed.outcome.as_ref().unwrap();
        assert_eq!(info.peer_id, peer.peer_id());
        assert!(info.protocols.iter().any(|p| p == CACHE_PROTOCOL));
        assert!(info.listen_addresses.iter().any(|a| a.contains("/p2p-circuit")), "{:?}", info.listen_addresses);
        let client = client(&[&address]).await;
        let large = vec![7; 1 << 20];
        client.put("k", &blob(&large), &PermitAll).await.unwrap();
        assert_eq!(client.get("k", &PermitAll).await.unwrap().unwrap().bytes, large);
        assert_eq!((peer.stats().puts, relay.stats().puts), (1, 0), "the relay only passed it on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_refuses_is_named() {
    let (_relay, at) = relay_at("/ip4/127.0.0.1/tcp/0").await;
    let nobody = node().peer_id();
    let dialed = node().dial(&attempt(&format!("{at}/p2p-circuit/p2p/{nobody}"), 5 * SECOND), &PermitAll).await;
    let failure = dialed.outcome.as_ref().unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("relay-refused", "relay"), "{failure:?}");
    assert_eq!(
        (failure.details["status"].as_str(), failure.details["status-code"].as_str()),
        ("NO_RESERVATION", "204")
    );
    assert_eq!(broken(&dialed), ("relay", "relay-refused"));
    assert_eq!(dialed.obtained_peer, None, "the peer behind it proved nothing");
    // A peer that is no relay, and a relay that is somebody else.
    let plain = Peer::start(config()).await.unwrap();
    let through = format!("{}/p2p-circuit/p2p/{nobody}", plain.addresses()[0]);
    let dialed = node().dial(&attempt(&through, 5 * SECOND), &PermitAll).await;
    assert_eq!(broken(&dialed), ("relay", "unsupported"));
    assert!(dialed.outcome.unwrap_err().message.contains("is not a relay"));
    let stale = format!("{}/p2p/{}/p2p-circuit/p2p/{nobody}", without_id(&at), node().peer_id());
    let dialed = node().dial(&attempt(&stale, 5 * SECOND), &PermitAll).await;
    assert_eq!(broken(&dialed), ("relay", "wrong-peer-id"));
    assert!(at.ends_with(&dialed.outcome.unwrap_err().details["seen-peer-id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_relay_says_so() {
    let limits = RelayLimits { circuits: 0, ..RelayLimits::default() };
    let relay = Peer::start(PeerConfig { relay_server: true, relay_limits: limits, ..config() }).await.unwrap();
    let peer = behind(&relay.addresses()[0]).await;
    let dialed = node().dial(&attempt(&peer.addresses()[0], 5 * SECOND), &PermitAll).await;
    assert_eq!(dialed.outcome.unwrap_err().details["status"], "RESOURCE_LIMIT_EXCEEDED");
    let limits = RelayLimits { reservations: 0, ..RelayLimits::default() };
    let relay = Peer::start(PeerConfig { relay_server: true, relay_limits: limits, ..config() }).await.unwrap();
    let peer = behind(&relay.addresses()[0]).await;
    let reservation = peer.reservations().remove(0);
    assert!(!reservation.held && peer.addresses().is_empty());
    assert!(reservation.problem.unwrap().to_lowercase().contains("resource limit"), "{:?}", peer.reservations());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_slot_is_reserved_again() {
    let directory = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = || {
        Peer::start(PeerConfig {
            listen: vec![format!("/ip4/127.0.0.1/tcp/{free}")],
            identity: Some(directory.path().join("key")),
            relay_server: true,
            ..config()
        })
    };
    let relay = start().await.unwrap();
    let at = relay.addresses().remove(0);
    let peer = behind(&at).await;
    let address = peer.addresses().remove(0);
    relay.shutdown().await;
    eventually(10 * SECOND, || !peer.reservations()[0].held && peer.addresses().is_empty()).await;
    assert!(peer.reservations()[0].problem.is_some());
    let _relay = start().await.unwrap();
    eventually(20 * SECOND, || peer.reservations()[0].held).await;
    assert!(node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await.outcome.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_not_there_is_reported_and_does_not_stop_the_start() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let relay = format!("/ip4/127.0.0.1/tcp/{free}/p2p/{}", node().peer_id());
    let peer = Peer::start(PeerConfig { relays: vec![relay.clone()], ..config() }).await.unwrap();
    assert_eq!(peer.addresses().len(), 1, "its own");
    let reservation = peer.reservations().remove(0);
    assert_eq!((reservation.relay, reservation.held), (relay, false));
    assert!(reservation.problem.as_deref().unwrap().contains("refused"), "{:?}", reservation.problem);
    for wrong in [
        "/ip4/127.0.0.1/tcp/1",
        "127.0.0.1:1",
        &format!("{}/p2p-circuit/p2p/{}", peer.addresses()[0], node().peer_id()),
    ] {
        let error = Peer::start(PeerConfig { relays: vec![wrong.into()], ..config() }).await.err().unwrap();
        assert!(matches!(error, seaworthy_p2p::PeerError::Relay { .. }), "{wrong}");
    }
}

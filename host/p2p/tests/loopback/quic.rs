//! The same peer over QUIC, and what else may be behind a UDP port.

use crate::cache::{blob, client};
use crate::support::{SECOND, attempt, config, node, secret, without_id};
use seaworthy_model::{Failure, PermitAll};
use seaworthy_p2p::{CACHE_PROTOCOL, Dialed, Peer, PeerConfig, agree};
use std::time::Instant;
use tokio::net::UdpSocket;

/// A peer on TCP and QUIC, and its QUIC address.
async fn peer() -> (Peer, String) {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".into(), "/ip4/127.0.0.1/udp/0/quic-v1".into()];
    let peer = Peer::start(PeerConfig { listen, ..config() }).await.unwrap();
    let addresses = peer.addresses();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    let quic = addresses.into_iter().find(|a| a.contains("/quic-v1/p2p/")).unwrap();
    (peer, quic)
}

fn rungs(dialed: &Dialed) -> Vec<(&str, bool)> {
    dialed.ladder.iter().map(|r| (r.name.as_str(), r.outcome.is_ok())).collect()
}

fn failure(dialed: &Dialed) -> &Failure {
    dialed.outcome.as_ref().unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_rungs_of_a_good_peer() {
    let (peer, address) = peer().await;
    let dialed = node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await;
    assert_eq!(rungs(&dialed), [("resolve", true), ("quic", true), ("identify", true), ("ping", true)], "{dialed:#?}");
    let facts = dialed.ladder[1].outcome.as_ref().unwrap();
    assert_eq!((facts["peer-id"].as_str(), facts["version"].as_str()), (peer.peer_id(), "quic-v1"));
    assert!(facts["remote"].starts_with("127.0.0.1:"));
    assert_eq!(dialed.obtained_peer.as_deref(), Some(peer.peer_id()));
    let info = dialed.outcome.unwrap();
    assert!(info.protocols.iter().any(|p| p == CACHE_PROTOCOL));
    assert!(info.observed_address.unwrap().contains("/udp/"));
    // Both of the peer's addresses are told, though both are loopback: it has no other.
    assert_eq!(info.listen_addresses.len(), 2, "{:?}", info.listen_addresses);
    let dialed = node().dial(&attempt(&without_id(&address), 5 * SECOND), &PermitAll).await;
    assert_eq!((dialed.expected_peer, dialed.obtained_peer.as_deref()), (None, Some(peer.peer_id())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_the_same() {
    let (peer, address) = peer().await;
    let tcp = peer.addresses().into_iter().find(|a| a.contains("/tcp/")).unwrap();
    let (over_quic, over_tcp) = (client(&[&address]).await, client(&[&tcp]).await);
    let value = vec![42; 3 << 20];
    over_quic.put("large", &blob(&value), &PermitAll).await.unwrap();
    assert_eq!(over_tcp.get("large", &PermitAll).await.unwrap().unwrap().bytes, value);
    assert_eq!(over_quic.get("large", &PermitAll).await.unwrap().unwrap().bytes, value);
    assert!(over_quic.get("none", &PermitAll).await.unwrap().is_none());
    assert!(agree(&node(), &address, &secret("ours"), 5 * SECOND, &PermitAll).await.unwrap());
    assert!(!agree(&node(), &address, &secret("theirs"), 5 * SECOND, &PermitAll).await.unwrap());
    let error = node().request(&address, "/no/such/1.0.0", b"", 5 * SECOND, 9, &PermitAll).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.stage.as_str()), ("unsupported", "stream"));
    let echo = [7; 32];
    let answer = node().request(&address, "/ipfs/ping/1.0.0", &echo, 5 * SECOND, 99, &PermitAll).await.unwrap();
    assert_eq!(answer, echo);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_peer_is_noticed_and_dialled_again() {
    let directory = tempfile::tempdir().unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    let config = || PeerConfig {
        listen: vec![format!("/ip4/127.0.0.1/udp/{port}/quic-v1")],
        identity: Some(directory.path().join("key")),
        store: Some(directory.path().join("store")),
        ..config()
    };
    let peer = Peer::start(config()).await.unwrap();
    let address = peer.addresses().remove(0);
    let client = client(&[&address]).await;
    client.put("k", &blob(b"v"), &PermitAll).await.unwrap();
    peer.shutdown().await;
    let again = async {
        loop {
            match Peer::start(config()).await {
                Ok(peer) => break peer,
                Err(error) => assert!(matches!(error, seaworthy_p2p::PeerError::Listen { .. }), "{error}"),
            }
            tokio::time::sleep(SECOND / 20).await;
        }
    };
    let _peer = tokio::time::timeout(10 * SECOND, again).await.unwrap();
    assert_eq!(client.get("k", &PermitAll).await.unwrap().unwrap().bytes, b"v");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_peer_is_named() {
    let (peer, address) = peer().await;
    let stale = node().peer_id();
    let dialed = node().dial(&attempt(&format!("{}/p2p/{stale}", without_id(&address)), 5 * SECOND), &PermitAll).await;
    let failure = failure(&dialed);
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("wrong-peer-id", "quic"));
    assert_eq!(
        (&failure.details["expected-peer-id"], failure.details["seen-peer-id"].as_str()),
        (&stale, peer.peer_id())
    );
    assert!(failure.details["protocols"].contains(CACHE_PROTOCOL), "it is identified all the same");
    assert_eq!(dialed.obtained_peer.as_deref(), Some(peer.peer_id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_keeps_its_budget() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1", silent.local_addr().unwrap().port());
    let started = Instant::now();
    let dialed = node().dial(&attempt(&address, SECOND), &PermitAll).await;
    assert!(started.elapsed() >= SECOND && started.elapsed() < 2 * SECOND, "{:?}", started.elapsed());
    let failure = failure(&dialed);
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("timeout", "quic"));
    assert_eq!(failure.details["udp"], "silent");
    assert_eq!(rungs(&dialed), [("resolve", true), ("quic", false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_refuses_at_once() {
    let free = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let started = Instant::now();
    let dialed =
        node().dial(&attempt(&format!("/ip4/127.0.0.1/udp/{}/quic-v1", free.port()), 5 * SECOND), &PermitAll).await;
    let failure = failure(&dialed);
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("connection-refused", "quic"), "{failure:?}");
    assert_eq!((failure.details["origin"].as_str(), failure.os_code), ("icmp", Some(111)));
    assert!(started.elapsed() < SECOND, "{:?}", started.elapsed());
}

/// Passes small packets only, as a path does on which large ones get lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_whose_handshake_is_lost_is_told_from_none() {
    let (_peer, address) = peer().await;
    let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
    let narrow = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let listen = narrow.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        let mut dialler = None;
        while let Ok((length, from)) = narrow.recv_from(&mut buffer).await {
            if from.port() != port {
                // Only what asks for the version has none that exists.
                let knock = buffer[1..5] != [0, 0, 0, 1];
                dialler = knock.then_some(from).or(dialler);
                let _ = narrow.send_to(&buffer[..length], ("127.0.0.1", port)).await;
            } else if let Some(dialler) = dialler.filter(|_| length < 200) {
                let _ = narrow.send_to(&buffer[..length], dialler).await;
            }
        }
    });
    let dialed = node().dial(&attempt(&format!("/ip4/127.0.0.1/udp/{listen}/quic-v1"), SECOND), &PermitAll).await;
    let failure = failure(&dialed);
    assert_eq!((failure.kind.as_str(), failure.details["udp"].as_str()), ("timeout", "answered"), "{failure:?}");
}

#[tokio::test]
async fn a_taken_udp_port_is_as_clear_as_a_taken_tcp_port() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("/ip4/127.0.0.1/udp/{}/quic-v1", taken.local_addr().unwrap().port());
    let error = Peer::start(PeerConfig { listen: vec![listen.clone()], ..config() }).await.err().unwrap();
    assert!(matches!(&error, seaworthy_p2p::PeerError::Listen { reason, .. }
        if reason.kind() == std::io::ErrorKind::AddrInUse));
    assert!(error.to_string().starts_with(&format!("cannot listen on {listen}: ")), "{error}");
    for wrong in ["/ip4/127.0.0.1/udp/9100", "/ip4/127.0.0.1/udp/9100/quic", "/ip4/127.0.0.1/tcp/1/quic-v1"] {
        let error = Peer::start(PeerConfig { listen: vec![wrong.into()], ..config() }).await.err().unwrap();
        assert!(matches!(error, seaworthy_p2p::PeerError::Address { .. }), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_close_with_their_node() {
    let (_peer, address) = peer().await;
    for _ in 0..40 {
        let dialed = node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await;
        assert!(dialed.outcome.is_ok(), "more than the connections that one peer may have: {dialed:#?}");
    }
}

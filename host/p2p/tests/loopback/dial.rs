//! The dial ladder against real peers and against everything else that may be
//! behind a port.

use crate::support::{SECOND, attempt, multiaddr, node, peer, server, without_id};
use seaworthy_model::{Failure, Permit, PermitAll};
use seaworthy_p2p::{CACHE_PROTOCOL, Dialed, Node, NodeConfig};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn rungs(dialed: &Dialed) -> Vec<(&str, bool)> {
    dialed.ladder.iter().map(|r| (r.name.as_str(), r.outcome.is_ok())).collect()
}

fn failure(dialed: &Dialed) -> &Failure {
    dialed.outcome.as_ref().unwrap_err()
}

#[tokio::test]
async fn all_rungs_of_a_good_peer() {
    let (peer, address) = peer().await;
    let dialed = node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await;
    assert_eq!(
        rungs(&dialed),
        [
            ("resolve", true),
            ("connect", true),
            ("multistream", true),
            ("noise", true),
            ("yamux", true),
            ("identify", true),
            ("ping", true)
        ],
        "{dialed:#?}"
    );
    let info = dialed.outcome.unwrap();
    assert_eq!(info.peer_id, peer.peer_id());
    assert_eq!(dialed.expected_peer.as_deref(), Some(peer.peer_id()));
    assert_eq!(dialed.obtained_peer.as_deref(), Some(peer.peer_id()));
    assert!(info.protocols.iter().any(|p| p == CACHE_PROTOCOL), "{:?}", info.protocols);
    assert!(info.agent.starts_with("seaworthy-peer/"), "{}", info.agent);
    assert!(info.observed_address.unwrap().starts_with("/ip4/127.0.0.1/tcp/"));
    assert!(info.ping_rtt.unwrap() < SECOND);
    assert!(dialed.ladder.iter().map(|r| r.elapsed).sum::<Duration>() <= dialed.elapsed);
    // Without the id, the dial learns it.
    let dialed = node().dial(&attempt(&without_id(&address), 5 * SECOND), &PermitAll).await;
    assert_eq!((dialed.expected_peer, dialed.obtained_peer.as_deref()), (None, Some(peer.peer_id())));
    assert!(dialed.outcome.is_ok());
    // By name, over getaddrinfo.
    let named = address.replace("/ip4/127.0.0.1/", "/dns4/localhost/");
    let dialed = node().dial(&attempt(&named, 5 * SECOND), &PermitAll).await;
    assert!(dialed.outcome.is_ok(), "{dialed:#?}");
}

#[tokio::test]
async fn another_peer_is_named() {
    let (peer, address) = peer().await;
    let stale = node().peer_id();
    let address = format!("{}/p2p/{stale}", without_id(&address));
    let dialed = node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await;
    let failure = failure(&dialed);
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("wrong-peer-id", "noise"));
    assert_eq!(failure.details["expected-peer-id"], stale);
    assert_eq!(failure.details["seen-peer-id"], peer.peer_id());
    assert!(failure.details["protocols"].contains(CACHE_PROTOCOL));
    assert_eq!(dialed.obtained_peer.as_deref(), Some(peer.peer_id()));
    assert_eq!(rungs(&dialed)[3], ("noise", true));
    let error = node().request(&address, CACHE_PROTOCOL, b"", SECOND, 10, &PermitAll).await.unwrap_err();
    assert_eq!(error.kind, "wrong-peer-id");
}

#[tokio::test]
async fn ourselves_are_recognised() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("identity");
    let us = Node::start(NodeConfig { identity: Some(path.clone()), ..NodeConfig::default() }).unwrap();
    let peer =
        seaworthy_p2p::Peer::start(seaworthy_p2p::PeerConfig { identity: Some(path), ..crate::support::config() })
            .await
            .unwrap();
    let dialed = us.dial(&attempt(&peer.addresses()[0], 5 * SECOND), &PermitAll).await;
    assert_eq!(failure(&dialed).kind, "self-dial");
}

#[tokio::test]
async fn what_is_not_libp2p_is_named() {
    for (greeting, protocol, banner) in [
        (&b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..], "http", r"HTTP/1.1 400 Bad Request\r\n"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "ssh", "SSH-2.0"),
        (b"\x13/multistream/2.0.0\n", "unknown", r"\x13/multistream/2"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls", r"\x15\x03"),
    ] {
        let address = multiaddr(server(greeting, true).await);
        let dialed = node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await;
        let failure = failure(&dialed);
        assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("protocol", "multistream"), "{failure:?}");
        assert_eq!(failure.details["protocol"], protocol);
        assert!(failure.details["banner"].starts_with(banner), "{failure:?}");
        assert_eq!(rungs(&dialed), [("resolve", true), ("connect", true), ("multistream", false)]);
        assert!(dialed.elapsed < SECOND, "{:?}", dialed.elapsed);
    }
}

#[tokio::test]
async fn silence_and_an_early_end_differ() {
    let wedged = multiaddr(server(b"", true).await);
    let started = Instant::now();
    let dialed = node().dial(&attempt(&wedged, SECOND / 2), &PermitAll).await;
    assert_eq!((failure(&dialed).kind.as_str(), failure(&dialed).stage.as_str()), ("timeout", "multistream"));
    assert_eq!(failure(&dialed).details["bytes"], "0");
    assert!(started.elapsed() < SECOND, "{:?}", started.elapsed());
    let dialed = node().dial(&attempt(&multiaddr(server(b"", false).await), SECOND), &PermitAll).await;
    assert_eq!((failure(&dialed).kind.as_str(), failure(&dialed).stage.as_str()), ("closed", "multistream"));
    // It greets, and then wedges: the handshake is what is silent.
    let dialed = node()
        .dial(&attempt(&multiaddr(server(b"\x13/multistream/1.0.0\n", true).await), SECOND / 2), &PermitAll)
        .await;
    assert_eq!((failure(&dialed).kind.as_str(), failure(&dialed).stage.as_str()), ("timeout", "noise"));
    // It offers something else than noise.
    let tls = b"\x13/multistream/1.0.0\n\x03na\n\x0b/tls/1.0.0\n";
    let dialed = node().dial(&attempt(&multiaddr(server(tls, true).await), SECOND), &PermitAll).await;
    assert_eq!((failure(&dialed).kind.as_str(), failure(&dialed).stage.as_str()), ("unsupported", "noise"));
    assert_eq!(failure(&dialed).details["offers"], "/tls/1.0.0");
}

#[tokio::test]
async fn the_system_says_why() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let dialed = node().dial(&attempt(&multiaddr(free), SECOND), &PermitAll).await;
    assert_eq!(
        (failure(&dialed).kind.as_str(), failure(&dialed).stage.as_str(), failure(&dialed).os_code),
        ("connection-refused", "connect", Some(111))
    );
    assert_eq!(rungs(&dialed), [("resolve", true), ("connect", false)]);
    let dialed = node().dial(&attempt("/dns4/no-such-host.invalid/tcp/1", 20 * SECOND), &PermitAll).await;
    assert!(failure(&dialed).kind.starts_with("dns-"), "{dialed:?}");
    assert_eq!(rungs(&dialed), [("resolve", false)]);
    let dialed = node().dial(&attempt("127.0.0.1:9100", SECOND), &PermitAll).await;
    assert_eq!(failure(&dialed).details["reason"], "host-port");
    assert!(dialed.ladder.is_empty());
}

struct Nothing;

impl Permit for Nothing {
    fn lookup(&self, host: &str) -> Result<(), Failure> {
        Err(Failure::new("denied", "grant", host))
    }

    fn connect(&self, host: &str, _: SocketAddr) -> Result<(), Failure> {
        Err(Failure::new("denied", "grant", host))
    }
}

#[tokio::test]
async fn nothing_is_dialled_without_a_permit() {
    let (_peer, address) = peer().await;
    for address in [address.as_str(), "/dns4/localhost/tcp/1"] {
        let dialed = node().dial(&attempt(address, SECOND), &Nothing).await;
        assert_eq!((failure(&dialed).kind.as_str(), rungs(&dialed)), ("denied", vec![("resolve", false)]));
    }
}

#[tokio::test]
async fn dials_run_at_the_same_time() {
    let node = node();
    let wedged = server(b"", true).await;
    let started = Instant::now();
    let attempts: Vec<_> = (0..8).map(|_| attempt(&multiaddr(wedged), SECOND)).collect();
    let dialed = futures::future::join_all(attempts.iter().map(|a| node.dial(a, &PermitAll))).await;
    assert_eq!(dialed.len(), 8);
    assert!(started.elapsed() < 2 * SECOND, "{:?}", started.elapsed());
}

#[tokio::test]
async fn one_request_one_answer() {
    let (_peer, address) = peer().await;
    let node = node();
    let echo = [7; 32];
    let answer = node.request(&address, "/ipfs/ping/1.0.0", &echo, 2 * SECOND, 100, &PermitAll).await.unwrap();
    assert_eq!(answer, echo);
    let error = node.request(&address, "/ipfs/ping/1.0.0", &echo, 2 * SECOND, 31, &PermitAll).await.unwrap_err();
    assert_eq!(error.kind, "too-large");
    let error = node.request(&address, "/no/such/1.0.0", b"", 2 * SECOND, 100, &PermitAll).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.stage.as_str()), ("unsupported", "stream"));
    let error = node.request(&address, "no slash", b"", SECOND, 100, &PermitAll).await.unwrap_err();
    assert_eq!(error.kind, "invalid");
}

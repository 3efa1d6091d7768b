//! Peers of our own make that follow each other.

use super::{client, peer, put, until};
use crate::wire::{self, Bytes, CACHE_PROTOCOL, Frame, Request, Response};
use crate::{Node, NodeConfig, Peer, PeerConfig};
use seaworthy_model::PermitAll;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn with_peer(address: &str) -> PeerConfig {
    PeerConfig { peers: vec![address.into()], ..PeerConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_flow_both_ways_at_once() {
    let (a, a_address) = peer(PeerConfig::default()).await;
    let at_a = client(&a_address).await;
    put(&at_a, "old", "binary \u{0} too").await;
    let (b, b_address) = peer(with_peer(&a_address)).await;
    let at_b = client(&b_address).await;
    until(|| b.stats().entries == 1).await;
    // Both follow by now, or soon: the first entry of each side settles it.
    put(&at_b, "settle", "1").await;
    until(|| a.stats().entries == 2).await;
    let mut slowest = Duration::ZERO;
    for n in 0..10_u64 {
        let (from, to, key) = if n % 2 == 0 { (&at_a, &b, "a") } else { (&at_b, &a, "b") };
        let started = Instant::now();
        put(from, &format!("{key}{n}"), "1").await;
        while to.stats().entries < 3 + n {
            assert!(started.elapsed() < 5 * SECOND, "entry {n} of {key}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        slowest = slowest.max(started.elapsed());
    }
    assert!(slowest < SECOND, "{slowest:?}");
    assert_eq!((a.counters().received_follow, b.counters().received_follow), (6, 6));
    assert_eq!(at_b.get("old", &PermitAll).await.unwrap().unwrap().bytes, "binary \u{0} too".as_bytes());
}

/// A restart without the store: numbers of entries begin anew, and a cursor of
/// before would skip what is put after.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_other_one_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = |listen: &str| PeerConfig {
        listen: vec![listen.into()],
        identity: Some(directory.path().join("identity")),
        ..PeerConfig::default()
    };
    let (a, a_address) = peer(config("/ip4/127.0.0.1/tcp/0")).await;
    let at_a = client(&a_address).await;
    for n in 0..5 {
        put(&at_a, &format!("first{n}"), "1").await;
    }
    let (b, b_address) = peer(with_peer(&a_address)).await;
    until(|| b.stats().entries == 5).await;
    a.shutdown().await;
    let listen = a_address.split("/p2p/").next().unwrap();
    let (a, _) = peer(config(listen)).await;
    assert_eq!(a.stats().entries, 0, "its store was in memory");
    let at_a = client(&a_address).await;
    for n in 0..3 {
        put(&at_a, &format!("second{n}"), "1").await;
    }
    until(|| b.stats().entries == 8 && a.stats().entries == 8).await;
    // And the other one: whoever dialled comes back, and is followed again.
    b.shutdown().await;
    put(&at_a, "third", "1").await;
    let (b, _) =
        peer(PeerConfig { listen: vec![b_address.split("/p2p/").next().unwrap().into()], ..with_peer(&a_address) })
            .await;
    until(|| b.stats().entries == 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_our_store_fails_comes_again() {
    let directory = tempfile::tempdir().unwrap();
    let (_a, a_address) = peer(PeerConfig::default()).await;
    let at_a = client(&a_address).await;
    put(&at_a, "before", "1").await;
    let store = Some(directory.path().join("store"));
    let (b, _) = peer(PeerConfig { store, ..with_peer(&a_address) }).await;
    until(|| b.stats().entries == 1).await;
    b.service.store.close_for_test();
    put(&at_a, "meanwhile", "1").await;
    until(|| b.stats().entries == 2).await;
    assert_eq!(b.counters().received_follow, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_of_another_secret_share_nothing() {
    let (a, a_address) = peer(PeerConfig::default()).await;
    put(&client(&a_address).await, "k", "1").await;
    let other = PeerConfig { secret: Some(super::secret("theirs")), ..with_peer(&a_address) };
    let other = Peer::start(PeerConfig { listen: vec!["/ip4/127.0.0.1/tcp/0".into()], ..other }).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!((other.stats().entries, a.stats().entries), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_configured_with_itself_leaves_itself_out() {
    let folder = tempfile::tempdir().unwrap();
    let identity = Some(folder.path().join("identity"));
    let (first, address) = peer(PeerConfig { identity: identity.clone(), ..PeerConfig::default() }).await;
    first.shutdown().await;
    let listen = vec![address.split("/p2p/").next().unwrap().to_owned()];
    let (own, again) = peer(PeerConfig { identity, listen, ..with_peer(&address) }).await;
    assert_eq!(again, address);
    put(&client(&address).await, "k", "1").await;
    tokio::time::sleep(SECOND).await;
    assert_eq!((own.stats().entries, own.stats().puts), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_does_not_wait_for_those_who_wait() {
    let (a, a_address) = peer(PeerConfig::default()).await;
    let (b, b_address) = peer(with_peer(&a_address)).await;
    put(&client(&b_address).await, "k", "1").await;
    until(|| a.stats().entries == 1).await;
    let started = Instant::now();
    a.shutdown().await;
    b.shutdown().await;
    assert!(started.elapsed() < 3 * SECOND, "{:?}", started.elapsed());
}

/// Rates, and the size of what is read before the secret is agreed.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_ask_is_bounded() {
    let (peer, address) = peer(PeerConfig { max_requests_per_second: 30, ..PeerConfig::default() }).await;
    let busy = client(&address).await;
    put(&busy, "k", "1").await;
    let mut refused = None;
    for _ in 0..100 {
        if let Err(failure) = busy.get("k", &PermitAll).await {
            refused = Some(failure);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!((refused.kind.as_str(), refused.retry.as_str()), ("rate-limited", "temporary"));
    assert!(refused.message.contains("30 requests a second"), "{refused}");
    assert!(peer.counters().rate_limited > 0);
    let other = client(&address).await;
    assert!(other.get("k", &PermitAll).await.unwrap().is_some(), "another one is served");

    let node = Node::start(NodeConfig::default()).unwrap();
    let large = Request::Put { key: "k".into(), sealed: Bytes(vec![0; 8000]) };
    let frame = wire::encode(&large).unwrap();
    let answer = node.request(&address, CACHE_PROTOCOL, &frame, 5 * SECOND, 10_000, &PermitAll).await.unwrap();
    let Frame::Message(Response::Refused { kind, message }) = wire::decode(&answer) else { panic!() };
    assert_eq!(kind, "too-large");
    assert!(message.contains("before the agreement"), "{message}");
    tokio::time::sleep(SECOND).await;
    put(&other, "large", &"x".repeat(100_000)).await;
}

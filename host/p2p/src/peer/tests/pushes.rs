//! The Python cache's protocols, with scripted peers on loopback.

use super::python_peer::{Manner, PythonPeer};
use super::{client, peer, put, until};
use crate::push::{self, Envelope, PUSH_PROTOCOL, PeerList, PushEntry, Reply};
use crate::session::Session;
use crate::{Node, NodeConfig, PeerConfig, SharedSecret};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use seaworthy_model::{PermitAll, Secret};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn secret(text: &str) -> SharedSecret {
    SharedSecret::derive(&Secret::new(text.into()))
}

fn node() -> Node {
    Node::start(NodeConfig::default()).unwrap()
}

fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + 20 * SECOND
}

async fn connect(node: &Node, address: &str) -> Session {
    node.connect(&crate::address::parse(address).unwrap(), deadline(), &PermitAll).await.unwrap()
}

fn entry(key: &str, data: &str) -> PushEntry {
    let timestamp = crate::envelope::now_ms() as f64 / 1000.0;
    PushEntry { key: key.into(), data: data.into(), timestamp, ttl: 300.0, content_hash: None, validation_fields: None }
}

/// Sends `message` as a Python peer does, without closing the write half; the
/// reply, and how long it took.
async fn send(session: &Session, message: &[u8]) -> (Reply, Duration) {
    let started = Instant::now();
    let mut stream = session.open(PUSH_PROTOCOL, "test", deadline()).await.unwrap();
    let _ = stream.write_all(message).await;
    let _ = stream.flush().await;
    let mut reply = Vec::new();
    tokio::time::timeout(15 * SECOND, stream.read_to_end(&mut reply)).await.unwrap().unwrap();
    (Reply::read(&reply), started.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_go_to_those_we_dialled_and_to_those_who_dialled_us() {
    let mut dialled = PythonPeer::listen("ours", Manner::WaitsForEnd).await;
    let (peer, address) = peer(PeerConfig { peers: vec![dialled.address.clone()], ..PeerConfig::default() }).await;
    let writer = client(&address).await;
    put(&writer, "before", "{\"n\": 1.0}").await;
    assert_eq!(dialled.keys(1).await, ["before"]);
    let mut dialler = PythonPeer::dial(&address, "ours", Manner::Ready).await;
    let first = dialler.next(5 * SECOND).await.unwrap();
    assert_eq!((first.key.as_str(), first.data.as_str()), ("before", "{\"n\": 1.0}"), "what was there before it came");
    let started = Instant::now();
    put(&writer, "after", "[2]").await;
    assert_eq!((dialled.keys(1).await, dialler.keys(1).await), (vec!["after".to_owned()], vec!["after".to_owned()]));
    assert!(started.elapsed() < SECOND, "{:?}", started.elapsed());
    // What one of them pushes goes to the other one, and to our clients.
    let same = Node::with_identity(dialler.identity.clone(), "python".into(), 1);
    let reply = push::push(&same, &address, &secret("ours"), &entry("theirs", "null"), 5 * SECOND, &PermitAll).await;
    assert_eq!(reply, Ok(Reply::Ok));
    assert_eq!(dialled.keys(1).await, ["theirs"]);
    let got = writer.get("theirs", &PermitAll).await.unwrap().unwrap();
    assert_eq!((got.bytes.as_slice(), got.ttl_ms > Some(290_000)), (&b"null"[..], true));
    assert_eq!(dialler.next(SECOND / 2).await, None, "not to the one it came from");
    // What is no JSON stays here, and is counted.
    put(&writer, "binary", "\u{0}").await;
    put(&writer, "large", &format!("\"{}\"", "x".repeat(push::MAX_PLAINTEXT))).await;
    put(&writer, "last", "true").await;
    assert_eq!((dialled.keys(1).await, dialler.keys(1).await), (vec!["last".to_owned()], vec!["last".to_owned()]));
    let counters = peer.counters();
    assert_eq!((counters.not_representable, counters.too_large_to_push, counters.received_push), (2, 2, 1));
    until(|| peer.counters().pushes_acknowledged == 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_acknowledges_blocks_only_itself() {
    let mut silent = PythonPeer::listen("ours", Manner::Silent).await;
    let mut other = PythonPeer::listen("ours", Manner::Ready).await;
    let mut foreign = PythonPeer::listen("another secret", Manner::Ready).await;
    let peers = vec![silent.address.clone(), other.address.clone(), foreign.address.clone()];
    let (peer, address) = peer(PeerConfig { peers, request_timeout: 2 * SECOND, ..PeerConfig::default() }).await;
    let writer = client(&address).await;
    let keys: Vec<String> = (0..12).map(|n| format!("k{n:02}")).collect();
    let started = Instant::now();
    for key in &keys {
        put(&writer, key, "{}").await;
    }
    assert_eq!(other.keys(12).await, keys);
    assert!(started.elapsed() < 2 * SECOND, "{:?}", started.elapsed());
    assert_eq!(silent.keys(12).await, keys, "in the end it was told of all, too");
    until(|| peer.counters().pushes_timed_out == 12).await;
    assert_eq!(peer.counters().pushes_sent, 24, "none to the one of another secret");
    assert_eq!(foreign.next(Duration::ZERO).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_has_the_reply_of_the_table() {
    let (peer, address) = peer(PeerConfig::default()).await;
    let node = node();
    let session = connect(&node, &address).await;
    let (ours, theirs) = (Envelope::new(&secret("ours")), Envelope::new(&secret("theirs")));
    let token = |envelope: &Envelope, text: &str| envelope.seal(text.as_bytes()).unwrap().into_bytes();
    let plain = |entry: &PushEntry| entry.plaintext().unwrap();

    let good = entry("k", "[1]");
    let (reply, took) = send(&session, &token(&ours, &plain(&good))).await;
    assert_eq!(reply, Reply::Ok);
    assert!(took < Duration::from_millis(400), "{took:?}: it waits neither for the end nor for a silence");
    let older = PushEntry { timestamp: good.timestamp - 10.0, data: "[0]".into(), ..good.clone() };
    assert_eq!(send(&session, &token(&ours, &plain(&older))).await.0, Reply::Ok, "and not stored");
    let expired = PushEntry { key: "x".into(), timestamp: good.timestamp - 1000.0, ..good.clone() };
    assert_eq!(send(&session, &token(&ours, &plain(&expired))).await.0, Reply::Ok, "and not stored");
    let reader = client(&address).await;
    assert_eq!(reader.get("k", &PermitAll).await.unwrap().unwrap().bytes, b"[1]");
    assert_eq!(reader.get("x", &PermitAll).await.unwrap(), None);

    assert_eq!(send(&session, &token(&theirs, &plain(&good))).await.0, Reply::DecryptionFailed);
    assert_eq!(send(&session, &token(&ours, "{\"key\": \"k\"}")).await.0, Reply::InvalidFormat);
    let ahead = PushEntry { key: "a".into(), timestamp: good.timestamp + 3600.0, ..good.clone() };
    let (reply, _) = send(&session, &token(&ours, &plain(&ahead))).await;
    assert_eq!(reply, Reply::Other("ERROR: Timestamp too far ahead".into()));
    let no_data = plain(&good).replace("\"data\"", "\"date\"");
    assert_eq!(send(&session, &token(&ours, &no_data)).await.0, Reply::ClosedWithoutReply);
    let hash = PushEntry { content_hash: Some("bafk".into()), validation_fields: Some("{}".into()), ..good.clone() };
    assert_eq!(send(&session, &token(&ours, &plain(&hash))).await.0, Reply::ClosedWithoutReply);
    // In the clear, garbage, cut, too long.
    assert_eq!(send(&session, plain(&good).as_bytes()).await.0, Reply::DecryptionFailed);
    assert_eq!(send(&session, b"\x00garbage").await.0, Reply::DecryptionFailed);
    let whole = token(&ours, &plain(&good));
    let (reply, took) = send(&session, &whole[..whole.len() - 8]).await;
    assert_eq!((reply, took < 2 * SECOND), (Reply::DecryptionFailed, true));
    assert_eq!(send(&session, &[b'A'; 100_000]).await.0, Reply::Other("ERROR: Too large".into()));
    assert!(!push::accepts_plaintext(&node, &address, 5 * SECOND, &PermitAll).await.unwrap());
    let largest = entry("largest", &format!("\"{}\"", "x".repeat(push::MAX_PLAINTEXT - 200)));
    assert_eq!(send(&session, &token(&ours, &plain(&largest))).await.0, Reply::Ok);

    let refused = peer.counters().refused;
    let seen: Vec<_> = refused.iter().map(|(reason, count)| (*reason, *count)).collect();
    let expected = [
        ("clock", 1),
        ("content-hash", 1),
        ("decryption-failed", 3),
        ("incomplete", 1),
        ("invalid-format", 1),
        ("plaintext", 2),
        ("too-large", 1),
    ];
    assert_eq!(seen, expected);
    assert_eq!((peer.counters().received_push, peer.stats().entries), (2, 2));
}

/// Who is told OK never pushes again, so that has to be stored. Who gets no reply pushes
/// again, elsewhere: nothing is lost when it was stored all the same, since a reply may go
/// down with the connection that ends. But the end waits for replies, so that is seldom.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_at_the_end_is_stored() {
    const PUSHES: usize = 16;
    /// Of five times [`PUSHES`]. Without waiting for replies most are unanswered.
    const SELDOM: usize = 4;
    let mut unanswered = 0;
    for delay in [0, 1, 2, 4, 8] {
        let directory = tempfile::tempdir().unwrap();
        let config = || PeerConfig { store: Some(directory.path().join("store")), ..PeerConfig::default() };
        let (ending, address) = peer(config()).await;
        let node = node();
        let session = connect(&node, &address).await;
        let envelope = Envelope::new(&secret("ours"));
        let pushes = (0..PUSHES).map(async |n| {
            let token = envelope.seal(entry(&format!("k{n}"), "1").plaintext().unwrap().as_bytes()).unwrap();
            let mut reply = Vec::new();
            let exchange = async {
                let mut stream = session.open(PUSH_PROTOCOL, "test", deadline()).await.ok()?;
                // Whoever was answered and left at once may be gone before this side has flushed.
                let _ = stream.write_all(token.as_bytes()).await;
                let _ = stream.flush().await;
                stream.read_to_end(&mut reply).await.ok()
            };
            let _ = tokio::time::timeout(15 * SECOND, exchange).await.unwrap();
            Reply::read(&reply) == Reply::Ok
        });
        let end = async {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            ending.shutdown().await;
        };
        let (acknowledged, ()) = futures::join!(futures::future::join_all(pushes), end);
        let (_again, address) = peer(config()).await;
        let reader = client(&address).await;
        for (n, acknowledged) in acknowledged.into_iter().enumerate() {
            let stored = reader.get(&format!("k{n}"), &PermitAll).await.unwrap().is_some();
            assert!(stored || !acknowledged, "push {n} was acknowledged, and lost: ended after {delay} ms");
            unanswered += usize::from(stored && !acknowledged);
        }
    }
    assert!(unanswered <= SELDOM, "{unanswered} pushes were stored and not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_ones_are_cut_off_and_delay_nobody() {
    let (_peer, address) = peer(PeerConfig { request_timeout: 3 * SECOND, ..PeerConfig::default() }).await;
    let node = node();
    let session = connect(&node, &address).await;
    let mut stream = session.open(PUSH_PROTOCOL, "test", deadline()).await.unwrap();
    let started = Instant::now();
    let dripping = async {
        while stream.write_all(b"g").await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(started.elapsed() < 15 * SECOND, "a byte at a time for ever");
        }
    };
    let token = Envelope::new(&secret("ours")).seal(entry("k", "1").plaintext().unwrap().as_bytes()).unwrap();
    let quick = async {
        let (reply, took) = send(&session, token.as_bytes()).await;
        assert_eq!((reply, took < SECOND), (Reply::Ok, true));
    };
    futures::join!(dripping, quick);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_are_exchanged_with_those_who_share_the_secret() {
    let (peer, address) = peer(PeerConfig::default()).await;
    let node = node();
    let own = PeerList { addrs: vec!["/ip4/192.0.2.1/tcp/1".into()], ..PeerList::default() };
    let ask = |text: &'static str| {
        let (node, address, own) = (node.clone(), address.clone(), own.clone());
        async move { push::exchange_peers(&node, &address, &secret(text), &own, 5 * SECOND, &PermitAll).await }
    };
    let list = ask("ours").await.unwrap();
    assert_eq!(list.addrs, peer.addresses());
    assert!(list.ts > 1e9);
    assert_eq!(ask("theirs").await.unwrap_err().kind, "different-secret");
    // The other way round: a peer that wants the secret, and one that does not answer.
    let python = PythonPeer::listen("ours", Manner::Ready).await;
    let list = push::exchange_peers(&node, &python.address, &secret("ours"), &own, 5 * SECOND, &PermitAll).await;
    assert_eq!(list.unwrap().addrs, ["/ip4/0.0.0.0/tcp/9100"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_python_peer_has_its_reply() {
    let shared = secret("ours");
    for manner in [Manner::Ready, Manner::WaitsForEnd] {
        let mut python = PythonPeer::listen("ours", manner).await;
        let reply = push::push(&node(), &python.address, &shared, &entry("k", "1"), 5 * SECOND, &PermitAll).await;
        assert_eq!(reply, Ok(Reply::Ok));
        assert_eq!(python.keys(1).await, ["k"]);
    }
    let silent = PythonPeer::listen("ours", Manner::Silent).await;
    let failure =
        push::push(&node(), &silent.address, &shared, &entry("k", "1"), SECOND, &PermitAll).await.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("timeout", "read"));
    let large = entry("k", &format!("\"{}\"", "x".repeat(push::MAX_PLAINTEXT)));
    let failure = push::push(&node(), &silent.address, &shared, &large, SECOND, &PermitAll).await.unwrap_err();
    assert_eq!(failure.kind, "too-large");
    let (_keep, address) = peer(PeerConfig::default()).await;
    let reply = push::push(&node(), &address, &secret("theirs"), &entry("k", "1"), 5 * SECOND, &PermitAll).await;
    assert_eq!(reply, Ok(Reply::DecryptionFailed));
}

//! The cache protocol between clients and peers on loopback.

use crate::support::{SECOND, config, node, peer, secret, server};
use seaworthy_model::{Permit, PermitAll};
use seaworthy_p2p::{Blob, CACHE_PROTOCOL, CacheClient, Peer, PeerConfig, PeerError, agree};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

pub(crate) fn blob(bytes: &[u8]) -> Blob {
    Blob { bytes: bytes.to_vec(), ttl_ms: Some(60_000), ..Blob::default() }
}

pub(crate) async fn client(addresses: &[&str]) -> CacheClient {
    let addresses: Vec<String> = addresses.iter().map(|a| (*a).to_owned()).collect();
    CacheClient::open(&node(), &addresses, Arc::new(secret("ours")), 5 * SECOND, &PermitAll).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn agreement_tells_same_from_different() {
    let (_peer, address) = peer().await;
    assert_eq!(agree(&node(), &address, &secret("ours"), 5 * SECOND, &PermitAll).await, Ok(true));
    assert_eq!(agree(&node(), &address, &secret("theirs"), 5 * SECOND, &PermitAll).await, Ok(false));
    let bare = Peer::start(PeerConfig { secret: None, ..config() }).await.unwrap();
    assert_eq!(agree(&node(), &bare.addresses()[0], &secret("ours"), 5 * SECOND, &PermitAll).await, Ok(false));
    let error =
        CacheClient::open(&node(), std::slice::from_ref(&address), Arc::new(secret("theirs")), 5 * SECOND, &PermitAll)
            .await
            .err()
            .unwrap();
    assert_eq!((error.kind.as_str(), error.operation.as_str()), ("unauthenticated", "open"));
    assert!(error.context[&address].contains("different-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_got_until_it_expires_or_is_invalidated() {
    let (_peer, address) = peer().await;
    let client = client(&[&address]).await;
    assert_eq!(client.usable(), 1);
    assert_eq!(client.get("k", &PermitAll).await, Ok(None));
    let metadata = BTreeMap::from([("etag".to_owned(), "x".to_owned())]);
    client.put("k", &Blob { metadata: metadata.clone(), ..blob(b"value") }, &PermitAll).await.unwrap();
    let got = client.get("k", &PermitAll).await.unwrap().unwrap();
    assert_eq!((got.bytes.as_slice(), &got.metadata), (&b"value"[..], &metadata));
    assert!(got.created_ms > 0);
    assert!((50_000..=60_000).contains(&got.ttl_ms.unwrap()), "{got:?}");
    let summary = client.has("k", &PermitAll).await.unwrap().unwrap();
    assert_eq!(summary.created_ms, got.created_ms);
    client.invalidate("k", &PermitAll).await.unwrap();
    client.invalidate("k", &PermitAll).await.unwrap();
    assert_eq!(client.get("k", &PermitAll).await, Ok(None));
    assert_eq!(client.has("k", &PermitAll).await, Ok(None));

    client.put("short", &Blob { ttl_ms: Some(200), ..blob(b"v") }, &PermitAll).await.unwrap();
    assert!(client.get("short", &PermitAll).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(client.get("short", &PermitAll).await, Ok(None));

    client.put("for ever", &Blob { ttl_ms: None, ..blob(b"") }, &PermitAll).await.unwrap();
    assert_eq!(client.get("for ever", &PermitAll).await.unwrap().unwrap().ttl_ms, None);
    let stats = client.stats(&PermitAll).await.unwrap();
    let stats = stats.values().next().unwrap();
    assert_eq!((stats.entries, stats.puts), (1, 3), "{stats:?}");
    assert_eq!(client.get("", &PermitAll).await.unwrap_err().kind, "configuration");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_pass_and_larger_ones_are_refused() {
    let peer = Peer::start(PeerConfig { max_value: 1024 * 1024, ..config() }).await.unwrap();
    let client = client(&[&peer.addresses()[0]]).await;
    let large: Vec<u8> = (0..1024 * 1024_u32).map(|i| i.to_le_bytes()[1]).collect();
    client.put("large", &blob(&large), &PermitAll).await.unwrap();
    assert!(client.get("large", &PermitAll).await.unwrap().unwrap().bytes == large);
    let error = client.put("larger", &blob(&vec![0; 1024 * 1024 + 1]), &PermitAll).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry.as_str()), ("too-large", "permanent"));
    let error =
        client.put("ahead", &Blob { created_ms: 4_000_000_000_000, ..blob(b"v") }, &PermitAll).await.unwrap_err();
    assert_eq!(error.kind, "clock");
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_and_entries_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let start = |listen: String| {
        Peer::start(PeerConfig {
            listen: vec![listen],
            identity: Some(directory.path().join("identity")),
            store: Some(directory.path().join("store.redb")),
            ..config()
        })
    };
    let peer = start("/ip4/127.0.0.1/tcp/0".into()).await.unwrap();
    let address = peer.addresses().remove(0);
    let client = client(&[&address]).await;
    client.put("k", &blob(b"kept"), &PermitAll).await.unwrap();
    // The port is taken: an error, never another port.
    let listen = crate::support::without_id(&address);
    let store = directory.path().join("untouched.redb");
    let taken = Peer::start(PeerConfig { listen: vec![listen.clone()], store: Some(store.clone()), ..config() }).await;
    let taken = taken.err().unwrap();
    assert!(matches!(taken, PeerError::Listen { .. }), "{taken}");
    assert!(taken.to_string().contains("in use") && taken.to_string().contains("stop what holds"), "{taken}");
    assert!(std::error::Error::source(&taken).is_none(), "the text has the reason already: {taken}");
    assert!(!store.exists(), "a peer that cannot listen leaves the store alone");
    let id = peer.peer_id().to_owned();
    peer.shutdown().await;
    let error = client.get("k", &PermitAll).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry.as_str()),
        ("unreachable", "temporary"),
        "an unreachable peer is no miss: {error:?}"
    );
    let peer = start(listen).await.unwrap();
    assert_eq!(peer.peer_id(), id);
    assert_eq!(peer.addresses()[0], address);
    // The same client finds it again.
    assert_eq!(client.get("k", &PermitAll).await.unwrap().unwrap().bytes, b"kept");
}

/// A start with no secret, or with a wrong one, takes nothing from the right one.
#[tokio::test(flavor = "multi_thread")]
async fn entries_survive_other_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let start = |secret| Peer::start(PeerConfig { store: Some(path.clone()), secret, ..config() });
    let peer = start(Some(secret("ours"))).await.unwrap();
    client(&[&peer.addresses()[0]]).await.put("k", &blob(b"kept"), &PermitAll).await.unwrap();
    peer.shutdown().await;
    let before = std::fs::read(&path).unwrap();
    start(None).await.unwrap().shutdown().await;
    assert!(std::fs::read(&path).unwrap() == before, "without a secret the file is not touched");
    let peer = start(Some(secret("theirs"))).await.unwrap();
    assert_eq!(peer.stats().entries, 0);
    peer.shutdown().await;
    let peer = start(Some(secret("ours"))).await.unwrap();
    let got = client(&[&peer.addresses()[0]]).await.get("k", &PermitAll).await.unwrap();
    assert_eq!(got.unwrap().bytes, b"kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_peers_serve_one_cache() {
    let ((first, a), (_second, b)) = (peer().await, peer().await);
    let both = client(&[&a, &b]).await;
    assert_eq!(both.usable(), 2);
    both.put("k", &blob(b"v"), &PermitAll).await.unwrap();
    for address in [&a, &b] {
        assert_eq!(client(&[address]).await.get("k", &PermitAll).await.unwrap().unwrap().bytes, b"v");
    }
    first.shutdown().await;
    assert_eq!(both.get("k", &PermitAll).await.unwrap().unwrap().bytes, b"v", "the other one has it");
    both.put("l", &blob(b"w"), &PermitAll).await.unwrap();
    let error = both.get("nowhere", &PermitAll).await.unwrap_err();
    assert_eq!(error.kind, "unreachable", "one peer did not answer, and it might have it");
    assert_eq!(error.context.len(), 1);
    assert!(both.invalidate("k", &PermitAll).await.is_err(), "one peer may still hold it");
    let closed = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", node().peer_id());
    let part = client(&[&b, &closed, "nonsense"]).await;
    assert_eq!((part.usable(), part.unusable().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_peer_copies_what_an_old_one_holds() {
    let (_old, address) = peer().await;
    let writer = client(&[&address]).await;
    for n in 0..50_u8 {
        writer.put(&format!("k{n}"), &blob(&[n; 2000]), &PermitAll).await.unwrap();
    }
    let new = Peer::start(PeerConfig { peers: vec![address], max_value: 10_000, ..config() }).await.unwrap();
    let reader = client(&[&new.addresses()[0]]).await;
    let started = Instant::now();
    while new.stats().entries < 50 {
        assert!(started.elapsed() < 10 * SECOND, "{:?}", new.stats());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(reader.get("k49", &PermitAll).await.unwrap().unwrap().bytes, [49; 2000]);
}

#[tokio::test]
async fn addresses_can_be_dialled() {
    let peer = Peer::start(PeerConfig {
        listen: vec!["/ip4/0.0.0.0/tcp/0".into()],
        announce: vec!["/dns4/runner.test/tcp/9100".into()],
        ..config()
    })
    .await
    .unwrap();
    assert_eq!(peer.addresses(), [format!("/dns4/runner.test/tcp/9100/p2p/{}", peer.peer_id())]);
    let peer = Peer::start(PeerConfig { listen: vec!["/ip4/0.0.0.0/tcp/0".into()], ..config() }).await.unwrap();
    let addresses = peer.addresses();
    let loopback = addresses.iter().filter(|a| a.starts_with("/ip4/127.")).count();
    assert!(loopback == 0 || loopback == addresses.len(), "only where there is nothing else: {addresses:?}");
    for address in &addresses {
        assert!(!address.contains("0.0.0.0") && !address.contains("/tcp/0/"), "{address}");
    }
    for wrong in ["/ip4/127.0.0.1/udp/1", "/dns4/localhost/tcp/0", "127.0.0.1:1"] {
        let error = Peer::start(PeerConfig { listen: vec![wrong.into()], ..config() }).await.err().unwrap();
        assert!(matches!(&error, PeerError::Address { address, .. } if address == wrong), "{error}");
    }
    for wrong in ["/ip4/192.0.2.1/tcp/0", "/ip4/0.0.0.0/tcp/9100", "runner.test:9100"] {
        let error = Peer::start(PeerConfig { announce: vec![wrong.into()], ..config() }).await.err().unwrap();
        assert!(matches!(&error, PeerError::Announce { address, .. } if address == wrong), "{error}");
    }
    let elsewhere = vec!["/ip4/192.0.2.1/tcp/9100".to_owned()];
    let error = Peer::start(PeerConfig { listen: elsewhere, ..config() }).await.err().unwrap();
    assert!(error.to_string().contains("no interface of this machine has the address"), "{error}");
}

/// Slow handshakes, connections that say nothing and unauthenticated requests
/// take nothing from those who behave.
#[tokio::test(flavor = "multi_thread")]
async fn idlers_do_not_block_others() {
    let (_peer, address) = peer().await;
    let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
    let mut idlers = Vec::new();
    for _ in 0..100 {
        idlers.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    let started = Instant::now();
    let client = client(&[&address]).await;
    client.put("k", &blob(b"v"), &PermitAll).await.unwrap();
    assert!(client.get("k", &PermitAll).await.unwrap().is_some());
    assert!(started.elapsed() < 2 * SECOND, "{:?}", started.elapsed());
}

/// What claims 4 GiB is refused, and a crowd of questions waits for its turn.
#[tokio::test(flavor = "multi_thread")]
async fn claims_and_crowds_are_bounded() {
    let (_peer, address) = peer().await;
    let node = node();
    let claim = [0xff, 0xff, 0xff, 0xff, 1];
    let answer = node.request(&address, CACHE_PROTOCOL, &claim, 2 * SECOND, 1000, &PermitAll).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("too-large"));
    let client = client(&[&address]).await;
    client.put("k", &blob(&[7; 100_000]), &PermitAll).await.unwrap();
    let crowd = futures::future::join_all((0..400).map(|_| client.get("k", &PermitAll))).await;
    let lost = crowd.iter().find(|got| !got.as_ref().is_ok_and(Option::is_some));
    assert!(lost.is_none(), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_the_protocol_is_unsupported() {
    // A frame of another version, asked by hand, is answered and not dropped.
    let (_peer, address) = peer().await;
    let answer =
        node().request(&address, CACHE_PROTOCOL, &[0, 0, 0, 2, 9, 0xf6], 2 * SECOND, 1000, &PermitAll).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("unsupported-version"));
    // Unauthenticated: `{"get": {"key": "k"}}`.
    let mut get = vec![0, 0, 0, 0, 1];
    ciborium::into_writer(&serde_json::json!({"get": {"key": "k"}}), &mut get).unwrap();
    get[3] = u8::try_from(get.len() - 4).unwrap();
    let answer = node().request(&address, CACHE_PROTOCOL, &get, 2 * SECOND, 1000, &PermitAll).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("unauthenticated"));
    let http = crate::support::multiaddr(server(b"HTTP/1.1 200 OK\r\n\r\n", false).await);
    let error = agree(&node(), &http, &secret("ours"), 2 * SECOND, &PermitAll).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.details["protocol"].as_str()), ("protocol", "http"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_get_is_fast() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::start(PeerConfig { store: Some(directory.path().join("store.redb")), ..config() }).await.unwrap();
    let client = client(&[&peer.addresses()[0]]).await;
    client.put("k", &blob(&[7; 4096]), &PermitAll).await.unwrap();
    // The best of three rounds: other tests run beside this one.
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let mut times = Vec::new();
        for _ in 0..500 {
            let started = Instant::now();
            assert!(client.get("k", &PermitAll).await.unwrap().is_some());
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("get of 4 KiB over loopback: median {median:?}, p99 {p99:?}, worst {:?}", times[times.len() - 1]);
        best = best.min(p99);
    }
    assert!(best < Duration::from_millis(10), "p99 {best:?}");
}

/// Callers spawn these on a runtime of several threads.
#[test]
fn every_future_can_be_sent() {
    fn sent(_: impl Send) {}
    let (node, shared, attempt) = (node(), secret("ours"), crate::support::attempt("/", SECOND));
    sent(node.dial(&attempt, &PermitAll));
    sent(node.request("/", "/x", b"", SECOND, 1, &PermitAll));
    sent(agree(&node, "/", &shared, SECOND, &PermitAll));
    sent(CacheClient::open(&node, &[], Arc::new(secret("ours")), SECOND, &PermitAll));
    sent(Peer::start(config()));
    fn all<'a>(client: &'a CacheClient, permit: &'a dyn Permit) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let _ = client.get("k", permit).await;
            let _ = client.put("k", &Blob::default(), permit).await;
            let _ = client.has("k", permit).await;
            let _ = client.invalidate("k", permit).await;
            let _ = client.stats(permit).await;
            let _ = CacheClient::open(&crate::support::node(), &[], Arc::new(secret("ours")), SECOND, permit).await;
        })
    }
    let _ = all;
    let _ = |client: &CacheClient| {
        sent(client.get("k", &PermitAll));
        sent(client.put("k", &Blob::default(), &PermitAll));
        sent(client.has("k", &PermitAll));
        sent(client.invalidate("k", &PermitAll));
        sent(client.stats(&PermitAll));
    };
}

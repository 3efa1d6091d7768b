//! A peer as a service: what it counts, how it is, and how it ends.

use crate::support::{SECOND, attempt, config, node, peer, secret};
use seaworthy_model::PermitAll;
use seaworthy_p2p::{Blob, CacheClient, Peer, PeerConfig, agree};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn blob(bytes: &[u8]) -> Blob {
    Blob { bytes: bytes.to_vec(), ttl_ms: Some(60_000), ..Blob::default() }
}

async fn client(peer: &Peer) -> CacheClient {
    CacheClient::open(&node(), &[peer.addresses().remove(0)], Arc::new(secret("ours")), 5 * SECOND, &PermitAll)
        .await
        .unwrap()
}

/// The value of the sample that starts with `name`, labels included.
fn sample(page: &str, name: &str) -> f64 {
    let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_once() {
    let (peer, address) = peer().await;
    let page = peer.monitor().open_metrics();
    assert_eq!(sample(&page, "seaworthy_peer_last_success_timestamp_seconds"), 0.0);
    assert_eq!(agree(&node(), &address, &secret("theirs"), 5 * SECOND, &PermitAll).await, Ok(false));
    let client = client(&peer).await;
    assert_eq!(client.get("k", &PermitAll).await, Ok(None));
    client.put("k", &blob(b"value"), &PermitAll).await.unwrap();
    client.put("j", &blob(b"value"), &PermitAll).await.unwrap();
    for _ in 0..3 {
        assert!(client.get("k", &PermitAll).await.unwrap().is_some());
    }
    client.invalidate("j", &PermitAll).await.unwrap();
    let ahead = Blob { created_ms: 4_000_000_000_000, ..blob(b"v") };
    assert_eq!(client.put("k", &ahead, &PermitAll).await.unwrap_err().kind, "clock");

    let page = peer.monitor().open_metrics();
    let requests = |labels: &str| sample(&page, &format!("seaworthy_peer_requests_total{{{labels}}}"));
    assert_eq!(requests(r#"operation="get",outcome="hit""#), 3.0);
    assert_eq!(requests(r#"operation="get",outcome="miss""#), 1.0);
    assert_eq!(requests(r#"operation="put",outcome="stored""#), 2.0);
    assert_eq!(requests(r#"operation="put",outcome="refused""#), 1.0);
    assert_eq!(requests(r#"operation="invalidate",outcome="removed""#), 1.0);
    assert_eq!(requests(r#"operation="agree",outcome="refused""#), 1.0);
    let refused = |reason| sample(&page, &format!("seaworthy_peer_refused_requests_total{{reason=\"{reason}\"}}"));
    assert_eq!((refused("clock"), refused("different-secret"), refused("integrity")), (1.0, 1.0, 0.0));
    assert_eq!(sample(&page, "seaworthy_peer_store_entries"), 1.0);
    assert!(sample(&page, "seaworthy_peer_store_bytes") > 5.0);
    assert_eq!(sample(&page, "seaworthy_peer_store_max_bytes"), f64::from(1 << 30));
    assert_eq!(sample(&page, "seaworthy_peer_request_duration_seconds_count{operation=\"get\"}"), 4.0);
    assert!(sample(&page, "seaworthy_peer_connections{direction=\"Inbound\"}") >= 1.0);
    assert!(sample(&page, "seaworthy_peer_connected_peers") >= 1.0);
    assert!(sample(&page, "seaworthy_peer_last_success_timestamp_seconds") > 1.7e9);
    let bytes = page.lines().filter(|l| l.starts_with("seaworthy_peer_libp2p_bandwidth_bytes_total{"));
    assert_eq!(bytes.filter(|l| !l.ends_with(" 0")).count(), 2, "in and out\n{page}");
    assert!(page.ends_with("# EOF\n"));

    let stats = peer.stats();
    assert_eq!((stats.hits, stats.misses, stats.puts), (3, 1, 2), "the same numbers as the protocol's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_down_too() {
    let (peer, address) = peer().await;
    assert!(node().dial(&attempt(&address, 5 * SECOND), &PermitAll).await.outcome.is_ok());
    let until = Instant::now() + 5 * SECOND;
    loop {
        let page = peer.monitor().open_metrics();
        let established = sample(&page, "seaworthy_peer_established_connections_total{direction=\"Inbound\"}");
        let now = sample(&page, "seaworthy_peer_connections{direction=\"Inbound\"}");
        if (established, now, sample(&page, "seaworthy_peer_connected_peers")) == (1.0, 0.0, 0.0) {
            break;
        }
        assert!(Instant::now() < until, "{page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_is_missing() {
    let (peer, _) = peer().await;
    let monitor = peer.monitor();
    let health = monitor.health();
    assert!(health.alive && health.ready && health.reasons.is_empty(), "{health:?}");
    let bare = Peer::start(PeerConfig { secret: None, ..config() }).await.unwrap();
    let health = bare.monitor().health();
    assert!(health.alive && !health.ready && health.reasons[0].contains("no shared secret"), "{health:?}");
    peer.shutdown().await;
    assert!(!monitor.health().ready, "it has ended");
    assert!(monitor.open_metrics().ends_with("# EOF\n"), "a scrape that comes late is still one");
}

/// Whoever was told that a value is stored finds it after the restart, and who was
/// not told knows that: nobody is left without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_answers_what_was_asked_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let durable = || PeerConfig {
        identity: Some(folder.path().join("identity.key")),
        store: Some(folder.path().join("entries.redb")),
        ..config()
    };
    let first = Peer::start(durable()).await.unwrap();
    let clients = futures::future::join_all((0..4).map(|_| client(&first))).await;
    let mut writers = Vec::new();
    for (number, client) in clients.into_iter().enumerate() {
        writers.push(tokio::spawn(async move {
            let mut stored = Vec::new();
            for round in 0..100_000 {
                let key = format!("{number}/{round}");
                match client.put(&key, &blob(key.as_bytes()), &PermitAll).await {
                    Ok(()) => stored.push(key),
                    Err(failure) => return (stored, failure),
                }
            }
            panic!("the peer did not end");
        }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Instant::now();
    first.shutdown().await;
    assert!(asked.elapsed() < 6 * SECOND, "{:?}", asked.elapsed());
    let mut stored = Vec::new();
    for writer in writers {
        let (keys, failure) = writer.await.unwrap();
        assert_eq!(failure.kind, "unreachable", "no other answer than a connection that ended: {failure:?}");
        assert!(!keys.is_empty());
        stored.extend(keys);
    }
    assert!(asked.elapsed() < 8 * SECOND, "clients know at once: {:?}", asked.elapsed());

    let second = Peer::start(durable()).await.unwrap();
    let reader = client(&second).await;
    for key in &stored {
        let found = reader.get(key, &PermitAll).await.unwrap();
        assert_eq!(found.map(|blob| blob.bytes).as_deref(), Some(key.as_bytes()), "{key} was acknowledged");
    }
}

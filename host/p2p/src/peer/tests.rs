use super::*;
use crate::wire::CACHE_PROTOCOL;
use crate::{Blob, CacheClient, Node, NodeConfig};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use seaworthy_model::{PermitAll, Secret};
use tokio::time::{Instant, timeout};

mod follows;
mod pushes;
mod python_peer;

fn secret(text: &str) -> SharedSecret {
    SharedSecret::derive(&Secret::new(text.into()))
}

/// A peer of the secret `ours`, on loopback, in memory unless `config` says
/// otherwise; and its address.
async fn peer(config: PeerConfig) -> (Peer, String) {
    let listen = if config.identity.is_some() || config.listen[0].contains("127.0.0.1") {
        config.listen
    } else {
        vec!["/ip4/127.0.0.1/tcp/0".into()]
    };
    let peer = Peer::start(PeerConfig { listen, secret: Some(secret("ours")), ..config }).await.unwrap();
    let address = peer.addresses().remove(0);
    (peer, address)
}

async fn client(address: &str) -> CacheClient {
    let node = Node::start(NodeConfig::default()).unwrap();
    let timeout = Duration::from_secs(10);
    CacheClient::open(&node, &[address.to_owned()], Arc::new(secret("ours")), timeout, &PermitAll).await.unwrap()
}

async fn put(client: &CacheClient, key: &str, text: &str) {
    let blob = Blob { bytes: text.as_bytes().to_vec(), ttl_ms: Some(300_000), ..Blob::default() };
    client.put(key, &blob, &PermitAll).await.unwrap();
}

/// Waits for something that comes soon.
async fn until(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(15), "it did not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A client that asks and never goes on holds a bounded number of requests.
#[tokio::test(flavor = "multi_thread")]
async fn unfinished_requests_are_bounded() {
    let config = PeerConfig { listen: vec!["/ip4/127.0.0.1/tcp/0".into()], ..PeerConfig::default() };
    let peer = Peer::start(config).await.unwrap();
    let address = crate::address::parse(&peer.addresses()[0]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let node = Node::start(NodeConfig::default()).unwrap();
    let session = node.connect(&address, deadline, &PermitAll).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..behaviour::STREAMS + 20 {
        let mut stream = session.open(CACHE_PROTOCOL, "test", deadline).await.unwrap();
        let _ = stream.write_all(&[0, 1, 0, 0]).await;
        let _ = stream.flush().await;
        streams.push(stream);
    }
    let ends = streams.iter_mut().map(|stream| async {
        let mut rest = Vec::new();
        timeout(Duration::from_millis(500), stream.read_to_end(&mut rest)).await.is_ok()
    });
    let held = futures::future::join_all(ends).await.into_iter().filter(|ended| !ended).count();
    assert_eq!(held, behaviour::STREAMS);
    assert!(node.connect(&address, deadline, &PermitAll).await.is_ok(), "others are served");
}

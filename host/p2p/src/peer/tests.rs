use super::*;
use crate::NodeConfig;
use crate::wire::CACHE_PROTOCOL;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use seaworthy_model::PermitAll;
use tokio::time::{Instant, timeout};

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

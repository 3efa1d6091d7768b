//! What the tests of this crate share.

use seaworthy_model::Secret;
use seaworthy_p2p::{DialAttempt, Node, NodeConfig, Peer, PeerConfig, SharedSecret};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn secret(text: &str) -> SharedSecret {
    SharedSecret::derive(&Secret::new(text.into()))
}

pub(crate) fn node() -> Node {
    Node::start(NodeConfig::default()).unwrap()
}

/// On loopback, on any port, in memory.
pub(crate) fn config() -> PeerConfig {
    PeerConfig { listen: vec!["/ip4/127.0.0.1/tcp/0".into()], secret: Some(secret("ours")), ..PeerConfig::default() }
}

pub(crate) async fn peer() -> (Peer, String) {
    let peer = Peer::start(config()).await.unwrap();
    let address = peer.addresses().remove(0);
    (peer, address)
}

pub(crate) fn attempt(address: &str, timeout: Duration) -> DialAttempt {
    DialAttempt { address: address.into(), timeout, pings: 3 }
}

/// The address without its last two parts, `/p2p/ID`.
pub(crate) fn without_id(address: &str) -> String {
    address.rsplitn(3, '/').nth(2).unwrap().to_owned()
}

/// A server that reads once, answers `greeting`, and then keeps the connection
/// or closes it.
pub(crate) async fn server(greeting: &'static [u8], keep: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 512]).await;
                let _ = stream.write_all(greeting).await;
                if keep {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            });
        }
    });
    address
}

pub(crate) fn multiaddr(socket: SocketAddr) -> String {
    format!("/ip4/{}/tcp/{}", socket.ip(), socket.port())
}

/// Waits until it is so, and fails when it never is.
pub(crate) async fn eventually(patience: Duration, so: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + patience;
    while !so() {
        assert!(tokio::time::Instant::now() < deadline, "not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

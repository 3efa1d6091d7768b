//! A listener for the time of a question: whoever dials it meets this node, with
//! identify and ping, and nothing else.

use crate::Node;
use crate::ladder::{NOISE, YAMUX};
use crate::multistream;
use crate::session::{Muxer, Session};
use futures::future::Either;
use libp2p::PeerId;
use libp2p::core::upgrade::InboundConnectionUpgrade as _;
use libp2p::identity::Keypair;
use libp2p::tcp::tokio::TcpStream;
use libp2p::{noise, yamux};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// For the handshake of one of them.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long one of them may stay.
const STAY: Duration = Duration::from_secs(10);

/// Listens until it is dropped.
pub(crate) struct Answering {
    task: JoinHandle<()>,
}

impl Answering {
    /// Takes `port` on every address of this machine.
    ///
    /// # Errors
    /// What the system said; `AddrInUse` when another program has the port.
    pub(crate) async fn open(node: &Node, port: u16) -> io::Result<Self> {
        // A socket for IPv6 takes IPv4 too, where the machine has IPv6 at all.
        let listener = match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
            Ok(listener) => listener,
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => return Err(e),
            Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await?,
        };
        let task = tokio::spawn(answer(node.clone(), listener));
        Ok(Self { task })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(node: Node, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let Ok((stream, remote)) = listener.accept().await else {
            // No file descriptors, most likely; they come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let node = node.clone();
        tokio::spawn(async move {
            let _slot = slot;
            let _ = stream.set_nodelay(true);
            match timeout(HANDSHAKE, upgrade(TcpStream(stream), node.identity())).await {
                Ok(Ok((peer, muxer))) => {
                    let session = Session::start(peer, remote, muxer, node.responder(remote));
                    session.closed(STAY).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, %remote, "somebody dialled and got no further"),
                Err(_) => tracing::debug!(%remote, "somebody dialled and said too little"),
            }
        });
    }
}

async fn upgrade(mut stream: TcpStream, identity: &Keypair) -> io::Result<(PeerId, Muxer)> {
    multistream::accept(&mut stream, &[NOISE]).await?.ok_or_else(refused)?;
    secured(stream, identity).await
}

/// The listening side of noise, once that is agreed on, and of yamux.
pub(crate) async fn secured(stream: TcpStream, identity: &Keypair) -> io::Result<(PeerId, Muxer)> {
    let config = noise::Config::new(identity).map_err(io::Error::other)?;
    let (peer, mut channel) = config.upgrade_inbound(Either::Left(stream), NOISE).await.map_err(io::Error::other)?;
    multistream::accept(&mut channel, &[YAMUX]).await?.ok_or_else(refused)?;
    let muxer = yamux::Config::default().upgrade_inbound(channel, YAMUX).await?;
    Ok((peer, Either::Left(muxer)))
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the dialler took none of our protocols")
}

use super::discovery::Discovery;
use super::echo::Ping;
use super::handshakes::Handshakes;
use crate::node::PROTOCOL_VERSION;
use crate::wire::{self, Budget, CACHE_PROTOCOL, Frame, Request, Response, Share};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identify;
use libp2p::identity::PublicKey;
use libp2p::request_response::{self, Codec, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Memory of all requests in progress together; as much again is for answers.
pub(super) const BUDGET: usize = 256 * 1024 * 1024;
/// Requests in progress on one connection.
pub(super) const STREAMS: usize = 64;
/// Streams of one connection in all. Each may hold 256 KiB that were not read yet,
/// so more of them end the connection.
pub(super) const MUXED: usize = 2 * STREAMS;
/// Connections of one peer: a client, its successor after a reconnect, diagnoses.
const PER_PEER: u32 = 16;
/// Connections that we make: to relays, to peers that were found, dials back for AutoNAT.
const OUTGOING: u32 = 128;
/// Handshakes in progress from one IP address: many containers share that of their host.
const PER_ADDRESS: usize = 256;

/// Bounds of what others may take.
pub(super) struct Limits {
    pub(super) max_frame: usize,
    pub(super) max_connections: u32,
    pub(super) request_timeout: Duration,
}

/// Everything a peer speaks.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    handshakes: Handshakes,
    identify: identify::Behaviour,
    ping: Ping,
    pub(super) cache: request_response::Behaviour<CacheCodec>,
    pub(super) discovery: Discovery,
}

impl Behaviour {
    pub(super) fn new(key: PublicKey, agent: String, limits: &Limits, discovery: Discovery) -> Self {
        let connections = ConnectionLimits::default()
            .with_max_established_incoming(Some(limits.max_connections))
            .with_max_established_per_peer(Some(PER_PEER))
            .with_max_established_outgoing(Some(OUTGOING))
            .with_max_pending_outgoing(Some(OUTGOING))
            // Handshakes end after their own timeout, so that a crowd of slow
            // ones delays others for that long at most.
            .with_max_pending_incoming(Some(limits.max_connections.max(64)));
        let codec = CacheCodec { max_frame: limits.max_frame, budget: Budget::new(BUDGET) };
        let config = request_response::Config::default()
            .with_request_timeout(limits.request_timeout)
            .with_max_concurrent_streams(STREAMS);
        let protocol = (StreamProtocol::new(CACHE_PROTOCOL), ProtocolSupport::Inbound);
        Self {
            limits: connection_limits::Behaviour::new(connections),
            handshakes: Handshakes::new(PER_ADDRESS),
            identify: identify::Behaviour::new(
                identify::Config::new(PROTOCOL_VERSION.into(), key)
                    .with_agent_version(agent)
                    // What others are told is chosen; see `Advertiser`.
                    .with_hide_listen_addrs(true),
            ),
            ping: Ping::default(),
            cache: request_response::Behaviour::with_codec(codec, [protocol], config),
            discovery,
        }
    }
}

/// Reads requests and writes answers; a peer asks nothing by itself.
#[derive(Clone)]
pub(super) struct CacheCodec {
    max_frame: usize,
    budget: Arc<Budget>,
}

/// A request as it came, with the memory it holds.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) frame: Frame<Request>,
    pub(super) share: Share,
}

/// An answer, with the memory that it holds until it is written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) share: Share,
}

impl Codec for CacheCodec {
    type Protocol = StreamProtocol;
    type Request = Received;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Received>
    where
        T: AsyncRead + Unpin + Send,
    {
        let (frame, share) = wire::read(io, self.max_frame, &self.budget).await?;
        Ok(Received { frame, share })
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Answer) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let Answer { response, share } = answer;
        let frame = wire::encode(&response)?;
        drop(response);
        let written = io.write_all(&frame).await;
        drop((frame, share));
        written
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, _: &mut T, _: Received) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

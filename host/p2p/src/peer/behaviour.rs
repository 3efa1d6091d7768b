use super::discovery::Discovery;
use super::echo::Ping;
use super::handshakes::Handshakes;
use super::hold::Hold;
use super::push_codec::{PushCodec, ReplyKind};
use crate::node::PROTOCOL_VERSION;
use crate::push::{Envelope, PEER_EXCHANGE_PROTOCOL, PUSH_PROTOCOL};
use crate::wire::{self, Budget, CACHE_PROTOCOL, Frame, Request, Response, SMALL_FRAME, Share};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identify;
use libp2p::identity::PublicKey;
use libp2p::request_response::{self, Codec, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use prometheus_client::metrics::counter::Counter;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Memory of all requests in progress together; as much again is for answers.
pub(super) const BUDGET: usize = 256 * 1024 * 1024;
/// Memory of all messages of the Python protocols in progress together.
const PUSH_BUDGET: usize = 32 * 1024 * 1024;
/// For one message of the Python protocols and its reply. One that does not
/// acknowledge keeps only those behind it in its own queue waiting.
const PUSH_TIMEOUT: Duration = Duration::from_secs(15);
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
    /// Counts requests that are begun and never end.
    pub(super) unfinished: Counter,
    /// Of the Python protocols; none without a secret.
    pub(super) envelope: Option<Arc<Envelope>>,
}

/// Everything a peer speaks.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    handshakes: Handshakes,
    identify: identify::Behaviour,
    ping: Ping,
    pub(super) cache: request_response::Behaviour<CacheCodec>,
    pub(super) push: request_response::Behaviour<PushCodec>,
    pub(super) peer_exchange: request_response::Behaviour<PushCodec>,
    pub(super) hold: Hold,
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
        let codec = CacheCodec {
            max_frame: limits.max_frame,
            budget: Budget::new(BUDGET),
            scope: None,
            unfinished: limits.unfinished.clone(),
        };
        let messages = Budget::new(PUSH_BUDGET);
        let push = |name, reply| {
            let codec = PushCodec { envelope: limits.envelope.clone(), budget: Arc::clone(&messages), reply };
            let config = request_response::Config::default()
                .with_request_timeout(PUSH_TIMEOUT.min(limits.request_timeout))
                .with_max_concurrent_streams(STREAMS);
            let protocol = (StreamProtocol::new(name), ProtocolSupport::Full);
            request_response::Behaviour::with_codec(codec, [protocol], config)
        };
        let config = request_response::Config::default()
            .with_request_timeout(limits.request_timeout)
            .with_max_concurrent_streams(STREAMS);
        let protocol = (StreamProtocol::new(CACHE_PROTOCOL), ProtocolSupport::Full);
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
            push: push(PUSH_PROTOCOL, ReplyKind::Word),
            peer_exchange: push(PEER_EXCHANGE_PROTOCOL, ReplyKind::Message),
            hold: Hold::default(),
            discovery,
        }
    }

    /// The bounds of connections; new ones hold for connections to come.
    pub(super) fn limits_mut(&mut self) -> &mut ConnectionLimits {
        self.limits.limits_mut()
    }
}

/// Reads and writes requests and answers.
pub(super) struct CacheCodec {
    max_frame: usize,
    budget: Arc<Budget>,
    scope: Option<Arc<Scope>>,
    unfinished: Counter,
}

/// A request that is being read. The swarm says nothing of one that never ends, so
/// it is counted here when it is dropped before its end.
struct Unfinished<'c>(Option<&'c Counter>);

impl Unfinished<'_> {
    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(counter) = self.0 {
            counter.inc();
        }
    }
}

/// What the codecs of one connection share.
#[derive(Debug, Default)]
pub(super) struct Scope {
    agreed: AtomicBool,
}

impl Scope {
    /// Says whether the secret is agreed, and with it whether large requests are read.
    pub(super) fn set_agreed(&self, agreed: bool) {
        self.agreed.store(agreed, Relaxed);
    }
}

/// The behaviour clones its codec for each connection, and the connection its own
/// for each stream: the first clone makes a scope, the others share it.
impl Clone for CacheCodec {
    fn clone(&self) -> Self {
        let scope = self.scope.as_ref().map_or_else(Arc::default, Arc::clone);
        let (budget, unfinished) = (Arc::clone(&self.budget), self.unfinished.clone());
        Self { max_frame: self.max_frame, budget, scope: Some(scope), unfinished }
    }
}

/// A request as it came, with the memory it holds; or one to be sent.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) frame: Frame<Request>,
    pub(super) share: Share,
    pub(super) scope: Option<Arc<Scope>>,
}

impl Received {
    /// A request of our own.
    pub(super) fn to_send(request: Request) -> Self {
        Self { frame: Frame::Message(request), share: None, scope: None }
    }
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
        let agreed = self.scope.as_ref().is_some_and(|scope| scope.agreed.load(Relaxed));
        let most = if agreed { self.max_frame } else { SMALL_FRAME.min(self.max_frame) };
        let unfinished = Unfinished(Some(&self.unfinished));
        let (frame, share) = wire::read(io, most, &self.budget).await?;
        unfinished.end();
        Ok(Received { frame, share, scope: self.scope.clone() })
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

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        match wire::read(io, self.max_frame, &self.budget).await? {
            (Frame::Message(response), share) => Ok(Answer { response, share }),
            (Frame::TooLarge(length), _) => Err(invalid(format!("an answer of {length} bytes"))),
            (Frame::Version(version), _) => Err(invalid(format!("an answer of version {version}"))),
            (Frame::Exhausted, _) => Err(io::Error::other("no memory for the answer now")),
            (Frame::Malformed(reason), _) => Err(invalid(reason)),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Received) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match request.frame {
            Frame::Message(request) => io.write_all(&wire::encode(&request)?).await,
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

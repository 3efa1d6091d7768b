//! The dialling side: one identity, many connections.

use crate::identify::{self, Identification};
use crate::identity::{self, IdentityError};
use crate::inbound::Responder;
use crate::ladder::{Climber, Ladder, Rung};
use crate::session::Session;
use crate::{Address, address};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use seaworthy_model::{Failure, Permit};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What identify calls the family of protocols.
pub(crate) const PROTOCOL_VERSION: &str = "seaworthy/1";

/// How a node presents itself.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// File of a persistent identity; without it the node is somebody else at
    /// every start, which is right for a diagnosis.
    pub identity: Option<PathBuf>,
    /// What identify says we are.
    pub agent: String,
    /// Connection attempts at a time; more wait.
    pub max_dials: usize,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { identity: None, agent: concat!("seaworthy/", env!("CARGO_PKG_VERSION")).into(), max_dials: 64 }
    }
}

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// A cheap handle of a node. It listens nowhere: connections are made on
/// demand, live as long as their use, and are driven by tasks of the current
/// tokio runtime.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Keypair,
    peer: PeerId,
    agent: String,
    slots: Semaphore,
}

/// One dial to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialAttempt {
    /// A multiaddr; `/p2p/…` may be missing.
    pub address: String,
    /// For the whole ladder.
    pub timeout: Duration,
    /// Round trips to measure after identify; 0 for none.
    pub pings: u32,
}

/// What a peer is and says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The id it proved.
    pub peer_id: String,
    /// Where it was reached, `ip:port`; the relay's place where there is one between.
    pub remote: String,
    /// Its name and version.
    pub agent: String,
    /// Its protocol family.
    pub protocol_version: String,
    /// What it speaks, as it listed it.
    pub protocols: Vec<String>,
    /// Where it believes to be reachable.
    pub listen_addresses: Vec<String>,
    /// From where it sees us.
    pub observed_address: Option<String>,
    /// Median of the pings, when there were any.
    pub ping_rtt: Option<Duration>,
}

/// The story of one dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialed {
    /// As it was asked.
    pub address: String,
    /// Every rung that was tried, in order.
    pub ladder: Vec<Rung>,
    /// The id in the address.
    pub expected_peer: Option<String>,
    /// The id that the other side proved, known even when it is the wrong one.
    pub obtained_peer: Option<String>,
    /// The peer, or the first thing that is wrong. A ping that fails after a
    /// good identify leaves this a success: the ladder tells.
    pub outcome: Result<PeerInfo, Failure>,
    /// For the whole.
    pub elapsed: Duration,
}

impl Node {
    /// Makes a node. Touches the disk for a persistent identity, the network never.
    ///
    /// # Errors
    /// The identity cannot be read, made or kept.
    pub fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let identity = identity::load(config.identity.as_deref())?;
        Ok(Self::with_identity(identity, config.agent, config.max_dials))
    }

    pub(crate) fn with_identity(identity: Keypair, agent: String, max_dials: usize) -> Self {
        let peer = identity.public().to_peer_id();
        Self { inner: Arc::new(Inner { identity, peer, agent, slots: Semaphore::new(max_dials.max(1)) }) }
    }

    /// Our own id.
    #[must_use]
    pub fn peer_id(&self) -> String {
        self.inner.peer.to_base58()
    }

    pub(crate) fn identity(&self) -> &Keypair {
        &self.inner.identity
    }

    /// Serves what the other side of a TCP connection asks.
    pub(crate) fn responder(&self, remote: SocketAddr) -> Responder {
        let seen_at = Multiaddr::from(remote.ip()).with(Protocol::Tcp(remote.port()));
        Responder::new(&self.inner.identity.public(), &self.inner.agent, &seen_at)
    }

    pub(crate) fn own_peer(&self) -> PeerId {
        self.inner.peer
    }

    /// Climbs the whole ladder to one address.
    ///
    /// *Behaviour*: a peer with another id than the expected one is still
    /// identified, so that the report can say who it is; the outcome is then the
    /// failure `wrong-peer-id`. A dial that ends at ourselves is `self-dial`.
    pub async fn dial(&self, attempt: &DialAttempt, permit: &dyn Permit) -> Dialed {
        let started = Instant::now();
        let mut dialed = Dialed {
            address: attempt.address.clone(),
            ladder: Vec::new(),
            expected_peer: None,
            obtained_peer: None,
            outcome: Err(Failure::new("other", "parse", "not tried")),
            elapsed: Duration::ZERO,
        };
        match address::parse(&attempt.address) {
            Ok(address) => {
                dialed.expected_peer.clone_from(&address.peer_id);
                let mut ladder = Ladder::new(started + attempt.timeout);
                dialed.outcome = self.climb(&address, attempt.pings, permit, &mut ladder).await;
                dialed.obtained_peer = ladder.obtained.map(PeerId::to_base58);
                dialed.ladder = ladder.rungs;
            }
            Err(failure) => dialed.outcome = Err(failure),
        }
        dialed.elapsed = started.elapsed();
        dialed
    }

    async fn climb(
        &self,
        address: &Address,
        pings: u32,
        permit: &dyn Permit,
        ladder: &mut Ladder,
    ) -> Result<PeerInfo, Failure> {
        let session = self.establish(address, permit, ladder).await?;
        let identity = self.judge(address, session.peer);
        let message = ladder.identify(&session).await;
        let mut info = match (message, identity) {
            (Ok(message), Ok(())) => peer_info(&session, message),
            (Ok(message), Err(failure)) => {
                return Err(failure
                    .with("agent", message.agent_version)
                    .with("protocols", message.protocols.join(",")));
            }
            (Err(_), Err(failure)) | (Err(failure), Ok(())) => return Err(failure),
        };
        if pings > 0 {
            info.ping_rtt = ladder.ping(&session, pings).await.ok();
        }
        Ok(info)
    }

    pub(crate) async fn establish(
        &self,
        address: &Address,
        permit: &dyn Permit,
        ladder: &mut Ladder,
    ) -> Result<Session, Failure> {
        let _slot = self
            .inner
            .slots
            .acquire()
            .await
            .map_err(|_| Failure::new("cancelled", "connect", "the node is closing"))?;
        let us = Climber { key: &self.inner.identity, agent: &self.inner.agent };
        ladder.establish(address, permit, us).await
    }

    /// Whether the peer that answered is the one that was meant.
    pub(crate) fn judge(&self, address: &Address, obtained: PeerId) -> Result<(), Failure> {
        let expected = address.expected();
        let seen = obtained.to_base58();
        let stage = address.proving_rung();
        if obtained == self.inner.peer {
            let failure = Failure::new("self-dial", stage, format!("{} is this very node", address.canonical));
            return Err(failure.with("seen-peer-id", seen));
        }
        match expected {
            Some(expected) if expected != obtained => {
                let message = format!(
                    "the peer at {}:{} is {seen}, not {expected}: another peer, or the same one after a restart with a new identity",
                    address.host, address.port
                );
                Err(Failure::new("wrong-peer-id", stage, message)
                    .with("expected-peer-id", expected.to_base58())
                    .with("seen-peer-id", seen))
            }
            _ => Ok(()),
        }
    }

    /// A session with the peer of `address`, and with no other.
    pub(crate) async fn connect(
        &self,
        address: &Address,
        deadline: Instant,
        permit: &dyn Permit,
    ) -> Result<Session, Failure> {
        let session = self.establish(address, permit, &mut Ladder::new(deadline)).await?;
        self.judge(address, session.peer)?;
        Ok(session)
    }

    /// Sends one request on a connection of its own: writes all, closes the
    /// write half, reads the answer to its end.
    ///
    /// # Errors
    /// Those of [`Node::dial`], and then: `unsupported` when the peer does not
    /// speak `protocol`, `too-large` when the answer is longer than
    /// `max_response` bytes, `timeout`, `closed`, `protocol`.
    pub async fn request(
        &self,
        address: &str,
        protocol: &str,
        payload: &[u8],
        timeout: Duration,
        max_response: usize,
        permit: &dyn Permit,
    ) -> Result<Vec<u8>, Failure> {
        let deadline = Instant::now() + timeout;
        if !protocol.starts_with('/') || protocol.len() > 140 || protocol.chars().any(char::is_control) {
            return Err(Failure::new(
                "invalid",
                "parse",
                format!("{protocol:?} is not the name of a protocol; names look like /seaworthy/cache/1.0.0"),
            ));
        }
        let session = self.connect(&address::parse(address)?, deadline, permit).await?;
        session.ask(protocol, payload, max_response, deadline).await
    }
}

pub(crate) fn peer_info(session: &Session, message: Identification) -> PeerInfo {
    PeerInfo {
        peer_id: session.peer.to_base58(),
        remote: session.remote.to_string(),
        agent: message.agent_version,
        protocol_version: message.protocol_version,
        protocols: message.protocols,
        listen_addresses: message.listen_addresses.iter().map(|a| identify::address_text(a)).collect(),
        observed_address: (!message.observed_address.is_empty())
            .then(|| identify::address_text(&message.observed_address)),
        ping_rtt: None,
    }
}

//! The dial ladder: resolve → connect → multistream → noise → yamux; over QUIC
//! resolve → quic; through a relay resolve → connect or quic (to the relay) →
//! relay → noise → yamux.
//!
//! The rungs are climbed by hand instead of through a `Swarm`, which folds
//! every failure into one transport error and hides the peer id of a peer that
//! is not the expected one. Here each rung is timed and kept with what it found.

use crate::inbound::Responder;
use crate::reach::{self, Facts, seconds};
use crate::session::{Muxer, Pipe, Session, io_failure};
use crate::{Address, banner, circuit, multistream, quic};
use futures::future::Either;
use futures::{AsyncRead, AsyncWrite};
use libp2p::core::upgrade::OutboundConnectionUpgrade as _;
use libp2p::multiaddr::Protocol;
use libp2p::tcp::tokio::TcpStream;
use libp2p::{Multiaddr, PeerId, noise, yamux};
use seaworthy_model::{Failure, Permit};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

pub(crate) const NOISE: &str = "/noise";
pub(crate) const YAMUX: &str = "/yamux/1.0.0";
/// What a peer without ours may offer instead; only used to say so.
const OTHER_SECURITY: [&str; 3] = ["/tls/1.0.0", "/plaintext/2.0.0", "/secio/1.0.0"];
const OTHER_MUXERS: [&str; 2] = ["/mplex/6.7.0", "/yamux/2.0.0"];
/// How long a foreign service may take for the rest of its greeting.
const BANNER: Duration = Duration::from_millis(300);

/// One rung that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// `resolve`, `connect`, `multistream`, `quic`, `relay`, `noise`, `yamux`, `identify` or `ping`; further
    /// up those of [`crate::sharing`].
    pub name: String,
    /// How long it took.
    pub elapsed: Duration,
    /// What it found, or why it broke.
    pub outcome: Result<Facts, Failure>,
}

/// Who climbs.
#[derive(Clone, Copy)]
pub(crate) struct Climber<'a> {
    pub(crate) key: &'a libp2p::identity::Keypair,
    pub(crate) agent: &'a str,
}

/// The rungs climbed so far, and the time for the whole.
pub(crate) struct Ladder {
    pub(crate) rungs: Vec<Rung>,
    /// The id that the other side proved, as soon as it has.
    pub(crate) obtained: Option<PeerId>,
    deadline: Instant,
}

impl Ladder {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self { rungs: Vec::new(), obtained: None, deadline }
    }

    /// Climbs one rung and keeps its outcome.
    pub(crate) async fn climb<T>(
        &mut self,
        name: &str,
        step: impl Future<Output = Result<(T, Facts), Failure>>,
    ) -> Result<T, Failure> {
        let (value, rung) = try_rung(name, self.deadline, step).await;
        self.rungs.push(rung);
        value
    }

    /// Climbs to a multiplexed connection. Whose it is, is not judged here.
    pub(crate) async fn establish(
        &mut self,
        address: &Address,
        permit: &dyn Permit,
        us: Climber<'_>,
    ) -> Result<Session, Failure> {
        let deadline = self.deadline;
        let candidates = self.climb("resolve", reach::resolve(address, permit)).await?;
        let first = if address.is_quic() {
            Either::Right(self.climb("quic", quic::connect(&candidates, us.key, deadline)).await?)
        } else {
            let connect = async {
                let (stream, remote, facts) = reach::connect(&candidates, deadline).await?;
                Ok(((TcpStream(stream), remote), facts))
            };
            Either::Left(self.climb("connect", connect).await?)
        };
        let (stream, remote) = match (&address.relay, first) {
            (None, Either::Right((peer, remote, connection))) => {
                self.obtained = Some(peer);
                return Ok(session(peer, remote, Either::Right(connection), address, us));
            }
            (None, Either::Left((mut stream, remote))) => {
                self.climb("multistream", greet(&mut stream, deadline)).await?;
                (Either::Left(stream), remote)
            }
            (Some(relay), first) => {
                let (circuit, remote) = self.climb("relay", through(address, relay, first, us, deadline)).await?;
                (Either::Right(circuit), remote)
            }
        };
        let (peer, channel) = self.climb("noise", secure(stream, us.key, "noise")).await?;
        self.obtained = Some(peer);
        let muxer = self.climb("yamux", multiplex(channel, "yamux")).await?;
        Ok(session(peer, remote, Either::Left(muxer), address, us))
    }

    /// Asks the peer who it is.
    pub(crate) async fn identify(&mut self, session: &Session) -> Result<crate::identify::Identification, Failure> {
        let deadline = self.deadline;
        self.climb("identify", async {
            let mut stream = session.open(crate::identify::PROTOCOL, "identify", deadline).await?;
            let message = crate::identify::read(&mut stream).await.map_err(|e| io_failure("identify", &e))?;
            let mut facts = Facts::from([
                ("agent".to_owned(), message.agent_version.clone()),
                ("protocol-count".to_owned(), message.protocols.len().to_string()),
            ]);
            if let Some(named) = message.peer_id().filter(|id| *id != session.peer) {
                facts.insert("key-differs".into(), format!("the message names the key of {named}"));
            }
            Ok((message, facts))
        })
        .await
    }

    /// Measures round trips.
    pub(crate) async fn ping(&mut self, session: &Session, count: u32) -> Result<Duration, Failure> {
        let deadline = self.deadline;
        self.climb("ping", async {
            let trips = crate::ping::ping(session, count, deadline).await?;
            let median = crate::ping::median(&trips).unwrap_or_default();
            let us = |d: Option<&Duration>| d.map(Duration::as_micros).unwrap_or_default().to_string();
            let facts = Facts::from([
                ("count".to_owned(), trips.len().to_string()),
                ("median-us".to_owned(), median.as_micros().to_string()),
                ("min-us".to_owned(), us(trips.iter().min())),
                ("max-us".to_owned(), us(trips.iter().max())),
            ]);
            Ok((median, facts))
        })
        .await
    }
}

/// Tries one rung until `deadline`: what it came to, and its story.
pub(crate) async fn try_rung<T>(
    name: &str,
    deadline: Instant,
    step: impl Future<Output = Result<(T, Facts), Failure>>,
) -> (Result<T, Failure>, Rung) {
    let started = Instant::now();
    let outcome = match timeout_at(deadline, step).await {
        Ok(outcome) => outcome,
        Err(_) => {
            Err(Failure::timeout(name, format!("the rung `{name}` was not done after {}", seconds(started.elapsed()))))
        }
    };
    let (value, outcome) = match outcome {
        Ok((value, facts)) => (Ok(value), Ok(facts)),
        Err(failure) => (Err(failure.clone()), Err(failure)),
    };
    (value, Rung { name: name.into(), elapsed: started.elapsed(), outcome })
}

pub(crate) async fn greet(stream: &mut TcpStream, deadline: Instant) -> Result<((), Facts), Failure> {
    let mut seen = Vec::new();
    let outcome = timeout_at(deadline, multistream::exchange_header(stream, &mut seen)).await;
    let failure = match outcome {
        Ok(Ok(true)) => return Ok(((), Facts::from([("version".to_owned(), multistream::HEADER.to_owned())]))),
        Ok(Ok(false)) => {
            let until = deadline.min(Instant::now() + BANNER);
            let _ = timeout_at(until, multistream::read_banner(stream, &mut seen)).await;
            return Err(banner::foreign(&seen));
        }
        Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => Failure::new(
            "closed",
            "multistream",
            "the port accepted the connection and closed it without the libp2p greeting",
        ),
        Ok(Err(e)) => io_failure("multistream", &e),
        Err(_) => Failure::timeout(
            "multistream",
            "the port accepted the connection and then said nothing: the process behind it is stuck, or it speaks another protocol",
        ),
    };
    Err(failure.with("banner", banner::escape(&seen)).with("bytes", seen.len().to_string()))
}

/// A connection as far as it got by transport alone: QUIC brings an identity.
type First = Either<(TcpStream, SocketAddr), (PeerId, SocketAddr, libp2p::quic::Connection)>;

/// Makes sure that the other side is the relay that was meant, and has it connect
/// us to the peer behind it.
async fn through(
    address: &Address,
    wanted: &str,
    first: First,
    us: Climber<'_>,
    deadline: Instant,
) -> Result<((circuit::Circuit, SocketAddr), Facts), Failure> {
    let Some(behind) = address.expected() else {
        return Err(Failure::new("invalid", "relay", "the address names no peer behind the relay"));
    };
    let (relay, remote, muxer) = match first {
        Either::Right((relay, remote, connection)) => (relay, remote, Either::Right(connection)),
        Either::Left((mut stream, remote)) => {
            greet(&mut stream, deadline).await.map_err(|f| Failure { stage: "relay".into(), ..f })?;
            let ((relay, channel), _) = secure(Either::Left(stream), us.key, "relay").await?;
            (relay, remote, Either::Left(multiplex(channel, "relay").await?.0))
        }
    };
    if relay.to_base58() != wanted {
        let message =
            format!("the relay at {remote} is {relay}, not {wanted}: its identity was made anew, or it is another one");
        let failure = Failure::new("wrong-peer-id", "relay", message);
        return Err(failure.with("expected-peer-id", wanted).with("seen-peer-id", relay.to_base58()));
    }
    let relay = session(relay, remote, muxer, address, us);
    let (circuit, facts) = circuit::open(relay, behind, deadline).await?;
    Ok(((circuit, remote), facts))
}

fn session(peer: PeerId, remote: SocketAddr, muxer: Muxer, address: &Address, us: Climber<'_>) -> Session {
    let seen_at = if address.is_quic() {
        quic::multiaddr(remote)
    } else {
        Multiaddr::from(remote.ip()).with(Protocol::Tcp(remote.port()))
    };
    Session::start(peer, remote, muxer, Responder::new(&us.key.public(), us.agent, &seen_at))
}

pub(crate) async fn secure(
    mut stream: Pipe,
    identity: &libp2p::identity::Keypair,
    stage: &str,
) -> Result<((PeerId, noise::Output<Pipe>), Facts), Failure> {
    // The greeting on a socket was a rung of its own; a circuit begins here.
    let greeted = matches!(stream, Either::Left(_));
    negotiate(&mut stream, stage, NOISE, greeted, &OTHER_SECURITY).await?;
    let config = noise::Config::new(identity).map_err(|e| noise_failure(stage, &e))?;
    let (peer, channel) = config.upgrade_outbound(stream, NOISE).await.map_err(|e| noise_failure(stage, &e))?;
    Ok((
        (peer, channel),
        Facts::from([("peer-id".to_owned(), peer.to_base58()), ("protocol".to_owned(), NOISE.to_owned())]),
    ))
}

async fn multiplex(
    mut channel: noise::Output<Pipe>,
    stage: &str,
) -> Result<(yamux::Muxer<noise::Output<Pipe>>, Facts), Failure> {
    negotiate(&mut channel, stage, YAMUX, false, &OTHER_MUXERS).await?;
    let muxer = yamux::Config::default().upgrade_outbound(channel, YAMUX).await.map_err(|e| io_failure(stage, &e))?;
    Ok((muxer, Facts::from([("protocol".to_owned(), YAMUX.to_owned())])))
}

async fn negotiate<S>(io: &mut S, stage: &str, wanted: &str, greeted: bool, others: &[&str]) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let accepted = async {
        if greeted {
            multistream::propose(io, &[wanted]).await.map(|taken| taken.is_some())
        } else {
            multistream::open(io, wanted).await
        }
    };
    if accepted.await.map_err(|e| io_failure(stage, &e))? {
        return Ok(());
    }
    let failure = Failure::new("unsupported", stage, format!("the peer does not offer {wanted}"));
    Err(match multistream::propose(io, others).await {
        Ok(Some(offer)) => failure.with("offers", offer),
        _ => failure,
    })
}

fn noise_failure(stage: &str, error: &noise::Error) -> Failure {
    let failure = match error {
        noise::Error::Io(e) => io_failure(stage, e),
        other => Failure::new("protocol", stage, other.to_string()),
    };
    Failure { message: format!("the encrypted handshake failed: {}", failure.message), ..failure }
}

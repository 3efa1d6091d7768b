//! QUIC: connection, identity and multiplexing in one rung.
//!
//! Over UDP nobody refuses by himself: a closed port shows only in an ICMP
//! message, which quinn does not look at, and a filter only in silence. So while
//! a handshake takes long, a packet of our own knocks beside it: its socket is
//! connected and hears of ICMP, and every QUIC listener answers it, whether or
//! not the handshake gets through.

use crate::reach::{Facts, seconds};
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, PortUse, Transport as _, TransportError};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, quic};
use seaworthy_model::Failure;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// A handshake that is done by then needs no second opinion.
const HEAD_START: Duration = Duration::from_millis(20);
/// Between two knocks; packets get lost.
const KNOCKS: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// A smaller first packet is not answered (RFC 9000, section 14.1).
const INITIAL: usize = 1200;
/// Of the form that no version ever takes, so that a listener names those it speaks
/// (RFC 9000, section 15).
const NO_VERSION: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];
const ID: usize = 8;
/// quinn gives up a handshake after this without a packet, too.
const IDLE: Duration = Duration::from_secs(10);

const SILENT: u8 = 0;
const ANSWERED: u8 = 1;
const FOREIGN: u8 = 2;

/// A socket address as QUIC's multiaddr.
pub(crate) fn multiaddr(socket: SocketAddr) -> Multiaddr {
    Multiaddr::from(socket.ip()).with(Protocol::Udp(socket.port())).with(Protocol::QuicV1)
}

/// Connects to the first candidate that answers, and has it prove who it is.
/// Each gets an equal share of what is left of the time.
///
/// # Errors
/// At stage `quic`: `timeout` with the detail `udp` (`silent`, or `answered` when
/// a QUIC listener is there), `connection-refused` and other ICMP answers,
/// `unsupported` when libp2p is not spoken there, `protocol`.
pub(crate) async fn connect(
    candidates: &[SocketAddr],
    identity: &Keypair,
    deadline: Instant,
) -> Result<((PeerId, SocketAddr, quic::Connection), Facts), Failure> {
    let mut tried = Vec::new();
    let mut last = Failure::new("dns-not-found", "quic", "there is no address to connect to");
    for (index, candidate) in candidates.iter().enumerate() {
        let started = Instant::now();
        let share = deadline.saturating_duration_since(started) / u32::try_from(candidates.len() - index).unwrap_or(1);
        match attempt(*candidate, identity, started + share).await {
            Ok((peer, connection)) => {
                let mut facts = Facts::from([
                    ("remote".to_owned(), candidate.to_string()),
                    ("peer-id".to_owned(), peer.to_base58()),
                    ("version".to_owned(), "quic-v1".to_owned()),
                ]);
                if !tried.is_empty() {
                    facts.insert("tried".into(), tried.join("; "));
                }
                return Ok(((peer, *candidate, connection), facts));
            }
            Err(failure) => {
                tried.push(format!("{candidate} {} after {}", failure.kind, seconds(started.elapsed())));
                last = failure.with("remote", candidate.to_string());
            }
        }
    }
    Err(if tried.len() > 1 { last.with("tried", tried.join("; ")) } else { last })
}

async fn attempt(
    candidate: SocketAddr,
    identity: &Keypair,
    until: Instant,
) -> Result<(PeerId, quic::Connection), Failure> {
    let left = until.saturating_duration_since(Instant::now());
    let mut config = quic::Config::new(identity);
    // Our own clock ends it; theirs would only blur why.
    config.handshake_timeout = left + Duration::from_secs(1);
    config.max_idle_timeout = u32::try_from((left + Duration::from_secs(1)).max(IDLE).as_millis()).unwrap_or(u32::MAX);
    let mut transport = quic::tokio::Transport::new(config);
    let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    let dial = transport.dial(multiaddr(candidate), options).map_err(|e| match e {
        TransportError::Other(error) => failed(candidate, &error),
        TransportError::MultiaddrNotSupported(address) => {
            Failure::new("unsupported", "quic", format!("{address} cannot be dialled"))
        }
    })?;
    let heard = AtomicU8::new(SILENT);
    tokio::select! {
        dialled = dial => dialled.map_err(|error| failed(candidate, &error)),
        error = refusal(candidate, &heard) => {
            let failure = Failure::from_io("quic", &error);
            let message = match failure.kind.as_str() {
                "connection-refused" => format!(
                    "{candidate} is closed for UDP: an ICMP message says that nothing listens there, or a firewall says so in its place"
                ),
                _ => format!("cannot reach {candidate} over UDP: {error}"),
            };
            Err(Failure { message, ..failure }.with("origin", if error.raw_os_error() == Some(111) { "icmp" } else { "local" }))
        }
        () = sleep_until(until) => Err(silence(candidate, heard.load(Relaxed), left)),
    }
}

fn silence(candidate: SocketAddr, heard: u8, waited: Duration) -> Failure {
    let waited = seconds(waited);
    let (udp, message) = match heard {
        ANSWERED => (
            "answered",
            format!(
                "a QUIC listener answers at {candidate}, and its handshake was not done within {waited}: it is overloaded, or larger packets get lost on the way"
            ),
        ),
        FOREIGN => {
            let message = format!("what answers at {candidate} over UDP is not QUIC");
            return Failure::new("protocol", "quic", message).with("udp", "foreign");
        }
        _ => (
            "silent",
            format!(
                "no answer over UDP from {candidate} within {waited}: the packets are dropped on the way, or nothing listens there and nobody says so"
            ),
        ),
    };
    Failure::timeout("quic", message).with("udp", udp)
}

/// What quinn says of a connection. Only its text is public.
fn failed(candidate: SocketAddr, error: &quic::Error) -> Failure {
    let text = error.to_string();
    let kind = match error {
        quic::Error::Io(io) => return Failure::from_io("quic", io),
        quic::Error::HandshakeTimedOut => "timeout",
        _ if text.contains("timed out") => "timeout",
        // TLS alert 120, no_application_protocol (RFC 7301, section 3.2).
        _ if text.contains("error 120") || text.contains("known protocol") => {
            let message = format!("{candidate} speaks QUIC, and not libp2p over it: {text}");
            return Failure::new("unsupported", "quic", message).with("reason", "alpn");
        }
        _ if text.contains("supported version") => "unsupported",
        _ if text.contains("reset by peer") => "connection-reset",
        _ if text.starts_with("closed by peer") => "closed",
        _ => "protocol",
    };
    let failure = Failure::new(kind, "quic", format!("the QUIC handshake with {candidate} failed: {text}"));
    if kind == "timeout" { failure.with("udp", "silent") } else { failure }
}

/// Knocks, and comes back only when the system says that nobody can be reached.
async fn refusal(candidate: SocketAddr, heard: &AtomicU8) -> io::Error {
    sleep(HEAD_START).await;
    match knock(candidate, heard).await {
        Err(error) if matches!(error.raw_os_error(), Some(111 | 113 | 101 | 13 | 1)) => error,
        _ => std::future::pending().await,
    }
}

async fn knock(candidate: SocketAddr, heard: &AtomicU8) -> io::Result<()> {
    let any = match candidate {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(candidate).await?;
    let ours: [u8; ID] = rand::random();
    let packet = opening(rand::random(), ours);
    let mut answer = [0; 64];
    for pause in KNOCKS {
        socket.send(&packet).await?;
        if let Ok(read) = timeout(pause, socket.recv(&mut answer)).await {
            let told = if names_versions(&answer[..read?], ours) { ANSWERED } else { FOREIGN };
            heard.store(told, Relaxed);
            return Ok(());
        }
    }
    Ok(())
}

/// The first packet of a connection in a version that does not exist (RFC 8999, section 5.1).
fn opening(theirs: [u8; ID], ours: [u8; ID]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(INITIAL);
    packet.push(0xc0);
    packet.extend(NO_VERSION);
    packet.push(ID as u8);
    packet.extend(theirs);
    packet.push(ID as u8);
    packet.extend(ours);
    packet.resize(INITIAL, 0);
    packet
}

/// Whether this is a version negotiation packet for us (RFC 8999, section 6).
fn names_versions(packet: &[u8], ours: [u8; ID]) -> bool {
    let long = packet.first().is_some_and(|first| first & 0x80 != 0);
    long && packet.get(1..5) == Some(&[0; 4])
        && packet.get(5) == Some(&(ID as u8))
        && packet.get(6..6 + ID) == Some(&ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_us_counts() {
        let ours = *b"12345678";
        let mut packet = [&[0x80, 0, 0, 0, 0, 8][..], &ours, &[8], &[0; 8], &[0, 0, 0, 1]].concat();
        assert!(names_versions(&packet, ours));
        packet[7] = b'x';
        assert!(!names_versions(&packet, ours));
        for other in [&b""[..], b"\x80", b"HTTP/1.1 400", &[0x80, 0, 0, 0, 1, 8, 0, 0]] {
            assert!(!names_versions(other, ours));
        }
        assert_eq!(opening([1; 8], ours).len(), INITIAL);
    }

    #[tokio::test]
    async fn what_is_no_quic_is_said_to_be_none() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((_, from)) = socket.recv_from(&mut buffer).await {
                let _ = socket.send_to(b"what?", from).await;
            }
        });
        let failure = attempt(address, &Keypair::generate_ed25519(), Instant::now() + Duration::from_millis(300))
            .await
            .err()
            .unwrap();
        assert_eq!((failure.kind.as_str(), failure.details["udp"].as_str()), ("protocol", "foreign"));
    }
}

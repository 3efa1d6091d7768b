//! UDP, one connected socket for each attempt: what answers, and what ICMP says.

use crate::dial;
use crate::target::Target;
use crate::udp;
use seaworthy_model::{Failure, Permit};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// What to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `name:9100`, `1.2.3.4:9100`, `[::1]:9100`.
    pub target: String,
    /// Until a first answer, or each further one.
    pub timeout: Duration,
    /// For everything, the name included.
    pub limit: Duration,
    /// At most 65,507 bytes.
    pub payload: Vec<u8>,
    /// Sent so often, evenly within the timeout, until something answers.
    pub times: u32,
    /// Datagrams to wait for; 0 waits for ICMP errors only.
    pub replies: u32,
    /// Port to send from; 0 for any.
    pub local_port: u16,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// The other side.
    pub remote: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
    /// At most [`KEPT`] bytes of each datagram.
    pub received: Vec<Vec<u8>>,
}

/// What one attempt brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// What came back, or why nothing did.
    pub outcome: Result<Exchanged, Failure>,
}

/// Bytes of an answer that are kept.
pub const KEPT: usize = 2 << 10;
/// How often one datagram is sent, and how many answers are waited for.
pub const MOST: u32 = 64;

/// A smaller first packet is not answered (RFC 9000, section 14.1).
const INITIAL: usize = 1200;
/// Of the form that no version ever takes, so that a server names those it has
/// (RFC 9000, section 15).
const NO_VERSION: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];
/// How often it knocks: packets get lost.
const KNOCKS: u32 = 4;
const ID: usize = 8;
type Id = [u8; ID];

/// Sends one datagram to one address of the target and waits for what answers.
///
/// *Behaviour*: the address is permitted right before it is used. The first ICMP
/// error ends it. Fewer answers than were to be waited for are an answer; none at all
/// is the failure `timeout`, unless none was wanted.
///
/// *Failures*: `invalid`, `denied`, `dns-*`, `timeout`; `message-too-long` with
/// `path-mtu`; those of ICMP (`connection-refused`, `host-unreachable` ...) with
/// `origin`, `icmp-type`, `icmp-code`, `icmp-from`.
pub async fn send(attempt: &Attempt, permit: &dyn Permit) -> Seen {
    let start = Instant::now();
    let outcome = exchange(attempt, start, permit).await;
    Seen { elapsed: start.elapsed(), outcome }
}

/// Asks a target for the versions of QUIC that it has. What was received is one
/// text for each version, in hexadecimal.
///
/// *Failures*: as of [`send`]; `protocol` when what answers is not QUIC.
pub async fn quic_versions(target: &str, timeout: Duration, permit: &dyn Permit) -> Seen {
    let (theirs, ours): (Id, Id) = (rand::random(), rand::random());
    let attempt = Attempt {
        target: target.to_owned(),
        timeout,
        limit: timeout,
        payload: opening(theirs, ours),
        times: KNOCKS,
        replies: 1,
        local_port: 0,
    };
    let Seen { elapsed, outcome } = send(&attempt, permit).await;
    let outcome = outcome.and_then(|exchanged| {
        let answer = exchanged.received.first().map_or(&[][..], Vec::as_slice);
        let versions = negotiated(answer, theirs, ours).map_err(|why| {
            let message = format!("what answers at {} is not QUIC: {why}", exchanged.remote);
            Failure::new("protocol", "quic", message).with("address", exchanged.remote.to_string())
        })?;
        let received = versions.iter().map(|version| format!("{version:08x}").into_bytes()).collect();
        Ok(Exchanged { received, ..exchanged })
    });
    Seen { elapsed, outcome }
}

async fn exchange(attempt: &Attempt, start: Instant, permit: &dyn Permit) -> Result<Exchanged, Failure> {
    let target = Target::parse(&attempt.target)?;
    let end = start + attempt.limit;
    let addresses = dial::addresses(&target, end, permit).await?;
    let Some(remote) = addresses.first().copied() else {
        return Err(Failure::new("dns-not-found", "dns", format!("`{}` has no address", target.host)));
    };
    permit.connect(&target.host, remote)?;
    let socket = udp::open(remote, attempt.local_port)?;
    let local = socket.local_addr().map_err(|e| Failure::from_io("bind", &e))?;
    let received = answers(attempt, &socket, remote, end).await?;
    Ok(Exchanged { remote, local, received })
}

async fn answers(
    attempt: &Attempt,
    socket: &UdpSocket,
    remote: SocketAddr,
    end: Instant,
) -> Result<Vec<Vec<u8>>, Failure> {
    let start = Instant::now();
    let deadline = end.min(start + attempt.timeout);
    let times = attempt.times.clamp(1, MOST);
    let between = deadline.saturating_duration_since(start) / times;
    let mut received: Vec<Vec<u8>> = Vec::new();
    for turn in 0..times {
        socket.send(&attempt.payload).await.map_err(|e| ended(socket, &e, "send", remote, start))?;
        let until = if turn + 1 == times { deadline } else { start + between * (turn + 1) };
        if let Some(answer) = next(socket, until, remote, start).await? {
            received.push(answer);
            break;
        }
    }
    if received.is_empty() && attempt.replies > 0 {
        let waited = start.elapsed().as_millis();
        let message = format!("{remote} answered none of {times} datagrams within {waited} ms");
        return Err(Failure::timeout("read", message).with("address", remote.to_string()));
    }
    let replies = usize::try_from(attempt.replies.min(MOST)).unwrap_or_default();
    while !received.is_empty() && received.len() < replies {
        let until = end.min(Instant::now() + attempt.timeout);
        match next(socket, until, remote, start).await? {
            Some(answer) => received.push(answer),
            None => break,
        }
    }
    Ok(received)
}

/// The next datagram; none when the time is up.
async fn next(
    socket: &UdpSocket,
    until: Instant,
    remote: SocketAddr,
    start: Instant,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut buffer = vec![0_u8; KEPT];
    match timeout_at(until, socket.recv(&mut buffer)).await {
        Ok(Ok(read)) => {
            buffer.truncate(read);
            Ok(Some(buffer))
        }
        Ok(Err(error)) => Err(ended(socket, &error, "read", remote, start)),
        Err(_) => Ok(None),
    }
}

fn ended(socket: &UdpSocket, error: &std::io::Error, stage: &str, remote: SocketAddr, start: Instant) -> Failure {
    let failure = dial::ended(socket, error, stage, remote, start);
    if failure.kind != "message-too-long" {
        return failure;
    }
    match udp::path_mtu(socket, remote) {
        Some(mtu) => failure.with("path-mtu", mtu.to_string()),
        None => failure,
    }
}

/// The first packet of a connection in a version that does not exist (RFC 8999, section 5.1).
fn opening(theirs: Id, ours: Id) -> Vec<u8> {
    let mut packet = Vec::with_capacity(INITIAL);
    packet.push(0xc0);
    packet.extend(NO_VERSION);
    packet.push(8);
    packet.extend(theirs);
    packet.push(8);
    packet.extend(ours);
    packet.resize(INITIAL, 0);
    packet
}

/// The versions of a version negotiation packet for us (RFC 8999, section 6), or why
/// it is none. The ids come back crossed; a packet that names the version which was
/// asked for says nothing (RFC 9000, section 6.2).
fn negotiated(packet: &[u8], theirs: Id, ours: Id) -> Result<Vec<u32>, &'static str> {
    match packet.first() {
        None => return Err("it is empty"),
        Some(first) if first & 0x80 == 0 => return Err("it has no long header"),
        Some(_) => {}
    }
    if packet.get(1..5) != Some(&[0; 4]) {
        return Err("it is no version negotiation");
    }
    let ids = [&[8][..], &ours, &[8], &theirs].concat();
    let versions =
        packet.get(5..).and_then(|rest| rest.strip_prefix(&ids[..])).ok_or("it is not for this connection")?;
    if versions.is_empty() || versions.len() % 4 != 0 {
        return Err("its versions are cut off");
    }
    if versions.chunks_exact(4).any(|version| version == NO_VERSION) {
        return Err("it names the version that nobody has");
    }
    Ok(versions.chunks_exact(4).map(|v| v.iter().fold(0, |all, byte| all << 8 | u32::from(*byte))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: Id = *b"their-id";
    const OURS: Id = *b"our-id-1";

    fn answer(versions: &[u8]) -> Vec<u8> {
        [&[0x80, 0, 0, 0, 0, 8][..], &OURS, &[8], &THEIRS, versions].concat()
    }

    #[test]
    fn a_version_negotiation_is_read() {
        let packet = answer(&[0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf]);
        assert_eq!(negotiated(&packet, THEIRS, OURS), Ok(vec![1, 0x6b33_43cf]));
        assert_eq!(opening(THEIRS, OURS).len(), INITIAL);
    }

    #[test]
    fn anything_else_is_not_quic() {
        let one = [0, 0, 0, 1];
        assert!(negotiated(&answer(&one), OURS, THEIRS).unwrap_err().contains("connection"), "ids not crossed");
        assert!(negotiated(&answer(&[]), THEIRS, OURS).is_err());
        assert!(negotiated(&answer(&[0, 0, 0]), THEIRS, OURS).unwrap_err().contains("cut off"));
        assert!(negotiated(&answer(&NO_VERSION), THEIRS, OURS).unwrap_err().contains("nobody"));
        let mut short_header = answer(&one);
        short_header[0] = 0x40;
        assert!(negotiated(&short_header, THEIRS, OURS).is_err());
        for other in [&b""[..], b"\x80", b"HTTP/1.1 400 Bad Request", &opening(THEIRS, OURS)] {
            assert!(negotiated(other, THEIRS, OURS).is_err());
        }
    }
}

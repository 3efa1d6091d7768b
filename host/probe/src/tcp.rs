//! TCP connections, every resolved address with its own answer.

use crate::dial::{addresses, connect as dial, most_telling};
use crate::target::Target;
use futures::future::join_all;
use seaworthy_model::{Failure, Permit};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// What to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `name:9100`, `1.2.3.4:9100`, `[::1]:9100`.
    pub target: String,
    /// For all of it: name, connect and reading. Below 3.1 s an absent host
    /// cannot be told from a silent one.
    pub timeout: Duration,
    /// Sent once connected; may be empty.
    pub payload: Vec<u8>,
    /// Read at most this many bytes after that; 0 reads nothing.
    pub read_max: u32,
}

/// A connection that was made. It is closed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The other side.
    pub remote: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
    /// How long the handshake took.
    pub connect_elapsed: Duration,
    /// What the other side sent.
    pub received: Vec<u8>,
    /// How reading ended.
    pub read_end: ReadEnd,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// Nothing was to be read.
    NotAsked,
    /// Something came: as much as was asked, or less followed by silence.
    Data,
    /// The other side closed; what it sent before is kept.
    Closed,
    /// Nothing came.
    Timeout,
    /// The other side reset the connection; what it sent before is kept.
    Reset,
}

impl ReadEnd {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ReadEnd::NotAsked => "not-asked",
            ReadEnd::Data => "data",
            ReadEnd::Closed => "closed",
            ReadEnd::Timeout => "timeout",
            ReadEnd::Reset => "reset",
        }
    }
}

/// One resolved address of the target.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The address.
    pub address: SocketAddr,
    /// How long it took, reading included.
    pub elapsed: Duration,
    /// The connection, or why there is none; a denied address is here too.
    pub outcome: Result<Connection, Failure>,
}

/// What one attempt brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// Every resolved address, in the resolver's order; empty when there was none.
    pub tried: Vec<Tried>,
    /// The first connection of that order, else the most telling failure.
    pub outcome: Result<Connection, Failure>,
}

/// After the first bytes, a pause of this length counts as the end of what the
/// other side had to say: banners come at once, and nobody should wait out the
/// whole budget of a peer that is well.
const QUIET: Duration = Duration::from_millis(300);

/// Connects to every address of the target at once.
///
/// *Behaviour*: each address is permitted right before it is used. The answer
/// comes when every address has answered or the budget is spent.
///
/// *Failures*: `invalid`, `denied`, `dns-*`, and those of a connect, which carry
/// `origin` = `icmp` | `tcp` | `local`, and `icmp-type`, `icmp-code`,
/// `icmp-from` where a message ended it.
pub async fn connect(attempt: &Attempt, permit: &dyn Permit) -> Seen {
    let start = Instant::now();
    let deadline = start + attempt.timeout;
    let fail = |failure: Failure| Seen { elapsed: start.elapsed(), tried: Vec::new(), outcome: Err(failure) };
    let target = match Target::parse(&attempt.target) {
        Ok(target) => target,
        Err(failure) => return fail(failure),
    };
    let addresses = match addresses(&target, deadline, permit).await {
        Ok(addresses) => addresses,
        Err(failure) => return fail(failure),
    };
    let tried = join_all(addresses.into_iter().map(|address| one(attempt, &target, address, deadline, permit))).await;
    let connected = tried.iter().find_map(|t| t.outcome.as_ref().ok().cloned());
    let outcome = connected.ok_or_else(|| {
        let failures = tried.iter().filter_map(|t| t.outcome.as_ref().err().cloned());
        most_telling(failures)
            .unwrap_or_else(|| Failure::new("dns-not-found", "dns", format!("`{}` has no address", target.host)))
    });
    Seen { elapsed: start.elapsed(), tried, outcome }
}

/// All attempts at once; the answers come in the order asked.
pub async fn connect_all(attempts: &[Attempt], permit: &dyn Permit) -> Vec<Seen> {
    join_all(attempts.iter().map(|attempt| connect(attempt, permit))).await
}

async fn one(attempt: &Attempt, target: &Target, address: SocketAddr, deadline: Instant, permit: &dyn Permit) -> Tried {
    let start = Instant::now();
    let outcome = async {
        permit.connect(&target.host, address)?;
        let stream = dial(address, deadline).await?;
        let connect_elapsed = start.elapsed();
        let local = stream.local_addr().map_err(|e| Failure::from_io("connect", &e))?;
        let (received, read_end) = exchange(stream, attempt, deadline).await;
        Ok(Connection { remote: address, local, connect_elapsed, received, read_end })
    }
    .await;
    Tried { address, elapsed: start.elapsed(), outcome }
}

/// Sends the payload and reads. A reset while writing is how reading ended: the
/// connection was made, and that is what was asked.
async fn exchange(mut stream: TcpStream, attempt: &Attempt, deadline: Instant) -> (Vec<u8>, ReadEnd) {
    if !attempt.payload.is_empty() {
        match timeout_at(deadline, stream.write_all(&attempt.payload)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return (Vec::new(), ReadEnd::Reset),
            Err(_) => return (Vec::new(), ReadEnd::Timeout),
        }
    }
    let wanted = usize::try_from(attempt.read_max).unwrap_or(usize::MAX);
    let (received, _, read_end) = read(&mut stream, wanted, wanted, deadline).await;
    (received, read_end)
}

/// Reads up to `wanted` bytes: the first `kept` of them, how many there were, and
/// how it ended.
pub(crate) async fn read(
    stream: &mut TcpStream,
    wanted: usize,
    kept: usize,
    deadline: Instant,
) -> (Vec<u8>, usize, ReadEnd) {
    let (mut received, mut count) = (Vec::new(), 0);
    if wanted == 0 {
        return (received, count, ReadEnd::NotAsked);
    }
    let mut buffer = vec![0_u8; wanted.min(64 * 1024)];
    while count < wanted {
        let until = if count == 0 { deadline } else { deadline.min(Instant::now() + QUIET) };
        let room = (wanted - count).min(buffer.len());
        match timeout_at(until, stream.read(&mut buffer[..room])).await {
            Ok(Ok(0)) => return (received, count, ReadEnd::Closed),
            Ok(Ok(read)) => {
                received.extend_from_slice(&buffer[..read.min(kept.saturating_sub(count))]);
                count += read;
            }
            Ok(Err(_)) => return (received, count, ReadEnd::Reset),
            Err(_) if count == 0 => return (received, count, ReadEnd::Timeout),
            Err(_) => return (received, count, ReadEnd::Data),
        }
    }
    (received, count, ReadEnd::Data)
}

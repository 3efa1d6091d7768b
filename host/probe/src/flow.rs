//! Bytes of chosen sizes through a TCP connection, with pauses between them.
//!
//! What arrived is what the other side's kernel acknowledged, so no service has to
//! answer: a path that loses large packets shows at whatever listens.

use crate::dial::{self, Dialled};
use crate::target::Target;
use crate::tcp::{self, ReadEnd};
use crate::tcp_state;
use seaworthy_model::{Failure, Permit};
use socket2::SockRef;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

/// One sending.
#[derive(Clone, Debug)]
pub struct Burst {
    /// Silence before it.
    pub pause: Duration,
    /// Sent first.
    pub payload: Vec<u8>,
    /// Bytes in all, filled up with spaces; at most [`MAX_BURST`].
    pub size: u32,
    /// For sending, its acknowledgement and reading together.
    pub timeout: Duration,
    /// Read at most this many bytes after it; 0 reads nothing.
    pub read_max: u32,
}

/// What to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `name:9100`, `1.2.3.4:9100`, `[::1]:9100`.
    pub target: String,
    /// For the name and the connection.
    pub timeout: Duration,
    /// For everything, whatever the bursts say.
    pub limit: Duration,
    /// In this order.
    pub bursts: Vec<Burst>,
    /// Bytes of each answer that are kept.
    pub keep: usize,
}

/// What became of one burst.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Bytes given to the kernel.
    pub size: u32,
    /// Those of them that were acknowledged in time.
    pub acknowledged: u32,
    /// Until all was acknowledged, or until it was given up. Without reading.
    pub elapsed: Duration,
    /// The first bytes that were read.
    pub received: Vec<u8>,
    /// How many were read.
    pub received_bytes: u32,
    /// How reading ended.
    pub read_end: ReadEnd,
    /// Why it could not be sent, or what ended the connection.
    pub failure: Option<Failure>,
    /// What the kernel says of the connection: `mss`, `path-mtu`, `retransmits`, `rtt-us`, `lost`.
    pub details: BTreeMap<String, String>,
}

/// A connection and what went through it. It is closed again.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The other side.
    pub remote: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
    /// How long the handshake took.
    pub connect_elapsed: Duration,
    /// One for each burst that was tried.
    pub bursts: Vec<Sent>,
}

/// What one attempt brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// The failure is of the connection.
    pub outcome: Result<Flow, Failure>,
}

/// Bytes of one burst, and bytes that are read after one.
pub const MAX_BURST: u32 = 1 << 20;
/// Bursts of one attempt.
pub const MAX_BURSTS: usize = 64;
/// How often a silent connection is looked at.
const GLANCE: Duration = Duration::from_millis(25);
/// Written at once.
const CHUNK: usize = 16 << 10;

/// Connects to the first address of the target that answers and sends the bursts.
///
/// *Behaviour*: every address is permitted right before it is used. A burst that is
/// not wholly acknowledged in time is the last one: what follows it would queue
/// behind it. What comes in while sending is read along, so that a service that
/// echoes cannot block.
///
/// *Failures*: `invalid`, `denied`, `dns-*` and those of a connect. Of a burst, at
/// stage `pause` or `send`: `closed`, `connection-reset` and others of the kernel,
/// `timeout` when it could not even be given to the kernel.
pub async fn exchange(attempt: &Attempt, permit: &dyn Permit) -> Seen {
    let start = Instant::now();
    let outcome = flow(attempt, start, permit).await;
    Seen { elapsed: start.elapsed(), outcome }
}

async fn flow(attempt: &Attempt, start: Instant, permit: &dyn Permit) -> Result<Flow, Failure> {
    let target = Target::parse(&attempt.target)?;
    check(attempt)?;
    let end = start + attempt.limit;
    let Dialled { mut stream, remote, connect, .. } =
        dial::first(&target, end.min(start + attempt.timeout), permit).await?;
    let local = stream.local_addr().map_err(|e| Failure::from_io("connect", &e))?;
    // Each burst leaves at once: none waits for the acknowledgement of the last.
    stream.set_nodelay(true).map_err(|e| Failure::from_io("connect", &e))?;
    let mut bursts = Vec::new();
    for burst in &attempt.bursts {
        let sent = one(&mut stream, burst, end, attempt.keep).await;
        let whole = sent.failure.is_none() && sent.acknowledged == wanted(burst);
        bursts.push(sent);
        if !whole {
            break;
        }
    }
    Ok(Flow { remote, local, connect_elapsed: connect, bursts })
}

fn check(attempt: &Attempt) -> Result<(), Failure> {
    let invalid = |what: String| Err(Failure::new("invalid", "parse", what));
    if attempt.bursts.len() > MAX_BURSTS {
        return invalid(format!("{} bursts are asked for; at most {MAX_BURSTS} are sent", attempt.bursts.len()));
    }
    match attempt.bursts.iter().find(|burst| wanted(burst) > MAX_BURST) {
        Some(burst) => {
            invalid(format!("a burst of {} bytes is asked for; at most {MAX_BURST} are sent", wanted(burst)))
        }
        None => Ok(()),
    }
}

/// Bytes of a burst: a payload that is longer than its size is sent whole.
fn wanted(burst: &Burst) -> u32 {
    burst.size.max(u32::try_from(burst.payload.len()).unwrap_or(u32::MAX))
}

async fn one(stream: &mut TcpStream, burst: &Burst, end: Instant, keep: usize) -> Sent {
    let paused = Instant::now();
    if let Err(failure) = silence(stream, end.min(paused + burst.pause)).await {
        let after = paused.elapsed();
        let failure = failure.with("after-ms", after.as_millis().to_string());
        return Sent {
            size: 0,
            acknowledged: 0,
            elapsed: Duration::ZERO,
            received: Vec::new(),
            received_bytes: 0,
            read_end: ReadEnd::NotAsked,
            failure: Some(failure),
            details: tcp_state::details(stream),
        };
    }
    let start = Instant::now();
    let deadline = end.min(start + burst.timeout);
    let wanted_bytes = usize::try_from(burst.read_max.min(MAX_BURST)).unwrap_or_default();
    let mut heard = Heard { wanted: wanted_bytes, keep, ..Heard::default() };
    let Pushed { size, acknowledged, failure } = push(stream, burst, deadline, &mut heard).await;
    let elapsed = start.elapsed();
    if heard.end.is_none() && failure.is_none() {
        let rest = heard.wanted.saturating_sub(heard.count);
        let room = keep.saturating_sub(heard.received.len());
        if rest > 0 {
            let (more, count, read_end) = tcp::read(stream, rest, room, deadline).await;
            heard.received.extend(more);
            // Silence after what came while sending is the end of an answer.
            let quiet = read_end == ReadEnd::Timeout && heard.count > 0;
            heard.end = Some(if quiet { ReadEnd::Data } else { read_end });
            heard.count += count;
        }
    }
    let read_end = match heard.end {
        _ if wanted_bytes == 0 => ReadEnd::NotAsked,
        Some(end) => end,
        None if heard.count > 0 => ReadEnd::Data,
        None if failure.is_some() => ReadEnd::Reset,
        None => ReadEnd::Timeout,
    };
    Sent {
        size,
        acknowledged,
        elapsed,
        received: heard.received,
        received_bytes: u32::try_from(heard.count).unwrap_or(u32::MAX),
        read_end,
        failure,
        details: tcp_state::details(stream),
    }
}

/// Waits, and notices when the connection ends meanwhile.
async fn silence(stream: &TcpStream, until: Instant) -> Result<(), Failure> {
    loop {
        if let Some(error) = stream.take_error().ok().flatten() {
            return Err(Failure::from_io("pause", &error));
        }
        match SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]) {
            Ok(0) => return Err(Failure::new("closed", "pause", "the other side closed the connection")),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(Failure::from_io("pause", &error)),
        }
        if Instant::now() >= until {
            return Ok(());
        }
        sleep_until(until.min(Instant::now() + GLANCE)).await;
    }
}

/// What came in while a burst was sent.
#[derive(Default)]
struct Heard {
    wanted: usize,
    keep: usize,
    received: Vec<u8>,
    count: usize,
    end: Option<ReadEnd>,
}

impl Heard {
    /// Takes what is there, without waiting.
    fn listen(&mut self, stream: &TcpStream) {
        let mut buffer = [0_u8; CHUNK];
        while self.end.is_none() && self.count < self.wanted {
            let room = (self.wanted - self.count).min(buffer.len());
            match (&*SockRef::from(stream)).read(&mut buffer[..room]) {
                Ok(0) => self.end = Some(ReadEnd::Closed),
                Ok(read) => {
                    let kept = read.min(self.keep.saturating_sub(self.received.len()));
                    self.received.extend_from_slice(&buffer[..kept]);
                    self.count += read;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.end = Some(ReadEnd::Reset),
            }
        }
    }
}

/// How far a burst came.
struct Pushed {
    size: u32,
    acknowledged: u32,
    failure: Option<Failure>,
}

/// Gives the burst to the kernel and waits until the other side's has it.
async fn push(stream: &TcpStream, burst: &Burst, deadline: Instant, heard: &mut Heard) -> Pushed {
    let total = wanted(burst);
    let (mut size, mut acknowledged) = (0_u32, 0_u32);
    let mut look = Duration::from_micros(200);
    loop {
        while size < total {
            match stream.try_write(&chunk(burst, size, total)) {
                Ok(written) => size += u32::try_from(written).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    return Pushed { size, acknowledged, failure: Some(Failure::from_io("send", &error)) };
                }
            }
        }
        heard.listen(stream);
        let queued = tcp_state::unacknowledged(stream);
        if let Some(error) = stream.take_error().ok().flatten() {
            // Whatever is queued is lost with the connection, so the last count stands.
            return Pushed { size, acknowledged, failure: Some(Failure::from_io("send", &error)) };
        }
        match queued {
            Ok(queued) => acknowledged = acknowledged.max(size.saturating_sub(queued)),
            Err(error) => return Pushed { size, acknowledged, failure: Some(Failure::from_io("send", &error)) },
        }
        if size == total && acknowledged == total {
            return Pushed { size, acknowledged, failure: None };
        }
        if Instant::now() >= deadline {
            let stuck = || Failure::timeout("send", format!("the kernel took {size} of {total} bytes: nothing leaves"));
            return Pushed { size, acknowledged, failure: (size < total).then(stuck) };
        }
        let next = deadline.min(Instant::now() + look);
        look = (look * 2).min(Duration::from_millis(10));
        if size < total {
            // Either there is room again, or it is time to look.
            let _ = timeout_at(next, stream.writable()).await;
        } else {
            sleep_until(next).await;
        }
    }
}

/// The next bytes of a burst: of its payload, then spaces.
fn chunk(burst: &Burst, from: u32, total: u32) -> Vec<u8> {
    let left = usize::try_from(total - from).unwrap_or_default().min(CHUNK);
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let mut bytes: Vec<u8> = burst.payload.iter().skip(from).take(left).copied().collect();
    bytes.resize(left, b' ');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_its_payload_and_spaces() {
        let burst = |payload: &[u8], size| Burst {
            pause: Duration::ZERO,
            payload: payload.to_vec(),
            size,
            timeout: Duration::ZERO,
            read_max: 0,
        };
        let whole = burst(b"GET ", 6);
        assert_eq!((chunk(&whole, 0, 6), chunk(&whole, 3, 6)), (b"GET   ".to_vec(), b"   ".to_vec()));
        assert_eq!(wanted(&burst(b"longer", 2)), 6);
        let large = burst(b"", MAX_BURST);
        assert_eq!(chunk(&large, 0, MAX_BURST).len(), CHUNK);
        assert_eq!(chunk(&large, MAX_BURST - 1, MAX_BURST), b" ");
    }
}

//! One TCP connection to one checked address.

use crate::dns;
use crate::icmp;
use crate::target::Target;
use futures::stream::{FuturesUnordered, StreamExt};
use seaworthy_model::{Failure, Permit};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A stream with what it took to get it.
pub(crate) struct Dialled {
    pub(crate) stream: TcpStream,
    pub(crate) remote: SocketAddr,
    pub(crate) lookup: Duration,
    pub(crate) connect: Duration,
}

/// Resolves the host of `target` within what is left until `deadline`.
pub(crate) async fn addresses(
    target: &Target,
    deadline: Instant,
    permit: &dyn Permit,
) -> Result<Vec<SocketAddr>, Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    let answer = dns::resolve(&target.host, left, permit).await.outcome?;
    Ok(answer.addresses.into_iter().map(|ip| SocketAddr::new(ip, target.port)).collect())
}

/// Connects to whichever permitted address of `target` answers first.
pub(crate) async fn first(target: &Target, deadline: Instant, permit: &dyn Permit) -> Result<Dialled, Failure> {
    let start = Instant::now();
    let addresses = addresses(target, deadline, permit).await?;
    let lookup = start.elapsed();
    let mut racing: FuturesUnordered<_> = addresses
        .into_iter()
        .map(|address| async move {
            permit.connect(&target.host, address)?;
            let start = Instant::now();
            let stream = connect(address, deadline).await?;
            Ok::<_, Failure>(Dialled { stream, remote: address, lookup, connect: start.elapsed() })
        })
        .collect();
    let mut failures = Vec::new();
    while let Some(outcome) = racing.next().await {
        match outcome {
            Ok(dialled) => return Ok(dialled),
            Err(failure) => failures.push(failure),
        }
    }
    Err(most_telling(failures)
        .unwrap_or_else(|| Failure::new("dns-not-found", "dns", format!("`{}` has no address", target.host))))
}

/// The failure that says most about the target: running out of something here
/// comes before an answer of the other side, that before silence, and that
/// before a family or an address that was never tried.
pub(crate) fn most_telling(failures: impl IntoIterator<Item = Failure>) -> Option<Failure> {
    let rank = |failure: &Failure| match failure.kind.as_str() {
        "too-many-open-files" | "address-not-available" => 0,
        "connection-refused" | "connection-reset" => 1,
        "host-unreachable" => 2,
        "permission-denied" => 3,
        "timeout" => 4,
        "network-unreachable" => 6,
        "denied" => 7,
        _ => 5,
    };
    failures.into_iter().min_by_key(rank)
}

/// Connects to `address`, which must have been permitted.
///
/// *Failures*: the kind follows the errno; `origin` says who ended it: `icmp`
/// (a router or firewall on the way or at the target answered; `icmp-type`,
/// `icmp-code`, `icmp-from`), `tcp` (a RST), `local` (our own kernel).
pub(crate) async fn connect(address: SocketAddr, deadline: Instant) -> Result<TcpStream, Failure> {
    let start = Instant::now();
    let local = |e: &std::io::Error| here("connect", e, address, start);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(|e| local(&e))?;
    icmp::listen(&socket, address, true);

    if let Err(error) = socket.connect(&SockAddr::from(address)) {
        // EINPROGRESS is 115 on Linux.
        if error.raw_os_error() != Some(115) {
            return Err(ended(&socket, &error, "connect", address, start));
        }
    }
    let stream = TcpStream::from_std(socket.into()).map_err(|e| local(&e))?;
    match tokio::time::timeout_at(deadline, established(&stream)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(ended(&stream, &error, "connect", address, start)),
        Err(_) => {
            let failure = Failure::timeout(
                "connect",
                format!("no answer from {address} within {} ms", start.elapsed().as_millis()),
            );
            return Err(failure.with("address", address.to_string()));
        }
    }
    icmp::listen(&stream, address, false);
    Ok(stream)
}

async fn established(stream: &TcpStream) -> std::io::Result<()> {
    loop {
        stream.writable().await?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        if stream.peer_addr().is_ok() {
            return Ok(());
        }
        // Woken too early: WouldBlock makes tokio wait for the next event.
        let _ = stream.try_io(Interest::WRITABLE, || Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
    }
}

/// What our own kernel refused, before anything was sent.
pub(crate) fn here(stage: &str, error: &std::io::Error, address: SocketAddr, start: Instant) -> Failure {
    describe(Failure::from_io(stage, error).with("origin", "local"), address, start)
}

/// What ended a connect or a connected UDP socket, and who said so.
pub(crate) fn ended<S: AsFd>(
    socket: &S,
    error: &std::io::Error,
    stage: &str,
    address: SocketAddr,
    start: Instant,
) -> Failure {
    describe(failed(socket, error, stage, address), address, start)
}

fn failed<S: AsFd>(socket: &S, error: &std::io::Error, stage: &str, address: SocketAddr) -> Failure {
    let failure = Failure::from_io(stage, error);
    let Some(message) = icmp::read(socket) else {
        let origin = match failure.kind.as_str() {
            // Only a connect hears of a RST here; a datagram is refused by ICMP alone.
            "connection-refused" | "connection-reset" if stage == "connect" => "tcp",
            "connection-refused" => "icmp",
            _ => "local",
        };
        return failure.with("origin", origin);
    };
    let origin = if message.is_absent_neighbour(source_for(address), address.ip()) { "local" } else { "icmp" };
    let failure = failure
        .with("origin", origin)
        .with("icmp-type", message.kind.to_string())
        .with("icmp-code", message.code.to_string());
    match message.from {
        Some(from) => failure.with("icmp-from", from.to_string()),
        None => failure,
    }
}

/// The address that this machine would use towards `address`: connecting a UDP
/// socket asks the routing table and sends nothing.
fn source_for(address: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if address.is_ipv4() { [0_u8; 4].into() } else { [0_u8; 16].into() };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect(address).ok()?;
    socket.local_addr().ok().map(|a| a.ip())
}

fn describe(mut failure: Failure, address: SocketAddr, start: Instant) -> Failure {
    let by = match (failure.details.get("origin").map(String::as_str), failure.details.get("icmp-from")) {
        (Some("icmp"), Some(from)) => format!(", by an ICMP message from {from}"),
        (Some("icmp"), None) => ", by an ICMP message".to_owned(),
        (Some("tcp"), _) => ", by a RST".to_owned(),
        _ => String::new(),
    };
    let what = if failure.stage == "connect" { "connect" } else { "a datagram" };
    failure.message = format!("{what} to {address}: {} after {} ms{by}", failure.message, start.elapsed().as_millis());
    failure.with("address", address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_the_target_beats_silence_and_silence_beats_what_was_not_tried() {
        let pick = |kinds: &[&str]| most_telling(kinds.iter().map(|k| Failure::new(k, "connect", ""))).unwrap().kind;
        assert_eq!(pick(&["timeout", "connection-refused", "network-unreachable"]), "connection-refused");
        assert_eq!(pick(&["network-unreachable", "timeout"]), "timeout");
        assert_eq!(pick(&["denied", "network-unreachable"]), "network-unreachable");
        assert_eq!(pick(&["connection-refused", "too-many-open-files"]), "too-many-open-files");
    }
}

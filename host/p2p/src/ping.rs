//! Round trips of the ping protocol: 32 random bytes, echoed (libp2p/specs, ping).

use crate::session::{Session, io_failure};
use futures::future::Either;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use seaworthy_model::Failure;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The protocol's name.
pub(crate) const PROTOCOL: &str = "/ipfs/ping/1.0.0";
/// Bytes of one ping.
pub(crate) const PAYLOAD: usize = 32;

/// Pings `count` times; answers the round trips in order.
///
/// *Behaviour*: on one stream, but over QUIC each on its own: rust-libp2p answers
/// only the first ping of a QUIC stream in time.
pub(crate) async fn ping(session: &Session, count: u32, deadline: Instant) -> Result<Vec<Duration>, Failure> {
    let mut stream = session.open(PROTOCOL, "ping", deadline).await?;
    let mut trips = Vec::new();
    for number in 1..=count {
        if number > 1 && matches!(stream, Either::Right(_)) {
            let _ = stream.close().await;
            stream = session.open(PROTOCOL, "ping", deadline).await?;
        }
        let payload: [u8; PAYLOAD] = rand::random();
        let started = Instant::now();
        let echo = async {
            stream.write_all(&payload).await?;
            stream.flush().await?;
            let mut echo = [0; PAYLOAD];
            stream.read_exact(&mut echo).await?;
            io::Result::Ok(echo)
        };
        match timeout_at(deadline, echo).await {
            Ok(Ok(echo)) if echo == payload => trips.push(started.elapsed()),
            Ok(Ok(_)) => return Err(Failure::new("protocol", "ping", format!("ping {number} came back changed"))),
            Ok(Err(e)) => return Err(io_failure("ping", &e)),
            Err(_) => return Err(Failure::timeout("ping", format!("ping {number} of {count} was not answered"))),
        }
    }
    let _ = stream.close().await;
    Ok(trips)
}

/// The median: the first trip often includes a lazy start on the other side.
pub(crate) fn median(trips: &[Duration]) -> Option<Duration> {
    let mut sorted = trips.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

//! One established connection: authenticated, encrypted and multiplexed.

use crate::circuit::Circuit;
use crate::inbound::Responder;
use crate::multistream;
use futures::future::Either;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::PeerId;
use libp2p::core::muxing::StreamMuxerExt as _;
use libp2p::tcp::tokio::TcpStream;
use libp2p::{noise, quic, yamux};
use seaworthy_model::Failure;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// What carries bytes to the peer without securing them.
pub(crate) type Pipe = Either<TcpStream, Circuit>;
/// The multiplexer over the whole stack below it.
pub(crate) type Muxer = Either<yamux::Muxer<noise::Output<Pipe>>, quic::Connection>;
/// One stream of a session.
pub(crate) type Stream = Either<yamux::Stream, quic::Stream>;
type StreamRequest = oneshot::Sender<io::Result<Stream>>;

/// How long a closing session may take to say goodbye.
const CLOSE: Duration = Duration::from_millis(500);

/// A handle of a connection. Closes it when dropped.
pub(crate) struct Session {
    /// The id that the other side proved in the handshake.
    pub(crate) peer: PeerId,
    /// Where it was reached; the relay's place where there is one between.
    pub(crate) remote: SocketAddr,
    streams: mpsc::Sender<StreamRequest>,
}

impl Session {
    /// Takes over an upgraded connection and keeps it moving in a task.
    pub(crate) fn start(peer: PeerId, remote: SocketAddr, muxer: Muxer, responder: Responder) -> Self {
        let (streams, requests) = mpsc::channel(16);
        tokio::spawn(drive(muxer, requests, responder));
        Self { peer, remote, streams }
    }

    /// Whether the connection is known to be gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.streams.is_closed()
    }

    /// Waits until the connection is gone, `most` at the longest.
    pub(crate) async fn closed(&self, most: Duration) {
        let _ = timeout(most, self.streams.closed()).await;
    }

    /// Opens a stream and negotiates `protocol` on it, until `deadline`.
    ///
    /// # Errors
    /// At `stage`; kind `unsupported` when the peer refuses the protocol.
    pub(crate) async fn open(&self, protocol: &str, stage: &str, deadline: Instant) -> Result<Stream, Failure> {
        let negotiated = async {
            let (reply, stream) = oneshot::channel();
            let gone = || Failure::new("closed", stage, "the peer closed the connection");
            self.streams.send(reply).await.map_err(|_| gone())?;
            let mut stream = stream.await.map_err(|_| gone())?.map_err(|e| io_failure(stage, &e))?;
            match multistream::open(&mut stream, protocol).await {
                Ok(true) => Ok(stream),
                Ok(false) => Err(Failure::new("unsupported", stage, format!("the peer does not speak {protocol}"))
                    .with("protocol", protocol)),
                Err(e) => Err(io_failure(stage, &e)),
            }
        };
        timeout_at(deadline, negotiated).await.unwrap_or_else(|_| {
            Err(Failure::timeout(stage, format!("the peer did not answer the proposal of {protocol}")))
        })
    }

    /// One question and its answer: writes all, closes the write half, reads to the end.
    ///
    /// # Errors
    /// At stage `stream`, `write` or `read`; kind `too-large` when the answer
    /// is longer than `max_response`.
    pub(crate) async fn ask(
        &self,
        protocol: &str,
        payload: &[u8],
        max_response: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        let mut stream = self.open(protocol, "stream", deadline).await?;
        let written = timeout_at(deadline, async {
            stream.write_all(payload).await?;
            stream.close().await
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(io_failure("write", &e)),
            Err(_) => {
                return Err(Failure::timeout(
                    "write",
                    format!("the peer did not take the request of {} bytes", payload.len()),
                ));
            }
        }
        let mut answer = Vec::new();
        let limit = u64::try_from(max_response).unwrap_or(u64::MAX).saturating_add(1);
        match timeout_at(deadline, stream.take(limit).read_to_end(&mut answer)).await {
            Ok(Ok(_)) if answer.len() > max_response => {
                Err(Failure::new("too-large", "read", format!("the answer is longer than {max_response} bytes")))
            }
            Ok(Ok(_)) => Ok(answer),
            Ok(Err(e)) => Err(io_failure("read", &e)),
            Err(_) => Err(Failure::timeout("read", format!("no complete answer in time; {} bytes came", answer.len()))),
        }
    }
}

/// A failure of reading or writing, where bytes that make no sense are `protocol`.
pub(crate) fn io_failure(stage: &str, error: &io::Error) -> Failure {
    let failure = Failure::from_io(stage, error);
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => "protocol",
        // The multiplexer wraps its own errors; without a code they are violations or an end.
        io::ErrorKind::Other if failure.os_code.is_none() => match error.to_string() {
            text if text.contains("closed") => "closed",
            _ => "protocol",
        },
        // A write to a stream whose connection has ended takes no byte.
        io::ErrorKind::NotConnected | io::ErrorKind::WriteZero => "closed",
        _ => return failure,
    };
    Failure { kind: kind.into(), ..failure }
}

/// What ended a QUIC connection. Only its text is public.
fn lost(error: quic::Error) -> io::Error {
    let kind = match &error {
        quic::Error::Io(e) => e.kind(),
        other if other.to_string().contains("timed out") => io::ErrorKind::TimedOut,
        other if other.to_string().contains("reset") => io::ErrorKind::ConnectionReset,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error.to_string())
}

async fn drive(mut muxer: Muxer, mut requests: mpsc::Receiver<StreamRequest>, responder: Responder) {
    let mut waiting: VecDeque<StreamRequest> = VecDeque::new();
    let ended = poll_fn(|cx| {
        loop {
            match requests.poll_recv(cx) {
                Poll::Ready(Some(request)) => waiting.push_back(request),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        while let Some(request) = waiting.pop_front() {
            match muxer.poll_outbound_unpin(cx) {
                Poll::Ready(Ok(stream)) => drop(request.send(Ok(stream))),
                Poll::Ready(Err(e)) => {
                    let e = e.either(io::Error::from, lost);
                    let _ = request.send(Err(io::Error::new(e.kind(), e.to_string())));
                    return Poll::Ready(Err(e));
                }
                Poll::Pending => {
                    waiting.push_front(request);
                    break;
                }
            }
        }
        // Polling for streams of theirs is also what moves the bytes of ours.
        loop {
            match muxer.poll_inbound_unpin(cx) {
                Poll::Ready(Ok(stream)) => responder.serve(stream),
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e.either(io::Error::from, lost))),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    match ended {
        Ok(()) => drop(timeout(CLOSE, muxer.close()).await),
        Err(error) => tracing::debug!(%error, "connection ended"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What yamux says of a stream whose connection has ended.
    #[test]
    fn a_write_after_the_end_is_an_end() {
        let end = io::Error::new(io::ErrorKind::WriteZero, "00000073/325: connection is closed");
        assert_eq!(io_failure("write", &end).kind, "closed");
    }
}

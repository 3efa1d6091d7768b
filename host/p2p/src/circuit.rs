//! The way through a relay (libp2p/specs, circuit relay v2), as the one who dials.
//!
//! A stream to the relay asks it to connect us to a peer that has reserved a slot
//! there; when it agrees, the stream carries the bytes of that peer. Messages are
//! protobuf with their length in front: `HopMessage {1 type, 2 peer {1 id},
//! 4 limit {1 seconds, 2 bytes}, 5 status}`. The relay's answer is what tells a
//! peer that is gone from a relay that is full, so it is kept by name.

use crate::identify::take_varint;
use crate::multistream::{read_varint, write_varint};
use crate::reach::Facts;
use crate::session::{Session, Stream, io_failure};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::PeerId;
use seaworthy_model::Failure;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// The protocol's name.
const HOP: &str = "/libp2p/circuit/relay/0.2.0/hop";
/// Status answers have a few dozen bytes.
const MAX_MESSAGE: usize = 4096;
const CONNECT: u64 = 1;
const STATUS: u64 = 2;
const OK: u64 = 100;

/// A stream through a relay, and the connection to the relay that it lives on.
pub(crate) struct Circuit {
    stream: Stream,
    _relay: Session,
}

/// What a relay allows on one circuit; nothing said is no bound.
#[derive(Debug, Default, PartialEq, Eq)]
struct Limit {
    seconds: Option<u64>,
    bytes: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    kind: Option<u64>,
    status: Option<u64>,
    limit: Limit,
}

/// Asks the relay of `relay` for a circuit to `peer`.
///
/// # Errors
/// At stage `relay`: `unsupported` when the other side is no relay,
/// `relay-refused` with the detail `status` when it says no, and those of a stream.
pub(crate) async fn open(relay: Session, peer: PeerId, deadline: Instant) -> Result<(Circuit, Facts), Failure> {
    let mut stream = relay.open(HOP, "relay", deadline).await.map_err(|failure| match failure.kind.as_str() {
        "unsupported" => Failure {
            message: format!("{} is not a relay: it does not speak {HOP}; start it with relaying on", relay.peer),
            ..failure
        },
        _ => failure,
    })?;
    let answer = ask(&mut stream, peer).await.map_err(|e| io_failure("relay", &e))?;
    match answer.status {
        Some(OK) => {}
        status => return Err(refused(relay.peer, peer, status)),
    }
    let mut facts =
        Facts::from([("relay-peer-id".to_owned(), relay.peer.to_base58()), ("protocol".to_owned(), HOP.to_owned())]);
    facts.extend(answer.limit.seconds.map(|n| ("limit-seconds".to_owned(), n.to_string())));
    facts.extend(answer.limit.bytes.map(|n| ("limit-bytes".to_owned(), n.to_string())));
    Ok((Circuit { stream, _relay: relay }, facts))
}

async fn ask(stream: &mut Stream, peer: PeerId) -> io::Result<Answer> {
    stream.write_all(&request(peer)).await?;
    stream.flush().await?;
    let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let length = usize::try_from(read_varint(stream).await?).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        return Err(bad(format!("the relay's answer claims {length} bytes")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    match decode(&bytes) {
        Some(answer) if answer.kind == Some(STATUS) => Ok(answer),
        _ => Err(bad("the relay's answer is no status message".into())),
    }
}

fn request(peer: PeerId) -> Vec<u8> {
    let id = peer.to_bytes();
    let mut inner = vec![0x0a];
    write_varint(&mut inner, id.len() as u64);
    inner.extend(id);
    let mut body = vec![0x08, CONNECT as u8, 0x12];
    write_varint(&mut body, inner.len() as u64);
    body.extend(inner);
    let mut framed = Vec::with_capacity(body.len() + 2);
    write_varint(&mut framed, body.len() as u64);
    framed.extend(body);
    framed
}

fn decode(bytes: &[u8]) -> Option<Answer> {
    let mut answer = Answer::default();
    fields(bytes, |number, value| match (number, value) {
        (1, Value::Number(n)) => answer.kind = Some(n),
        (5, Value::Number(n)) => answer.status = Some(n),
        (4, Value::Bytes(limit)) => {
            // A limit that cannot be read is none.
            let _ = fields(limit, |number, value| match (number, value) {
                (1, Value::Number(n)) => answer.limit.seconds = Some(n).filter(|n| *n > 0),
                (2, Value::Number(n)) => answer.limit.bytes = Some(n).filter(|n| *n > 0),
                _ => {}
            });
        }
        _ => {}
    })?;
    Some(answer)
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Walks over the fields of a protobuf message; None when it is not one.
fn fields<'a>(mut bytes: &'a [u8], mut take: impl FnMut(u64, Value<'a>)) -> Option<()> {
    while !bytes.is_empty() {
        let tag = take_varint(&mut bytes)?;
        match tag & 7 {
            0 => take(tag >> 3, Value::Number(take_varint(&mut bytes)?)),
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                take(tag >> 3, Value::Bytes(value));
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

/// Names of the specification's status codes, and what each means here.
fn refused(relay: PeerId, peer: PeerId, status: Option<u64>) -> Failure {
    let (name, why) = match status {
        Some(200) => ("RESERVATION_REFUSED", "it refuses reservations"),
        Some(201) => (
            "RESOURCE_LIMIT_EXCEEDED",
            "it carries as many circuits as it is allowed to; try later, or raise its limits",
        ),
        Some(202) => ("PERMISSION_DENIED", "it does not let us"),
        Some(203) => ("CONNECTION_FAILED", "the peer has a slot there and does not answer the relay"),
        Some(204) => ("NO_RESERVATION", "the peer has no slot there: it is not running, or was not given this relay"),
        Some(400) => ("MALFORMED_MESSAGE", "it could not read the request"),
        Some(401) => ("UNEXPECTED_MESSAGE", "it expected another request"),
        Some(_) => ("UNKNOWN", "with a status that is not in the specification"),
        None => ("MISSING", "it gave no status"),
    };
    let failure =
        Failure::new("relay-refused", "relay", format!("the relay {relay} does not connect to {peer}: {why} ({name})"));
    let failure = failure.with("status", name).with("relay-peer-id", relay.to_base58());
    status.map_or(failure.clone(), |code| failure.with("status-code", code.to_string()))
}

impl AsyncRead for Circuit {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Circuit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_specifications() {
        let peer = libp2p::identity::Keypair::generate_ed25519().public().to_peer_id();
        let framed = request(peer);
        assert_eq!(framed[..6], [44, 0x08, 1, 0x12, 40, 0x0a]);
        assert_eq!((framed[6], &framed[7..]), (38, peer.to_bytes().as_slice()));
        assert_eq!(decode(&framed[1..]), Some(Answer { kind: Some(CONNECT), ..Answer::default() }));
    }

    #[test]
    fn answers_are_read_and_garbage_is_not() {
        // STATUS, OK, two minutes, 128 KiB; a field that is not known.
        let bytes = [0x08, 2, 0x28, 100, 0x22, 6, 0x08, 120, 0x10, 0x80, 0x80, 8, 0x7a, 1, 0xff];
        let limit = Limit { seconds: Some(120), bytes: Some(131_072) };
        assert_eq!(decode(&bytes), Some(Answer { kind: Some(STATUS), status: Some(OK), limit }));
        for bad in [&b"\x08"[..], b"\x22\x05a", b"\x0f", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_refusal_has_a_name() {
        let id = libp2p::identity::Keypair::generate_ed25519().public().to_peer_id();
        for (status, name) in [
            (Some(201), "RESOURCE_LIMIT_EXCEEDED"),
            (Some(204), "NO_RESERVATION"),
            (Some(999), "UNKNOWN"),
            (None, "MISSING"),
        ] {
            let failure = refused(id, id, status);
            assert_eq!((failure.kind.as_str(), failure.details["status"].as_str()), ("relay-refused", name));
            assert_eq!(failure.details.get("status-code"), status.map(|n| n.to_string()).as_ref());
        }
    }
}

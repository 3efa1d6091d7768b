//! The dialling side: one message, one reply.

use super::peers::REFUSAL;
use super::reply::MAX_REPLY;
use super::{Envelope, PEER_EXCHANGE_PROTOCOL, PUSH_PROTOCOL, Payload, PeerList, PushEntry, Reply, receive};
use crate::session::{Session, Stream, io_failure};
use crate::wire::Budget;
use crate::{Node, SharedSecret, address};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use seaworthy_model::{Failure, Permit};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A reply that was begun is over after this silence, for some peers never close.
const QUIET: Duration = Duration::from_millis(500);

/// Pushes one entry to the peer at `address`, under `secret`.
///
/// # Errors
/// Those of a dial; `too-large` and `invalid` for an entry that the protocol
/// cannot carry; `unsupported` when the peer does not speak it; `timeout` when it
/// does not acknowledge.
pub async fn push(
    node: &Node,
    address: &str,
    secret: &SharedSecret,
    entry: &PushEntry,
    timeout: Duration,
    permit: &dyn Permit,
) -> Result<Reply, Failure> {
    let deadline = Instant::now() + timeout;
    let session = node.connect(&address::parse(address)?, deadline, permit).await?;
    push_on(&session, &Envelope::new(secret), entry, deadline).await
}

/// Whether the peer at `address` takes entries that are not encrypted, so that
/// anybody can fill its cache.
///
/// *Behaviour*: sends an entry in the clear that expired an hour ago, under a key
/// that nobody uses: a peer that takes it stores nothing.
///
/// # Errors
/// Those of [`push`].
pub async fn accepts_plaintext(
    node: &Node,
    address: &str,
    timeout: Duration,
    permit: &dyn Permit,
) -> Result<bool, Failure> {
    let deadline = Instant::now() + timeout;
    let session = node.connect(&address::parse(address)?, deadline, permit).await?;
    Ok(probe_plaintext_on(&session, deadline).await? == Reply::Ok)
}

/// Tells the peer at `address` of `own`, and asks what it knows.
///
/// # Errors
/// Those of a dial; `unsupported` when the peer does not speak the protocol;
/// `different-secret` when it cannot read us, or we cannot read it; `protocol`.
pub async fn exchange_peers(
    node: &Node,
    address: &str,
    secret: &SharedSecret,
    own: &PeerList,
    timeout: Duration,
    permit: &dyn Permit,
) -> Result<PeerList, Failure> {
    let deadline = Instant::now() + timeout;
    let session = node.connect(&address::parse(address)?, deadline, permit).await?;
    exchange_on(&session, &Envelope::new(secret), own, deadline).await
}

/// As [`push`], on a connection that is there.
pub(crate) async fn push_on(
    session: &Session,
    envelope: &Envelope,
    entry: &PushEntry,
    deadline: Instant,
) -> Result<Reply, Failure> {
    let token = envelope.seal(entry.plaintext()?.as_bytes())?;
    send(session, token.as_bytes(), deadline).await
}

/// As [`accepts_plaintext`], on a connection that is there; the reply itself.
pub(crate) async fn probe_plaintext_on(session: &Session, deadline: Instant) -> Result<Reply, Failure> {
    send(session, PushEntry::probe().plaintext()?.as_bytes(), deadline).await
}

/// As [`exchange_peers`], on a connection that is there.
pub(crate) async fn exchange_on(
    session: &Session,
    envelope: &Envelope,
    own: &PeerList,
    deadline: Instant,
) -> Result<PeerList, Failure> {
    let token = envelope.seal(own.plaintext().as_bytes())?;
    let mut stream = session.open(PEER_EXCHANGE_PROTOCOL, "stream", deadline).await?;
    write(&mut stream, token.as_bytes(), deadline).await?;
    let unlimited = Budget::new(super::MAX_TOKEN * 2);
    let reply = timeout_at(deadline, receive(&mut stream, Some(envelope), &unlimited)).await;
    read_answer(reply.map_err(|_| unacknowledged())?.map_err(|e| io_failure("read", &e))?)
}

/// What an answer of the peer exchange says.
///
/// # Errors
/// As for [`exchange_peers`].
pub(crate) fn read_answer(payload: Payload) -> Result<PeerList, Failure> {
    let different = |what: &str| Failure::new("different-secret", "answer", what);
    match payload {
        Payload::Opened(plaintext) => PeerList::read(&plaintext),
        Payload::TooLarge | Payload::Exhausted => Err(Failure::new("too-large", "read", "the answer is too long")),
        Payload::Unreadable { length: 0, .. } => {
            Err(Failure::new("closed", "read", "the peer closed the stream without an answer"))
        }
        Payload::Unreadable { beginning, .. } if beginning.trim_ascii() == REFUSAL.as_bytes() => {
            Err(different("the peer cannot read our message: it holds another shared secret"))
        }
        Payload::Plain(_) => Err(different("the peer answered in the clear: it holds no shared secret")),
        Payload::Unreadable { beginning, .. } => {
            let failure =
                different("the peer's answer does not open: it was made with another shared secret, or is none");
            Err(failure.with("banner", crate::banner::escape(&beginning)))
        }
    }
}

/// Sends one message of the push protocol and reads the reply.
async fn send(session: &Session, message: &[u8], deadline: Instant) -> Result<Reply, Failure> {
    let mut stream = session.open(PUSH_PROTOCOL, "stream", deadline).await?;
    if let Err(failure) = write(&mut stream, message, deadline).await {
        // A peer that refuses a message early closes before it was read whole.
        if failure.kind == "timeout" || session.is_closed() {
            return Err(failure);
        }
    }
    match timeout_at(deadline, read_reply(&mut stream)).await {
        Ok(Ok(bytes)) => Ok(Reply::read(&bytes)),
        // The Python side resets a stream whose handler failed.
        Ok(Err(_)) if !session.is_closed() => Ok(Reply::ClosedWithoutReply),
        Ok(Err(e)) => Err(io_failure("read", &e)),
        Err(_) => Err(unacknowledged()),
    }
}

async fn write(stream: &mut Stream, message: &[u8], deadline: Instant) -> Result<(), Failure> {
    let written = timeout_at(deadline, async {
        stream.write_all(message).await?;
        stream.flush().await?;
        stream.close().await
    });
    match written.await {
        Ok(written) => written.map_err(|e| io_failure("write", &e)),
        Err(_) => {
            Err(Failure::timeout("write", format!("the peer did not take the message of {} bytes", message.len())))
        }
    }
}

fn unacknowledged() -> Failure {
    Failure::timeout("read", "the peer took the message and did not acknowledge it")
}

/// Reads to a reply that is known, to the end, or to a silence after a first byte.
pub(crate) async fn read_reply<S: futures::AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    let mut chunk = [0; 64];
    while reply.len() <= MAX_REPLY && !is_whole(&reply) {
        let read = if reply.is_empty() {
            stream.read(&mut chunk).await?
        } else {
            match tokio::time::timeout(QUIET, stream.read(&mut chunk)).await {
                Ok(read) => read?,
                Err(_) => break,
            }
        };
        if read == 0 {
            break;
        }
        reply.extend_from_slice(&chunk[..read]);
    }
    Ok(reply)
}

fn is_whole(reply: &[u8]) -> bool {
    matches!(Reply::read(reply), Reply::Ok | Reply::DecryptionFailed | Reply::InvalidFormat)
}

//! Reading a message that says nothing of its length and may never end.

use super::token::{Envelope, may_end_at};
use super::{MAX_TOKEN, json_text};
use crate::wire::{Budget, Share};
use futures::{AsyncRead, AsyncReadExt as _};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long to wait.
#[derive(Clone, Copy)]
struct Patience {
    /// After this silence nothing more is expected.
    quiet: Duration,
    /// For a whole message, and for its first byte.
    whole: Duration,
}

const PATIENCE: Patience = Patience { quiet: Duration::from_millis(500), whole: Duration::from_secs(10) };
/// Of a message that is too long, this much is thrown away so that its sender
/// gets to read the reply.
const DRAIN: usize = 1024 * 1024;
/// What a message may hold without a share of the budget.
const FREE: usize = 4 * 1024;
/// Bytes that looks at an unfinished message may cost together. A message that
/// comes in many small pieces is looked at once more when it has ended.
const LOOKS: usize = 1024 * 1024;
const CHUNK: usize = 8 * 1024;
/// How much of what cannot be read is kept for the log.
const KEPT: usize = 64;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// A token that our secret opens; what is in it.
    Opened(Vec<u8>),
    /// A JSON text, not encrypted.
    Plain(Vec<u8>),
    /// Neither; its beginning, and how long it was.
    Unreadable { beginning: Vec<u8>, length: usize },
    /// More than [`MAX_TOKEN`] bytes.
    TooLarge,
    /// The memory for messages is in use.
    Exhausted,
}

/// Reads one message.
///
/// *Behaviour*: ends when the bytes are a whole message, at the end of the
/// stream, after 500 ms without a byte, and after 10 s in any case. Reads at
/// most [`MAX_TOKEN`] bytes, of which all but the first 4 KiB come out of
/// `budget`. The work is linear in the bytes that come, in whatever pieces.
///
/// # Errors
/// The stream broke.
pub(crate) async fn receive<S>(io: &mut S, envelope: Option<&Envelope>, budget: &Budget) -> io::Result<Payload>
where
    S: AsyncRead + Unpin,
{
    receive_within(io, envelope, budget, PATIENCE).await
}

async fn receive_within<S>(
    io: &mut S,
    envelope: Option<&Envelope>,
    budget: &Budget,
    patience: Patience,
) -> io::Result<Payload>
where
    S: AsyncRead + Unpin,
{
    let deadline = Instant::now() + patience.whole;
    let mut arrival = Arrival { bytes: Vec::new(), looks: LOOKS };
    let mut chunk = vec![0; CHUNK];
    let mut share: Share = None;
    loop {
        let quiet = Instant::now() + patience.quiet;
        let until = if arrival.bytes.is_empty() { deadline } else { deadline.min(quiet) };
        let read = match timeout_at(until, io.read(&mut chunk)).await {
            Ok(Ok(0)) | Err(_) => return Ok(arrival.finish(envelope)),
            Ok(read) => read?,
        };
        let length = arrival.bytes.len() + read;
        if length > MAX_TOKEN {
            drop((arrival, share));
            drain(io, deadline, patience.quiet).await;
            return Ok(Payload::TooLarge);
        }
        if length > FREE && share.is_none() {
            share = budget.take(MAX_TOKEN);
            if share.is_none() {
                drop(arrival);
                drain(io, deadline, patience.quiet).await;
                return Ok(Payload::Exhausted);
            }
        }
        arrival.bytes.extend_from_slice(&chunk[..read]);
        if let Some(payload) = arrival.look(envelope) {
            return Ok(payload);
        }
    }
}

async fn drain<S: AsyncRead + Unpin>(io: &mut S, deadline: Instant, quiet: Duration) {
    let mut chunk = vec![0; CHUNK];
    for _ in 0..DRAIN / CHUNK {
        let until = deadline.min(Instant::now() + quiet);
        if !matches!(timeout_at(until, io.read(&mut chunk)).await, Ok(Ok(read)) if read > 0) {
            return;
        }
    }
}

struct Arrival {
    bytes: Vec<u8>,
    looks: usize,
}

impl Arrival {
    /// The message, if it is whole already.
    fn look(&mut self, envelope: Option<&Envelope>) -> Option<Payload> {
        let bytes = self.bytes.trim_ascii_end();
        let may_be_whole = match bytes.first()? {
            b'{' => bytes.ends_with(b"}"),
            _ => may_end_at(bytes.len()),
        };
        if !may_be_whole {
            return None;
        }
        self.looks = self.looks.checked_sub(bytes.len())?;
        self.read(envelope)
    }

    fn finish(self, envelope: Option<&Envelope>) -> Payload {
        self.read(envelope).unwrap_or_else(|| Payload::Unreadable {
            beginning: self.bytes[..self.bytes.len().min(KEPT)].to_vec(),
            length: self.bytes.len(),
        })
    }

    fn read(&self, envelope: Option<&Envelope>) -> Option<Payload> {
        if let Some(opened) = envelope.and_then(|envelope| envelope.open(&self.bytes)) {
            return Some(Payload::Opened(opened));
        }
        let text = std::str::from_utf8(&self.bytes).ok().filter(|text| text.trim_ascii_start().starts_with('{'))?;
        json_text::is_json(text).then(|| Payload::Plain(self.bytes.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::{PLAINTEXT, VECTOR, envelope};
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::time::{Sleep, sleep};

    const SHORT: Patience = Patience { quiet: Duration::from_millis(100), whole: Duration::from_millis(800) };

    /// Sends `bytes` in pieces with pauses, and then never ends.
    struct Pieces {
        bytes: Vec<u8>,
        size: usize,
        pause: Duration,
        sleep: Option<Pin<Box<Sleep>>>,
    }

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
            if self.bytes.is_empty() {
                return Poll::Pending;
            }
            if self.size < self.bytes.len() || self.sleep.is_some() {
                let pause = self.pause;
                let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            let taken = self.size.min(self.bytes.len()).min(out.len());
            out[..taken].copy_from_slice(&self.bytes[..taken]);
            self.bytes.drain(..taken);
            Poll::Ready(Ok(taken))
        }
    }

    async fn arrive(bytes: &[u8], size: usize, pause_ms: u64, patience: Patience) -> (Payload, Duration) {
        let started = Instant::now();
        let pause = Duration::from_millis(pause_ms);
        let mut pieces = Pieces { bytes: bytes.to_vec(), size, pause, sleep: None };
        let ours = envelope("ghp_interop_test_token");
        let payload = receive_within(&mut pieces, Some(&ours), &Budget::new(1024 * 1024), patience).await.unwrap();
        (payload, started.elapsed())
    }

    fn opened() -> Payload {
        Payload::Opened(PLAINTEXT.into())
    }

    #[tokio::test]
    async fn a_message_ends_where_it_makes_sense() {
        // It would not end by silence within the time.
        let patience = Patience { quiet: Duration::from_secs(60), whole: Duration::from_secs(120) };
        for size in [VECTOR.len(), 100, 64, 1] {
            let (payload, took) = arrive(VECTOR.as_bytes(), size, 1, patience).await;
            assert_eq!(payload, opened(), "pieces of {size}");
            assert!(took < patience.quiet, "{took:?}: it did not wait for more");
        }
        let (payload, took) = arrive(PLAINTEXT.as_bytes(), 20, 1, patience).await;
        assert_eq!(payload, Payload::Plain(PLAINTEXT.into()));
        assert!(took < patience.quiet);
    }

    #[tokio::test]
    async fn what_makes_no_sense_ends_by_silence() {
        for garbage in [&b"\x00\xff garbage"[..], b"{\"key\": ", &VECTOR.as_bytes()[..200], b"g"] {
            let (payload, took) = arrive(garbage, 100, 1, SHORT).await;
            let kept = garbage[..garbage.len().min(KEPT)].to_vec();
            assert_eq!(payload, Payload::Unreadable { beginning: kept, length: garbage.len() });
            assert!((SHORT.quiet..SHORT.whole).contains(&took), "{took:?}");
        }
        let (payload, took) = arrive(b"", 1, 1, SHORT).await;
        assert_eq!(payload, Payload::Unreadable { beginning: vec![], length: 0 });
        assert!(took >= SHORT.whole, "{took:?}");
    }

    #[tokio::test]
    async fn one_byte_at_a_time_has_a_deadline() {
        let (payload, took) = arrive(&[b'A'; 1000], 1, 40, SHORT).await;
        assert!(matches!(payload, Payload::Unreadable { length, .. } if length < 30), "{payload:?}");
        assert!(took >= SHORT.whole, "{took:?}");
    }

    #[tokio::test]
    async fn length_and_memory_are_bounded() {
        let largest = envelope("ghp_interop_test_token").seal(&vec![b'x'; super::super::MAX_PLAINTEXT]).unwrap();
        let (payload, _) = arrive(largest.as_bytes(), 65_524, 1, PATIENCE).await;
        assert!(matches!(payload, Payload::Opened(_)));
        assert_eq!(arrive(&vec![b'A'; MAX_TOKEN + 1], 4096, 1, PATIENCE).await.0, Payload::TooLarge);
        assert_eq!(arrive(&vec![b'A'; 8 * DRAIN], 65_524, 1, PATIENCE).await.0, Payload::TooLarge);
        let none = Budget::new(65_536);
        let _all = none.take(1).unwrap();
        let mut large = futures::io::Cursor::new(vec![b'A'; 5000]);
        assert_eq!(receive(&mut large, None, &none).await.unwrap(), Payload::Exhausted);
        let mut small = futures::io::Cursor::new(VECTOR);
        assert!(matches!(receive(&mut small, None, &none).await.unwrap(), Payload::Unreadable { length: 312, .. }));
    }

    /// The largest message byte by byte: thousands of looks at all of it would take minutes.
    #[tokio::test]
    async fn work_is_linear() {
        let ours = envelope("s");
        let sealed = ours.seal(&vec![b'x'; super::super::MAX_PLAINTEXT]).unwrap();
        let mut arrival = Arrival { bytes: Vec::new(), looks: LOOKS };
        let started = std::time::Instant::now();
        for byte in sealed.bytes().take(sealed.len() - 1) {
            arrival.bytes.push(byte);
            assert_eq!(arrival.look(Some(&ours)), None);
        }
        arrival.bytes.extend(sealed.bytes().last());
        assert!(matches!(arrival.finish(Some(&ours)), Payload::Opened(_)));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

use super::VERSION;
use futures::{AsyncRead, AsyncReadExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much of a frame that is too long is read and thrown away, so that its
/// sender gets to read the refusal.
const DRAIN: u64 = 64 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// What a frame may hold without a share; every question but `put` fits.
pub(crate) const FREE: usize = 4 * 1024;

/// A frame that was read.
#[derive(Debug)]
pub(crate) enum Frame<T> {
    Message(T),
    /// Longer than allowed; it was not kept.
    TooLarge(u64),
    /// Another version of the protocol.
    Version(u8),
    /// The memory for requests is in use.
    Exhausted,
    /// Not the CBOR of a message; why.
    Malformed(String),
}

/// Memory that what is in progress may take together, in chunks of 64 KiB.
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    chunks: usize,
}

/// The share of one request or answer; given back when dropped.
pub(crate) type Share = Option<OwnedSemaphorePermit>;

impl Budget {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        let chunks = bytes / CHUNK;
        Arc::new(Self { free: Arc::new(Semaphore::new(chunks)), chunks })
    }

    /// A share of `bytes`, or none when too much is in use. One that is larger
    /// than the budget takes all of it, so that it can be had at all.
    pub(crate) fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let chunks = u32::try_from(bytes.div_ceil(CHUNK).min(self.chunks)).ok()?;
        Arc::clone(&self.free).try_acquire_many_owned(chunks).ok()
    }
}

/// Reads one frame of at most `max` bytes.
///
/// *Behaviour*: memory grows with the bytes that come, not with the length that
/// is claimed, and all beyond the first 4 KiB is taken out of `budget`. A frame that
/// its sender ends before its end is `Malformed`, so that the sender gets to know.
///
/// # Errors
/// The stream broke, or it ended within the length.
pub(crate) async fn read<T, S>(io: &mut S, max: usize, budget: &Budget) -> io::Result<(Frame<T>, Share)>
where
    T: DeserializeOwned,
    S: AsyncRead + Unpin,
{
    let mut prefix = [0; 4];
    io.read_exact(&mut prefix).await?;
    let length = u64::from(u32::from_be_bytes(prefix));
    let Some(wanted) = usize::try_from(length).ok().filter(|l| *l <= max) else {
        drain(io, length).await?;
        return Ok((Frame::TooLarge(length), None));
    };
    let mut body = Vec::new();
    let mut share: Share = None;
    while body.len() < wanted {
        let at = body.len();
        if at > 0 {
            let Ok(chunk) = Arc::clone(&budget.free).try_acquire_owned() else {
                drop(body);
                drain(io, length - at as u64).await?;
                return Ok((Frame::Exhausted, None));
            };
            match &mut share {
                Some(share) => share.merge(chunk),
                None => share = Some(chunk),
            }
        }
        body.resize(wanted.min(at + if at == 0 { FREE } else { CHUNK }), 0);
        match io.read_exact(&mut body[at..]).await {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok((Frame::Malformed(format!("a frame that claims {length} bytes and is cut short")), None));
            }
            other => other?,
        }
    }
    Ok((parse(&body), share))
}

async fn drain<S: AsyncRead + Unpin>(io: &mut S, length: u64) -> io::Result<()> {
    futures::io::copy(io.take(length.min(DRAIN)), &mut futures::io::sink()).await.map(drop)
}

/// Reads a frame that came whole.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Frame<T> {
    match bytes.split_first_chunk::<4>() {
        Some((prefix, body)) if u32::from_be_bytes(*prefix) as usize == body.len() => parse(body),
        _ => Frame::Malformed(format!("a frame cut short at {} bytes", bytes.len())),
    }
}

/// Writes a frame.
pub(crate) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0, 0, 0, 0, VERSION];
    ciborium::into_writer(message, &mut frame).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| io::Error::other("a message of more than 4 GiB"))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Frame<T> {
    match body {
        [] => Frame::Malformed("an empty frame".into()),
        [VERSION, message @ ..] => {
            let mut rest = message;
            match ciborium::from_reader(&mut rest) {
                Ok(message) if rest.is_empty() => Frame::Message(message),
                Ok(_) => Frame::Malformed(format!("{} bytes after the message", rest.len())),
                Err(e) => Frame::Malformed(e.to_string()),
            }
        }
        [version, ..] => Frame::Version(*version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Bytes, Request, Response};
    use futures::io::Cursor;

    #[tokio::test]
    async fn frames_come_back() {
        let request = Request::Put { key: "k".into(), sealed: Bytes(vec![7; 100_000]) };
        let frame = encode(&request).unwrap();
        let budget = Budget::new(2 * CHUNK);
        assert!(frame.len() < 100_050, "a byte string, not an array: {}", frame.len());
        assert_eq!(&frame[4..11], b"\x01\xa1\x63put\xa2");
        let Frame::Message(Request::Put { key, sealed }) =
            read(&mut Cursor::new(&frame), 200_000, &budget).await.unwrap().0
        else {
            panic!()
        };
        assert_eq!((key.as_str(), sealed), ("k", Bytes(vec![7; 100_000])));
        // Another needs what the first still holds.
        let (_first, share) = read::<Request, _>(&mut Cursor::new(&frame), 200_000, &budget).await.unwrap();
        assert!(share.is_some());
        assert!(matches!(
            read::<Request, _>(&mut Cursor::new(&frame), 200_000, &budget).await.unwrap().0,
            Frame::Exhausted
        ));
        drop(share);
        assert!(matches!(
            read::<Request, _>(&mut Cursor::new(&frame), 200_000, &budget).await.unwrap().0,
            Frame::Message(_)
        ));
        assert!(matches!(decode::<Request>(&encode(&Request::Stats).unwrap()), Frame::Message(Request::Stats)));
    }

    /// A claim costs its sender nothing, so it must cost little here too.
    #[tokio::test]
    async fn a_claimed_length_takes_little_memory() {
        let none = Budget::new(0);
        let small = encode(&Request::Get { key: "k".repeat(1024) }).unwrap();
        assert!(matches!(
            read::<Request, _>(&mut Cursor::new(&small), CHUNK, &none).await.unwrap().0,
            Frame::Message(_)
        ));
        let larger = encode(&Request::Get { key: "k".repeat(FREE) }).unwrap();
        assert!(matches!(
            read::<Request, _>(&mut Cursor::new(&larger), CHUNK, &none).await.unwrap().0,
            Frame::Exhausted
        ));
        let huge = [[0xff; 4].as_slice(), &[7; 100]].concat();
        assert!(matches!(
            read::<Request, _>(&mut Cursor::new(&huge), CHUNK, &none).await.unwrap().0,
            Frame::TooLarge(0xffff_ffff)
        ));
    }

    #[test]
    fn a_budget_is_given_back() {
        let budget = Budget::new(3 * CHUNK);
        let two = budget.take(CHUNK + 1);
        assert!(two.is_some() && budget.take(2 * CHUNK).is_none() && budget.take(0).is_some());
        drop(two);
        assert!(budget.take(100 * CHUNK).is_some(), "more than there is: all of it");
    }

    #[tokio::test]
    async fn what_is_no_frame_is_named() {
        let frame = encode(&Response::Miss).unwrap();
        assert!(matches!(
            read::<Response, _>(&mut Cursor::new(&frame), 3, &Budget::new(0)).await.unwrap().0,
            Frame::TooLarge(_)
        ));
        let mut other = frame.clone();
        other[4] = 9;
        assert!(matches!(decode::<Response>(&other), Frame::Version(9)));
        assert!(matches!(decode::<Request>(&frame), Frame::Malformed(_)), "an answer is no request");
        assert!(matches!(decode::<Response>(&frame[..5]), Frame::Malformed(_)));
        assert!(matches!(decode::<Response>(&[0, 0, 0, 0]), Frame::Malformed(_)));
        assert!(matches!(decode::<Response>(&[0, 0, 0, 3, 1, 0xf6, 0xf6]), Frame::Malformed(_)));
        let cut = read::<Response, _>(&mut Cursor::new(&frame[..6]), 100, &Budget::new(0)).await.unwrap().0;
        assert!(matches!(&cut, Frame::Malformed(why) if why.contains("cut short")), "{cut:?}");
        assert!(read::<Response, _>(&mut Cursor::new(&frame[..3]), 100, &Budget::new(0)).await.is_err());
        // A field too many.
        let mut extra = vec![0, 0, 0, 0, 1];
        ciborium::into_writer(&serde_json::json!({"get": {"key": "k", "more": 1}}), &mut extra).unwrap();
        let length = u32::try_from(extra.len() - 4).unwrap();
        extra[..4].copy_from_slice(&length.to_be_bytes());
        assert!(matches!(decode::<Request>(&extra), Frame::Malformed(_)));
    }
}

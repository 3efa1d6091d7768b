//! What the readers of foreign bytes are held to, for the targets in `fuzz/`. Built
//! with `--cfg fuzzing` only, as cargo-fuzz does.
//!
//! Each function takes any input and panics when a promise is broken; an input that
//! is refused is fine.

use crate::identify::{self, Identification};
use crate::push::{self, Envelope, MAX_PLAINTEXT, MAX_TOKEN, Payload, PeerList, PushEntry, Reply, Verdict};
use crate::wire::{self, Budget, Frame, Request, Response};
use crate::{Address, SharedSecret, address};
use futures::FutureExt as _;
use futures::io::Cursor;
use libp2p::Multiaddr;
use seaworthy_model::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

/// A frame of `/seaworthy/cache/1.0.0`, read as a question and as an answer: what is
/// read is written back the same, whichever way it is read, and nothing longer than
/// the bound is kept.
pub fn cache_frame(bytes: &[u8]) {
    frame::<Request>(bytes);
    frame::<Response>(bytes);
}

fn frame<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    const MAX: usize = 1024 * 1024;
    let budget = Budget::new(MAX);
    let whole = written(&wire::decode::<T>(bytes));
    let streamed = streamed::<T>(bytes, MAX, &budget);
    if let Some(first) = &whole {
        assert_eq!(written(&wire::decode::<T>(first)).as_ref(), Some(first), "a message changed on its way");
        assert_eq!(streamed.as_ref(), Some(first), "the stream was read otherwise than the frame");
        let small = first.len() / 2;
        assert!(streamed_within::<T>(bytes, small, &budget), "longer than {small} bytes");
    }
}

fn written<T: Serialize>(frame: &Frame<T>) -> Option<Vec<u8>> {
    match frame {
        Frame::Message(message) => wire::encode(message).ok(),
        _ => None,
    }
}

fn streamed<T: Serialize + DeserializeOwned>(bytes: &[u8], max: usize, budget: &Budget) -> Option<Vec<u8>> {
    let read = wire::read::<T, _>(&mut Cursor::new(bytes), max, budget).now_or_never();
    assert!(read.is_some(), "it waits where all bytes are there");
    written(&read?.ok()?.0)
}

/// Whether a frame of more than `max` bytes is not kept.
fn streamed_within<T: Serialize + DeserializeOwned>(bytes: &[u8], max: usize, budget: &Budget) -> bool {
    bytes.len() <= max.saturating_add(4) || streamed::<T>(bytes, max, budget).is_none()
}

/// A message of identify, framed or bare: what is read is written back the same, and
/// every address in it can be shown.
pub fn identify(bytes: &[u8]) {
    let Some(read) = identify::read(&mut Cursor::new(bytes)).now_or_never() else { return };
    for message in read.ok().into_iter().chain(Identification::decode(bytes)) {
        let _ = message.peer_id();
        for address in &message.listen_addresses {
            assert!(address.is_empty() || !identify::address_text(address).is_empty(), "an address without text");
        }
        let framed = message.encode();
        let again = identify::read(&mut Cursor::new(&framed)).now_or_never();
        assert!(again.is_some_and(|again| again.is_ok_and(|again| again == message)) || !message.is_sensible());
    }
}

/// A list of peer addresses as a person writes it: what is accepted is canonical,
/// libp2p reads it too, and what is refused has a reason and a place.
pub fn address_list(text: &str) {
    for part in text.split(',').chain([text]) {
        match address::parse(part) {
            Ok(address) => accepted(&address),
            Err(failure) => {
                assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("invalid", "parse"));
                let position = failure.details.get("position").and_then(|at| at.parse().ok());
                assert!(position.is_some_and(|at: usize| part.is_char_boundary(at)), "{part:?}: {position:?}");
                assert!(failure.details.get("reason").is_some_and(|reason| !reason.is_empty()), "{part:?}");
            }
        }
    }
}

fn accepted(address: &Address) {
    let again = address::parse(&address.canonical);
    assert_eq!(again.as_ref().ok(), Some(address), "{} is not read as it is written", address.canonical);
    let multiaddr = address.canonical.parse::<Multiaddr>();
    assert!(multiaddr.is_ok(), "libp2p does not read {}: {multiaddr:?}", address.canonical);
}

/// When messages of the Python cache arrive, in seconds since the epoch.
const NOW: f64 = 1_700_000_100.0;

/// A message of the Python cache after its envelope was opened, as an entry and as a
/// list of peers: what is taken can be sent on, and is then taken as the same.
pub fn push_message(plaintext: &[u8]) {
    if let Verdict::Store(entry) = push::judge(plaintext, NOW) {
        passed_on(&entry);
        let hashed = (*entry).with_content_hash();
        if hashed.content_hash.is_some() {
            passed_on(&hashed);
        }
    }
    if let Ok(list) = PeerList::read(plaintext)
        && list.ts.is_finite()
    {
        let again = PeerList::read(list.plaintext().as_bytes());
        assert!(again.is_ok_and(|again| again.addrs == list.addrs && again.peers.len() <= list.peers.len()));
    }
    let _ = (Reply::read(plaintext).text().len(), Reply::read(plaintext).name());
}

fn passed_on(entry: &PushEntry) {
    const NOW_MS: u64 = 1_700_000_100_000;
    // Times that JSON can say and a float cannot hold are not sent.
    if let Ok(text) = entry.plaintext() {
        let again = push::judge(text.as_bytes(), NOW);
        assert!(matches!(&again, Verdict::Store(again) if **again == *entry), "{text}\n{again:?}");
    }
    let back = push::from_blob(&entry.key, &push::into_blob(entry.clone(), NOW_MS), NOW_MS);
    assert!(back.is_ok_and(|back| back.data == entry.data && back.key == entry.key), "{entry:?}");
}

static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| Builder::new_current_thread().enable_time().build().ok());
static ENVELOPE: LazyLock<Envelope> =
    LazyLock::new(|| Envelope::new(&SharedSecret::derive(&Secret::new("a secret of the fuzzer".into()))));

/// The bytes of a stream of `/github-cache/1.0.0`, which has no framing: a token of ours
/// is opened, and nothing else is taken for one.
pub fn push_stream(bytes: &[u8]) {
    match arrived(bytes) {
        Some(Payload::TooLarge) => assert!(bytes.len() > MAX_TOKEN, "{} bytes are not too many", bytes.len()),
        Some(Payload::Opened(_)) => assert!(bytes.len() >= 100, "opened what is shorter than any token"),
        Some(_) => assert!(bytes.len() <= MAX_TOKEN, "{} bytes are too many", bytes.len()),
        None => {}
    }
    if let Ok(token) = ENVELOPE.seal(bytes) {
        assert!(bytes.len() <= MAX_PLAINTEXT && token.len() <= MAX_TOKEN);
        assert_eq!(arrived(token.as_bytes()), Some(Payload::Opened(bytes.to_vec())), "our own token is not opened");
    }
}

fn arrived(bytes: &[u8]) -> Option<Payload> {
    let budget = Budget::new(MAX_TOKEN * 2);
    let mut stream = Cursor::new(bytes);
    RUNTIME.as_ref()?.block_on(push::receive(&mut stream, Some(&*ENVELOPE), &budget)).ok()
}

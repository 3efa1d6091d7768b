//! The Python cache's own protocols, byte for byte: `/github-cache/1.0.0`, which
//! pushes entries, and `/github-cache/peer-exchange/1.0.0`, which tells of peers.
//!
//! # Wire
//! One stream carries one message and its reply. There is no framing: a message
//! ends where it makes sense. A sender writes it, flushes and closes its write
//! half, because old Python peers wait for that; a receiver must not wait for
//! it, because Python senders never do it (see `arrival`). A message is the
//! ASCII text of one Fernet token whose plaintext is JSON; see `message` and
//! `peers`. Plaintext is never sent, and refused when it comes.
//!
//! # Replies
//! `OK`, `ERROR: Decryption failed`, `ERROR: Invalid format`, or a stream that is
//! closed without a word, each where the Python cache gives it. Beyond those,
//! where that cache has no word of its own, this one says `ERROR: ` and what is
//! wrong: `Timestamp too far ahead` (more than 60 s; the Python cache would keep
//! such an entry for ever), `Too large`, `Busy`, `Rate limited`, `Store failed`.
//! A Python sender takes everything but `OK` for a refusal.
//!
//! # Size
//! A Python receiver may see only the first yamux frame of 65,524 bytes, so a
//! token has at most [`MAX_TOKEN`] bytes and a plaintext [`MAX_PLAINTEXT`]. What
//! is larger is refused as `too-large`, in both directions, and never cut.

mod arrival;
mod client;
mod content_hash;
mod conversion;
mod json_text;
mod message;
mod peers;
mod python_json;
mod reply;
mod token;

pub use client::{accepts_plaintext, exchange_peers, push};
pub use message::PushEntry;
pub use peers::PeerList;
pub use reply::Reply;

pub(crate) use {
    arrival::{Payload, receive},
    client::{probe_plaintext_on, push_on, read_answer, read_reply},
    conversion::{NotRepresentable, from_blob, into_blob},
    message::{Verdict, judge},
    peers::{REFUSAL as PEER_EXCHANGE_REFUSAL, is_loopback, is_worth_telling},
    token::Envelope,
};

/// The protocol that pushes entries.
pub const PUSH_PROTOCOL: &str = "/github-cache/1.0.0";
/// The protocol that tells of peers.
pub const PEER_EXCHANGE_PROTOCOL: &str = "/github-cache/peer-exchange/1.0.0";
/// The longest token, in bytes of text.
pub const MAX_TOKEN: usize = 65_508;
/// The longest plaintext whose token is no longer than [`MAX_TOKEN`].
pub const MAX_PLAINTEXT: usize = 49_071;
/// How far ahead of our clock an entry may claim to be made, in seconds.
pub(crate) const MAX_SKEW_S: f64 = 60.0;

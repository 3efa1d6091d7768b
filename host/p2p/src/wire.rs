//! `/seaworthy/cache/1.0.0` on the wire.
//!
//! # Stack
//! TCP, multistream-select, Noise XX, yamux; or QUIC version 1; either also through
//! a relay (circuit v2). One stream carries one request and one answer. The dialler writes its frame and closes its write half; the
//! listener writes its frame and closes.
//!
//! # Frame
//! ```text
//! length   u32, big endian: bytes that follow
//! version  u8: 1
//! body     CBOR (RFC 8949): an enumeration as {"name": {fields}} or "name"
//! ```
//! A listener that does not know the version answers with a frame of version 1
//! that holds `refused {kind: "unsupported-version"}`. Unknown fields are
//! refused as `malformed`: a change of the messages is a change of the version.
//! Byte strings are CBOR byte strings. Times are milliseconds since the epoch.
//!
//! # Agreement
//! Until it is done on a connection, everything else is refused as
//! `unauthenticated`.
//! ```text
//! → hello  {nonce: 32 random bytes, agent}
//! ← hello  {nonce: 32 random bytes, secret: has one, max_value, agent, now_ms}
//! → agree  {proof: MAC("dial", dialler id, listener id, dialler nonce, listener nonce)}
//! ← agreed {proof: MAC("listen", the same four)}    or    "different"
//! ```
//! MAC is HMAC-SHA256 under a key that HKDF derives from the shared secret;
//! each part is preceded by its length as u64, big endian. The ids are those
//! that noise proved, so that nobody in between can pass a proof on. The
//! dialler proves first: a listener never shows a proof to one who has not.
//! Three failed proofs end a connection's right to try. `now_ms` is the
//! listener's clock, by which a dialler tells skew before its values are refused
//! for it.
//!
//! # Following
//! A cursor of `since` holds for one opening of a store, which the answer names
//! with a random number: after a restart the one who follows is given everything
//! again, and keeps what is newer than its own. Two peers that are connected
//! follow each other, whoever dialled, each over streams of its own; entries go
//! to those who dialled and to those who were dialled alike. Because a listener
//! may have several connections with one peer, the agreement on one of them holds
//! for the others of the same peer id, as long as one is there.
//!
//! # Bounds
//! Before the agreement a request may have 4 KiB. A peer that asks more often, or
//! for more bytes, than it may in a second is refused as `rate-limited`.
//!
//! # Values
//! A value travels sealed (see `secret`): the plaintext is the CBOR map
//! `{created_ms, ttl_ms, sha256, metadata, bytes}`, bound to the key's name. The
//! listener opens it before it stores it, and refuses what does not
//! authenticate (`integrity`), is older than its TTL (`expired`), claims to be
//! made more than 60 s ahead (`clock`) or is too long (`too-large`). It keeps and
//! serves the sealed bytes; the dialler opens and checks them again.
//!
//! # Dial-back
//! `dial-back {port, timeout_ms}` asks whether the dialler can itself be dialled.
//! The listener dials the address that this very connection comes from, never
//! another one, at that port (1024 or above), up to identify, and expects the
//! dialler's own id there. It answers `dialed-back` with what it saw, or refuses
//! as `exhausted` when it was asked too often.

mod bytes;
mod frame;

pub(crate) use bytes::Bytes;
pub(crate) use frame::{Budget, FREE as SMALL_FRAME, Frame, Share, decode, encode, read};

use serde::{Deserialize, Serialize};

/// The protocol's name.
pub const CACHE_PROTOCOL: &str = "/seaworthy/cache/1.0.0";
/// The version that this code speaks.
pub(crate) const VERSION: u8 = 1;
/// Room in a frame for everything that is not the value.
pub(crate) const FRAME_OVERHEAD: usize = 64 * 1024;
/// A key's name may have this many bytes.
pub(crate) const MAX_KEY: usize = 1024;

/// What a dialler asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    Hello {
        nonce: Bytes,
        agent: String,
    },
    Agree {
        proof: Bytes,
    },
    Get {
        key: String,
    },
    Has {
        key: String,
    },
    Put {
        key: String,
        sealed: Bytes,
    },
    Invalidate {
        key: String,
    },
    Stats,
    /// Entries stored after `cursor` in the store that was called `store`; all of
    /// them when the listener's store is called otherwise by now. When there is
    /// nothing, the answer waits for something, `wait_ms` or the listener's own
    /// bound at the longest. Entries beyond `max_bytes` are left out, and so are
    /// those that the listener has from the asker's own store, called `own_store`.
    Since {
        own_store: u64,
        store: u64,
        cursor: u64,
        wait_ms: u64,
        max_bytes: u64,
    },
    /// Dial us back, at the address that we come from.
    DialBack {
        port: u16,
        timeout_ms: u32,
    },
}

/// What a listener answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub(crate) enum Response {
    Hello {
        nonce: Bytes,
        secret: bool,
        max_value: u64,
        agent: String,
        /// The listener's clock.
        now_ms: u64,
    },
    Agreed {
        proof: Bytes,
    },
    /// The proof was not made with our secret, or we have none.
    Different,
    /// To `get`: there is nothing, or nothing that still lives.
    Miss,
    Value {
        sealed: Bytes,
    },
    /// To `has`. `ttl_ms` is what remains.
    Present {
        size: u64,
        created_ms: u64,
        ttl_ms: Option<u64>,
    },
    /// To `put`, after the commit. `kept` is false when a newer value is there.
    Stored {
        kept: bool,
    },
    Invalidated {
        existed: bool,
    },
    Stats(PeerStats),
    /// To `since`: some entries in order, and store and cursor for the next call.
    Entries {
        store: u64,
        entries: Vec<SealedEntry>,
        next: u64,
        more: bool,
    },
    /// To `dial-back`: what was dialled, the id that was proven there, and why it went no further.
    DialedBack {
        address: String,
        peer: Option<String>,
        failure: Option<BackFailure>,
    },
    /// Kinds: `unauthenticated`, `malformed`, `unsupported-version`, `too-large`,
    /// `integrity`, `expired`, `clock`, `exhausted`, `rate-limited`, `store`.
    Refused {
        kind: String,
        message: String,
    },
}

/// One entry of an answer to `since`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealedEntry {
    pub(crate) key: String,
    pub(crate) sealed: Bytes,
}

/// Why a dial-back did not reach identify, in the words of a dial's failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackFailure {
    pub(crate) kind: String,
    pub(crate) stage: String,
    pub(crate) message: String,
}

/// What a peer counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerStats {
    /// Live entries.
    pub entries: u64,
    /// Bytes of keys and sealed values.
    pub bytes: u64,
    /// The bound of `bytes`.
    pub max_bytes: u64,
    /// Gets that found something, since the start.
    pub hits: u64,
    /// Gets that found nothing.
    pub misses: u64,
    /// Values taken.
    pub puts: u64,
    /// Entries that made room for others.
    pub evictions: u64,
    /// Seconds since the start.
    pub uptime_s: u64,
}

impl Response {
    pub(crate) fn refused(kind: &str, message: impl Into<String>) -> Self {
        Response::Refused { kind: kind.into(), message: message.into() }
    }
}

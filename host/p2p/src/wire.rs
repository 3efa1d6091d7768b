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
//! ← hello  {nonce: 32 random bytes, secret: has one, max_value, agent}
//! → agree  {proof: MAC("dial", dialler id, listener id, dialler nonce, listener nonce)}
//! ← agreed {proof: MAC("listen", the same four)}    or    "different"
//! ```
//! MAC is HMAC-SHA256 under a key that HKDF derives from the shared secret;
//! each part is preceded by its length as u64, big endian. The ids are those
//! that noise proved, so that nobody in between can pass a proof on. The
//! dialler proves first: a listener never shows a proof to one who has not.
//! Three failed proofs end a connection's right to try.
//!
//! # Values
//! A value travels sealed (see `secret`): the plaintext is the CBOR map
//! `{created_ms, ttl_ms, sha256, metadata, bytes}`, bound to the key's name. The
//! listener opens it before it stores it, and refuses what does not
//! authenticate (`integrity`), is older than its TTL (`expired`), claims to be
//! made more than 60 s ahead (`clock`) or is too long (`too-large`). It keeps and
//! serves the sealed bytes; the dialler opens and checks them again.

mod bytes;
mod frame;

pub(crate) use bytes::Bytes;
pub(crate) use frame::{Budget, Frame, Share, decode, encode, read};

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
    /// Entries stored after `cursor`; 0 for all.
    Since {
        cursor: u64,
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
    /// To `since`: some entries in order, and the cursor for the next call.
    Entries {
        entries: Vec<SealedEntry>,
        next: u64,
        more: bool,
    },
    /// Kinds: `unauthenticated`, `malformed`, `unsupported-version`, `too-large`,
    /// `integrity`, `expired`, `clock`, `exhausted`, `store`.
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

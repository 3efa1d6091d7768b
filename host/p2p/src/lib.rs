//! The libp2p node, the dial ladder and the cache protocol.
//!
//! The only crate that names libp2p, and none of its types are in the API: no
//! caller monomorphises a swarm. [`Node`] dials by hand, rung by rung, because a
//! diagnosis needs the rung that broke and what was seen there; [`Peer`] listens
//! with an ordinary swarm. [`CacheClient`] and [`Peer`] speak
//! `/seaworthy/cache/1.0.0`, whose wire format is documented in `wire.rs`.
//!
//! All functions run on the current tokio runtime. Every address that is about
//! to be used is shown to a [`seaworthy_model::Permit`] first, after resolution.

#![deny(missing_docs)]

mod agreement;
mod answering;
mod banner;
mod cache_failure;
mod circuit;
mod client;
#[cfg(any(test, feature = "doubles"))]
pub mod double;
mod envelope;
mod identify;
mod identity;
mod inbound;
mod ladder;
mod link;
mod multistream;
mod node;
mod peer;
mod ping;
mod quic;
mod reach;
mod session;
mod store;
mod wire;

pub mod address;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod push;
pub mod secret;
pub mod sharing;

pub use address::Address;
pub use cache_failure::CacheFailure;
pub use client::{CacheClient, Summary, agree};
pub use envelope::Blob;
pub use identity::IdentityError;
pub use ladder::Rung;
pub use node::{DialAttempt, Dialed, Node, NodeConfig, NodeError, PeerInfo};
pub use peer::{Health, Monitor, Peer, PeerConfig, PeerCounters, PeerError, RelayLimits, Reservation};
pub use secret::SharedSecret;
pub use store::StoreError;
pub use wire::{CACHE_PROTOCOL, PeerStats};

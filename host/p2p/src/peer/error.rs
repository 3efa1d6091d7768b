use crate::identity::IdentityError;
use crate::store::StoreError;
use std::io;

/// Why a peer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address to listen on cannot be read.
    #[error(
        "`{address}` is not an address to listen on ({reason}); write /ip4/0.0.0.0/tcp/9100 or /ip4/0.0.0.0/udp/9100/quic-v1"
    )]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address to announce cannot be dialled by anybody.
    #[error("`{address}` is not an address to announce ({reason}); write /dns4/cache.example.com/tcp/9100")]
    Announce {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address of a peer to keep connected with cannot be dialled.
    #[error(
        "`{address}` is not the address of a peer ({reason}); write /dns4/cache.example.com/tcp/9100/p2p/12D3KooW…"
    )]
    Peer {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The port cannot be taken.
    #[error("cannot listen on {address}: {reason}; {}", advice(.reason.kind()))]
    Listen {
        /// Where.
        address: String,
        /// What the system said.
        reason: io::Error,
    },
    /// The listener took the port and then reported no address.
    #[error("{address} is listened on, but no interface has an address for it")]
    NoAddress {
        /// Where.
        address: String,
    },
    /// An address of a relay cannot be read.
    #[error(
        "`{address}` is not the address of a relay ({reason}); write /ip4/192.0.2.7/tcp/9100/p2p/ID as the relay prints it"
    )]
    Relay {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Other peers cannot be looked for.
    #[error("cannot look for other peers: {0}; start without mDNS")]
    Discovery(String),
    /// The encrypted transport cannot be set up.
    #[error("cannot set up the encrypted transport: {0}")]
    Transport(String),
}

/// What helps when a port cannot be taken for this reason.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "stop what holds the port, or choose another one",
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has the address; choose one that it has, or /ip4/0.0.0.0 for all"
        }
        io::ErrorKind::PermissionDenied => "this user may not take the port; choose one from 1024 on",
        _ => "choose another address or port",
    }
}

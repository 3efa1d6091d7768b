//! What is said to IPFS nodes and services, and what they answer, without any I/O:
//! Kubo's RPC ([`Call`]), the vendor-neutral Pinning Service API ([`pinning`]) and
//! blocks of a trustless gateway ([`gateway`]).
//!
//! A caller turns a [`Call`] into a [`Request`], sends it however it can, and gives
//! status and body to [`Reply`]. Content is named by what it hashes to, so whatever
//! was read is checked with [`content`], whoever answered.
//!
//! Sources: <https://docs.ipfs.tech/reference/kubo/rpc/>, Kubo 0.43.0,
//! <https://ipfs.github.io/pinning-services-api-spec/> 1.0.0,
//! <https://specs.ipfs.tech/http-gateways/trustless-gateway/>.

mod address;
mod answer;
mod call;
pub mod content;
pub mod gateway;
pub mod network;
pub mod pinning;
mod refusal;
mod version;

pub use address::{Address, AddressError};
pub use answer::{Added, FileStat, Flushed, Id, Listed, Peers, PinList, Reply, RepoStat, Setting, VersionInfo};
pub use call::{Call, Request};
pub use cid::Cid;
pub use refusal::{Refusal, Stranger};
pub use version::Version;

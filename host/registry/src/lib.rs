//! Components in OCI registries: pushed, resolved, pulled, verified, signed, kept.
//!
//! The layout is that of the CNCF's TAG Runtime for WebAssembly artifacts: a manifest whose
//! config is `application/vnd.wasm.config.v0+json` and whose one layer is the component,
//! `application/wasm`. `wkg`, wasmCloud and runwasi read and write the same.
//!
//! # What is believed
//! Nothing that a registry says. A manifest is what its digest says or it is refused, and
//! so is every blob; sizes are bounded while they are read, not after; nothing leads from
//! https to http; credentials go to the host that they are for and nowhere else. What is
//! kept on disk is verified again each time that it is read.
//!
//! # Why not `oci-client`
//! It gathers manifests of any length in memory, follows redirects from https to http, and
//! takes no HTTP client of ours that would not. The part of the distribution specification
//! that is needed here is small; connections, TLS and proxies are those of `seaworthy_probe`.

#![deny(missing_docs)]

mod artifact;
mod challenge;
mod client;
mod credentials;
mod digest;
mod encrypted_key;
mod error;
mod key;
mod library;
mod session;
mod shelf;
mod signature;
mod web;

pub use artifact::{Annotations, Interfaces};
pub use client::{Pushed, Registry};
pub use credentials::Login;
pub use digest::digest;
pub use error::RegistryError;
pub use key::{KeyError, KeyPair, PublicKey, SigningKey};
pub use library::{Library, Obtained, Wanted};
pub use shelf::Shelf;

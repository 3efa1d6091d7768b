//! The S3 API without any I/O: what to send, and what an answer means.
//!
//! A [`Store`] knows where a bucket is and turns a [`Request`] into a [`Signed`] one by
//! Signature Version 4. It never sees a secret: what has to be keyed or hashed with one
//! goes through a [`Vault`], and headers are made of [`Piece`]s that the holder of the
//! secrets puts together. An [`Answer`] is read back into what was asked for or into a
//! [`Fault`], which keeps apart what the servers keep apart: AWS, MinIO, Garage and
//! Backblaze B2 say the same thing in different words, and to HEAD in none at all.
//!
//! Only what a cache needs is here. Bodies are sent whole and signed by their SHA-256,
//! without the checksum trailers that SDKs send since 2025 and that many stores refuse
//! (boto/boto3#4409).

#![deny(missing_docs)]

mod addressing;
mod answer;
mod encoding;
mod endpoint;
mod fault;
mod key;
mod listing;
mod record;
mod request;
mod signing;
mod store;
mod timestamp;
mod xml;

pub use addressing::Addressing;
pub use answer::Answer;
pub use endpoint::{Endpoint, Provider};
pub use fault::{Fault, FaultKind, MAX_SKEW_S};
pub use key::{KeyTooLong, MAX_KEY_BYTES, MAX_NAME_BYTES, Names};
pub use listing::{Listed, Listing};
pub use record::{Damage, MAX_METADATA_BYTES, MetadataTooLarge, Record};
pub use request::{Checksum, Condition, Request};
pub use signing::{Piece, Scope, SecretName, Vault, sign};
pub use store::{Access, NotAStore, Signed, Store};
pub use timestamp::{amz_date, instant};

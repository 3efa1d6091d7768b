//! The requests and answers of a Storacha service, without any input or output.
//!
//! Storacha is an IPFS store whose every call is authorised by a UCAN: a signed
//! statement that an *agent* asks the *service* to do something with a *space*, with
//! *proofs* that the space delegated it. This crate builds the statements, leaves
//! signing them to whoever holds the agent's key, and reads what comes back:
//!
//! * [`Did`], [`Ucan`], [`Unsigned`]: principals and UCAN 0.9.1 in its IPLD form;
//! * [`Proof`]: a delegation as it is handed out, and whether it is of use;
//! * [`Request`], [`Reply`], [`Receipt`]: messages `ucanto/message@7.0.0` in CAR files;
//! * [`Upload`]: what is to be done after `space/blob/add`;
//! * [`gateway`]: reading a blob by its CID, and whether it is that blob;
//! * [`Refusal`], [`retired`]: what the service's errors mean.
//!
//! Written from the specifications (UCAN 0.9, IPLD, CAR v1, the `w3-blob` protocol) and
//! from what `@ucanto/*` and `@storacha/upload-api` put on the wire; `vectors/` holds
//! messages of those, and the tests build the same bytes.

mod ability;
mod block;
mod car;
mod did;
mod error;
pub mod gateway;
mod message;
mod proof;
mod receipt;
mod refusal;
pub mod retired;
mod ucan;
mod upload;
mod value;
mod version;

pub use ability::{Ability, Task};
pub use block::{Block, car_cid, identity_cid, raw_cid};
pub use car::Car;
pub use did::Did;
pub use error::Malformed;
pub use message::{CONTENT_TYPE, Reply, Request};
pub use proof::{Lack, Proof};
pub use receipt::Receipt;
pub use refusal::{Meaning, Refusal};
pub use retired::authority;
pub use ucan::{Grant, Ucan, Unsigned};
pub use upload::{Address, Upload, concluding};
pub use value::{Listed, Page, shards_of};
pub use version::Version;

pub use cid::Cid;
pub use ipld_core::ipld::Ipld;

#[cfg(test)]
mod vectors;

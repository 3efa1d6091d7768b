//! Native probes of the machine and the network.
//!
//! *What*: one module for each interface of the contract that looks at the
//! world (`seaworthy:net`, `seaworthy:path`,
//! `seaworthy:env/system`). A probe takes plain data and
//! gives plain data or a [`Failure`](seaworthy_model::Failure); recording an
//! observation, and deciding what it means, is somebody else's task.
//!
//! *Permission*: whatever connects takes a [`Permit`](seaworthy_model::Permit)
//! and asks it twice: before a name is looked up, and for every resolved address
//! right before that very address is used. Nothing resolves again in between.
//!
//! *Time*: every probe has a budget that covers all of it, names included, and
//! says at which stage the budget ran out.
//!
//! *Absent on purpose*: ICMP echo (hosted runners block it), raw sockets (no
//! privileges are asked for), and any interpretation of a signature beyond its
//! failure kind.

#![deny(missing_docs)]

mod dial;
mod icmp;
mod no_proxy;
mod target;
mod tcp_state;
mod udp;

pub mod certificate;
pub mod datagram;
pub mod dns;
pub mod flow;
pub mod http;
pub mod name_server;
pub mod proxy;
pub mod proxy_choice;
pub mod proxy_connect;
pub mod system;
pub mod tcp;
pub mod tls;
pub mod trust;
pub mod tunnel;

pub use target::Target;

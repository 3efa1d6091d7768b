//! Drives the built binary the way its users do: as a process with an
//! environment, on this machine or in containers of a Docker engine that the
//! tests start for themselves.
//!
//! Nothing outside loopback and the networks that a test made is touched. The
//! [`lab::Lab`] keeps its engine, bridges and firewall rules in a network
//! namespace of its own and removes all of it when it is dropped; what a killed
//! run left behind is swept when the next one starts.

#![deny(missing_docs)]

pub mod authority;
mod bazel_remote;
mod binary;
mod caddy;
mod certified;
mod container_registry;
pub mod faults;
mod forward_proxy;
mod guests;
mod kubo;
pub mod lab;
mod like;
mod link;
pub mod load;
mod names;
mod object_store;
pub mod open_metrics;
mod origin;
mod peer;
mod program;
mod proxy;
mod python;
mod python_client;
mod reading;
mod relay;
pub mod rivals;
mod scene;
mod scripted;
mod scripted_store;
mod served;
mod servers;
mod services;
mod storacha;
mod vitals;
mod wit;
mod workspace;

pub use bazel_remote::BazelRemote;
pub use binary::{Run, Seaworthy, Started, binary};
pub use caddy::{CADDY_TOKEN, Caddy};
pub use certified::Certified;
pub use container_registry::{ContainerRegistry, RegistryOptions};
pub use forward_proxy::{ForwardProxy, Way};
pub use guests::{build_cookbook, build_guests, digest, guest_target};
pub use kubo::{Kubo, KuboOptions};
pub use like::like;
pub use link::{Link, Traffic};
pub use names::{NameServer, Question, Reply};
pub use object_store::{Make, ObjectStore};
pub use origin::{Heard, Origin, Said};
pub use peer::{Peer, PeerOptions};
pub use program::{Program, free_address, installed};
pub use proxy::{CachingProxy, Client, Got, ProxyOptions};
pub use python::{PythonOptions, PythonPeer};
pub use python_client::{PythonClient, registry_entry};
pub use reading::Reading;
pub use relay::{Behaviour, Relay};
pub use scene::{NoStage, Scene, run_scenes};
pub use scripted::{Asked, Scripted, Told};
pub use scripted_store::{store_denying, store_says};
pub use served::{Answer, ServedPeer};
pub use servers::{Announced, Spoken, server};
pub use services::{SilentPorts, Stand};
pub use storacha::{Storacha, StorachaAddresses, StorachaGrant};
pub use vitals::Memory;
pub use wit::contract;
pub use workspace::{scratch, target_directory, workspace_root};

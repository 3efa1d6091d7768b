//! Nodes, clients and peers on the loopback interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod dial;
mod discovery;
mod quic;
mod relay;
mod service;
mod support;

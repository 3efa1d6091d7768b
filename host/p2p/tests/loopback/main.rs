//! Nodes, clients and peers on the loopback interface.

mod cache;
mod dial;
mod support;

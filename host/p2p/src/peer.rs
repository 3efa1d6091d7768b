//! A cache peer: listens, proves its identity, serves the cache protocol.

mod behaviour;
mod bucket;
mod contact;
mod counters;
mod dial_back;
mod dialling;
mod drain;
mod error;
mod flow;
mod follow;
mod hold;
mod listen;
mod metrics;
mod monitor;
mod notices;
mod push_codec;
mod pushing;
mod python;
mod relations;
mod serve;
mod service;
mod since;
mod store_numbers;
mod watch;

pub use counters::PeerCounters;
pub use error::PeerError;
pub use monitor::{Health, Monitor};

use crate::SharedSecret;
use crate::envelope::now_ms;
use crate::identity;
use crate::push::Envelope;
use crate::store::Store;
use crate::wire::PeerStats;
use behaviour::Behaviour;
use bucket::Rates;
use libp2p::{Multiaddr, SwarmBuilder, noise, tcp, yamux};
use serve::Server;
use service::Service;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What a peer is to be.
pub struct PeerConfig {
    /// Multiaddrs to listen on, `/ip4/0.0.0.0/tcp/9100`; port 0 takes any.
    pub listen: Vec<String>,
    /// File of the persistent identity; without it the peer id, and every
    /// address that names it, ends with the process.
    pub identity: Option<PathBuf>,
    /// File of the store; without it entries end with the process. It holds the
    /// entries of every secret it was used with, each visible under its own only,
    /// and is not touched without a secret.
    pub store: Option<PathBuf>,
    /// The shared secret. Without it the peer can be dialled and identified,
    /// and refuses all cache traffic.
    pub secret: Option<SharedSecret>,
    /// Multiaddrs under which others reach this peer, where that is not what it
    /// listens on (published ports, NAT). They replace the interfaces' own.
    pub announce: Vec<String>,
    /// Multiaddrs of peers to keep a connection with, of this make or Python ones;
    /// `/p2p/…` may be missing. Two peers that are connected tell each other of
    /// what they hold and of every new entry, whoever dialled. An invalidation is
    /// not copied: clients invalidate everywhere.
    pub peers: Vec<String>,
    /// What identify says we are.
    pub agent: String,
    /// The longest value, in bytes.
    pub max_value: usize,
    /// Bound of the store, in bytes of keys and sealed values, of all secrets together.
    pub max_store_bytes: u64,
    /// Connections at a time, handshakes in progress apart.
    pub max_connections: u32,
    /// For TCP accepted to handshake done.
    pub handshake_timeout: Duration,
    /// For reading one request and answering it.
    pub request_timeout: Duration,
    /// Requests that one peer may make in a second, over all of its connections.
    pub max_requests_per_second: u32,
    /// Bytes that one peer may send and be sent in a second.
    pub max_bytes_per_second: u64,
    /// A connection without streams is closed after this time.
    pub idle_timeout: Duration,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            listen: vec!["/ip4/0.0.0.0/tcp/9100".into()],
            identity: None,
            store: None,
            secret: None,
            announce: Vec::new(),
            peers: Vec::new(),
            agent: concat!("seaworthy-peer/", env!("CARGO_PKG_VERSION")).into(),
            max_value: 8 * 1024 * 1024,
            max_store_bytes: 1024 * 1024 * 1024,
            max_connections: 512,
            handshake_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            max_requests_per_second: 10_000,
            max_bytes_per_second: 512 * 1024 * 1024,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// A running peer. Stops when dropped; [`Peer::shutdown`] also waits for what
/// is in progress.
pub struct Peer {
    peer_id: String,
    listening: Arc<RwLock<Vec<Multiaddr>>>,
    announce: Vec<Multiaddr>,
    service: Arc<Service>,
    monitor: Monitor,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Starts a peer, and returns when it listens.
    ///
    /// # Errors
    /// An address is wrong, the identity cannot be used, a port is taken, or the
    /// store cannot be used; looked at in this order, so that a peer that cannot
    /// listen leaves the store alone. A taken port is never replaced by another one.
    pub async fn start(config: PeerConfig) -> Result<Self, PeerError> {
        let listen = listen::to_listen(&config.listen)?;
        let announce = listen::to_announce(&config.announce)?;
        let targets = dialling::read(&config.peers)?;
        let identity = identity::load(config.identity.as_deref())?;
        let peer_id = identity.public().to_peer_id();
        let agent = config.agent.clone();
        let mut registry = metrics::registry();
        let limits = behaviour::Limits {
            max_frame: config.max_value + crate::wire::FRAME_OVERHEAD,
            max_connections: config.max_connections,
            request_timeout: config.request_timeout,
            hide_interfaces: !announce.is_empty(),
            unfinished: metrics::unfinished(&mut registry),
            envelope: config.secret.as_ref().map(|secret| Arc::new(Envelope::new(secret))),
        };
        let rates = Rates { requests: config.max_requests_per_second, bytes: config.max_bytes_per_second };
        let dialler = dial_back::Dialler::new(identity.clone(), config.agent.clone());
        let mut swarm = SwarmBuilder::with_existing_identity(identity)
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, muxer)
            .map_err(|e| PeerError::Transport(e.to_string()))?
            .with_bandwidth_metrics(registry.sub_registry_with_prefix("peer"))
            .with_behaviour(|key| Behaviour::new(key.public(), config.agent, &limits))
            .map_err(|e| PeerError::Transport(e.to_string()))?
            .with_swarm_config(|c| c.with_idle_connection_timeout(config.idle_timeout))
            .with_connection_timeout(config.handshake_timeout)
            .build();
        for address in &announce {
            swarm.add_external_address(address.clone());
        }
        let listening = Arc::new(RwLock::new(Vec::new()));
        listen::listen(&mut swarm, &listen, &listening).await?;
        // Without a secret nothing is stored and nothing read: the file is not even opened.
        // The fingerprint is kept in the store's file, where only its owner reads.
        let (path, owner) = match &config.secret {
            Some(secret) => (config.store.as_deref(), secret.fingerprint(b"owner of the store")),
            None => (None, String::new()),
        };
        let store = Store::open(path, &owner, config.max_store_bytes, now_ms())?;
        let secret = config.secret.map(Arc::new);
        let service =
            Arc::new(Service::new(peer_id, secret.clone(), store, config.max_value, config.max_store_bytes, agent));
        let (stop, stopped) = oneshot::channel();
        service.metrics().register(Arc::downgrade(&service), &mut registry);
        let server = Server::new(swarm, Arc::clone(&service), Arc::clone(&listening), dialler, rates);
        let contact = server.relations.contact.clone();
        let monitor = Monitor {
            service: Arc::downgrade(&service),
            registry: Arc::new(registry),
            pulse: Arc::clone(&server.pulse),
            listening: Arc::clone(&listening),
        };
        let task = tokio::spawn(server.run(stopped));
        for target in targets {
            tokio::spawn(dialling::keep(contact.clone(), target));
        }
        Ok(Self { peer_id: peer_id.to_base58(), listening, announce, service, monitor, stop, task })
    }

    /// The id that others expect in the address.
    #[must_use]
    pub fn peer_id(&self) -> &str {
        &self.peer_id
    }

    /// Addresses that others can dial, with `/p2p/…`, best first: the announced
    /// ones alone, or those of the interfaces, loopback last. Never `0.0.0.0`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        listen::dialable(&self.announce, &self.listening, &self.peer_id)
    }

    /// What it counted so far.
    #[must_use]
    pub fn stats(&self) -> PeerStats {
        self.service.stats()
    }

    /// What it counted so far of the traffic with other peers.
    #[must_use]
    pub fn counters(&self) -> PeerCounters {
        self.service.flow.counters.now().clone()
    }

    /// A handle that asks for numbers and health; it does not keep the peer running.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Takes nothing further, finishes what is in progress and closes the store;
    /// in six seconds at most.
    pub async fn shutdown(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

fn muxer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(behaviour::MUXED);
    config
}

#[cfg(test)]
mod tests;

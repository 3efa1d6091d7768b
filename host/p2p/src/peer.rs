//! A cache peer: listens, proves its identity, serves the cache protocol.

mod advertise;
mod behaviour;
mod bucket;
mod contact;
mod counters;
mod dial_back;
mod dialling;
mod discovery;
mod drain;
mod echo;
mod error;
mod events;
mod finder;
mod flow;
mod follow;
mod handshakes;
mod hold;
mod listen;
mod metrics;
mod monitor;
mod notices;
mod push_codec;
mod push_numbers;
mod pushing;
mod python;
mod relations;
mod relays;
mod serve;
mod service;
mod since;
mod store_numbers;
mod surroundings;

pub use counters::PeerCounters;
pub use discovery::RelayLimits;
pub use error::PeerError;
pub use monitor::{Health, Monitor};
pub use relays::Reservation;

use crate::envelope::now_ms;
use crate::identity;
use crate::push::Envelope;
use crate::store::Store;
use crate::wire::PeerStats;
use crate::{Address, SharedSecret, address};
use advertise::Advertiser;
use behaviour::Behaviour;
use bucket::Rates;
use discovery::{Discovery, Switches};
use finder::Finder;
use libp2p::identity::Keypair;
use libp2p::{Swarm, SwarmBuilder, noise, quic, tcp, yamux};
use prometheus_client::registry::Registry;
use relays::Reservations;
use serve::Server;
use service::Service;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use surroundings::{Place, Surroundings};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Peers that were found and not yet taken note of.
const FOUND: usize = 32;
/// How long the start waits for relays to answer.
const RELAYS: Duration = Duration::from_secs(3);
/// What a client may send on one QUIC stream before it is read, and on one
/// connection. There is one stream per request.
const QUIC_WINDOW: (u32, u32) = (1024 * 1024, 4 * 1024 * 1024);

/// What a peer is to be.
pub struct PeerConfig {
    /// Multiaddrs to listen on, `/ip4/0.0.0.0/tcp/9100` or
    /// `/ip4/0.0.0.0/udp/9100/quic-v1`; port 0 takes any. May be empty for a peer
    /// that is reached through relays alone.
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
    /// Whether connections are passed on for peers that cannot be dialled, within `relay_limits`.
    pub relay_server: bool,
    /// What is passed on for others, when something is.
    pub relay_limits: RelayLimits,
    /// Multiaddrs of relays, with `/p2p/…`, through which others reach this peer. A
    /// slot is reserved at each, and again when it is lost.
    pub relays: Vec<String>,
    /// Whether other peers are asked, and asked by others, to dial back (AutoNAT
    /// v2). What they cannot reach is no longer told to anybody.
    pub autonat: bool,
    /// Whether relayed connections are turned into direct ones where both sides can.
    pub dcutr: bool,
    /// Whether peers on the same network segment are looked for and told of us.
    pub mdns: bool,
    /// Whether peers of peers are looked for, by Kademlia under a name of its own.
    pub kademlia: bool,
    /// What identify says we are.
    pub agent: String,
    /// The longest value, in bytes.
    pub max_value: usize,
    /// Bound of the store, in bytes of keys and sealed values, of all secrets together.
    pub max_store_bytes: u64,
    /// Connections of others at a time, handshakes in progress apart.
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
            listen: vec!["/ip4/0.0.0.0/tcp/9100".into(), "/ip4/0.0.0.0/udp/9100/quic-v1".into()],
            identity: None,
            store: None,
            secret: None,
            announce: Vec::new(),
            peers: Vec::new(),
            relay_server: false,
            relay_limits: RelayLimits::default(),
            relays: Vec::new(),
            autonat: false,
            dcutr: false,
            mdns: false,
            kademlia: false,
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
    place: watch::Receiver<Place>,
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
        let relays = relays::to_relays(&config.relays)?;
        let targets = dialling::read(&config.peers)?;
        let identity = identity::load(config.identity.as_deref())?;
        let peer_id = identity.public().to_peer_id();
        let agent = config.agent.clone();
        let rates = Rates { requests: config.max_requests_per_second, bytes: config.max_bytes_per_second };
        let dialler = dial_back::Dialler::new(identity.clone(), config.agent.clone());
        let mut registry = metrics::registry();
        let mut swarm = swarm(identity, &config, &mut registry)?;
        let early = listen::listen(&mut swarm, &listen).await?;
        let named = neighbours(&config);
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
        let (placed, mut place) = watch::channel(Place::default());
        let (discovered, found) = mpsc::channel(FOUND);
        let waits = !relays.is_empty();
        let surroundings = Surroundings::new(
            peer_id,
            Advertiser::new(announce),
            Reservations::new(peer_id, relays),
            Finder::new(peer_id, named, discovered),
            placed,
        );
        let mut server = Server::new(swarm, Arc::clone(&service), surroundings, dialler, rates);
        server.begin(early);
        let contact = server.relations.contact.clone();
        let monitor = Monitor {
            service: Arc::downgrade(&service),
            registry: Arc::new(registry),
            pulse: Arc::clone(&server.pulse),
            place: place.clone(),
        };
        let task = tokio::spawn(server.run(stopped));
        for target in targets {
            tokio::spawn(dialling::keep(contact.clone(), target, true));
        }
        tokio::spawn(dialling::keep_found(contact, found));
        let tried = |place: &Place| {
            !place.reservations.is_empty() && place.reservations.iter().all(|r| r.held || r.problem.is_some())
        };
        if waits {
            let _ = timeout(RELAYS, place.wait_for(tried)).await;
        }
        Ok(Self { peer_id: peer_id.to_base58(), place, service, monitor, stop, task })
    }

    /// The id that others expect in the address.
    #[must_use]
    pub fn peer_id(&self) -> &str {
        &self.peer_id
    }

    /// Addresses that others can dial, with `/p2p/…`, best first: the announced
    /// ones, or those of the interfaces; then those through relays. Loopback only
    /// where there is nothing else, and never `0.0.0.0`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.place.borrow().addresses.clone()
    }

    /// Addresses at which other peers have dialled this one back (AutoNAT), with `/p2p/…`.
    #[must_use]
    pub fn confirmed_addresses(&self) -> Vec<String> {
        self.place.borrow().confirmed.clone()
    }

    /// How it stands with the slot at each relay.
    #[must_use]
    pub fn reservations(&self) -> Vec<Reservation> {
        self.place.borrow().reservations.clone()
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
    /// in six seconds at most. A UDP port is free a moment later, when its
    /// connections have been told.
    pub async fn shutdown(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// The swarm of a peer: TCP, QUIC and relayed connections, and what is switched on.
fn swarm(identity: Keypair, config: &PeerConfig, registry: &mut Registry) -> Result<Swarm<Behaviour>, PeerError> {
    type Refusal = Box<dyn Error + Send + Sync>;
    let limits = behaviour::Limits {
        max_frame: config.max_value + crate::wire::FRAME_OVERHEAD,
        max_connections: config.max_connections,
        request_timeout: config.request_timeout,
        unfinished: metrics::unfinished(registry),
        envelope: config.secret.as_ref().map(|secret| Arc::new(Envelope::new(secret))),
    };
    let on = Switches {
        relay_server: config.relay_server.then(|| config.relay_limits.clone()),
        relay_client: config.dcutr || !config.relays.is_empty(),
        autonat: config.autonat,
        dcutr: config.dcutr,
        mdns: config.mdns,
        kademlia: config.kademlia,
    };
    let quic = |mut quic: quic::Config| {
        quic.handshake_timeout = config.handshake_timeout;
        quic.max_concurrent_stream_limit = u32::try_from(behaviour::MUXED).unwrap_or(u32::MAX);
        (quic.max_stream_data, quic.max_connection_data) = QUIC_WINDOW;
        quic
    };
    let swarm = SwarmBuilder::with_existing_identity(identity)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, muxer)
        .map_err(|e| PeerError::Transport(e.to_string()))?
        .with_quic_config(quic)
        .with_relay_client(noise::Config::new, muxer)
        .map_err(|e| PeerError::Transport(e.to_string()))?
        .with_bandwidth_metrics(registry.sub_registry_with_prefix("peer"))
        .with_behaviour(|key, relay| -> Result<Behaviour, Refusal> {
            let discovery = Discovery::new(&key.public(), relay, &on)?;
            Ok(Behaviour::new(key.public(), config.agent.clone(), &limits, discovery))
        })
        .map_err(|e| PeerError::Discovery(e.to_string()))?
        .with_swarm_config(|c| c.with_idle_connection_timeout(config.idle_timeout))
        .with_connection_timeout(config.handshake_timeout)
        .build();
    Ok(swarm)
}

/// Whom to ask about others, and about ourselves.
fn neighbours(config: &PeerConfig) -> Vec<Address> {
    if !(config.kademlia || config.autonat) {
        return Vec::new();
    }
    config.peers.iter().chain(&config.relays).filter_map(|text| address::parse(text).ok()).collect()
}

fn muxer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(behaviour::MUXED);
    config
}

#[cfg(test)]
mod tests;

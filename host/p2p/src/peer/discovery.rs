//! The optional protocols of a peer: relaying for others and through others,
//! AutoNAT, hole punching, mDNS and Kademlia. Each is off unless asked for.

use super::behaviour::MUXED;
use super::candidates::Candidates;
use libp2p::identity::PublicKey;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{StreamProtocol, autonat, dcutr, kad, mdns, relay};
use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

/// The Kademlia of cache peers, apart from every other one.
pub(super) const KADEMLIA: &str = "/seaworthy/kad/1.0.0";
/// How often Kademlia looks for peers that are new.
const LOOK: Duration = Duration::from_secs(60);
/// For one look.
const QUERY: Duration = Duration::from_secs(20);
/// mDNS asks this often; who is new announces itself besides.
const ASK: Duration = Duration::from_secs(60);

/// What a relay gives to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayLimits {
    /// Peers that hold a slot at a time.
    pub reservations: usize,
    /// Connections passed on at a time.
    pub circuits: usize,
    /// Connections passed on at a time that one peer began.
    pub circuits_per_peer: usize,
    /// One of them ends after this time; at most 136 years.
    pub circuit_duration: Duration,
    /// One of them ends after so many bytes.
    pub circuit_bytes: u64,
}

impl Default for RelayLimits {
    /// Enough for entries of the largest size; a client connects anew when a circuit ends.
    fn default() -> Self {
        Self {
            reservations: 128,
            circuits: 64,
            circuits_per_peer: 8,
            circuit_duration: Duration::from_secs(600),
            circuit_bytes: 256 * 1024 * 1024,
        }
    }
}

/// What is switched on.
#[derive(Clone, Debug, Default)]
pub(super) struct Switches {
    pub(super) relay_server: Option<RelayLimits>,
    pub(super) relay_client: bool,
    pub(super) autonat: bool,
    pub(super) dcutr: bool,
    pub(super) mdns: bool,
    pub(super) kademlia: bool,
}

/// The optional protocols.
#[derive(NetworkBehaviour)]
pub(super) struct Discovery {
    relay_server: Toggle<relay::Behaviour>,
    relay_client: Toggle<relay::client::Behaviour>,
    autonat_client: Toggle<autonat::v2::client::Behaviour>,
    autonat_server: Toggle<autonat::v2::server::Behaviour>,
    dcutr: Toggle<dcutr::Behaviour>,
    mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) kademlia: Toggle<kad::Behaviour<MemoryStore>>,
    pub(super) candidates: Toggle<Candidates>,
}

impl Discovery {
    /// # Errors
    /// mDNS cannot watch the interfaces.
    pub(super) fn new(key: &PublicKey, relay_client: relay::client::Behaviour, on: &Switches) -> io::Result<Self> {
        let own = key.to_peer_id();
        let relay_server = on.relay_server.as_ref().map(|limits| {
            let mut server = relay::Behaviour::new(own, relay_config(limits));
            server.set_status(Some(relay::Status::Enable));
            server
        });
        let mdns = on
            .mdns
            .then(|| mdns::tokio::Behaviour::new(mdns::Config { query_interval: ASK, ..mdns::Config::default() }, own));
        let kademlia = on.kademlia.then(|| {
            let mut config = kad::Config::new(StreamProtocol::new(KADEMLIA));
            // A way to find peers, and no store: records of others are not kept.
            config
                .set_query_timeout(QUERY)
                .set_periodic_bootstrap_interval(Some(LOOK))
                .set_record_filtering(kad::StoreInserts::FilterBoth)
                .set_replication_interval(None)
                .set_publication_interval(None);
            let nothing = MemoryStoreConfig { max_records: 0, max_provided_keys: 0, ..MemoryStoreConfig::default() };
            let mut kademlia = kad::Behaviour::with_config(own, MemoryStore::with_config(own, nothing), config);
            kademlia.set_mode(Some(kad::Mode::Server));
            kademlia
        });
        Ok(Self {
            relay_server: relay_server.into(),
            relay_client: on.relay_client.then_some(relay_client).into(),
            autonat_client: on.autonat.then(autonat::v2::client::Behaviour::default).into(),
            autonat_server: on.autonat.then(autonat::v2::server::Behaviour::default).into(),
            dcutr: on.dcutr.then(|| dcutr::Behaviour::new(own)).into(),
            mdns: mdns.transpose()?.into(),
            kademlia: kademlia.into(),
            candidates: on.autonat.then(Candidates::default).into(),
        })
    }
}

fn relay_config(limits: &RelayLimits) -> relay::Config {
    const SOME: [NonZeroU32; 2] = [NonZeroU32::MIN.saturating_add(31), NonZeroU32::MIN.saturating_add(255)];
    let longest = Duration::from_secs(u32::MAX.into());
    let config = relay::Config {
        max_reservations: limits.reservations,
        max_circuits: limits.circuits,
        max_circuits_per_peer: limits.circuits_per_peer.min(MUXED),
        max_circuit_duration: limits.circuit_duration.min(longest),
        max_circuit_bytes: limits.circuit_bytes,
        circuit_src_rate_limiters: Vec::new(),
        ..relay::Config::default()
    };
    // A burst, and then one each interval: clients come in jobs, and share an address behind NAT.
    config.circuit_src_per_peer(SOME[0], Duration::from_secs(2)).circuit_src_per_ip(SOME[1], Duration::from_millis(250))
}

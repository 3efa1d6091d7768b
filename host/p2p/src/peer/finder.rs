//! Who else is there: peers found by mDNS and Kademlia, and those that were named.

use super::advertise::{is_loopback, is_relayed};
use super::behaviour::{Behaviour, BehaviourEvent};
use super::discovery::{DiscoveryEvent, KADEMLIA};
use super::listen::socket;
use crate::Address;
use crate::wire::CACHE_PROTOCOL;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, Swarm, identify, kad, mdns};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Peers that are remembered; who comes later is looked for again when others left.
const MOST: usize = 256;
/// Addresses of one peer.
const ADDRESSES: usize = 8;
/// Between two attempts at the peers that were named.
const AGAIN: Duration = Duration::from_secs(60);

/// A peer that was found, and that speaks the cache protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) peer_id: String,
    /// With the peer id, the one that worked first.
    pub(super) addresses: Vec<String>,
    /// `mdns` or `kademlia`.
    pub(super) how: &'static str,
}

pub(super) struct Finder {
    own: PeerId,
    /// Peers to connect to, so that there is somebody to ask.
    named: Vec<Address>,
    next: Instant,
    known: HashMap<PeerId, Neighbour>,
    /// Connected peers that speak the cache protocol, and where they say they are.
    speakers: HashMap<PeerId, Vec<Multiaddr>>,
    discovered: mpsc::Sender<Found>,
}

struct Neighbour {
    how: &'static str,
    addresses: Vec<Multiaddr>,
    told: bool,
}

impl Finder {
    /// *Behaviour*: connects to `named` again and again, and sends whoever else is
    /// found and speaks the cache protocol to `discovered`, once while it is connected.
    pub(super) fn new(own: PeerId, named: Vec<Address>, discovered: mpsc::Sender<Found>) -> Self {
        Self { own, named, next: Instant::now(), known: HashMap::new(), speakers: HashMap::new(), discovered }
    }

    /// The named peers that are to be connected to now.
    pub(super) fn due(&mut self, swarm: &Swarm<Behaviour>) -> Vec<(PeerId, Address)> {
        if self.named.is_empty() || Instant::now() < self.next {
            return Vec::new();
        }
        self.next = Instant::now() + AGAIN;
        let away = |address: &Address| {
            let peer = address.expected()?;
            (peer != self.own && !swarm.is_connected(&peer) && address.relay.is_none()).then(|| (peer, address.clone()))
        };
        self.named.iter().filter_map(away).collect()
    }

    /// Connects to a peer, and asks it for others.
    pub(super) fn greet(&self, swarm: &mut Swarm<Behaviour>, peer: PeerId, address: Multiaddr) {
        if let Some(kademlia) = swarm.behaviour_mut().discovery.kademlia.as_mut() {
            kademlia.add_address(&peer, address.clone());
        }
        dial(swarm, peer, vec![address]);
    }

    pub(super) fn on_event(&mut self, swarm: &mut Swarm<Behaviour>, event: &SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Discovery(DiscoveryEvent::Mdns(mdns::Event::Discovered(found)))) => {
                for (peer, address) in found {
                    let address = bare(address);
                    if self.note(*peer, "mdns", std::slice::from_ref(&address)) {
                        self.greet(swarm, *peer, address);
                    }
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Discovery(DiscoveryEvent::Mdns(mdns::Event::Expired(gone)))) => {
                for (peer, _) in gone.iter().filter(|(peer, _)| !swarm.is_connected(peer)) {
                    self.known.remove(peer);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Discovery(DiscoveryEvent::Kademlia(
                kad::Event::RoutingUpdated { peer, addresses, .. },
            ))) => {
                let addresses: Vec<Multiaddr> = addresses.iter().map(bare).collect();
                let named = self.named.iter().any(|address| address.expected() == Some(*peer));
                if !named && self.note(*peer, "kademlia", &addresses) {
                    dial(swarm, *peer, addresses);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.identified(swarm, *peer_id, info);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.speakers.remove(peer_id);
                // Who was given up in the meantime is told of again when it is back.
                if let Some(neighbour) = self.known.get_mut(peer_id) {
                    neighbour.told = false;
                }
            }
            _ => {}
        }
    }

    /// Remembers a peer. Answers whether it is worth a dial.
    fn note(&mut self, peer: PeerId, how: &'static str, addresses: &[Multiaddr]) -> bool {
        if peer == self.own || (self.known.len() >= MOST && !self.known.contains_key(&peer)) {
            return false;
        }
        let neighbour = self.known.entry(peer).or_insert(Neighbour { how, addresses: Vec::new(), told: false });
        for address in addresses {
            if neighbour.addresses.len() < ADDRESSES && !neighbour.addresses.contains(address) {
                neighbour.addresses.push(address.clone());
            }
        }
        self.tell(peer);
        true
    }

    fn identified(&mut self, swarm: &mut Swarm<Behaviour>, peer: PeerId, info: &identify::Info) {
        let speaks = |name: &str| info.protocols.iter().any(|p| p.as_ref() == name);
        if speaks(KADEMLIA)
            && let Some(kademlia) = swarm.behaviour_mut().discovery.kademlia.as_mut()
        {
            for address in info.listen_addrs.iter().filter(|a| is_dialable(a)).take(ADDRESSES) {
                kademlia.add_address(&peer, bare(address));
            }
        }
        if speaks(CACHE_PROTOCOL) && self.speakers.len() < MOST {
            let own = info.listen_addrs.iter().filter(|a| is_dialable(a)).take(ADDRESSES).map(bare);
            self.speakers.insert(peer, own.collect());
            self.tell(peer);
        }
    }

    /// Tells of a peer that was found and has said what it speaks, in whichever order.
    fn tell(&mut self, peer: PeerId) {
        let Some(neighbour) = self.known.get_mut(&peer).filter(|n| !n.told) else { return };
        let Some(own) = self.speakers.get(&peer) else { return };
        let mut addresses = neighbour.addresses.clone();
        addresses.extend(own.iter().filter(|a| !neighbour.addresses.contains(a)).cloned());
        // Loopback leads to the peer on its own machine only; where all is loopback, so are we.
        addresses.sort_by_key(is_loopback);
        let full = |a: &Multiaddr| if is_relayed(a) { a.to_string() } else { format!("{a}/p2p/{peer}") };
        let found =
            Found { peer_id: peer.to_base58(), addresses: addresses.iter().map(full).collect(), how: neighbour.how };
        tracing::info!(peer = found.peer_id, how = found.how, "found a cache peer");
        // When nobody takes it now, it is told at the next identify.
        neighbour.told = self.discovered.try_send(found).is_ok();
    }
}

fn dial(swarm: &mut Swarm<Behaviour>, peer: PeerId, addresses: Vec<Multiaddr>) {
    let options = DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::DisconnectedAndNotDialing);
    if let Err(error) = swarm.dial(options.build()) {
        tracing::debug!(%peer, %error, "not dialled");
    }
}

/// Without the peer id at the end.
fn bare(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if !is_relayed(&address) && matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

/// Peers say what they like about themselves.
fn is_dialable(address: &Multiaddr) -> bool {
    address.iter().count() <= 8 && socket(address).is_some_and(|s| s.port() != 0 && !s.ip().is_unspecified())
}

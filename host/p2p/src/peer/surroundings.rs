//! What a peer knows of its place in the network: where it is reached, its slots
//! at relays, and who else is there.

use super::advertise::{Advertiser, is_relayed, without_loopback};
use super::behaviour::{Behaviour, BehaviourEvent};
use super::discovery::DiscoveryEvent;
use super::finder::Finder;
use super::relays::{Reservation, Reservations};
use crate::{Address, reach};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, autonat, relay};
use seaworthy_model::PermitAll;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// How often it is looked whether something is due.
const TICK: Duration = Duration::from_millis(500);
/// For the name of a relay or peer to resolve.
const RESOLVE: Duration = Duration::from_secs(10);

/// What the outside may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Addresses that others can dial, with the peer id, best first.
    pub(super) addresses: Vec<String>,
    /// Those at which others have dialled us back.
    pub(super) confirmed: Vec<String>,
    pub(super) reservations: Vec<Reservation>,
    /// Addresses that this peer listens on itself.
    pub(super) listeners: usize,
}

/// For whom a name was resolved.
enum Errand {
    Relay(usize),
    Neighbour(PeerId),
}

pub(super) struct Surroundings {
    own: PeerId,
    advertiser: Advertiser,
    reservations: Reservations,
    finder: Finder,
    /// What the swarm was told to advertise.
    told: Vec<Multiaddr>,
    place: watch::Sender<Place>,
    tick: Interval,
    errands: mpsc::Sender<(Errand, Result<Multiaddr, String>)>,
    returns: mpsc::Receiver<(Errand, Result<Multiaddr, String>)>,
}

/// Something that is due; see [`Surroundings::next`].
pub(super) struct Due(Option<(Errand, Result<Multiaddr, String>)>);

impl Surroundings {
    pub(super) fn new(
        own: PeerId,
        advertiser: Advertiser,
        reservations: Reservations,
        finder: Finder,
        place: watch::Sender<Place>,
    ) -> Self {
        let (errands, returns) = mpsc::channel(32);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { own, advertiser, reservations, finder, told: Vec::new(), place, tick, errands, returns }
    }

    /// Waits until something is due, which is then to be [`Surroundings::act`]ed on.
    /// May be dropped while waiting.
    pub(super) async fn next(&mut self) -> Due {
        tokio::select! {
            _ = self.tick.tick() => Due(None),
            Some(back) = self.returns.recv() => Due(Some(back)),
        }
    }

    pub(super) fn act(&mut self, swarm: &mut Swarm<Behaviour>, due: Due) {
        match due.0 {
            Some((Errand::Relay(index), found)) => {
                self.reservations.reserve(swarm, index, found);
            }
            Some((Errand::Neighbour(peer), Ok(address))) => self.finder.greet(swarm, peer, address),
            Some((Errand::Neighbour(peer), Err(problem))) => tracing::warn!(%peer, problem, "cannot resolve a peer"),
            None => {
                for (index, address) in self.reservations.due(swarm) {
                    self.send(Errand::Relay(index), address);
                }
                for (peer, address) in self.finder.due(swarm) {
                    self.send(Errand::Neighbour(peer), address);
                }
            }
        }
        if self.reservations.has_changed() {
            self.publish(swarm);
        }
    }

    fn send(&self, errand: Errand, address: Address) {
        let errands = self.errands.clone();
        tokio::spawn(async move {
            let found = match timeout(RESOLVE, reach::resolve(&address, &PermitAll)).await {
                Ok(Ok((sockets, _))) => sockets.first().copied().ok_or_else(|| "the name has no address".to_owned()),
                Ok(Err(failure)) => Err(failure.message),
                Err(_) => Err(format!("{} was not resolved within {} s", address.host, RESOLVE.as_secs())),
            };
            let found = found.map(|socket| {
                if address.is_quic() {
                    crate::quic::multiaddr(socket)
                } else {
                    Multiaddr::from(socket.ip()).with(Protocol::Tcp(socket.port()))
                }
            });
            // The receiver is gone only when the peer has stopped.
            let _ = errands.send((errand, found)).await;
        });
    }

    pub(super) fn on_event(&mut self, swarm: &mut Swarm<Behaviour>, event: &SwarmEvent<BehaviourEvent>) {
        self.reservations.on_event(event);
        let mut news = self.reservations.has_changed();
        self.finder.on_event(swarm, event);
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                self.advertiser.listens(address);
                news = true;
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.advertiser.listens_no_more(std::slice::from_ref(address));
                news = true;
            }
            SwarmEvent::ListenerClosed { addresses, .. } => {
                self.advertiser.listens_no_more(addresses);
                news = true;
            }
            SwarmEvent::Behaviour(BehaviourEvent::Discovery(event)) => news |= self.on_discovery(event),
            _ => {}
        }
        if news {
            self.publish(swarm);
        }
    }

    fn on_discovery(&mut self, event: &DiscoveryEvent) -> bool {
        match event {
            DiscoveryEvent::AutonatClient(autonat::v2::client::Event { tested_addr, server, result, .. }) => {
                match result {
                    Ok(()) => {
                        tracing::info!(address = %tested_addr, by = %server, "others reach this address");
                        self.advertiser.confirm(tested_addr);
                    }
                    Err(error) => {
                        tracing::warn!(address = %tested_addr, by = %server, %error, "others do not reach this address");
                        self.advertiser.refute(tested_addr);
                    }
                }
                return true;
            }
            DiscoveryEvent::AutonatServer(event) => {
                let reached = event.result.is_ok();
                tracing::debug!(client = %event.client, address = %event.tested_addr, reached, "dialled a peer back");
            }
            DiscoveryEvent::RelayServer(event) => on_relaying(event),
            DiscoveryEvent::Dcutr(event) => match &event.result {
                Ok(_) => tracing::info!(peer = %event.remote_peer_id, "a relayed connection became a direct one"),
                Err(error) => tracing::debug!(peer = %event.remote_peer_id, %error, "the connection stays relayed"),
            },
            _ => {}
        }
        false
    }

    /// Brings what the swarm tells others, and what is known of it outside, up to date.
    fn publish(&mut self, swarm: &mut Swarm<Behaviour>) {
        let told = self.advertiser.told();
        for gone in self.told.iter().filter(|a| !told.contains(a)) {
            swarm.remove_external_address(gone);
        }
        for new in told.iter().filter(|a| !self.told.contains(a)) {
            swarm.add_external_address(new.clone());
            if let Some(candidates) = swarm.behaviour_mut().discovery.candidates.as_mut() {
                candidates.offer(new.clone());
            }
        }
        let mut all = told.clone();
        all.extend(self.reservations.addresses());
        let full = |a: &Multiaddr| if is_relayed(a) { a.to_string() } else { format!("{a}/p2p/{}", self.own) };
        let place = Place {
            addresses: without_loopback(all).iter().map(full).collect(),
            confirmed: self.advertiser.confirmed().iter().map(full).collect(),
            reservations: self.reservations.all(),
            listeners: self.advertiser.listeners(),
        };
        self.told = told;
        self.place.send_if_modified(|known| {
            let news = *known != place;
            *known = place;
            news
        });
    }
}

fn on_relaying(event: &relay::Event) {
    match event {
        relay::Event::ReservationReqAccepted { src_peer_id, renewed: false } => {
            tracing::info!(peer = %src_peer_id, "gave a slot to a peer");
        }
        relay::Event::ReservationReqDenied { src_peer_id, status } => {
            tracing::warn!(peer = %src_peer_id, ?status, "refused a slot");
        }
        relay::Event::CircuitReqDenied { src_peer_id, dst_peer_id, status } => {
            tracing::info!(from = %src_peer_id, to = %dst_peer_id, ?status, "refused to pass a connection on");
        }
        other => tracing::debug!(event = ?other, "relay"),
    }
}

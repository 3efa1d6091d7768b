//! Slots at relays: reserved, kept, and reserved again when they are lost.

use super::PeerError;
use super::behaviour::{Behaviour, BehaviourEvent};
use crate::{Address, address};
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm};
use std::time::Duration;
use tokio::time::Instant;

/// Before the second attempt; each one after that waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For a relay to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How it stands with the slot at one relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The relay's address, as it was given.
    pub relay: String,
    /// Whether others can reach us there now.
    pub held: bool,
    /// Why not, once an attempt has failed.
    pub problem: Option<String>,
}

/// All slots that are wanted.
pub(super) struct Reservations {
    own: PeerId,
    slots: Vec<Slot>,
    /// How it stood when it was last asked.
    shown: Vec<Reservation>,
}

struct Slot {
    address: Address,
    peer: PeerId,
    state: State,
    pause: Duration,
    problem: Option<String>,
    /// Why the last dial to the relay failed: its listener closes without a reason.
    undialled: Option<String>,
}

enum State {
    Waiting { until: Instant },
    Resolving,
    Asked { listener: ListenerId, until: Instant },
    Held { listener: ListenerId },
}

/// Reads the addresses of relays.
///
/// # Errors
/// One cannot be read, or does not name the relay's id.
pub(super) fn to_relays(texts: &[String]) -> Result<Vec<Address>, PeerError> {
    let read = |text: &String| match address::parse(text) {
        Ok(address) if address.relay.is_some() => Err("it leads through another relay".to_owned()),
        Ok(address) if address.peer_id.is_none() => Err("it does not end with /p2p/ and the relay's id".to_owned()),
        Ok(address) => Ok(address),
        Err(failure) => Err(failure.message),
    };
    let failed = |text: &String, reason| PeerError::Relay { address: text.clone(), reason };
    texts.iter().map(|text| read(text).map_err(|reason| failed(text, reason))).collect()
}

impl Reservations {
    pub(super) fn new(own: PeerId, relays: Vec<Address>) -> Self {
        let slot = |address: Address| {
            let peer = address.expected()?;
            let state = State::Waiting { until: Instant::now() };
            Some(Slot { address, peer, state, pause: FIRST_PAUSE, problem: None, undialled: None })
        };
        Self { own, slots: relays.into_iter().filter_map(slot).collect(), shown: Vec::new() }
    }

    /// The relays that are due; each is to be resolved, and [`Reservations::reserve`]d.
    pub(super) fn due(&mut self, swarm: &mut Swarm<Behaviour>) -> Vec<(usize, Address)> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            match slot.state {
                State::Waiting { until } if until <= now => {
                    slot.state = State::Resolving;
                    due.push((index, slot.address.clone()));
                }
                State::Asked { listener, until } if until <= now => {
                    swarm.remove_listener(listener);
                    slot.fail(format!("no answer within {} s", PATIENCE.as_secs()));
                }
                _ => {}
            }
        }
        due
    }

    /// Asks a relay for a slot, at the address to which its name resolved.
    pub(super) fn reserve(&mut self, swarm: &mut Swarm<Behaviour>, index: usize, found: Result<Multiaddr, String>) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let asked = found.and_then(|address| {
            let through = address.with(Protocol::P2p(slot.peer)).with(Protocol::P2pCircuit);
            swarm.listen_on(through).map_err(|e| e.to_string())
        });
        match asked {
            Ok(listener) => slot.state = State::Asked { listener, until: Instant::now() + PATIENCE },
            Err(problem) => slot.fail(problem),
        }
    }

    /// Takes note of what becomes of the slots.
    pub(super) fn on_event(&mut self, event: &SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { listener_id, .. } => {
                let Some(slot) = self.slots.iter_mut().find(|s| s.listener() == Some(*listener_id)) else { return };
                if !matches!(slot.state, State::Held { .. }) {
                    tracing::info!(relay = slot.address.canonical, "reserved a slot at the relay");
                }
                slot.state = State::Held { listener: *listener_id };
                slot.pause = FIRST_PAUSE;
                (slot.problem, slot.undialled) = (None, None);
            }
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                let Some(slot) = self.slots.iter_mut().find(|s| s.listener() == Some(*listener_id)) else { return };
                let problem = match (reason, slot.undialled.take()) {
                    (_, Some(undialled)) => undialled,
                    (Err(error), None) => chain(error),
                    (Ok(()), None) => "the connection to the relay ended".to_owned(),
                };
                slot.fail(problem);
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                for slot in self.slots.iter_mut().filter(|s| s.peer == *peer) {
                    slot.undialled = Some(chain(error));
                }
            }
            _ => {}
        }
    }

    /// Whether it stands otherwise with any than when this was last asked.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = self.all();
        let before = std::mem::replace(&mut self.shown, now);
        self.shown != before
    }

    /// How it stands with each.
    pub(super) fn all(&self) -> Vec<Reservation> {
        let one = |slot: &Slot| Reservation {
            relay: slot.address.canonical.clone(),
            held: matches!(slot.state, State::Held { .. }),
            problem: slot.problem.clone(),
        };
        self.slots.iter().map(one).collect()
    }

    /// Addresses at which we are reached through the relays.
    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let held = self.slots.iter().filter(|slot| matches!(slot.state, State::Held { .. }));
        let through = |slot: &Slot| {
            let relay: Multiaddr = slot.address.canonical.parse().ok()?;
            Some(relay.with(Protocol::P2pCircuit).with(Protocol::P2p(self.own)))
        };
        held.filter_map(through).collect()
    }
}

impl Slot {
    fn listener(&self) -> Option<ListenerId> {
        match self.state {
            State::Asked { listener, .. } | State::Held { listener } => Some(listener),
            _ => None,
        }
    }

    fn fail(&mut self, problem: String) {
        let wait = self.pause.mul_f64(rand::random_range(0.8..1.2));
        if self.problem.as_ref() != Some(&problem) {
            tracing::warn!(relay = self.address.canonical, problem, "no slot at the relay; trying on");
        }
        self.problem = Some(problem);
        self.state = State::Waiting { until: Instant::now() + wait };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// An error with what caused it, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect()
}

//! Dials those who ask back, so that they learn whether others can reach them.
//!
//! The address is the one that the asking connection comes from and never one
//! that somebody names, so that nobody can be made to dial a third party.

use crate::wire::{BackFailure, Response};
use crate::{DialAttempt, Node};
use libp2p::PeerId;
use libp2p::identity::Keypair;
use libp2p::multiaddr::{Multiaddr, Protocol};
use seaworthy_model::PermitAll;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Dial-backs under way at a time, for everybody together.
const AT_ONCE: usize = 8;
/// Dial-backs to one address within [`WINDOW`].
const PER_ADDRESS: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; with more of them within a window nobody is dialled.
const REMEMBERED: usize = 1024;
/// The longest that one may take, whatever was asked.
const MOST: Duration = Duration::from_secs(5);
/// Ports below belong to the system's services, which no cache listens on.
const LOWEST_PORT: u16 = 1024;
/// Characters of a failure's message that are passed on.
const MESSAGE: usize = 300;

/// Who asked, from where, and for what.
pub(super) struct Wanted {
    pub(super) peer: PeerId,
    pub(super) remote: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) patience: Duration,
}

/// Dials back, within bounds.
pub(super) struct Dialler {
    node: Node,
    slots: Semaphore,
    recent: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Dialler {
    pub(super) fn new(identity: Keypair, agent: String) -> Self {
        let node = Node::with_identity(identity, agent, AT_ONCE);
        Self { node, slots: Semaphore::new(AT_ONCE), recent: Mutex::default() }
    }

    /// Dials `wanted` up to identify and answers what was seen there.
    pub(super) async fn dial(&self, wanted: Wanted) -> Response {
        if wanted.port < LOWEST_PORT {
            return Response::refused("malformed", format!("ports below {LOWEST_PORT} are not dialled back"));
        }
        let Some(ip) = wanted.remote else {
            return Response::refused("unsupported", "this connection has no address of its own to dial back");
        };
        let Ok(_slot) = self.slots.try_acquire() else {
            return Response::refused("exhausted", "too many dial-backs at a time");
        };
        if !self.admit(ip, Instant::now()) {
            return Response::refused(
                "exhausted",
                format!("{ip} was dialled back {PER_ADDRESS} times within {} s", WINDOW.as_secs()),
            );
        }
        let kind = if ip.is_ipv4() { "ip4" } else { "ip6" };
        let address = format!("/{kind}/{ip}/tcp/{}/p2p/{}", wanted.port, wanted.peer);
        let timeout = wanted.patience.clamp(Duration::from_millis(100), MOST);
        let attempt = DialAttempt { address: address.clone(), timeout, pings: 0 };
        let dialed = self.node.dial(&attempt, &PermitAll).await;
        let failure = dialed.outcome.err().map(|failure| BackFailure {
            kind: failure.kind,
            stage: failure.stage,
            message: failure.message.chars().take(MESSAGE).collect(),
        });
        Response::DialedBack { address, peer: dialed.obtained_peer, failure }
    }

    /// Counts a dial-back to `ip`; false when there were too many.
    fn admit(&self, ip: IpAddr, now: Instant) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (since, _)| now.saturating_duration_since(*since) < WINDOW);
        if recent.len() >= REMEMBERED && !recent.contains_key(&ip) {
            return false;
        }
        let (_, count) = recent.entry(ip).or_insert((now, 0));
        *count += 1;
        *count <= PER_ADDRESS
    }
}

/// The IP address at the beginning of a multiaddr that leads there directly.
pub(super) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    if address.iter().any(|part| part == Protocol::P2pCircuit) {
        return None;
    }
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(response: Response) -> String {
        match response {
            Response::Refused { kind, .. } => kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_address_is_the_one_of_the_connection() {
        let ip = |text: &str| ip(&text.parse().unwrap());
        assert_eq!(ip("/ip4/10.0.0.1/tcp/5"), Some([10, 0, 0, 1].into()));
        assert_eq!(ip("/ip6/::ffff:10.0.0.1/udp/5/quic-v1"), Some([10, 0, 0, 1].into()));
        let relayed = format!("/ip4/10.0.0.1/tcp/5/p2p/{}/p2p-circuit", PeerId::random());
        assert_eq!(ip(&relayed), None, "a relay's address is not the peer's");
        assert_eq!(ip("/memory/1"), None);
    }

    #[tokio::test]
    async fn what_is_out_of_bounds_is_refused() {
        let dialler = Dialler::new(Keypair::generate_ed25519(), "agent".into());
        let wanted = |port, remote| Wanted { peer: PeerId::random(), remote, port, patience: Duration::ZERO };
        assert_eq!(kind(dialler.dial(wanted(22, Some([127, 0, 0, 1].into()))).await), "malformed");
        assert_eq!(kind(dialler.dial(wanted(9100, None)).await), "unsupported");
        let (here, there, now) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), Instant::now());
        for _ in 0..PER_ADDRESS {
            assert!(dialler.admit(here, now));
        }
        assert!(!dialler.admit(here, now) && dialler.admit(there, now));
        assert!(dialler.admit(here, now + WINDOW), "the window is over");
        let crowd = (0..2000_u32).filter(|n| dialler.admit(IpAddr::from(n.to_be_bytes()), now + WINDOW)).count();
        assert!(crowd < REMEMBERED, "{crowd} addresses are remembered");
    }
}

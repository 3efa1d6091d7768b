//! Keeps a connection with each configured peer, and with some that are found.

use super::PeerError;
use super::contact::Contact;
use super::finder::Found;
use libp2p::PeerId;
use libp2p::multiaddr::{Multiaddr, Protocol};
use seaworthy_model::Failure;
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Between two tries: doubled after each that fails, from the first to the last of these.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
/// For the look-up of a name.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;
/// Peers that nobody named and that are dialled.
const MOST_FOUND: usize = 32;
/// Failures in a row, after which a peer that nobody named is given up, until it is found again.
const PATIENCE: u32 = 8;

/// Reads the addresses of the configured peers.
pub(super) fn read(texts: &[String]) -> Result<Vec<Target>, PeerError> {
    let failed = |text: &String, reason| PeerError::Peer { address: text.clone(), reason };
    texts.iter().map(|text| Target::read(text).map_err(|reason| failed(text, reason))).collect()
}

/// A peer to connect with.
#[derive(Clone)]
pub(super) struct Target {
    address: Multiaddr,
    expected: Option<PeerId>,
}

impl Target {
    /// Reads an address; `/p2p/…` at its end names who is expected.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut address: Multiaddr = text.parse().map_err(|e: libp2p::multiaddr::Error| e.to_string())?;
        let expected = match address.iter().last() {
            Some(Protocol::P2p(peer)) => {
                address.pop();
                Some(peer)
            }
            _ => None,
        };
        match address.iter().next() {
            None => Err("it is empty".into()),
            Some(Protocol::Ip4(ip)) if ip.is_unspecified() => Err("nobody can dial the unspecified address".into()),
            Some(Protocol::Ip6(ip)) if ip.is_unspecified() => Err("nobody can dial the unspecified address".into()),
            Some(_) => Ok(Self { address, expected }),
        }
    }

    /// The addresses to dial: the one that was given, or those that its name has now.
    async fn resolve(&self) -> Result<Vec<Multiaddr>, Failure> {
        let (name, wanted): (_, fn(&IpAddr) -> bool) = match self.address.iter().next() {
            Some(Protocol::Dns(name)) => (name, |_| true),
            Some(Protocol::Dns4(name)) => (name, IpAddr::is_ipv4),
            Some(Protocol::Dns6(name)) => (name, IpAddr::is_ipv6),
            _ => return Ok(vec![self.address.clone()]),
        };
        let failed =
            |reason: String| Failure::new("dns-failure", "resolve", format!("{name} cannot be looked up: {reason}"));
        let found = timeout(LOOK_UP, tokio::net::lookup_host((name.as_ref(), 0)));
        let found = found.await.map_err(|_| failed("no answer in time".into()))?.map_err(|e| failed(e.to_string()))?;
        let addresses: Vec<Multiaddr> = found
            .map(|socket| socket.ip())
            .filter(wanted)
            .take(MAX_ADDRESSES)
            .filter_map(|ip| self.address.replace(0, |_| Some(ip.into())))
            .collect();
        if addresses.is_empty() { Err(failed("it has no address of the wanted kind".into())) } else { Ok(addresses) }
    }
}

/// Connects, and connects again whenever the connection has ended, until our peer
/// ends. One that is `named` in the configuration is trusted, and never given up.
pub(super) async fn keep(contact: Contact, target: Target, named: bool) {
    tokio::select! {
        () = contact.ended() => {}
        () = keep_on(&contact, &target, named) => {}
    }
}

async fn keep_on(contact: &Contact, target: &Target, named: bool) {
    let mut pause = SHORTEST;
    let mut failed = 0;
    loop {
        match connect(contact, target).await {
            Ok(connected) => {
                if named {
                    tracing::info!(address = %target.address, peer = %connected.peer, "connected with a configured peer");
                    contact.hold(connected.peer).await;
                }
                (pause, failed) = (SHORTEST, 0);
                let _ = connected.gone.await;
            }
            Err(failure) if failure.kind == "self-dial" => {
                tracing::info!(address = %target.address, "a configured peer is this very peer; it is left out");
                return;
            }
            Err(failure) if failure.kind == "cancelled" => return,
            Err(failure) => {
                failed += 1;
                if !named && failed >= PATIENCE {
                    tracing::debug!(address = %target.address, %failure, "a peer that was found is given up");
                    return;
                }
                if named && failed == 1 {
                    tracing::warn!(address = %target.address, %failure, "cannot connect with a configured peer; trying on");
                }
                pause = (pause * 2).min(LONGEST);
            }
        }
        // Not all at once after an outage.
        sleep(pause.mul_f64(rand::random_range(0.75..1.25))).await;
    }
}

/// Connects with peers that are found later, up to a bound. Whether they hold our
/// secret shows when they are asked; only then do their connections stay without
/// traffic.
pub(super) async fn keep_found(contact: Contact, mut found: mpsc::Receiver<Found>) {
    let mut kept = HashSet::new();
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            peer = found.recv() => {
                let Some(Found { peer_id, addresses, .. }) = peer else { return };
                let Some(target) = addresses.iter().find_map(|text| Target::read(text).ok()) else { continue };
                if kept.len() < MOST_FOUND && kept.insert(peer_id.clone()) {
                    let contact = contact.clone();
                    tasks.spawn(async move {
                        keep(contact, target, false).await;
                        peer_id
                    });
                }
            }
            Some(ended) = tasks.join_next() => {
                if let Ok(peer_id) = ended {
                    kept.remove(&peer_id);
                }
            }
        }
    }
}

async fn connect(contact: &Contact, target: &Target) -> Result<super::contact::Connected, Failure> {
    let addresses = target.resolve().await?;
    if target.expected.is_some() {
        return contact.dial(addresses, target.expected).await;
    }
    // Whom to expect is not known, so that only one can be dialled at a time.
    let mut last = Failure::new("dns-failure", "resolve", "no address");
    for address in addresses {
        match contact.dial(vec![address], None).await {
            Ok(connected) => return Ok(connected),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_become_addresses() {
        let id = PeerId::random();
        let target = Target::read(&format!("/dns4/localhost/tcp/9100/p2p/{id}")).unwrap();
        assert_eq!(target.expected, Some(id));
        assert_eq!(target.resolve().await.unwrap(), ["/ip4/127.0.0.1/tcp/9100".parse().unwrap()]);
        let target = Target::read("/ip4/192.0.2.1/udp/9100/quic-v1").unwrap();
        assert_eq!((target.resolve().await.unwrap().len(), target.expected), (1, None));
        let failure = Target::read("/dns4/no-such-host.invalid/tcp/1").unwrap().resolve().await.unwrap_err();
        assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("dns-failure", "resolve"));
        for wrong in ["", "localhost:9100", "/ip4/0.0.0.0/tcp/1", "/ip4/1.2.3.4/tcp/x"] {
            assert!(Target::read(wrong).is_err(), "{wrong}");
        }
    }
}

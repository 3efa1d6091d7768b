use super::PeerError;
use super::behaviour::Behaviour;
use futures::StreamExt as _;
use libp2p::core::transport::TransportError;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a listener may take to say where it listens.
const FIRST: Duration = Duration::from_secs(3);
/// After this silence, all interfaces have been named.
const SETTLED: Duration = Duration::from_millis(50);

/// Reads the addresses to listen on; a `/p2p/…` at the end is dropped.
pub(super) fn to_listen(texts: &[String]) -> Result<Vec<Multiaddr>, PeerError> {
    let read = |text: &String| {
        let address = read(text)?;
        socket(&address).ok_or_else(|| "a listener needs an IP address, not a name".to_owned())?;
        Ok(address)
    };
    let failed = |text: &String, reason| PeerError::Address { address: text.clone(), reason };
    texts.iter().map(|text| read(text).map_err(|reason| failed(text, reason))).collect()
}

/// Reads the addresses to tell others; a `/p2p/…` at the end is dropped.
pub(super) fn to_announce(texts: &[String]) -> Result<Vec<Multiaddr>, PeerError> {
    let read = |text: &String| {
        let address = read(text)?;
        if address.iter().any(|part| part == Protocol::Tcp(0)) {
            return Err("nobody can dial port 0; give the port that others reach".to_owned());
        }
        if socket(&address).is_some_and(|s| s.ip().is_unspecified()) {
            return Err("it stands for every interface; give the address that others reach".to_owned());
        }
        Ok(address)
    };
    let failed = |text: &String, reason| PeerError::Announce { address: text.clone(), reason };
    texts.iter().map(|text| read(text).map_err(|reason| failed(text, reason))).collect()
}

fn read(text: &str) -> Result<Multiaddr, String> {
    let mut address: Multiaddr = text.parse().map_err(|e: libp2p::multiaddr::Error| e.to_string())?;
    if let Some(Protocol::P2p(_)) = address.iter().last() {
        address.pop();
    }
    match address.iter().collect::<Vec<_>>().as_slice() {
        [
            Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_),
            Protocol::Tcp(_),
        ] => Ok(address),
        _ => Err("it is not a host and a TCP port".into()),
    }
}

/// Takes the ports, and waits until every listener has named its addresses.
pub(super) async fn listen(
    swarm: &mut Swarm<Behaviour>,
    wanted: &[Multiaddr],
    listening: &RwLock<Vec<Multiaddr>>,
) -> Result<(), PeerError> {
    // All are looked at before one is taken: 0.0.0.0 and :: on one port are in each other's way here only.
    for address in wanted {
        is_free(address).map_err(|reason| PeerError::Listen { address: address.to_string(), reason })?;
    }
    let mut silent = HashMap::new();
    for address in wanted {
        let id = swarm.listen_on(address.clone()).map_err(|e| match e {
            TransportError::Other(reason) => PeerError::Listen { address: address.to_string(), reason },
            TransportError::MultiaddrNotSupported(_) => {
                PeerError::Address { address: address.to_string(), reason: "the transport does not take it".into() }
            }
        })?;
        silent.insert(id, address);
    }
    let deadline = Instant::now() + FIRST;
    loop {
        let event = if silent.is_empty() {
            timeout(SETTLED, swarm.select_next_some()).await
        } else {
            timeout_at(deadline, swarm.select_next_some()).await
        };
        match (event, silent.values().next()) {
            (Ok(event), _) => {
                if let SwarmEvent::NewListenAddr { listener_id, .. } = &event {
                    silent.remove(listener_id);
                }
                note(&event, listening);
            }
            (Err(_), None) => return Ok(()),
            (Err(_), Some(address)) => return Err(PeerError::NoAddress { address: address.to_string() }),
        }
    }
}

/// libp2p listens with SO_REUSEPORT, by which two peers of one user share a port
/// without an error, and each gets half of the connections. So the port is
/// first taken without it.
fn is_free(address: &Multiaddr) -> io::Result<()> {
    match socket(address) {
        Some(socket) if socket.port() != 0 => TcpListener::bind(socket).map(drop),
        _ => Ok(()),
    }
}

fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

/// Keeps the list of listen addresses up to date.
pub(super) fn note<T>(event: &SwarmEvent<T>, listening: &RwLock<Vec<Multiaddr>>) {
    let mut listening = listening.write().unwrap_or_else(PoisonError::into_inner);
    match event {
        SwarmEvent::NewListenAddr { address, .. } if !listening.contains(address) => listening.push(address.clone()),
        SwarmEvent::ExpiredListenAddr { address, .. } => listening.retain(|a| a != address),
        SwarmEvent::ListenerClosed { addresses, .. } => listening.retain(|a| !addresses.contains(a)),
        _ => {}
    }
}

/// Announced addresses; when there are none, real ones, loopback last. Each with the peer id.
pub(super) fn dialable(announce: &[Multiaddr], listening: &RwLock<Vec<Multiaddr>>, peer_id: &str) -> Vec<String> {
    let full = |a: &Multiaddr| format!("{a}/p2p/{peer_id}");
    if !announce.is_empty() {
        return announce.iter().map(full).collect();
    }
    let listening = listening.read().unwrap_or_else(PoisonError::into_inner);
    let mut own: Vec<&Multiaddr> =
        listening.iter().filter(|a| socket(a).is_some_and(|s| !s.ip().is_unspecified())).collect();
    own.sort_by_key(|a| socket(a).is_some_and(|s| s.ip().is_loopback()));
    own.into_iter().map(full).collect()
}

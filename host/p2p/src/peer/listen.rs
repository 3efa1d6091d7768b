use super::PeerError;
use super::behaviour::{Behaviour, BehaviourEvent};
use futures::StreamExt as _;
use libp2p::core::transport::TransportError;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
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
        if address.iter().any(|part| matches!(part, Protocol::Tcp(0) | Protocol::Udp(0))) {
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
        ]
        | [
            Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_),
            Protocol::Udp(_),
            Protocol::QuicV1,
        ] => Ok(address),
        [_, Protocol::Udp(_)] => Err("it does not say what is spoken over UDP; add /quic-v1".into()),
        _ => Err("it is not a host and a TCP or QUIC port".into()),
    }
}

/// Takes the ports, and waits until every listener has named its addresses.
/// Answers what happened meanwhile, in order.
pub(super) async fn listen(
    swarm: &mut Swarm<Behaviour>,
    wanted: &[Multiaddr],
) -> Result<Vec<SwarmEvent<BehaviourEvent>>, PeerError> {
    // All are looked at before one is taken: 0.0.0.0 and :: on one port are in each other's way here only.
    for address in wanted {
        is_free(address).map_err(|reason| PeerError::Listen { address: address.to_string(), reason })?;
    }
    let mut silent = HashMap::new();
    let mut events = Vec::new();
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
                events.push(event);
            }
            (Err(_), None) => return Ok(events),
            (Err(_), Some(address)) => return Err(PeerError::NoAddress { address: address.to_string() }),
        }
    }
}

/// libp2p listens with SO_REUSEPORT, by which two peers of one user share a port
/// without an error, and each gets half of the connections. So the port is
/// first taken without it.
fn is_free(address: &Multiaddr) -> io::Result<()> {
    match socket(address) {
        Some(socket) if socket.port() == 0 => Ok(()),
        Some(socket) if address.iter().any(|part| part == Protocol::QuicV1) => UdpSocket::bind(socket).map(drop),
        Some(socket) => TcpListener::bind(socket).map(drop),
        None => Ok(()),
    }
}

/// The IP address and the TCP or UDP port with which an address begins.
pub(super) fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

//! Handshakes of one address at a time: a crowd from one place must not keep
//! everybody else from shaking hands.

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

/// Refuses connections from an address that has too many handshakes in progress.
pub(super) struct Handshakes {
    most: usize,
    pending: HashMap<ConnectionId, IpAddr>,
    from: HashMap<IpAddr, usize>,
}

/// Why a connection was refused.
#[derive(Debug, thiserror::Error)]
#[error("{0} has {1} handshakes in progress already")]
struct Crowded(IpAddr, usize);

impl Handshakes {
    /// At most `most` at a time from one IP address.
    pub(super) fn new(most: usize) -> Self {
        Self { most, pending: HashMap::new(), from: HashMap::new() }
    }

    fn begin(&mut self, id: ConnectionId, ip: IpAddr) -> Result<(), Crowded> {
        let count = self.from.entry(ip).or_insert(0);
        if *count >= self.most {
            return Err(Crowded(ip, *count));
        }
        *count += 1;
        self.pending.insert(id, ip);
        Ok(())
    }

    fn end(&mut self, id: ConnectionId) {
        let Some(ip) = self.pending.remove(&id) else { return };
        if let Some(count) = self.from.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.from.remove(&ip);
            }
        }
    }
}

impl NetworkBehaviour for Handshakes {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        // Through a relay there is no address; the relay has bounds of its own.
        match super::listen::socket(remote) {
            Some(socket) => self.begin(id, socket.ip()).map_err(ConnectionDenied::new),
            None => Ok(()),
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.end(id);
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::ListenFailure(failure) = event {
            self.end(failure.connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_bound() {
        let mut handshakes = Handshakes::new(2);
        let id = ConnectionId::new_unchecked;
        let (near, far): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        assert!(handshakes.begin(id(1), near).is_ok() && handshakes.begin(id(2), near).is_ok());
        assert_eq!(
            handshakes.begin(id(3), near).unwrap_err().to_string(),
            "10.0.0.1 has 2 handshakes in progress already"
        );
        assert!(handshakes.begin(id(4), far).is_ok());
        // The same end may be told twice.
        handshakes.end(id(1));
        handshakes.end(id(1));
        assert!(handshakes.begin(id(5), near).is_ok() && handshakes.begin(id(6), near).is_err());
        [2, 4, 5].into_iter().for_each(|n| handshakes.end(id(n)));
        assert!(handshakes.from.is_empty() && handshakes.pending.is_empty());
    }
}

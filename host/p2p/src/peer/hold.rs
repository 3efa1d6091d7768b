//! Keeps some connections open although nothing happens on them.
//!
//! The swarm closes a connection without streams after a while, which is right
//! for clients that come back when they need something. A Python peer must stay:
//! it cannot ask for what it missed.

use libp2p::core::upgrade::DeniedUpgrade;
use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::handler::ConnectionEvent;
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::task::{Context, Poll};

/// Peers whose connections are kept.
#[derive(Default)]
pub(super) struct Hold {
    held: HashSet<PeerId>,
    /// Connections that were there already, to be told.
    news: VecDeque<(PeerId, ConnectionId)>,
}

impl Hold {
    /// Keeps the connections of `peer`, those that are there (`connections`) and
    /// those to come, until all of them have ended.
    pub(super) fn keep(&mut self, peer: PeerId, connections: impl IntoIterator<Item = ConnectionId>) {
        if self.held.insert(peer) {
            self.news.extend(connections.into_iter().map(|connection| (peer, connection)));
        }
    }

    fn handler(&self, peer: &PeerId) -> Holder {
        Holder { held: self.held.contains(peer) }
    }
}

/// One connection; kept or not.
pub(super) struct Holder {
    held: bool,
}

/// From now on the connection is kept.
#[derive(Debug)]
pub(super) struct Keep;

impl NetworkBehaviour for Hold {
    type ConnectionHandler = Holder;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(&peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(&peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionClosed(closed) = event
            && closed.remaining_established == 0
        {
            self.held.remove(&closed.peer_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.news.pop_front() {
            Some((peer_id, connection)) => {
                Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event: Keep })
            }
            None => Poll::Pending,
        }
    }
}

impl ConnectionHandler for Holder {
    type FromBehaviour = Keep;
    type ToBehaviour = Infallible;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = DeniedUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.held
    }

    fn on_behaviour_event(&mut self, Keep: Keep) {
        self.held = true;
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        Poll::Pending
    }

    fn on_connection_event(&mut self, _: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>) {}
}

//! Ping, answered on every transport.
//!
//! libp2p's handler answers a ping and then forgets to ask for the next one until
//! something else wakes it. Over yamux everything does; over QUIC nothing does, and
//! whoever sends several pings on one stream, as the specification wants it,
//! waits in vain. So the pings of others are answered here, and ours are its own.

use crate::ping::PAYLOAD;
use futures::future::BoxFuture;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, Stream,
    SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, ping};
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

/// Streams of pings that one connection may have; the specification asks for two.
const STREAMS: usize = 2;

type Inner = THandler<ping::Behaviour>;

/// Pings others and answers theirs.
#[derive(Default)]
pub(super) struct Ping(ping::Behaviour);

/// One connection's part of it.
pub(super) struct Handler {
    inner: Inner,
    echoes: VecDeque<BoxFuture<'static, io::Result<()>>>,
}

impl Handler {
    fn new(inner: Inner) -> Self {
        Self { inner, echoes: VecDeque::new() }
    }
}

async fn echo(mut stream: Stream) -> io::Result<()> {
    let mut payload = [0; PAYLOAD];
    while stream.read_exact(&mut payload).await.is_ok() {
        stream.write_all(&payload).await?;
        stream.flush().await?;
    }
    stream.close().await
}

impl ConnectionHandler for Handler {
    type FromBehaviour = <Inner as ConnectionHandler>::FromBehaviour;
    type ToBehaviour = <Inner as ConnectionHandler>::ToBehaviour;
    type InboundProtocol = <Inner as ConnectionHandler>::InboundProtocol;
    type OutboundProtocol = <Inner as ConnectionHandler>::OutboundProtocol;
    type InboundOpenInfo = <Inner as ConnectionHandler>::InboundOpenInfo;
    type OutboundOpenInfo = <Inner as ConnectionHandler>::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        self.inner.listen_protocol()
    }

    fn connection_keep_alive(&self) -> bool {
        self.inner.connection_keep_alive()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        self.echoes.retain_mut(|echo| echo.poll_unpin(cx).is_pending());
        self.inner.poll(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.inner.poll_close(cx)
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        self.inner.on_behaviour_event(event);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: mut stream, .. }) => {
                // One who only pings does not use the connection.
                stream.ignore_for_keep_alive();
                if self.echoes.len() >= STREAMS {
                    self.echoes.pop_front();
                }
                self.echoes.push_back(echo(stream).boxed());
            }
            other => self.inner.on_connection_event(other),
        }
    }
}

impl NetworkBehaviour for Ping {
    type ConnectionHandler = Handler;
    type ToSwarm = ping::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0.handle_established_inbound_connection(id, peer, local, remote).map(Handler::new)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0.handle_established_outbound_connection(id, peer, address, role, port_use).map(Handler::new)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        self.0.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.0.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.0.poll(cx)
    }
}

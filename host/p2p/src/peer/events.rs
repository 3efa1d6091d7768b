use super::behaviour::BehaviourEvent;
use super::serve::Server;
use libp2p::request_response::{self, InboundFailure, Message};
use libp2p::swarm::{ListenError, SwarmEvent};

impl Server {
    /// Counts what happens, and says it.
    pub(super) fn watch(&mut self, event: &SwarmEvent<BehaviourEvent>) {
        let metrics = self.service.metrics();
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, num_established, .. } => {
                metrics.connected(endpoint, num_established.get());
                tracing::debug!(peer = %peer_id, address = %endpoint.get_remote_address(), "connected");
            }
            SwarmEvent::ConnectionClosed { peer_id, endpoint, num_established, cause, .. } => {
                metrics.disconnected(endpoint, *num_established);
                let cause = cause.as_ref().map(ToString::to_string);
                tracing::debug!(peer = %peer_id, address = %endpoint.get_remote_address(), cause, "disconnected");
            }
            SwarmEvent::IncomingConnectionError { error: ListenError::Denied { .. }, send_back_addr, .. } => {
                metrics.error("connection-limit");
                if let Some(unsaid) = self.service.due("connection-limit") {
                    tracing::info!(address = %send_back_addr, unsaid, "refused a connection: too many are open");
                }
            }
            SwarmEvent::IncomingConnectionError { .. } => metrics.error("handshake"),
            SwarmEvent::NewListenAddr { address, .. } => tracing::info!(%address, "listening"),
            SwarmEvent::ExpiredListenAddr { address, .. } => tracing::info!(%address, "no longer listening"),
            SwarmEvent::ListenerError { error, .. } => tracing::error!(%error, "a listener failed"),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                let reason = reason.as_ref().err().map(ToString::to_string);
                tracing::error!(?addresses, reason, "a listener ended");
            }
            SwarmEvent::Behaviour(BehaviourEvent::Cache(event)) => self.follow(event),
            _ => {}
        }
    }

    /// Keeps account of the requests that have no answer yet.
    fn follow<T, R, C>(&mut self, event: &request_response::Event<T, R, C>) {
        match event {
            request_response::Event::Message { message: Message::Request { request_id, .. }, .. } => {
                self.open.insert(*request_id);
            }
            request_response::Event::ResponseSent { request_id, .. } => drop(self.open.remove(request_id)),
            request_response::Event::InboundFailure { request_id, error, .. } => {
                self.open.remove(request_id);
                match error {
                    InboundFailure::Timeout => self.service.metrics().error("timeout"),
                    InboundFailure::Io(_) => self.service.metrics().error("io"),
                    InboundFailure::ConnectionClosed => self.service.metrics().error("closed"),
                    // The other side asked for a protocol that we lack, or we let the request go.
                    InboundFailure::UnsupportedProtocols | InboundFailure::ResponseOmission => {}
                }
            }
            _ => {}
        }
    }
}

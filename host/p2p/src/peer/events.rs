use super::behaviour::BehaviourEvent;
use super::serve::Server;
use libp2p::request_response::{self, InboundFailure, InboundRequestId, Message};
use libp2p::swarm::{ListenError, SwarmEvent};
use std::collections::HashSet;

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
            SwarmEvent::Behaviour(BehaviourEvent::Cache(event)) => match account(&mut self.open, event) {
                Some(InboundFailure::Timeout) => metrics.error("timeout"),
                Some(InboundFailure::Io(_)) => metrics.error("io"),
                Some(InboundFailure::ConnectionClosed) => metrics.error("closed"),
                // The other side asked for a protocol that we lack, or we let the request go.
                Some(InboundFailure::UnsupportedProtocols | InboundFailure::ResponseOmission) | None => {}
            },
            SwarmEvent::Behaviour(BehaviourEvent::Push(event)) => {
                account(&mut self.open_pushes, event);
            }
            _ => {}
        }
    }
}

/// Keeps account of the requests that have no answer yet. Why one never gets its answer.
fn account<'e, T, R, C>(
    open: &mut HashSet<InboundRequestId>,
    event: &'e request_response::Event<T, R, C>,
) -> Option<&'e InboundFailure> {
    match event {
        request_response::Event::Message { message: Message::Request { request_id, .. }, .. } => {
            open.insert(*request_id);
        }
        request_response::Event::ResponseSent { request_id, .. } => drop(open.remove(request_id)),
        request_response::Event::InboundFailure { request_id, error, .. } => {
            open.remove(request_id);
            return Some(error);
        }
        _ => {}
    }
    None
}

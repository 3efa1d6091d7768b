//! Pushes our entries to one Python peer, as long as it is connected.
//!
//! The store is the queue: a peer that acknowledges slowly, or never, falls back
//! behind the others, holds nothing in memory and delays nobody.

use super::contact::Contact;
use super::flow::News;
use super::service::Service;
use crate::push::Reply;
use futures::StreamExt as _;
use libp2p::PeerId;
use seaworthy_model::Failure;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// Entries that wait for their acknowledgement at a time.
const AT_ONCE: usize = 4;
/// After a store of ours that failed.
const PAUSE: Duration = Duration::from_secs(10);

/// Tells `peer` of the newest entries that we hold, and then of every new one.
pub(super) async fn push_all(contact: Contact, peer: PeerId, mut news: watch::Receiver<News>) {
    if !greet(&contact, peer).await {
        return;
    }
    let Some(mut cursor) =
        contact.service().map(|service| service.flow.pushed(&peer).unwrap_or_else(|| service.backfill_start()))
    else {
        return;
    };
    let unsupported = AtomicBool::new(false);
    loop {
        if news.borrow_and_update().closed || unsupported.load(Relaxed) {
            return;
        }
        let page = match contact.run(move |service| service.to_push(cursor, &peer)).await {
            None => return,
            Some(Ok(page)) => page,
            Some(Err(error)) => {
                tracing::error!(%error, "entries to push cannot be read");
                sleep(PAUSE).await;
                continue;
            }
        };
        let pushes = futures::stream::iter(page.tokens).for_each_concurrent(AT_ONCE, async |(key, token)| {
            if !unsupported.load(Relaxed) && !push_one(&contact, peer, &key, token).await {
                unsupported.store(true, Relaxed);
            }
        });
        pushes.await;
        cursor = page.next;
        match contact.service() {
            Some(service) => service.flow.pushes(peer, cursor),
            None => return,
        }
        if !page.more && news.changed().await.is_err() {
            return;
        }
    }
}

/// Exchanges addresses. A peer that can read us shares our secret, and its
/// connections are kept. False for one that has shown not to share our secret, who
/// gets nothing from us.
async fn greet(contact: &Contact, peer: PeerId) -> bool {
    match contact.exchange(peer).await {
        Ok(list) => {
            contact.hold(peer).await;
            let unspecified = list.addrs.iter().filter(|a| a.contains("/0.0.0.0/") || a.contains("/ip6/::/")).count();
            tracing::debug!(%peer, addresses = list.addrs.len(), unspecified, peers = list.peers.len(), "a Python peer told of itself");
        }
        Err(failure) if failure.kind == "different-secret" => {
            tracing::warn!(%peer, %failure, "a Python peer is connected that shares no cache with us");
            return false;
        }
        Err(failure) => tracing::debug!(%peer, %failure, "a Python peer told nothing of itself"),
    }
    true
}

/// Pushes one entry. False when the peer does not speak the protocol after all.
async fn push_one(contact: &Contact, peer: PeerId, key: &str, token: String) -> bool {
    let outcome = contact.push(peer, token).await;
    let taken = matches!(outcome, Ok(Reply::Ok));
    let Some(goes_on) = contact.service().map(|service| note(&service, peer, key, outcome)) else { return true };
    if taken {
        contact.hold(peer).await;
    }
    goes_on
}

/// Counts what came of a push. False when the peer does not speak the protocol, or
/// ours is ending.
fn note(service: &Service, peer: PeerId, key: &str, outcome: Result<Reply, Failure>) -> bool {
    if outcome.as_ref().is_err_and(|failure| matches!(failure.kind.as_str(), "unsupported" | "cancelled")) {
        return false;
    }
    let mut counters = service.flow.counters.now();
    counters.pushes_sent += 1;
    match outcome {
        Ok(Reply::Ok) => counters.pushes_acknowledged += 1,
        Ok(reply) => {
            *counters.pushes_refused.entry(reply.name()).or_default() += 1;
            if service.flow.is_news(peer, "push-refused") {
                tracing::warn!(%peer, key, reply = reply.text(), "a Python peer does not take our entries");
            }
        }
        Err(failure) => {
            let timed_out = failure.kind == "timeout";
            let count = if timed_out { &mut counters.pushes_timed_out } else { &mut counters.pushes_failed };
            *count += 1;
            tracing::debug!(%peer, key, %failure, "a push was not acknowledged");
        }
    }
    true
}

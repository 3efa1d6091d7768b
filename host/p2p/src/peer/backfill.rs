//! Copies what other peers hold, so that a new peer is soon as good as an old one.

use super::finder::Found;
use super::service::Service;
use crate::link::{Link, unexpected};
use crate::wire::{Request, Response};
use crate::{Node, SharedSecret, address};
use seaworthy_model::{Failure, PermitAll};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// Between two looks at what is new there.
const PAUSE: Duration = Duration::from_secs(15);
/// Peers that nobody named and that are followed at a time.
const MOST_FOUND: usize = 32;
/// For one page of entries.
const PAGE: Duration = Duration::from_secs(30);

/// Follows the peers at `addresses`, one task each. The tasks end when the
/// service does. Addresses that cannot be read are reported and left out.
pub(super) fn follow(node: &Node, addresses: &[String], secret: &Arc<SharedSecret>, service: &Arc<Service>) {
    for text in addresses {
        match address::parse(text) {
            Ok(address) => {
                let link = Link::new(node.clone(), address, Arc::clone(secret));
                tokio::spawn(follow_one(link, Arc::downgrade(service)));
            }
            Err(failure) => tracing::error!(address = text, %failure, "this peer is not copied from"),
        }
    }
}

/// Follows peers that are found later. Whether they hold our secret shows when they are asked.
pub(super) async fn follow_found(
    node: Node,
    mut found: mpsc::Receiver<Found>,
    secret: Arc<SharedSecret>,
    service: Weak<Service>,
) {
    let mut followed = Vec::new();
    while let Some(peer) = found.recv().await {
        let Some(address) = peer.addresses.iter().find_map(|text| address::parse(text).ok()) else { continue };
        if followed.len() >= MOST_FOUND || followed.contains(&peer.peer_id) {
            continue;
        }
        followed.push(peer.peer_id);
        let link = Link::new(node.clone(), address, Arc::clone(&secret));
        tokio::spawn(follow_one(link, service.clone()));
    }
}

async fn follow_one(link: Link, service: Weak<Service>) {
    let mut cursor = 0;
    let mut complained = false;
    while service.strong_count() > 0 {
        match next_page(&link, &service, cursor).await {
            Ok(Some(next)) => {
                complained = false;
                cursor = next;
                continue;
            }
            Ok(None) => complained = false,
            Err(failure) if failure.kind == "self-dial" => return,
            Err(failure) => {
                // It may have lost its store; what we have already is skipped.
                cursor = 0;
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(address = link.address.canonical, %failure, "cannot copy from a peer; trying on");
                }
            }
        }
        sleep(PAUSE).await;
    }
}

/// Copies one page. None when there is no more for now.
async fn next_page(link: &Link, service: &Weak<Service>, cursor: u64) -> Result<Option<u64>, Failure> {
    let answer = link.ask(&Request::Since { cursor }, Instant::now() + PAGE, &PermitAll).await?;
    let Response::Entries { entries, next, more } = answer else { return Err(unexpected("since", &answer)) };
    let Some(service) = service.upgrade() else { return Ok(None) };
    let found = !entries.is_empty();
    let kept =
        tokio::task::spawn_blocking(move || entries.into_iter().filter(|e| service.adopt(&e.key, &e.sealed.0)).count());
    let kept = kept.await.map_err(|_| Failure::new("cancelled", "store", "the copying was cancelled"))?;
    if kept > 0 {
        tracing::debug!(address = link.address.canonical, kept, "copied entries");
    }
    Ok((more || found).then_some(next))
}

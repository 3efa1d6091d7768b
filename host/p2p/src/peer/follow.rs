//! Copies what another peer holds and comes to hold, as long as it is connected.

use super::contact::Contact;
use super::flow::{Origin, Position};
use crate::SharedSecret;
use crate::agreement::{NONCE, Side, Transcript};
use crate::envelope::ROOM;
use crate::store::StoreError;
use crate::wire::{Bytes, Request, Response, SealedEntry};
use libp2p::PeerId;
use seaworthy_model::Failure;
use std::time::Duration;
use tokio::time::sleep;

/// The other side is asked to wait this long for news.
const WAIT: Duration = Duration::from_secs(20);
/// Before the next try, after something went wrong.
const PAUSE: Duration = Duration::from_secs(1);
/// After a store of ours that failed, or a peer that makes no sense.
const LONG_PAUSE: Duration = Duration::from_secs(10);
/// A peer whose answer is empty is not asked more often than this.
const EMPTY_PAUSE: Duration = Duration::from_millis(50);
/// Tries to agree, before the other side is believed to hold another secret: with
/// several connections between two peers, two exchanges may get in each other's way.
const TRIES: u32 = 3;

/// Follows `peer` until the task is ended, or it turns out to have another secret,
/// or not to speak the protocol.
pub(super) async fn follow(contact: Contact, peer: PeerId) {
    let mut failed = 0;
    while let Some(failure) = follow_on(&contact, peer, &mut failed).await {
        match failure.kind.as_str() {
            "cancelled" => return,
            "different-secret" | "unauthenticated" | "unsupported" | "unsupported-version" => {
                failed += 1;
                if failed >= TRIES {
                    tracing::warn!(%peer, %failure, "a peer that is connected cannot be followed");
                    return;
                }
            }
            "protocol" | "malformed" => {
                tracing::warn!(%peer, %failure, "a peer that is followed makes no sense");
                sleep(LONG_PAUSE).await;
            }
            // The service has said it.
            "own-store" => sleep(LONG_PAUSE).await,
            _ => tracing::debug!(%peer, %failure, "the following of a peer was interrupted"),
        }
        sleep(PAUSE).await;
    }
}

/// Agrees on the secret and follows; none when we are ending. Forgets the tries that
/// `failed` when it got as far as following.
async fn follow_on(contact: &Contact, peer: PeerId, failed: &mut u32) -> Option<Failure> {
    let (own, own_store, secret, max_bytes, mut position) = {
        let service = contact.service()?;
        let max_bytes = (service.max_value + ROOM) as u64;
        (service.own, service.flow.id, service.secret.clone()?, max_bytes, service.flow.followed(&peer))
    };
    match agree(contact, own, peer, &secret).await {
        Ok(true) => {}
        Ok(false) => {
            return Some(Failure::new("different-secret", "agree", "the peer holds another shared secret, or none"));
        }
        Err(failure) => return Some(failure),
    }
    loop {
        let wait_ms = u64::try_from(WAIT.as_millis()).unwrap_or_default();
        let request = Request::Since { own_store, store: position.store, cursor: position.cursor, wait_ms, max_bytes };
        let (entries, next, more, share) = match contact.ask(peer, request).await {
            Ok((Response::Entries { store, entries, next, more }, share)) => {
                (entries, Position { store, cursor: next }, more, share)
            }
            Ok((other, _)) => return Some(crate::link::unexpected("since", &other)),
            Err(failure) => return Some(failure),
        };
        *failed = 0;
        if next.store == position.store && next.cursor < position.cursor {
            return Some(Failure::new("protocol", "answer", "the peer's cursor went back"));
        }
        let stuck = next == position && more;
        let empty = entries.is_empty();
        if !empty {
            // The cursor stays: the entries come again when our store works again.
            if let Err(error) = adopt(contact, Origin { peer, store: next.store }, entries).await? {
                return Some(Failure::new("own-store", "adopt", error.to_string()));
            }
        }
        drop(share);
        position = next;
        contact.service()?.flow.follows(peer, position);
        if stuck {
            return Some(Failure::new("protocol", "answer", "the peer promises more and does not give it"));
        }
        if empty && !more {
            sleep(EMPTY_PAUSE).await;
        }
    }
}

/// Takes entries in order, up to the first failure of our store. None when we are ending.
async fn adopt(contact: &Contact, from: Origin, entries: Vec<SealedEntry>) -> Option<Result<(), StoreError>> {
    let adopted = contact.run(move |service| {
        let take = |entry: &SealedEntry| service.adopt(&entry.key, &entry.sealed.0, from).map(u64::from);
        entries.iter().map(take).sum::<Result<u64, _>>()
    });
    Some(adopted.await?.map(|kept| {
        if kept > 0 {
            tracing::debug!(peer = %from.peer, kept, "copied entries");
        }
    }))
}

/// As `link::agree`, over the swarm's own connection.
async fn agree(contact: &Contact, own: PeerId, peer: PeerId, secret: &SharedSecret) -> Result<bool, Failure> {
    let dialler_nonce: [u8; NONCE] = rand::random();
    let agent = concat!("seaworthy/", env!("CARGO_PKG_VERSION")).to_owned();
    let hello = Request::Hello { nonce: Bytes(dialler_nonce.to_vec()), agent };
    let nonce = match contact.ask(peer, hello).await?.0 {
        Response::Hello { secret: false, .. } => return Ok(false),
        Response::Hello { nonce, .. } => nonce,
        other => return Err(crate::link::unexpected("hello", &other)),
    };
    let listener_nonce = nonce
        .0
        .try_into()
        .map_err(|_| Failure::new("protocol", "agree", format!("the peer's nonce does not have {NONCE} bytes")))?;
    let transcript = Transcript { dialler: own, listener: peer, dialler_nonce, listener_nonce };
    let proof = Bytes(transcript.proof(Side::Dialler, secret).to_vec());
    match contact.ask(peer, Request::Agree { proof }).await?.0 {
        Response::Agreed { proof } => Ok(transcript.proves(Side::Listener, secret, &proof.0)),
        Response::Different => Ok(false),
        other => Err(crate::link::unexpected("agree", &other)),
    }
}

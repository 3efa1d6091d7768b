//! Whether the peer can dial this machine: asked of the peer, which tries.

use super::{Climb, Line};
use crate::Node;
use crate::answering::Answering;
use crate::link::{SMALL, call, unexpected};
use crate::reach::Facts;
use crate::wire::{Request, Response};
use seaworthy_model::Failure;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::time::Instant;

/// Ports that one call may listen on.
const MOST_PORTS: usize = 8;
/// What the answer needs to come back, after the peer has given up.
const RETURN: Duration = Duration::from_millis(300);

/// Who answers at the ports that peers are asked to dial.
pub(super) type Listeners = BTreeMap<u16, Listener>;

pub(super) enum Listener {
    /// This node, for the time of the climb.
    Own(#[expect(dead_code, reason = "listens until it is dropped")] Answering),
    /// Another program of this machine.
    Other,
    /// Nobody can.
    None(io::Error),
}

/// Listens on the ports that `climbs` want to be dialled at.
pub(super) async fn listen(node: &Node, climbs: &[Climb]) -> Listeners {
    let mut listeners = Listeners::new();
    let wanted = climbs.iter().filter(|climb| climb.wants("dial-back") && climb.dial_back_port != 0);
    for port in wanted.map(|climb| climb.dial_back_port) {
        if listeners.contains_key(&port) || listeners.len() >= MOST_PORTS {
            continue;
        }
        let listener = match Answering::open(node, port).await {
            Ok(answering) => Listener::Own(answering),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Listener::Other,
            Err(error) => Listener::None(error),
        };
        listeners.insert(port, listener);
    }
    listeners
}

/// Asks the peer of `line` to dial this machine at `port`.
///
/// # Errors
/// The question failed, or nobody can listen on the port. That the peer could
/// not dial is an answer.
pub(super) async fn ask(line: &Line, port: u16, listeners: &Listeners) -> Result<((), Facts), Failure> {
    let listener = match listeners.get(&port) {
        Some(Listener::Own(_)) => "own",
        Some(Listener::Other) => "other",
        Some(Listener::None(error)) => {
            let failure = Failure::from_io("listen", error);
            return Err(Failure { message: format!("nobody can listen on port {port}: {error}"), ..failure });
        }
        None => return Err(Failure::new("exhausted", "listen", "too many ports to be dialled back at")),
    };
    let left = line.deadline.saturating_duration_since(Instant::now()).saturating_sub(RETURN);
    let timeout_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
    let question = Request::DialBack { port, timeout_ms };
    let (address, peer, failure) = match call(&line.session, &question, SMALL, line.deadline).await? {
        Response::DialedBack { address, peer, failure } => (address, peer, failure),
        other => return Err(unexpected("dial-back", &other)),
    };
    // Another peer of this machine at the port is another identity, and as reachable.
    let reachable = failure.as_ref().is_none_or(|failure| failure.kind == "wrong-peer-id");
    let mut facts = Facts::from([
        ("reachable".to_owned(), reachable.to_string()),
        ("address".to_owned(), address),
        ("port".to_owned(), port.to_string()),
        ("listener".to_owned(), listener.to_owned()),
    ]);
    if let Some(failure) = failure {
        for (key, value) in [("kind", failure.kind), ("stage", failure.stage), ("message", failure.message)] {
            facts.insert(key.into(), value);
        }
    }
    if let Some(peer) = peer {
        facts.insert("seen-peer-id".into(), peer);
    }
    Ok(((), facts))
}

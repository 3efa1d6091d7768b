//! How the tasks of a peer reach the swarm, and the store.

use super::push_codec::Returned;
use super::serve::Done;
use super::service::Service;
use crate::push::{PeerList, Reply};
use crate::wire::{Request, Response, Share};
use libp2p::request_response::ResponseChannel;
use libp2p::{Multiaddr, PeerId};
use seaworthy_model::Failure;
use std::sync::{Arc, Weak};
use tokio::sync::{mpsc, oneshot};

/// Where the outcome of a command goes.
pub(super) type Outcome<T> = oneshot::Sender<Result<T, Failure>>;

/// What the swarm is asked to do.
pub(super) enum Command {
    /// Ask a connected peer over our own protocol.
    Ask { peer: PeerId, request: Request, outcome: Outcome<(Response, Share)> },
    /// Push a token to a connected Python peer.
    Push { peer: PeerId, token: String, outcome: Outcome<Reply> },
    /// Exchange addresses with a connected Python peer.
    Exchange { peer: PeerId, outcome: Outcome<PeerList> },
    /// Keep the connections of a peer.
    Hold { peer: PeerId },
    /// Connect to one of `addresses`, which lead to `expected` when that is known.
    Dial { addresses: Vec<Multiaddr>, expected: Option<PeerId>, outcome: Outcome<Connected> },
    /// Reply to a pushed message.
    Reply { channel: ResponseChannel<Returned>, reply: Reply },
}

/// A connection that was made.
pub(super) struct Connected {
    pub(super) peer: PeerId,
    /// Ends when the last connection with the peer has ended.
    pub(super) gone: oneshot::Receiver<()>,
}

/// A handle of a running peer that does not keep it running.
#[derive(Clone)]
pub(super) struct Contact {
    commands: mpsc::Sender<Command>,
    service: Weak<Service>,
    done: mpsc::WeakSender<Done>,
}

impl Contact {
    pub(super) fn new(commands: mpsc::Sender<Command>, service: &Arc<Service>, done: &mpsc::Sender<Done>) -> Self {
        Self { commands, service: Arc::downgrade(service), done: done.downgrade() }
    }

    /// The service, for what does not block and is over at once.
    pub(super) fn service(&self) -> Option<Arc<Service>> {
        self.service.upgrade()
    }

    /// Where answers go; none when the peer is ending.
    pub(super) fn done(&self) -> Option<mpsc::Sender<Done>> {
        self.done.upgrade()
    }

    /// Returns when the peer has ended.
    pub(super) async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Does `work` where it may block. None when the peer is ending, which waits
    /// for what was begun.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Service) -> T + Send + 'static) -> Option<T> {
        let (service, done) = (self.service.upgrade()?, self.done.upgrade()?);
        let worked = tokio::task::spawn_blocking(move || {
            let outcome = work(&service);
            // In this order: when the last sender is gone, so is the store.
            drop(service);
            drop(done);
            outcome
        });
        worked.await.ok()
    }

    /// Asks `peer`.
    ///
    /// # Errors
    /// Those of the connection, at stage `answer`; the kind of a refusal.
    pub(super) async fn ask(&self, peer: PeerId, request: Request) -> Result<(Response, Share), Failure> {
        match self.order(|outcome| Command::Ask { peer, request, outcome }).await? {
            (Response::Refused { kind, message }, _) => {
                Err(Failure::new(&kind, "answer", format!("the peer refused: {message}")))
            }
            answer => Ok(answer),
        }
    }

    /// Pushes to `peer`.
    ///
    /// # Errors
    /// Those of the connection; `timeout` when it does not acknowledge.
    pub(super) async fn push(&self, peer: PeerId, token: String) -> Result<Reply, Failure> {
        self.order(|outcome| Command::Push { peer, token, outcome }).await
    }

    /// Exchanges addresses with `peer`.
    ///
    /// # Errors
    /// Those of the connection; `different-secret`; `protocol`.
    pub(super) async fn exchange(&self, peer: PeerId) -> Result<PeerList, Failure> {
        self.order(|outcome| Command::Exchange { peer, outcome }).await
    }

    /// Connects.
    ///
    /// # Errors
    /// Kind `self-dial` when it ends at ourselves, `unreachable` else.
    pub(super) async fn dial(&self, addresses: Vec<Multiaddr>, expected: Option<PeerId>) -> Result<Connected, Failure> {
        self.order(|outcome| Command::Dial { addresses, expected, outcome }).await
    }

    /// Keeps the connections of `peer`.
    pub(super) async fn hold(&self, peer: PeerId) {
        let _ = self.commands.send(Command::Hold { peer }).await;
    }

    /// Replies to a pushed message.
    pub(super) async fn reply(&self, channel: ResponseChannel<Returned>, reply: Reply) {
        let _ = self.commands.send(Command::Reply { channel, reply }).await;
    }

    async fn order<T>(&self, command: impl FnOnce(Outcome<T>) -> Command) -> Result<T, Failure> {
        let ending = || Failure::new("cancelled", "answer", "this peer is ending");
        let (outcome, answer) = oneshot::channel();
        self.commands.send(command(outcome)).await.map_err(|_| ending())?;
        answer.await.map_err(|_| ending())?
    }
}

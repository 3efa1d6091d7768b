//! What the swarm's task knows of each connected peer, and does for the tasks
//! that follow it or push to it.

use super::behaviour::{Answer, BehaviourEvent, Received};
use super::bucket::{Bucket, Rates};
use super::contact::{Command, Connected, Contact, Outcome};
use super::push_codec::{Parcel, Returned};
use super::serve::Server;
use super::service::Connection;
use super::{follow, pushing};
use crate::push::{PEER_EXCHANGE_REFUSAL, PUSH_PROTOCOL, Payload, PeerList, Reply};
use crate::session::io_failure;
use crate::wire::{CACHE_PROTOCOL, Frame, Request, Response, Share};
use libp2p::request_response::{Event, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify};
use seaworthy_model::Failure;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

/// Commands that wait for the swarm's task.
const QUEUE: usize = 256;
/// Addresses of one peer that others are told of.
const MAX_ADDRESSES: usize = 4;

/// What is known of the peers that are connected, and what is under way with them.
pub(super) struct Relations {
    pub(super) contact: Contact,
    commands: mpsc::Receiver<Command>,
    peers: HashMap<PeerId, Relation>,
    asked: HashMap<OutboundRequestId, Outcome<(Response, Share)>>,
    pushed: HashMap<OutboundRequestId, Outcome<Reply>>,
    exchanged: HashMap<OutboundRequestId, Outcome<PeerList>>,
    dials: HashMap<ConnectionId, Outcome<Connected>>,
    rates: Rates,
}

/// One connected peer.
struct Relation {
    connections: HashSet<ConnectionId>,
    bucket: Arc<Bucket>,
    following: Option<Task>,
    pushing: Option<Task>,
    /// Dropped with the last connection.
    gone: Vec<oneshot::Sender<()>>,
    /// Where it says that it listens.
    addresses: Vec<Multiaddr>,
    /// It is configured, or has shown that it holds our secret.
    trusted: bool,
}

/// A task that ends with its owner.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn is_over(task: Option<&Task>) -> bool {
    task.is_none_or(|task| task.0.is_finished())
}

impl Relations {
    /// `contact` is made around the sender of the commands that are read here.
    pub(super) fn new(rates: Rates, contact: impl FnOnce(mpsc::Sender<Command>) -> Contact) -> Self {
        let (sender, commands) = mpsc::channel(QUEUE);
        Self {
            contact: contact(sender),
            commands,
            peers: HashMap::new(),
            asked: HashMap::new(),
            pushed: HashMap::new(),
            exchanged: HashMap::new(),
            dials: HashMap::new(),
            rates,
        }
    }

    /// The next command of a task.
    pub(super) async fn command(&mut self) -> Option<Command> {
        self.commands.recv().await
    }

    /// A command that waits already.
    pub(super) fn waiting_command(&mut self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    /// What `peer` may still ask for.
    pub(super) fn bucket(&mut self, peer: PeerId) -> Arc<Bucket> {
        Arc::clone(&self.relation(peer).bucket)
    }

    fn relation(&mut self, peer: PeerId) -> &mut Relation {
        let rates = self.rates;
        self.peers.entry(peer).or_insert_with(|| Relation {
            connections: HashSet::new(),
            bucket: Arc::new(Bucket::new(rates, Instant::now())),
            following: None,
            pushing: None,
            gone: Vec::new(),
            addresses: Vec::new(),
            trusted: false,
        })
    }

    /// The other connections of `peer`.
    pub(super) fn siblings(&self, peer: &PeerId, connection: ConnectionId) -> Vec<ConnectionId> {
        let all = self.peers.get(peer).map(|relation| &relation.connections);
        all.into_iter().flatten().copied().filter(|id| *id != connection).collect()
    }

    fn connected(&mut self, peer: PeerId) -> Connected {
        let (sender, gone) = oneshot::channel();
        let relation = self.relation(peer);
        relation.gone.retain(|gone| !gone.is_closed());
        relation.gone.push(sender);
        Connected { peer, gone }
    }
}

impl Server {
    /// Keeps up with connections and with what is learned of peers.
    pub(super) fn relate(&mut self, event: &SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.relations.relation(*peer_id).connections.insert(*connection_id);
                if let Some(outcome) = self.relations.dials.remove(connection_id) {
                    let _ = outcome.send(Ok(self.relations.connected(*peer_id)));
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.relations.relation(*peer_id).connections.remove(connection_id);
                if *num_established == 0 {
                    self.relations.peers.remove(peer_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(outcome) = self.relations.dials.remove(connection_id) {
                    let _ = outcome.send(Err(dial_failure(error)));
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.identified(*peer_id, info);
            }
            _ => {}
        }
    }

    /// Follows a peer of ours, and pushes to one of the Python cache. One that
    /// speaks both is followed: it follows us in turn.
    fn identified(&mut self, peer: PeerId, info: &identify::Info) {
        if self.service.secret.is_none() || !self.swarm.is_connected(&peer) {
            return;
        }
        let speaks = |name: &str| info.protocols.iter().any(|protocol| protocol.as_ref() == name);
        let contact = self.relations.contact.clone();
        let news = self.service.flow.news();
        let relation = self.relations.relation(peer);
        if info.listen_addrs.len() <= 64 && !info.listen_addrs.is_empty() {
            relation.addresses = tellable(info.listen_addrs.iter(), peer);
        }
        if speaks(CACHE_PROTOCOL) {
            if is_over(relation.following.as_ref()) {
                relation.following = Some(Task(tokio::spawn(follow::follow(contact, peer)).abort_handle()));
            }
        } else if speaks(PUSH_PROTOCOL) && is_over(relation.pushing.as_ref()) {
            relation.pushing = Some(Task(tokio::spawn(pushing::push_all(contact, peer, news)).abort_handle()));
        }
    }

    /// Does what a task asks for.
    pub(super) fn on_command(&mut self, command: Command) {
        let gone = || Failure::new("closed", "stream", "the peer is not connected any more");
        match command {
            Command::Ask { peer, request, outcome } if self.swarm.is_connected(&peer) => {
                let id = self.swarm.behaviour_mut().cache.send_request(&peer, Received::to_send(request));
                self.relations.asked.insert(id, outcome);
            }
            Command::Push { peer, token, outcome } if self.swarm.is_connected(&peer) => {
                let id = self.swarm.behaviour_mut().push.send_request(&peer, Parcel::Out(token));
                self.relations.pushed.insert(id, outcome);
            }
            Command::Exchange { peer, outcome } if self.swarm.is_connected(&peer) => match self.own_list(&peer) {
                Some(token) => {
                    let id = self.swarm.behaviour_mut().peer_exchange.send_request(&peer, Parcel::Out(token));
                    self.relations.exchanged.insert(id, outcome);
                }
                None => drop(outcome.send(Err(Failure::new("different-secret", "seal", "we have no secret")))),
            },
            Command::Ask { outcome, .. } => drop(outcome.send(Err(gone()))),
            Command::Push { outcome, .. } => drop(outcome.send(Err(gone()))),
            Command::Exchange { outcome, .. } => drop(outcome.send(Err(gone()))),
            Command::Hold { peer } => self.keep(peer),
            Command::Dial { addresses, expected, outcome } => self.dial(addresses, expected, outcome),
            Command::Reply { channel, reply } => self.reply(channel, &reply),
        }
    }

    fn keep(&mut self, peer: PeerId) {
        if let Some(relation) = self.relations.peers.get_mut(&peer) {
            relation.trusted = true;
            self.swarm.behaviour_mut().hold.keep(peer, relation.connections.iter().copied());
        }
    }

    fn dial(&mut self, addresses: Vec<Multiaddr>, expected: Option<PeerId>, outcome: Outcome<Connected>) {
        let options = match (expected, addresses.first()) {
            (Some(peer), _) if self.swarm.is_connected(&peer) => {
                let _ = outcome.send(Ok(self.relations.connected(peer)));
                return;
            }
            (Some(peer), _) => DialOpts::peer_id(peer).addresses(addresses).build(),
            (None, Some(address)) => DialOpts::unknown_peer_id().address(address.clone()).build(),
            (None, None) => return,
        };
        let id = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => drop(self.relations.dials.insert(id, outcome)),
            Err(error) => drop(outcome.send(Err(dial_failure(&error)))),
        }
    }

    /// Answers of our own protocol, to what we asked.
    pub(super) fn on_answer(&mut self, event: Event<Received, Answer>) {
        match event {
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(outcome) = self.relations.asked.remove(&request_id) {
                    let _ = outcome.send(Ok((response.response, response.share)));
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some(outcome) = self.relations.asked.remove(&request_id) {
                    let _ = outcome.send(Err(outbound_failure(&error, CACHE_PROTOCOL)));
                }
            }
            _ => {}
        }
    }

    /// Messages of the push protocol, and replies to ours.
    pub(super) fn on_push(&mut self, event: Event<Parcel, Returned>) {
        match event {
            Event::Message {
                peer, message: Message::Request { request: Parcel::In(payload), channel, .. }, ..
            } => {
                if self.relations.bucket(peer).take(size(&payload), Instant::now()).is_err() {
                    self.service.flow.counters.now().rate_limited += 1;
                    return self.reply(channel, &Reply::error("Rate limited"));
                }
                if matches!(payload, Payload::Opened(_)) && self.relations.relation(peer).pushing.is_some() {
                    self.keep(peer);
                }
                // The end waits for what was taken, until its reply is on its way.
                let (contact, done) = (self.relations.contact.clone(), self.done.clone());
                tokio::spawn(async move {
                    if let Some(reply) = contact.run(move |service| service.take_push(payload, peer)).await {
                        contact.reply(channel, reply).await;
                    }
                    drop(done);
                });
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let (Some(outcome), Returned::Word(reply)) = (self.relations.pushed.remove(&request_id), response) {
                    let _ = outcome.send(Ok(reply));
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some(outcome) = self.relations.pushed.remove(&request_id) {
                    let _ = outcome.send(Err(outbound_failure(&error, PUSH_PROTOCOL)));
                }
            }
            _ => {}
        }
    }

    pub(super) fn reply(&mut self, channel: ResponseChannel<Returned>, reply: &Reply) {
        let _ = self.swarm.behaviour_mut().push.send_response(channel, Returned::Out(reply.text().to_owned()));
    }

    /// Messages of the peer exchange, and replies to ours.
    pub(super) fn on_exchange(&mut self, event: Event<Parcel, Returned>) {
        match event {
            Event::Message {
                peer, message: Message::Request { request: Parcel::In(payload), channel, .. }, ..
            } => {
                let allowed = self.relations.bucket(peer).take(size(&payload), Instant::now()).is_ok();
                let read = match payload {
                    Payload::Opened(plaintext) if allowed => PeerList::read(&plaintext).ok(),
                    _ => None,
                };
                if !allowed {
                    self.service.flow.counters.now().rate_limited += 1;
                } else if read.is_none() {
                    self.service.flow.counters.refused("peer-exchange");
                }
                let answer = read.and_then(|_| self.own_list(&peer)).unwrap_or_else(|| PEER_EXCHANGE_REFUSAL.into());
                let _ = self.swarm.behaviour_mut().peer_exchange.send_response(channel, Returned::Out(answer));
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let (Some(outcome), Returned::Message(payload)) =
                    (self.relations.exchanged.remove(&request_id), response)
                {
                    let _ = outcome.send(crate::push::read_answer(payload));
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some(outcome) = self.relations.exchanged.remove(&request_id) {
                    let _ = outcome.send(Err(outbound_failure(&error, crate::push::PEER_EXCHANGE_PROTOCOL)));
                }
            }
            _ => {}
        }
    }

    /// The message that tells `to` of us and of those we know.
    fn own_list(&self, to: &PeerId) -> Option<String> {
        let own = *self.swarm.local_peer_id();
        let announced: Vec<&Multiaddr> = self.swarm.external_addresses().collect();
        let addrs = match announced.is_empty() {
            true => tellable(self.swarm.listeners(), own),
            false => tellable(announced.into_iter(), own),
        };
        // A stranger must not have its addresses spread.
        let agreed = |id: &ConnectionId| self.connections.get(id).is_some_and(Connection::agreed);
        let trusted = |relation: &Relation| relation.trusted || relation.connections.iter().any(agreed);
        let others = self.relations.peers.iter().filter(|(peer, relation)| *peer != to && trusted(relation));
        let list = PeerList {
            addrs: addrs.iter().map(Multiaddr::to_string).collect(),
            peers: others.flat_map(|(_, relation)| relation.addresses.iter().map(Multiaddr::to_string)).collect(),
            ts: crate::envelope::now_ms() as f64 / 1000.0,
        };
        self.service.flow.envelope.as_ref()?.seal(list.plaintext().as_bytes()).ok()
    }

    /// What was agreed with a peer on one of its connections holds for the others.
    pub(super) fn share_agreement(&mut self, peer: &PeerId, connection: ConnectionId, frame: &Frame<Request>) {
        let siblings = self.relations.siblings(peer, connection);
        if siblings.is_empty() {
            return;
        }
        let proves = matches!(frame, Frame::Message(Request::Agree { .. }));
        let Some(mut own) = self.connections.remove(&connection) else { return };
        for id in siblings {
            if let Some(sibling) = self.connections.get_mut(&id) {
                own.inherit(sibling, proves);
            }
        }
        self.connections.insert(connection, own);
    }
}

/// Addresses of `peer` that others can dial: those beyond loopback, if there are any.
fn tellable<'a>(addresses: impl Iterator<Item = &'a Multiaddr>, peer: PeerId) -> Vec<Multiaddr> {
    let whole = addresses.filter_map(|address| address.clone().with_p2p(peer).ok());
    let (near, far): (Vec<_>, Vec<_>) = whole.filter(crate::push::is_worth_telling).partition(crate::push::is_loopback);
    let mut chosen = if far.is_empty() { near } else { far };
    chosen.truncate(MAX_ADDRESSES);
    chosen
}

fn size(payload: &Payload) -> usize {
    match payload {
        Payload::Opened(bytes) | Payload::Plain(bytes) => bytes.len(),
        Payload::Unreadable { length, .. } => *length,
        Payload::TooLarge | Payload::Exhausted => crate::push::MAX_TOKEN,
    }
}

fn dial_failure(error: &DialError) -> Failure {
    match error {
        DialError::LocalPeerId { .. } => Failure::new("self-dial", "noise", "the address leads to this very peer"),
        DialError::WrongPeerId { obtained, .. } => Failure::new(
            "wrong-peer-id",
            "noise",
            format!(
                "the peer there is {obtained}, another one than the address names, or the same one after a restart with a new identity"
            ),
        ),
        DialError::Transport(tried) => {
            // The text of the outermost error says nothing; the innermost says what the system said.
            let reasons: Vec<String> =
                tried.iter().map(|(address, error)| format!("{address}: {}", innermost(error))).collect();
            Failure::new("unreachable", "connect", reasons.join("; "))
        }
        other => Failure::new("unreachable", "connect", other.to_string()),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn outbound_failure(error: &OutboundFailure, protocol: &str) -> Failure {
    match error {
        OutboundFailure::Timeout => Failure::timeout("answer", "the peer did not answer in time"),
        OutboundFailure::UnsupportedProtocols => {
            Failure::new("unsupported", "stream", format!("the peer does not speak {protocol}"))
        }
        OutboundFailure::Io(e) => io_failure("answer", e),
        OutboundFailure::DialFailure | OutboundFailure::ConnectionClosed => {
            Failure::new("closed", "answer", "the connection ended before the answer")
        }
    }
}

use super::behaviour::{Answer, BUDGET, Behaviour, BehaviourEvent, Received};
use super::listen;
use super::metrics::Question;
use super::monitor::{BEAT, Pulse};
use super::service::{Admission, Connection, Service};
use crate::wire::{Budget, Response};
use futures::StreamExt as _;
use libp2p::PeerId;
use libp2p::request_response::{self, InboundRequestId, Message, ResponseChannel};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, Swarm};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

/// Expired entries are removed this often; they are never served in between.
const PURGE: Duration = Duration::from_secs(60);
/// After a failure of the store, it is tried this often whether it works again.
const RECOVER: Duration = Duration::from_secs(5);

pub(super) type Done = (ResponseChannel<Answer>, Answer);

/// The task of a peer: moves the swarm, hands requests to the service.
pub(super) struct Server {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) service: Arc<Service>,
    pub(super) listening: Arc<RwLock<Vec<Multiaddr>>>,
    pub(super) pulse: Arc<Pulse>,
    connections: HashMap<ConnectionId, Connection>,
    /// Requests that were read and whose answers are not sent yet.
    pub(super) open: HashSet<InboundRequestId>,
    pub(super) done: mpsc::Sender<Done>,
    pub(super) results: mpsc::Receiver<Done>,
    answers: Arc<Budget>,
}

impl Server {
    pub(super) fn new(swarm: Swarm<Behaviour>, service: Arc<Service>, listening: Arc<RwLock<Vec<Multiaddr>>>) -> Self {
        let (done, results) = mpsc::channel(64);
        let answers = Budget::new(BUDGET);
        let (connections, open, pulse) = (HashMap::new(), HashSet::new(), Arc::new(Pulse::new()));
        Self { swarm, service, listening, pulse, connections, open, done, results, answers }
    }

    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut purge = interval(PURGE);
        purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut recover = interval(RECOVER);
        recover.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((channel, answer)) = self.results.recv() => self.respond(channel, answer),
                _ = purge.tick() => self.upkeep(Service::purge),
                _ = recover.tick() => if self.service.needs_recovery() { self.upkeep(Service::recover) },
                _ = beat.tick() => self.pulse.beat(),
                _ = &mut stop => break,
            }
        }
        self.drain().await;
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        listen::note(&event, &self.listening);
        self.watch(&event);
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.connections.insert(connection_id, Connection::new(peer_id));
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => drop(self.connections.remove(&connection_id)),
            SwarmEvent::Behaviour(BehaviourEvent::Cache(request_response::Event::Message {
                peer,
                connection_id,
                message: Message::Request { request, channel, .. },
            })) => {
                let connection = self.connections.entry(connection_id).or_insert_with(|| Connection::new(peer));
                let question = Question::of(&request.frame);
                match self.service.admit(connection, request.frame) {
                    Admission::Answer(response) => {
                        self.service.answered(&peer, question, &response);
                        self.respond(channel, Answer { response, share: None });
                    }
                    Admission::Work(work) => {
                        self.work((peer, question), channel, Received { frame: work, share: request.share });
                    }
                }
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                tracing::debug!(%error, %send_back_addr, "a connection did not come about");
            }
            _ => {}
        }
    }

    /// Works apart from the swarm: a sync to disk must not delay other answers.
    fn work(&self, asked: (PeerId, Question), channel: ResponseChannel<Answer>, received: Received) {
        let (service, done, answers) = (Arc::clone(&self.service), self.done.clone(), Arc::clone(&self.answers));
        tokio::task::spawn_blocking(move || {
            // A client that does not read what it asked for holds no more than the budget.
            let share = answers.take(service.answer_size(&received.frame));
            let response = match &share {
                Some(_) => service.work(received.frame),
                None => Response::refused("exhausted", "too many large answers at a time"),
            };
            service.answered(&asked.0, asked.1, &response);
            drop((service, received.share));
            // The receiver is gone only when the peer has stopped.
            let _ = done.blocking_send((channel, Answer { response, share }));
        });
    }

    pub(super) fn respond(&mut self, channel: ResponseChannel<Answer>, answer: Answer) {
        if self.swarm.behaviour_mut().cache.send_response(channel, answer).is_err() {
            tracing::debug!("a request was given up before its answer");
        }
    }

    /// Work on the store that nobody asked for.
    fn upkeep(&self, work: fn(&Service)) {
        let (service, done) = (Arc::clone(&self.service), self.done.clone());
        tokio::task::spawn_blocking(move || {
            work(&service);
            drop(service);
            drop(done);
        });
    }
}

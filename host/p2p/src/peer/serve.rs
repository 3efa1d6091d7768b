use super::behaviour::{Answer, BUDGET, Behaviour, BehaviourEvent, Received};
use super::service::{Admission, Connection, Service};
use super::surroundings::Surroundings;
use crate::wire::{Budget, Response};
use futures::StreamExt as _;
use libp2p::Swarm;
use libp2p::request_response::{self, Message, ResponseChannel};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Expired entries are removed this often; they are never served in between.
const PURGE: Duration = Duration::from_secs(60);
/// Work in progress may take this long at the end.
const FINISH: Duration = Duration::from_secs(5);

type Done = (ResponseChannel<Answer>, Answer);

/// The task of a peer: moves the swarm, hands requests to the service.
pub(super) struct Server {
    swarm: Swarm<Behaviour>,
    service: Arc<Service>,
    surroundings: Surroundings,
    connections: HashMap<ConnectionId, Connection>,
    done: mpsc::Sender<Done>,
    results: mpsc::Receiver<Done>,
    answers: Arc<Budget>,
}

impl Server {
    pub(super) fn new(swarm: Swarm<Behaviour>, service: Arc<Service>, surroundings: Surroundings) -> Self {
        let (done, results) = mpsc::channel(64);
        let answers = Budget::new(BUDGET);
        Self { swarm, service, surroundings, connections: HashMap::new(), done, results, answers }
    }

    /// Takes up what happened while the listeners began.
    pub(super) fn begin(&mut self, early: Vec<SwarmEvent<BehaviourEvent>>) {
        early.into_iter().for_each(|event| self.on_event(event));
    }

    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut purge = interval(PURGE);
        purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((channel, answer)) = self.results.recv() => self.respond(channel, answer),
                _ = purge.tick() => self.purge(),
                due = self.surroundings.next() => self.surroundings.act(&mut self.swarm, due),
                _ = &mut stop => break,
            }
        }
        // Every worker holds a sender; when the last one is gone, all is committed.
        let Self { done, mut results, mut swarm, .. } = self;
        drop(done);
        let finish = async {
            while let Some((channel, answer)) = results.recv().await {
                let _ = swarm.behaviour_mut().cache.send_response(channel, answer);
            }
        };
        if timeout(FINISH, finish).await.is_err() {
            tracing::warn!("requests were still in progress at the end");
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.surroundings.on_event(&mut self.swarm, &event);
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
                match self.service.admit(connection, request.frame) {
                    Admission::Answer(response) => self.respond(channel, Answer { response, share: None }),
                    Admission::Work(work) => self.work(channel, Received { frame: work, share: request.share }),
                }
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                tracing::debug!(%error, %send_back_addr, "a connection did not come about");
            }
            _ => {}
        }
    }

    /// Works apart from the swarm: a sync to disk must not delay other answers.
    fn work(&self, channel: ResponseChannel<Answer>, received: Received) {
        let (service, done, answers) = (Arc::clone(&self.service), self.done.clone(), Arc::clone(&self.answers));
        tokio::task::spawn_blocking(move || {
            // A client that does not read what it asked for holds no more than the budget.
            let share = answers.take(service.answer_size(&received.frame));
            let response = match &share {
                Some(_) => service.work(received.frame),
                None => Response::refused("exhausted", "too many large answers at a time"),
            };
            drop((service, received.share));
            // The receiver is gone only when the peer has stopped.
            let _ = done.blocking_send((channel, Answer { response, share }));
        });
    }

    fn respond(&mut self, channel: ResponseChannel<Answer>, answer: Answer) {
        if self.swarm.behaviour_mut().cache.send_response(channel, answer).is_err() {
            tracing::debug!("a request was given up before its answer");
        }
    }

    fn purge(&self) {
        let (service, done) = (Arc::clone(&self.service), self.done.clone());
        tokio::task::spawn_blocking(move || {
            service.purge();
            drop(service);
            drop(done);
        });
    }
}

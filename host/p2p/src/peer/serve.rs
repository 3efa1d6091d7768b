use super::behaviour::{Answer, BUDGET, Behaviour, BehaviourEvent, Received};
use super::dial_back::{Dialler, Wanted};
use super::listen;
use super::service::{Admission, Connection, Service};
use crate::wire::{Budget, Response};
use futures::StreamExt as _;
use libp2p::request_response::{self, Message, ResponseChannel};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, Swarm};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
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
    listening: Arc<RwLock<Vec<Multiaddr>>>,
    connections: HashMap<ConnectionId, Connection>,
    done: mpsc::Sender<Done>,
    results: mpsc::Receiver<Done>,
    answers: Arc<Budget>,
    dialler: Arc<Dialler>,
}

impl Server {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        service: Arc<Service>,
        listening: Arc<RwLock<Vec<Multiaddr>>>,
        dialler: Dialler,
    ) -> Self {
        let (done, results) = mpsc::channel(64);
        let answers = Budget::new(BUDGET);
        let dialler = Arc::new(dialler);
        Self { swarm, service, listening, connections: HashMap::new(), done, results, answers, dialler }
    }

    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut purge = interval(PURGE);
        purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((channel, answer)) = self.results.recv() => self.respond(channel, answer),
                _ = purge.tick() => self.purge(),
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
        listen::note(&event, &self.listening);
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let connection = Connection::new(peer_id).from(endpoint.get_remote_address());
                self.connections.insert(connection_id, connection);
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
                    Admission::DialBack(wanted) => self.dial_back(channel, wanted),
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

    /// Dials apart from the swarm, and answers when that has ended.
    fn dial_back(&self, channel: ResponseChannel<Answer>, wanted: Wanted) {
        let (dialler, done) = (Arc::clone(&self.dialler), self.done.clone());
        tokio::spawn(async move {
            let response = dialler.dial(wanted).await;
            let _ = done.send((channel, Answer { response, share: None })).await;
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

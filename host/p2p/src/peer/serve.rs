use super::behaviour::{Answer, BUDGET, Behaviour, BehaviourEvent, Received};
use super::bucket::Rates;
use super::contact::Contact;
use super::dial_back::{Dialler, Wanted};
use super::flow::{Origin, Position};
use super::metrics::Question;
use super::monitor::{BEAT, Pulse};
use super::relations::Relations;
use super::service::{Admission, Connection, Service};
use super::since::{self, Follower};
use super::surroundings::Surroundings;
use crate::wire::{Budget, Frame, Request, Response};
use futures::StreamExt as _;
use libp2p::request_response::{self, InboundRequestId, Message, ResponseChannel};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{PeerId, Swarm};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Expired entries are removed this often; they are never served in between.
const PURGE: Duration = Duration::from_secs(60);
/// After a failure of the store, it is tried this often whether it works again.
const RECOVER: Duration = Duration::from_secs(5);
/// One who waits for something new is answered after this time in any case, well
/// before its request times out.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// An answer, and where it goes.
pub(super) type Done = (ResponseChannel<Answer>, Answer);

/// The task of a peer: moves the swarm, hands requests to the service.
pub(super) struct Server {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) service: Arc<Service>,
    pub(super) surroundings: Surroundings,
    pub(super) pulse: Arc<Pulse>,
    pub(super) connections: HashMap<ConnectionId, Connection>,
    pub(super) relations: Relations,
    /// Requests that were read and whose answers are not sent yet.
    pub(super) open: HashSet<InboundRequestId>,
    /// The same of pushed messages.
    pub(super) open_pushes: HashSet<InboundRequestId>,
    pub(super) done: mpsc::Sender<Done>,
    pub(super) results: mpsc::Receiver<Done>,
    answers: Arc<Budget>,
    dialler: Arc<Dialler>,
    /// Work on the store that nobody asked for, one at a time.
    upkeep: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        service: Arc<Service>,
        surroundings: Surroundings,
        dialler: Dialler,
        rates: Rates,
    ) -> Self {
        let (done, results) = mpsc::channel(64);
        let answers = Budget::new(BUDGET);
        let dialler = Arc::new(dialler);
        let relations = Relations::new(rates, |commands| Contact::new(commands, &service, &done));
        Self {
            swarm,
            service,
            surroundings,
            pulse: Arc::new(Pulse::new()),
            connections: HashMap::new(),
            relations,
            open: HashSet::new(),
            open_pushes: HashSet::new(),
            done,
            results,
            answers,
            dialler,
            upkeep: None,
        }
    }

    /// Takes up what happened while the listeners began.
    pub(super) fn begin(&mut self, early: Vec<SwarmEvent<BehaviourEvent>>) {
        early.into_iter().for_each(|event| self.on_event(event));
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
                Some(command) = self.relations.command() => self.on_command(command),
                _ = purge.tick() => self.upkeep(Service::purge),
                _ = recover.tick() => if self.service.needs_recovery() { self.upkeep(Service::recover) },
                _ = beat.tick() => self.pulse.beat(),
                due = self.surroundings.next() => self.surroundings.act(&mut self.swarm, due),
                _ = &mut stop => break,
            }
        }
        // Those who wait for news end now.
        self.service.flow.close();
        self.drain().await;
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.surroundings.on_event(&mut self.swarm, &event);
        self.relate(&event);
        self.watch(&event);
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
                if let Some(refusal) = self.refuse_crowd(peer, &request.frame) {
                    self.service.answered(&peer, Question::of(&request.frame), &refusal);
                    return self.respond(channel, Answer { response: refusal, share: None });
                }
                self.share_agreement(&peer, connection_id, &request.frame);
                let connection = self.connections.entry(connection_id).or_insert_with(|| Connection::new(peer));
                let question = Question::of(&request.frame);
                let admission = self.service.admit(connection, request.frame);
                if let Some(scope) = &request.scope {
                    scope.set_agreed(connection.agreed());
                }
                match admission {
                    Admission::Answer(response) => {
                        self.service.answered(&peer, question, &response);
                        self.respond(channel, Answer { response, share: None });
                    }
                    Admission::Work(Frame::Message(Request::Since {
                        own_store,
                        store,
                        cursor,
                        wait_ms,
                        max_bytes,
                    })) => {
                        let wait = Duration::from_millis(wait_ms).min(LONGEST_WAIT);
                        let position = Position { store, cursor };
                        let origin = Origin { peer, store: own_store };
                        self.answer_follower(question, channel, Follower { origin, position, wait, max_bytes });
                    }
                    Admission::Work(work) => {
                        let received = Received { frame: work, share: request.share, scope: None };
                        self.work((peer, question), channel, received);
                    }
                    Admission::DialBack(wanted) => self.dial_back((peer, question), channel, wanted),
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Cache(event)) => self.on_answer(event),
            SwarmEvent::Behaviour(BehaviourEvent::Push(event)) => self.on_push(event),
            SwarmEvent::Behaviour(BehaviourEvent::PeerExchange(event)) => self.on_exchange(event),
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                tracing::debug!(%error, %send_back_addr, "a connection did not come about");
            }
            _ => {}
        }
    }

    /// The refusal of a request of one who asks too much.
    fn refuse_crowd(&mut self, peer: PeerId, frame: &Frame<Request>) -> Option<Response> {
        let bytes = match frame {
            Frame::Message(Request::Put { sealed, .. }) => sealed.0.len(),
            Frame::Message(Request::Get { .. }) => self.service.answer_size(frame),
            Frame::TooLarge(length) => usize::try_from(*length).unwrap_or(usize::MAX).min(BUDGET),
            _ => 0,
        };
        let refusal = self.relations.bucket(peer).take(bytes, std::time::Instant::now()).err()?;
        self.service.flow.counters.now().rate_limited += 1;
        Some(Response::refused("rate-limited", refusal))
    }

    /// Answers one who follows us, when there is something new.
    fn answer_follower(&mut self, question: Question, channel: ResponseChannel<Answer>, follower: Follower) {
        let (contact, answers) = (self.relations.contact.clone(), Arc::clone(&self.answers));
        let peer = follower.origin.peer;
        let bucket = self.relations.bucket(peer);
        tokio::spawn(async move {
            let answer = since::answer(&contact, follower, &answers, || channel.is_open()).await;
            if let (Some(answer), Some(done)) = (answer, contact.done()) {
                bucket.charge(since::size(&answer.response), std::time::Instant::now());
                if let Some(service) = contact.service() {
                    // What it waited for is not how long it took us.
                    service.answered(&peer, question.anew(), &answer.response);
                }
                let _ = done.send((channel, answer)).await;
            }
        });
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

    /// Dials apart from the swarm, and answers when that has ended.
    fn dial_back(&self, (peer, question): (PeerId, Question), channel: ResponseChannel<Answer>, wanted: Wanted) {
        // It changes nothing here, so the end of the peer does not wait for it.
        let (dialler, service, done) =
            (Arc::clone(&self.dialler), Arc::downgrade(&self.service), self.done.downgrade());
        tokio::spawn(async move {
            let response = dialler.dial(wanted).await;
            if let Some(service) = service.upgrade() {
                service.answered(&peer, question, &response);
            }
            if let Some(done) = done.upgrade() {
                let _ = done.send((channel, Answer { response, share: None })).await;
            }
        });
    }

    pub(super) fn respond(&mut self, channel: ResponseChannel<Answer>, answer: Answer) {
        if self.swarm.behaviour_mut().cache.send_response(channel, answer).is_err() {
            tracing::debug!("a request was given up before its answer");
        }
    }

    /// Work on the store that nobody asked for. On a disk that hangs it is not begun
    /// again and again: what is left out now comes with its next tick.
    fn upkeep(&mut self, work: fn(&Service)) {
        if self.upkeep.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (service, done) = (Arc::clone(&self.service), self.done.clone());
        self.upkeep = Some(tokio::task::spawn_blocking(move || {
            work(&service);
            drop(service);
            drop(done);
        }));
    }
}

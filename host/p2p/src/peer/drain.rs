use super::behaviour::BehaviourEvent;
use super::contact::Command;
use super::serve::Server;
use futures::StreamExt as _;
use libp2p::PeerId;
use libp2p::request_response::{self, Message};
use libp2p::swarm::SwarmEvent;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Work in progress may take this long at the end.
const FINISH: Duration = Duration::from_secs(5);
/// Answers that were written last get so long to leave: a connection that closes stops
/// collecting what its streams still hold as soon as one of them has nothing ready
/// (yamux 0.14, `connection/closing.rs`).
const LEAVE: Duration = Duration::from_millis(50);
/// Saying goodbye may take this long.
const GOODBYE: Duration = Duration::from_millis(500);

impl Server {
    /// Ends well: takes no further connection or request, answers what it has
    /// taken, and says goodbye. All of it is bounded.
    pub(super) async fn drain(mut self) {
        self.pulse.stop();
        let limits = std::mem::take(self.swarm.behaviour_mut().limits_mut());
        *self.swarm.behaviour_mut().limits_mut() =
            limits.with_max_established_incoming(Some(0)).with_max_pending_incoming(Some(0));
        // Every worker holds a sender; when the last one is gone, all is committed.
        drop(std::mem::replace(&mut self.done, mpsc::channel(1).0));
        let deadline = Instant::now() + FINISH;
        let mut working = true;
        while working || !self.open.is_empty() || !self.open_pushes.is_empty() {
            tokio::select! {
                event = self.swarm.select_next_some() => self.last(&event),
                result = self.results.recv(), if working => match result {
                    Some((channel, answer)) => self.respond(channel, answer),
                    None => {
                        working = false;
                        while let Some(command) = self.relations.waiting_command() {
                            self.last_command(command);
                        }
                    }
                },
                Some(command) = self.relations.command() => self.last_command(command),
                () = sleep_until(deadline) => {
                    let requests = self.open.len() + self.open_pushes.len();
                    tracing::warn!(requests, "requests were still in progress at the end");
                    break;
                }
            }
        }
        let _ = timeout(LEAVE, self.until_alone()).await;
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let _ = timeout(GOODBYE, self.until_alone()).await;
        self.service.say_totals();
    }

    async fn until_alone(&mut self) {
        while self.swarm.connected_peers().next().is_some() {
            let event = self.swarm.select_next_some().await;
            self.last(&event);
        }
    }

    /// An event after the end was asked for: a request that comes now is dropped,
    /// which its sender sees as a connection that ends, and tries elsewhere.
    fn last(&mut self, event: &SwarmEvent<BehaviourEvent>) {
        self.surroundings.on_event(&mut self.swarm, event);
        let late = matches!(
            event,
            SwarmEvent::Behaviour(
                BehaviourEvent::Cache(request_response::Event::Message { message: Message::Request { .. }, .. })
                    | BehaviourEvent::Push(request_response::Event::Message { message: Message::Request { .. }, .. })
            )
        );
        if !late {
            self.watch(event);
        }
    }

    /// A command after the end was asked for: what is still to be said to somebody
    /// is said, and who wants anything else is told that this peer is ending.
    fn last_command(&mut self, command: Command) {
        if let Command::Reply { channel, reply } = command {
            self.reply(channel, &reply);
        }
    }
}

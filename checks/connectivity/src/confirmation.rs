use crate::address::Endpoint;
use crate::banner::{Speech, first_line, looks_enciphered, recognise};
use crate::budget::Budget;
use crate::reply::Reply;
use crate::surroundings::Surroundings;
use crate::verdict::Afterwards;
use seaworthy_check_sdk::env::system;
use seaworthy_check_sdk::kit::progress;
use seaworthy_check_sdk::net::tcp;
use seaworthy_check_sdk::{inspect, ip};

/// Two ports that hardly anyone serves: what a host answers there, it answers by itself.
const CONTROL_PORTS: [u16; 2] = [1, 47113];
/// Hosts beyond this many are judged by the dial alone.
const MOST_HOSTS: usize = 128;
/// What an HTTP server answers and a libp2p peer hangs up on.
const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// How far the dial to a peer got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No TCP connection.
    Connect,
    /// No answer over UDP.
    Datagram,
    /// A connection, but no libp2p greeting.
    Greeting,
}

/// What the second round brought about one peer.
#[derive(Debug, Default)]
pub(crate) struct Confirmation {
    pub(crate) again: Option<Reply>,
    pub(crate) control: Vec<(u16, Reply)>,
    pub(crate) around: Surroundings,
    pub(crate) afterwards: Afterwards,
    /// Protocol and first line of what was said, where it is not libp2p.
    pub(crate) speech: Option<(&'static str, String)>,
    /// What was said that looks enciphered.
    pub(crate) enciphered: Vec<Vec<u8>>,
    /// Observations of the second round about this peer.
    pub(crate) seen: Vec<u32>,
}

/// Asks again about the peers whose dial failed, all at once: the same port, other ports
/// of the same host, and what our own machine knows of the way there.
pub(crate) fn confirm(failed: &[(&Endpoint, Stage)], budget: Budget) -> Vec<Confirmation> {
    let mut confirmations: Vec<Confirmation> = failed.iter().map(|_| Confirmation::default()).collect();
    let Some(timeout) = budget.confirmation(progress::remaining_ms()) else { return confirmations };
    if failed.is_empty() {
        return confirmations;
    }
    let mut attempts = Vec::new();
    let mut asked: Vec<(usize, Question)> = Vec::new();
    for (index, (endpoint, stage)) in failed.iter().enumerate().take(MOST_HOSTS) {
        let mut ask = |question, target: String, payload: &[u8], read_max| {
            asked.push((index, question));
            attempts.push(tcp::Attempt { target, timeout, payload: payload.to_vec(), read_max });
        };
        match stage {
            Stage::Connect => {
                ask(Question::Again, endpoint.socket(), &[], 0);
                for port in CONTROL_PORTS.into_iter().filter(|port| *port != endpoint.port) {
                    ask(Question::Control(port), endpoint.with_port(port), &[], 0);
                }
            }
            // TCP on the same machine tells a dead machine from UDP that is dropped.
            Stage::Datagram => {
                let ports = CONTROL_PORTS.into_iter().filter(|port| *port != endpoint.port);
                for port in std::iter::once(endpoint.port).chain(ports) {
                    ask(Question::Control(port), endpoint.with_port(port), &[], 0);
                }
            }
            Stage::Greeting => {
                ask(Question::Listen, endpoint.socket(), &[], 128);
                ask(Question::Request, endpoint.socket(), HTTP_REQUEST, 256);
            }
        }
    }
    let answers = tcp::connect(&attempts);
    for ((index, question), answer) in asked.iter().zip(&answers) {
        if let Some(confirmation) = confirmations.get_mut(*index) {
            confirmation.take(*question, answer);
        }
    }
    // After the attempts: they are what makes the link layer look for the other side.
    let known = inspect(["interfaces", "routes", "neighbours"]);
    for (confirmation, (endpoint, _)) in confirmations.iter_mut().zip(failed) {
        let resolved = confirmation.around.resolved.or_else(|| ip::parse(&endpoint.host));
        let rows = |n: usize| known.get(n).and_then(|s: &system::Seen| s.outcome.as_deref().ok()).unwrap_or_default();
        confirmation.around = Surroundings::of(resolved, rows(0), rows(1), rows(2));
        confirmation.seen.extend(known.iter().map(|s| s.id));
    }
    confirmations
}

#[derive(Clone, Copy)]
enum Question {
    /// The same port, with ICMP told from RST.
    Again,
    /// Another port of the host.
    Control(u16),
    /// Who speaks first?
    Listen,
    /// Is it HTTP?
    Request,
}

impl Confirmation {
    fn take(&mut self, question: Question, answer: &tcp::Seen) {
        self.seen.push(answer.id);
        if self.around.resolved.is_none() {
            self.around.resolved = answer.tried.first().and_then(|tried| host_of(&tried.address)).and_then(ip::parse);
        }
        let reply = Reply::seen(answer);
        match question {
            Question::Again => self.again = Some(reply),
            Question::Control(port) => self.control.push((port, reply)),
            Question::Listen | Question::Request => {
                let Ok(connection) = &answer.outcome else { return };
                self.afterwards.tried = true;
                if looks_enciphered(&connection.received) {
                    self.enciphered.push(connection.received.clone());
                }
                match recognise(&connection.received) {
                    Speech::Libp2p => self.afterwards.greeted = true,
                    Speech::Foreign(protocol) => {
                        self.afterwards.foreign = true;
                        // What is known by name says more than what is not.
                        if self.speech.as_ref().is_none_or(|(known, _)| *known == "unknown") {
                            self.speech = Some((protocol, first_line(&connection.received, 80)));
                        }
                    }
                    Speech::Nothing => {
                        self.afterwards.hung_up |= matches!(connection.read_end.as_str(), "closed" | "reset");
                    }
                }
            }
        }
    }

    /// The one word for what other ports of the host answered: the most telling one.
    pub(crate) fn control_word(&self) -> Option<&'static str> {
        let alive = self.control.iter().find(|(_, reply)| reply.shows_life());
        let spoken = || self.control.iter().find(|(_, reply)| !matches!(reply, Reply::Silence | Reply::Untried { .. }));
        alive.or_else(spoken).or_else(|| self.control.first()).map(|(_, reply)| reply.word())
    }

    /// `1=refused,47113=silent`.
    pub(crate) fn control_list(&self) -> String {
        let each: Vec<String> =
            self.control.iter().map(|(port, reply)| [port.to_string().as_str(), "=", reply.word()].concat()).collect();
        each.join(",")
    }
}

/// The host of `host:port`.
pub(crate) fn host_of(socket: &str) -> Option<&str> {
    socket.rsplit_once(':').map(|(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_check_sdk::net::tcp::{Connection, Seen};

    fn answer(received: &[u8], read_end: &str) -> Seen {
        let connection = Connection {
            remote: "10.0.0.1:9100".into(),
            local: "10.0.0.2:5".into(),
            connect_elapsed: 1,
            received: received.to_vec(),
            read_end: read_end.into(),
        };
        Seen { id: 7, target: String::new(), elapsed: 1, tried: vec![], outcome: Ok(connection) }
    }

    #[test]
    fn an_http_server_that_waits_for_a_request_is_found_out() {
        let mut confirmation = Confirmation::default();
        confirmation.take(Question::Listen, &answer(b"", "timeout"));
        confirmation.take(Question::Request, &answer(b"HTTP/1.0 400 Bad Request\r\n", "data"));
        assert!(confirmation.afterwards.foreign && !confirmation.afterwards.hung_up);
        assert_eq!(confirmation.speech, Some(("http", "HTTP/1.0 400 Bad Request".into())));
        assert_eq!(confirmation.seen, [7, 7]);
    }

    #[test]
    fn the_control_word_is_the_most_telling_one() {
        let confirmation =
            Confirmation { control: vec![(1, Reply::Silence), (47113, Reply::Refused)], ..Confirmation::default() };
        assert_eq!(confirmation.control_word(), Some("refused"));
        assert_eq!(confirmation.control_list(), "1=silent,47113=refused");
        assert_eq!(Confirmation::default().control_word(), None);
    }
}

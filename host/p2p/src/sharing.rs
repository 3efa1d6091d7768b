//! The upper half of the ladder: from a peer that answers to a cache that is shared.
//!
//! [`climb`] dials each peer, up to identify, and then tries those of [`RUNGS`]
//! that are wanted and make sense there. A rung that makes no sense (a canary at
//! a peer without our protocol, a propagation with a single peer) is not in the
//! answer. Rungs that do not build on each other are tried at the same time, so
//! that one which hangs takes no time from the others.

mod canary;
pub(crate) mod compatibility;
mod dial_back;
mod propagation;
mod security;

use crate::ladder::{Ladder, Rung, try_rung};
use crate::link::{self, Agreement, Greeting, other_secret};
use crate::node::peer_info;
use crate::push::PUSH_PROTOCOL;
use crate::reach::Facts;
use crate::session::Session;
use crate::wire::CACHE_PROTOCOL;
use crate::{Address, Node, PeerInfo, SharedSecret, address};
use futures::future::{join, join_all};
use libp2p::multiaddr::{Multiaddr, Protocol};
use seaworthy_model::{Failure, Permit};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The rungs above identify, in the order in which they are told.
///
/// | rung | what it does | facts | failures of its own |
/// |---|---|---|---|
/// | `security` | proposes security and muxer protocols, on connections of its own | `security`, `muxers`, `unclear` | |
/// | `protocols` | reads what identify listed | `agent`, `protocols`, `cache`, `listen-addresses`, `undialable` | `unsupported`: no cache protocol |
/// | `secret` | both sides prove their secret; a Python peer reads an encrypted, expired entry | `max-value-bytes` or `proof` | `different-secret`, `not-found`: none here, `never-acknowledged` |
/// | `plaintext` | pushes an expired entry in the clear, where the Python cache's protocol is spoken | `accepted`, `reply` | `never-acknowledged` |
/// | `clock` | compares clocks | `skew-ms` (theirs minus ours), `uncertainty-ms` | |
/// | `canary` | puts an entry, gets it on another connection, removes it | `bytes`, `put-ms`, `get-ms` | `canary-lost`, `canary-differs` |
/// | `sized-canary` | the same with many bytes | as `canary` | `too-large` and those of `canary` |
/// | `dial-back` | asks the peer to dial us | `reachable`, `address`, `listener`, `kind`, `message`, `seen-peer-id` | |
/// | `propagation` | waits at the other peers for an entry put at this one | `read-at` (`ADDRESS=ms`, joined by `;`), `never-at`, `unread-at`, `waited-ms` | |
pub const RUNGS: [&str; 9] =
    ["security", "protocols", "secret", "plaintext", "clock", "canary", "sized-canary", "dial-back", "propagation"];

/// Rungs that write entries, under names made up for the purpose, and remove them again.
pub const WRITING: [&str; 3] = ["canary", "sized-canary", "propagation"];

/// Peers between which propagation is looked at.
const MOST_PEERS: usize = 8;

/// One peer to climb to.
#[derive(Clone)]
pub struct Climb {
    /// A multiaddr; `/p2p/…` may be missing.
    pub address: String,
    /// For everything.
    pub timeout: Duration,
    /// The wanted ones of [`RUNGS`]. What a wanted one builds on is tried too.
    pub rungs: Vec<String>,
    /// The secret to agree on.
    pub secret: Option<Arc<SharedSecret>>,
    /// Bytes of the sized canary.
    pub canary_bytes: usize,
    /// TCP port at which the peer is to dial us; 0 for none. When it is free we
    /// listen there for the time of the climb.
    pub dial_back_port: u16,
    /// How long an entry may take to get to another peer.
    pub propagation: Duration,
}

/// The story of one climb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Climbed {
    /// As it was asked.
    pub address: String,
    /// Every rung that was tried, those of the dial first.
    pub rungs: Vec<Rung>,
    /// The peer; or why it could not be identified, which ended the climb.
    pub outcome: Result<PeerInfo, Failure>,
    /// For the whole.
    pub elapsed: Duration,
}

/// Climbs to all peers at once, and then looks at propagation between those with
/// which the secret is agreed.
///
/// *Behaviour*: never sends anything of ours over an unencrypted connection.
/// Writes entries only in the rungs of [`WRITING`].
pub async fn climb(node: &Node, climbs: &[Climb], permit: &dyn Permit) -> Vec<Climbed> {
    let started = Instant::now();
    let ports = dial_back::listen(node, climbs).await;
    let ascents = climbs.iter().map(|climb| {
        let deadline = started + climb.timeout;
        Ascent { node, climb, permit, ports: &ports, deadline }.run()
    });
    let (mut climbed, lines): (Vec<Climbed>, Vec<Option<Line>>) = join_all(ascents).await.into_iter().unzip();
    let usable = lines.iter().zip(climbs).enumerate().filter(|(_, (_, climb))| climb.wants("propagation"));
    let usable: Vec<(usize, &Line)> =
        usable.filter_map(|(at, (line, _))| Some((at, line.as_ref()?))).take(MOST_PEERS).collect();
    let lines: Vec<&Line> = usable.iter().map(|(_, line)| *line).collect();
    for ((at, _), rung) in usable.iter().zip(propagation::between(&lines).await) {
        climbed[*at].elapsed = started.elapsed();
        climbed[*at].rungs.push(rung);
    }
    climbed
}

impl Climb {
    fn wants(&self, rung: &str) -> bool {
        self.rungs.iter().any(|wanted| wanted == rung)
    }

    fn wants_any(&self, rungs: &[&str]) -> bool {
        rungs.iter().any(|rung| self.wants(rung))
    }
}

/// A connection on which the secret is agreed.
struct Line {
    address: Address,
    session: Session,
    secret: Arc<SharedSecret>,
    max_value: usize,
    propagation: Duration,
    /// For questions.
    deadline: Instant,
    /// For everything: what lies between is for removing what was written.
    end: Instant,
}

/// One climb under way.
struct Ascent<'a> {
    node: &'a Node,
    climb: &'a Climb,
    permit: &'a dyn Permit,
    ports: &'a dial_back::Listeners,
    deadline: Instant,
}

impl Ascent<'_> {
    async fn run(self) -> (Climbed, Option<Line>) {
        let started = Instant::now();
        let mut ladder = Ladder::new(self.deadline);
        let reached = self.reach(&mut ladder).await;
        let (mut rungs, mut line) = (ladder.rungs, None);
        let outcome = match reached {
            Ok((address, session, info)) => {
                let (security, (shared, agreed)) =
                    join(self.security(&address), self.share(&address, session, &info)).await;
                let mut upper: Vec<Rung> = security.into_iter().chain(shared).collect();
                upper.sort_by_key(|rung| RUNGS.iter().position(|name| *name == rung.name));
                rungs.extend(upper);
                line = agreed;
                Ok(info)
            }
            Err(failure) => Err(failure),
        };
        let address = self.climb.address.clone();
        (Climbed { address, rungs, outcome, elapsed: started.elapsed() }, line)
    }

    async fn reach(&self, ladder: &mut Ladder) -> Result<(Address, Session, PeerInfo), Failure> {
        let address = address::parse(&self.climb.address)?;
        let session = self.node.establish(&address, self.permit, ladder).await?;
        self.node.judge(&address, session.peer)?;
        let info = peer_info(&session, ladder.identify(&session).await?);
        Ok((address, session, info))
    }

    async fn security(&self, address: &Address) -> Option<Rung> {
        // QUIC is TLS 1.3 and offers no choice; what a relay offers is not the peer's.
        if !self.climb.wants("security") || address.is_quic() || address.relay.is_some() {
            return None;
        }
        let step = security::offered(self.node, address, self.deadline, self.permit);
        Some(try_rung("security", self.deadline, step).await.1)
    }

    /// Everything that the cache protocol carries.
    async fn share(&self, address: &Address, session: Session, info: &PeerInfo) -> (Vec<Rung>, Option<Line>) {
        let mut rungs = Vec::new();
        if self.climb.wants("protocols") {
            rungs.push(try_rung("protocols", self.deadline, async { protocols(info) }).await.1);
        }
        let speaks = |wanted: &str| info.protocols.iter().any(|protocol| protocol == wanted);
        if speaks(PUSH_PROTOCOL) {
            rungs.extend(self.push(&session, !speaks(CACHE_PROTOCOL)).await);
        }
        if !speaks(CACHE_PROTOCOL) {
            return (rungs, None);
        }
        if self.climb.wants("clock") {
            rungs.push(try_rung("clock", self.deadline, clock(&session, self.deadline)).await.1);
        }
        if !self.climb.wants_any(&["secret", "canary", "sized-canary", "dial-back", "propagation"]) {
            return (rungs, None);
        }
        let (agreed, rung) = try_rung("secret", self.deadline, self.agree(&session)).await;
        rungs.push(rung);
        let Ok((secret, max_value)) = agreed else { return (rungs, None) };
        let (propagation, end) = (self.climb.propagation, self.deadline);
        let deadline = end.checked_sub(canary::REMOVAL.min(self.climb.timeout / 4)).unwrap_or(end);
        let line = Line { address: address.clone(), session, secret, max_value, propagation, deadline, end };
        let (canaries, back) = join(self.canaries(&line), self.dial_back(&line)).await;
        rungs.extend(canaries.into_iter().chain(back));
        (rungs, Some(line))
    }

    /// What the Python cache's protocol tells; of the secret, where no other one does.
    async fn push(&self, session: &Session, alone: bool) -> Vec<Rung> {
        let mut rungs = Vec::new();
        let mut silent = false;
        if alone && self.climb.wants("secret") {
            let step = async {
                let secret = self.climb.secret.as_ref().ok_or_else(no_secret)?;
                compatibility::agree(session, secret, self.deadline).await
            };
            let (agreed, rung) = try_rung("secret", self.deadline, step).await;
            silent = agreed.is_err_and(|failure| failure.kind == "never-acknowledged");
            rungs.push(rung);
        }
        if !silent && self.climb.wants("plaintext") {
            let step = compatibility::plaintext(session, self.deadline);
            rungs.push(try_rung("plaintext", self.deadline, step).await.1);
        }
        rungs
    }

    async fn agree(&self, session: &Session) -> Result<((Arc<SharedSecret>, usize), Facts), Failure> {
        let secret = self.climb.secret.as_ref().ok_or_else(no_secret)?;
        match link::agree(self.node, session, secret, self.deadline).await? {
            Agreement::Same { max_value } => {
                let facts = Facts::from([("max-value-bytes".to_owned(), max_value.to_string())]);
                Ok(((Arc::clone(secret), max_value), facts))
            }
            Agreement::Different => Err(other_secret()),
        }
    }

    /// The small canary, and when it came back the sized one: what only the second
    /// one meets is a matter of size.
    async fn canaries(&self, line: &Line) -> Vec<Rung> {
        let mut rungs = Vec::new();
        let sized = self.climb.wants("sized-canary");
        for (name, bytes) in [("canary", canary::SMALL), ("sized-canary", self.climb.canary_bytes)] {
            let wanted = self.climb.wants(name) || (name == "canary" && sized);
            let stuck = rungs.last().is_some_and(|rung: &Rung| rung.outcome.is_err());
            if wanted && !stuck && bytes > 0 {
                let exchange = canary::exchange(self.node, line, bytes, self.permit);
                rungs.push(try_rung(name, line.end, exchange).await.1);
            }
        }
        rungs
    }

    async fn dial_back(&self, line: &Line) -> Option<Rung> {
        let port = self.climb.dial_back_port;
        if port == 0 || !self.climb.wants("dial-back") {
            return None;
        }
        let step = dial_back::ask(line, port, self.ports);
        Some(try_rung("dial-back", line.end, step).await.1)
    }
}

fn no_secret() -> Failure {
    Failure::new("not-found", "secret", "there is no shared secret here to agree on")
}

/// What identify listed, as far as sharing goes.
fn protocols(info: &PeerInfo) -> Result<((), Facts), Failure> {
    let cache: Vec<&str> = [CACHE_PROTOCOL, PUSH_PROTOCOL]
        .into_iter()
        .filter(|name| info.protocols.iter().any(|offered| offered == name))
        .collect();
    let near = info.remote.parse::<SocketAddr>().is_ok_and(|remote| remote.ip().is_loopback());
    let undialable = info.listen_addresses.iter().filter(|text| !is_dialable(text, near));
    let undialable: Vec<&str> = undialable.map(String::as_str).collect();
    if cache.is_empty() {
        let message = format!("the peer speaks neither {CACHE_PROTOCOL} nor {PUSH_PROTOCOL}");
        return Err(Failure::new("unsupported", "protocols", message).with("protocols", info.protocols.join(",")));
    }
    let facts = [
        ("agent", info.agent.clone()),
        ("protocols", info.protocols.join(",")),
        ("cache", cache.join(",")),
        ("listen-addresses", info.listen_addresses.join(",")),
        ("undialable", undialable.join(",")),
    ];
    Ok(((), facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// Whether others can dial an address that a peer names: not when it stands for
/// every interface, and loopback only by who reached the peer there.
fn is_dialable(text: &str, near: bool) -> bool {
    let Ok(address) = text.parse::<Multiaddr>() else { return true };
    let ip: IpAddr = match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.to_canonical(),
        _ => return true,
    };
    !ip.is_unspecified() && (near || !ip.is_loopback())
}

/// Looks at the peer's clock a few times; the quickest answer says most.
async fn clock(session: &Session, deadline: Instant) -> Result<((), Facts), Failure> {
    const LOOKS: usize = 3;
    let mut best: Option<Greeting> = None;
    for _ in 0..LOOKS {
        let greeting = link::hello(session, deadline).await?;
        if best.as_ref().is_none_or(|best| greeting.uncertainty_ms < best.uncertainty_ms) {
            best = Some(greeting);
        }
    }
    let Some(best) = best else { return Err(Failure::new("other", "clock", "no answer")) };
    let facts = [("skew-ms", best.skew_ms.to_string()), ("uncertainty-ms", best.uncertainty_ms.to_string())];
    Ok(((), facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

#[cfg(test)]
mod tests;

use crate::faults;
use crate::remedy::{Remedy, export, list, remedy};
use crate::rows::rows;
use crate::rule::{Rule, Told, port_words, ports, ss, targets};
use crate::scene::{Scene, Symptom, Whereabouts};
use crate::site::Listener;
use seaworthy_model::{Confidence, Remediation, Risk};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::LISTENER_LOOPBACK_ONLY)
        .when(|scene, symptom| bound(scene, symptom, Bound::Loopback))
        .tell(loopback_only),
    Rule::of(faults::LISTENER_OTHER_ADDRESS)
        .when(|scene, symptom| bound(scene, symptom, Bound::Other))
        .tell(other_address),
    Rule::of(faults::LISTENER_NOTHING_LISTENING)
        .when(|scene, symptom| bound(scene, symptom, Bound::Nowhere))
        .tell(nothing_listening),
    Rule::of(faults::FIREWALL_RESET)
        .when(|scene, symptom| bound(scene, symptom, Bound::Everywhere).map(|_| Confidence::Likely))
        .tell(super::firewall::reset),
    Rule::of(faults::LISTENER_NONE_OR_LOOPBACK)
        .when(|_, symptom| (symptom.code() == "peer.refused").then_some(Confidence::Likely))
        .tell(none_or_loopback),
    Rule::of(faults::LISTENER_BEHIND_PUBLISHED_PORT)
        .when(|scene, symptom| {
            let ceiling = match owner(scene, symptom) {
                None if here(scene, symptom) => Confidence::Possible,
                _ => Confidence::Likely,
            };
            (symptom.code() == "peer.reset").then_some(symptom.finding.confidence.min(ceiling))
        })
        .tell(published),
];

#[derive(PartialEq)]
enum Bound {
    Loopback,
    Other,
    Nowhere,
    Everywhere,
}

/// Whether a refused connection is to a port that is bound in this way, where the
/// listeners of the peer's machine are known.
fn bound(scene: &Scene<'_>, symptom: &Symptom<'_>, wanted: Bound) -> Option<Confidence> {
    if symptom.code() != "peer.refused" {
        return None;
    }
    let listeners = scene.listeners(symptom)?;
    let ip = scene.ip(symptom);
    let found = if listeners.is_empty() {
        Bound::Nowhere
    } else if listeners.iter().any(|listener| ip.map_or(listener.address.is_unspecified(), |ip| answers(listener, ip)))
    {
        Bound::Everywhere
    } else if listeners.iter().all(|l| l.address.is_loopback()) {
        Bound::Loopback
    } else {
        Bound::Other
    };
    (found == wanted).then_some(Confidence::Certain)
}

/// Whether a socket takes connections to an address of its machine. One on `::`
/// takes IPv4 too, unless it was told not to.
fn answers(listener: &Listener, ip: IpAddr) -> bool {
    listener.address == ip || listener.address.is_unspecified() && (listener.address.is_ipv6() || ip.is_ipv4())
}

/// Whether an address is one of the machine, and network, that this process runs in.
pub(super) fn here(scene: &Scene<'_>, symptom: &Symptom<'_>) -> bool {
    let own = || {
        let ip = scene.ip(symptom)?.to_string();
        let interfaces = rows(scene.record.observations.iter(), "interfaces")?;
        Some(interfaces.iter().any(|row| row.get("address").and_then(|a| a.split('/').next()) == Some(&ip)))
    };
    matches!(scene.whereabouts(symptom), Whereabouts::ThisMachine | Whereabouts::OwnLoopback) || own() == Some(true)
}

/// The program that listens on a symptom's port, where the listeners there are known.
fn owner<'a>(scene: &'a Scene<'_>, symptom: &Symptom<'_>) -> Option<&'a str> {
    scene.listeners(symptom)?.into_iter().find_map(|listener| listener.process.as_deref())
}

/// The next port that nothing here listens on; `PORT` where that is not known.
pub(super) fn free_port(scene: &Scene<'_>, after: u16, here: bool) -> String {
    let known = scene.site.listeners.as_ref().filter(|_| here);
    let free = known.and_then(|used| (after.checked_add(1)?..=u16::MAX).find(|p| used.iter().all(|l| l.port != *p)));
    free.map_or_else(|| "PORT".to_owned(), |port| port.to_string())
}

/// Where a peer is to listen so that an address leads to it.
pub(super) struct ListenAt {
    /// As a multiaddr.
    multiaddr: String,
    /// Whether it is every address of its machine, because none is known.
    open: bool,
}

/// The narrowest address to listen on: the one that was dialled, else the one that
/// the machine is known by here.
pub(super) fn listen_at(scene: &Scene<'_>, symptom: &Symptom<'_>, port: &str) -> ListenAt {
    let known = scene.ip(symptom).filter(|ip| !ip.is_unspecified()).or_else(|| match scene.whereabouts(symptom) {
        Whereabouts::OwnLoopback => Some(Ipv4Addr::LOCALHOST.into()),
        Whereabouts::ThisMachine => Some(Ipv4Addr::LOCALHOST.into()),
        Whereabouts::Host => scene.site.gateway,
        _ => None,
    });
    let ip = known.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    ListenAt { multiaddr: multiaddr(ip, port), open: known.is_none() }
}

/// `/ip4/ADDRESS/tcp/PORT`.
fn multiaddr(ip: IpAddr, port: &str) -> String {
    format!("/{}/{ip}/tcp/{port}", if ip.is_ipv4() { "ip4" } else { "ip6" })
}

const OPEN: &str = "The peer is open to every network that reaches its machine: keep a firewall before it.";

impl Remedy {
    /// A step that starts a peer there; what it opens is said.
    pub(super) fn listening(self, text: impl Into<String>, at: &ListenAt) -> Self {
        let fix = self.run(text, format!("seaworthy peer --listen {}", at.multiaddr));
        if at.open { fix.cost(OPEN).risk(Risk::Security) } else { fix }
    }
}

/// `ss` as a container's network has it; images of peers hold no `ss`.
fn ss_in_container(ports: &[u16]) -> String {
    format!("sudo nsenter -t $(docker inspect -f '{{{{.State.Pid}}}}' PEER_CONTAINER) -n {}", ss(ports))
}

/// `the host`, `this machine` or the address itself.
fn machine(scene: &Scene<'_>, symptom: &Symptom<'_>) -> String {
    match scene.whereabouts(symptom) {
        Whereabouts::Host => "the host".into(),
        Whereabouts::ThisMachine | Whereabouts::OwnLoopback => "this machine".into(),
        _ => scene.ip(symptom).map_or_else(|| "the peer's machine".to_owned(), |ip| ip.to_string()),
    }
}

fn shown(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> String {
    let listeners = symptoms.iter().filter_map(|symptom| scene.listeners(symptom)).flatten();
    let mut words: Vec<String> = listeners
        .map(|l| {
            let process = l.process.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{}{process}", std::net::SocketAddr::new(l.address, l.port))
        })
        .collect();
    words.sort();
    words.dedup();
    list(&words)
}

fn loopback_only(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let machine = machine(scene, symptoms[0]);
    let about = list(&targets(symptoms));
    let shown = shown(scene, symptoms);
    let message = match scene.ip(symptoms[0]) {
        Some(ip) if ip.is_loopback() => {
            let (has, asked) = if ip.is_ipv4() { ("IPv6", "IPv4") } else { ("IPv4", "IPv6") };
            format!(
                "{about} is refused: the peer listens on {has} loopback only. The port is bound to {shown}, and the address is {asked}."
            )
        }
        _ => format!(
            "{about} is refused. On {machine} the port is bound to {shown} only, which answers nobody but {machine} itself."
        ),
    };
    Told { message, remediations: rebind(scene, symptoms) }
}

/// Dial the loopback address that is bound, where the one that is not was dialled.
fn other_loopback(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Option<Remediation> {
    let ip = scene.ip(symptoms[0]).filter(IpAddr::is_loopback)?;
    let other: IpAddr = if ip.is_ipv4() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    let bound = |s: &&&Symptom<'_>| scene.listeners(s).is_some_and(|all| all.iter().any(|l| answers(l, other)));
    let replaced: Vec<(String, String)> = symptoms
        .iter()
        .filter(bound)
        .filter_map(|s| Some((s.subject().to_owned(), s.place.as_ref()?.at_host(&other.to_string()).to_multiaddr())))
        .collect();
    let fix = remedy(
        "use-bound-loopback",
        format!("Use {other}, which the peer listens on"),
        "IPv4 and IPv6 loopback are two addresses, and only one of them is bound.",
    );
    (!replaced.is_empty())
        .then(|| fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &scene.peers_with(&replaced))).done())
}

fn other_address(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message = format!(
        "{} is refused. On {} the port is bound to {}, and not to this address.",
        list(&targets(symptoms)),
        machine(scene, symptoms[0]),
        shown(scene, symptoms)
    );
    Told { message, remediations: rebind(scene, symptoms) }
}

/// Bind the peer where this container reaches it: the one address first, then all.
fn rebind(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Vec<Remediation> {
    let port = symptoms[0].port().to_string();
    let machine = machine(scene, symptoms[0]);
    let ip = scene.ip(symptoms[0]);
    let mut remedies: Vec<Remediation> = other_loopback(scene, symptoms).into_iter().collect();
    let at = listen_at(scene, symptoms[0], &port);
    if !at.open {
        let host = ip.map_or_else(|| "the address that is dialled".to_owned(), |ip| ip.to_string());
        remedies.push(
            remedy(
                "bind-reachable-address",
                format!("Let the peer listen on {host}"),
                "Only the networks that reach this address reach the peer.",
            )
            .listening(format!("On {machine}, restart the peer with this address; a seaworthy peer takes it so."), &at)
            .run("There, see that it does.", ss(&ports(symptoms)))
            .done(),
        );
    }
    // What is dialled at loopback needs no other network.
    if ip.is_none_or(|ip| !ip.is_loopback()) {
        let all =
            if ip.is_some_and(|ip| ip.is_ipv6()) { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        remedies.push(
            remedy(
                "bind-all-addresses",
                "Let the peer listen on all addresses",
                "Then every network of its machine reaches it.",
            )
            .listening(
                format!("On {machine}, restart the peer; a seaworthy peer takes the address so."),
                &ListenAt { multiaddr: multiaddr(all, &port), open: true },
            )
            .done(),
        );
    }
    remedies
}

fn nothing_listening(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let ports = ports(symptoms);
    let message = format!(
        "{} is refused, and nothing on {} listens on {}.",
        list(&targets(symptoms)),
        machine(scene, symptoms[0]),
        port_words(&ports)
    );
    Told { message, remediations: vec![start(scene, symptoms)] }
}

fn start(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Remediation {
    let machine = machine(scene, symptoms[0]);
    let at = listen_at(scene, symptoms[0], &symptoms[0].port().to_string());
    remedy("start-peer", "Start the peer on this port", "A closed port means that no program asked for it.")
        .run(format!("On {machine}, look for the peer under another port."), "ss -ltnp")
        .listening(
            format!("On {machine}, start it; a seaworthy peer is started so, and prints the line to paste here."),
            &at,
        )
        .done()
}

fn none_or_loopback(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let ports = ports(symptoms);
    let machine = machine(scene, symptoms[0]);
    let command = ss(&ports);
    let about = list(&targets(symptoms));
    let words = port_words(&ports);
    let message = if scene.ip(symptoms[0]).is_some_and(|ip| ip.is_loopback()) {
        format!(
            "{about} is refused: {machine} says that {words} is closed at its loopback. Either no peer is running on it, or the peer is \
             bound to another of its addresses only. `{command}` on {machine} tells which: no line is the first."
        )
    } else {
        format!(
            "{about} is refused: {machine} is up and says that {words} is closed. Either the peer there is bound to 127.0.0.1 only, which \
             refuses everyone else, or no peer is running on it. `{command}` on {machine} tells which: a line with 127.0.0.1 is the \
             first, no line the second."
        )
    };
    let look = remedy(
        "look-at-listeners",
        "See which of the two it is",
        "The list of listeners shows the address that the port is bound to.",
    );
    let look = match scene.whereabouts(symptoms[0]) {
        Whereabouts::Neighbour => {
            look.run("On the host, in the network of the peer's container.", ss_in_container(&ports))
        }
        Whereabouts::Host => look
            .run("On the host.", command)
            .run("Or let this tool decide: record the host, there.", "seaworthy run --report-only -o json=host.json")
            .run(
                "And add to your docker run, in the same folder.",
                "-v \"$PWD/host.json:/host.json:ro\" -e SEAWORTHY_HOST_REPORT=/host.json",
            ),
        _ => look.run(format!("On {machine}."), command),
    };
    let mut remediations = vec![look.risk(Risk::None).done()];
    remediations.extend(rebind(scene, symptoms));
    remediations.push(start(scene, symptoms));
    Told { message, remediations }
}

fn published(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let owner = symptoms.iter().find_map(|symptom| owner(scene, symptom));
    match owner {
        Some(name) if !name.contains("docker-proxy") => closes(scene, symptoms, name),
        _ => behind_proxy(scene, symptoms, owner.is_none() && here(scene, symptoms[0])),
    }
}

/// A program that is no proxy has the port.
fn closes(scene: &Scene<'_>, symptoms: &[&Symptom<'_>], name: &str) -> Told {
    let message = format!(
        "{} accepts a connection and resets it: on {} the program {name} closes connections. It is no peer of the cache, or a peer that \
         turns this runner away.",
        list(&targets(symptoms)),
        machine(scene, symptoms[0])
    );
    let fix = remedy("look-at-program", format!("See what {name} is and why it closes"), "It owns the port.")
        .run(
            format!("On {}, see which process has the port; its log says why it closes.", machine(scene, symptoms[0])),
            format!("sudo {}", ss(&ports(symptoms))),
        )
        .risk(Risk::None)
        .done();
    Told { message, remediations: vec![fix, start(scene, symptoms)] }
}

fn behind_proxy(scene: &Scene<'_>, symptoms: &[&Symptom<'_>], guessed: bool) -> Told {
    let ports = ports(symptoms);
    let hint = if guessed {
        " Any other program may close what it accepts too, and which one has the port is not known."
    } else {
        ""
    };
    let message = format!(
        "{} accepts a connection and resets it. A published port does so when the program in the peer's container is bound to the \
         container's loopback, or is not running.{hint}",
        list(&targets(symptoms))
    );
    let all = multiaddr(Ipv4Addr::UNSPECIFIED.into(), &symptoms[0].port().to_string());
    let fix = remedy(
        "bind-inside-container",
        "Let the peer listen on all addresses of its container",
        "The engine forwards to the container's own address, not to its loopback.",
    )
    .run("On the host, see what it is bound to.", ss_in_container(&ports))
    .listening("Restart it; a seaworthy peer takes the address so.", &ListenAt { multiaddr: all, open: true })
    .cost("All containers on the peer's networks, and whoever reaches the published port, then reach the peer.")
    .done();
    let who = remedy("find-owner", "See which program has the port", "Only a published port belongs to docker-proxy.")
        .run(format!("On {}.", machine(scene, symptoms[0])), format!("sudo {}", ss(&ports)))
        .risk(Risk::None)
        .done();
    Told { message, remediations: if guessed { vec![who, fix] } else { vec![fix] } }
}

use crate::remedy::{list, remedy};
use crate::rule::{Fold, Rule, Told, nothing, port_words, ports, ss, targets};
use crate::scene::{Scene, Symptom, Whereabouts};
use seaworthy_model::{Confidence, Layer, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "listener.loopback-only",
        title: "The peer listens on its own loopback address only",
        explain: "A socket bound to `127.0.0.1` answers programs on its own machine and refuses everyone else, containers included. The \
                  machine answers the refused connection itself, so it is no firewall and no dead host; the list of listeners on the \
                  peer's machine shows the bound address, which tells it from a peer that is not running.",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |scene, symptom| bound(scene, symptom, Bound::Loopback),
        fold: Fold::Host,
        also: nothing,
        tell: loopback_only,
    },
    Rule {
        code: "listener.other-address",
        title: "The peer listens, but on another address of its machine",
        explain: "A socket bound to one address refuses connections to the others of the same machine. The list of listeners on the \
                  peer's machine shows the port, bound to neither this address nor to all.",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |scene, symptom| bound(scene, symptom, Bound::Other),
        fold: Fold::Host,
        also: nothing,
        tell: other_address,
    },
    Rule {
        code: "listener.nothing-listening",
        title: "Nothing listens on the peer's port",
        explain: "The machine is up and answers that the port is closed, and its own list of listeners does not hold it: the peer is not \
                  running, or listens on another port. A port that moves when it is busy looks the same from outside.",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |scene, symptom| bound(scene, symptom, Bound::Nowhere),
        fold: Fold::Host,
        also: nothing,
        tell: nothing_listening,
    },
    Rule {
        code: "firewall.reset",
        title: "Something between refuses connections to a peer that listens",
        explain: "The peer's machine shows a socket that listens on all addresses, and yet the connection is refused from here. What \
                  remains is a firewall rule that answers with a TCP reset (`REJECT --reject-with tcp-reset`), or a peer that was \
                  restarted between the two reports. From outside it looks exactly like a closed port.",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |scene, symptom| bound(scene, symptom, Bound::Everywhere).map(|_| Confidence::Likely),
        fold: Fold::Host,
        also: nothing,
        tell: super::firewall::reset,
    },
    Rule {
        code: "listener.none-or-loopback",
        title: "The peer's port is closed from here: bound to loopback only, or not running",
        explain: "The machine is up and answered with a TCP reset, so neither a dead host nor a dropping firewall. Two causes look the \
                  same from outside: the peer listens on 127.0.0.1 only, or nothing listens on that port. The list of listeners on the \
                  peer's machine tells them apart; a host report (`HOST_REPORT`) lets this tool do it.",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |_, symptom| (symptom.code() == "peer.refused").then_some(Confidence::Likely),
        fold: Fold::Host,
        also: nothing,
        tell: none_or_loopback,
    },
    Rule {
        code: "listener.behind-published-port",
        title: "Connections are accepted and then reset: the port is published, the peer behind it does not answer",
        explain: "Docker's proxy accepts on a published port before it knows whether the container answers. When the program inside is \
                  bound to the container's loopback, or is not running, the proxy resets the connection a few milliseconds later. A \
                  closed port refuses at once instead.",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |_, symptom| {
            (symptom.code() == "peer.reset").then_some(symptom.finding.confidence.min(Confidence::Likely))
        },
        fold: Fold::Host,
        also: nothing,
        tell: published,
    },
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
    } else if listeners.iter().any(|l| l.address.is_unspecified() || Some(l.address) == ip) {
        Bound::Everywhere
    } else if listeners.iter().all(|l| l.address.is_loopback()) {
        Bound::Loopback
    } else {
        Bound::Other
    };
    (found == wanted).then_some(Confidence::Certain)
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
    let message = format!(
        "{} is refused. On {machine} the port is bound to {} only, which answers nobody but {machine} itself.",
        list(&targets(symptoms)),
        shown(scene, symptoms)
    );
    Told { message, remediations: rebind(scene, symptoms) }
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
    let proof = scene.proof("net/connectivity", symptoms[0]);
    let port = symptoms[0].port();
    let machine = machine(scene, symptoms[0]);
    let mut remedies = Vec::new();
    if let Some(ip) = scene.ip(symptoms[0]).filter(|ip| !ip.is_loopback()) {
        let host = if ip.is_ipv4() { format!("/ip4/{ip}") } else { format!("/ip6/{ip}") };
        remedies.push(
            remedy(
                "bind-reachable-address",
                format!("Let the peer listen on {ip}"),
                "Only the networks that reach this address reach the peer.",
            )
            .run(
                format!("On {machine}, restart the peer with this address; a seaworthy peer takes it so."),
                format!("seaworthy peer --listen {host}/tcp/{port}"),
            )
            .run("There, see that it does.", ss(&ports(symptoms)))
            .proved_by(&proof),
        );
    }
    remedies.push(
        remedy(
            "bind-all-addresses",
            "Let the peer listen on all addresses",
            "Then every network of its machine reaches it.",
        )
        .run(
            format!("On {machine}, restart the peer; a seaworthy peer takes the address so."),
            format!("seaworthy peer --listen /ip4/0.0.0.0/tcp/{port}"),
        )
        .cost("The peer is open to every network that reaches its machine: keep a firewall before it.")
        .risk(Risk::Security)
        .proved_by(proof),
    );
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
    let port = symptoms[0].port();
    remedy("start-peer", "Start the peer on this port", "A closed port means that no program asked for it.")
        .run(format!("On {machine}, look for the peer under another port."), "ss -ltnp")
        .run(
            format!("On {machine}, start it; a seaworthy peer is started so, and prints the line to paste here."),
            format!("seaworthy peer --listen /ip4/0.0.0.0/tcp/{port}"),
        )
        .proved_by(scene.proof("net/connectivity", symptoms[0]))
}

fn none_or_loopback(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let ports = ports(symptoms);
    let machine = machine(scene, symptoms[0]);
    let command = ss(&ports);
    let message = format!(
        "{} is refused: {machine} is up and says that {} is closed. Either the peer there is bound to 127.0.0.1 only, which refuses \
         everyone else, or no peer is running on it. `{command}` on {machine} tells which: a line with 127.0.0.1 is the first, no line \
         the second.",
        list(&targets(symptoms)),
        port_words(&ports)
    );
    let proof = scene.proof("net/connectivity", symptoms[0]);
    let look = remedy(
        "look-at-listeners",
        "See which of the two it is",
        "The list of listeners shows the address that the port is bound to.",
    );
    let look = if scene.whereabouts(symptoms[0]) == Whereabouts::Neighbour {
        look.run("In the peer's container.", format!("docker exec PEER_CONTAINER {command}"))
    } else {
        look.run(format!("On {machine}."), command)
    };
    let mut remediations = vec![look.risk(Risk::None).proved_by(proof)];
    remediations.extend(rebind(scene, symptoms));
    remediations.push(start(scene, symptoms));
    Told { message, remediations }
}

fn published(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let ports = ports(symptoms);
    let message = format!(
        "{} accepts a connection and resets it. A published port does so when the program in the peer's container is bound to the \
         container's loopback, or is not running.",
        list(&targets(symptoms))
    );
    let fix = remedy(
        "bind-inside-container",
        "Let the peer listen on all addresses of its container",
        "The engine forwards to the container's own address, not to its loopback.",
    )
    .run("See what it is bound to.", format!("docker exec PEER_CONTAINER {}", ss(&ports)))
    .run(
        "Restart it; a seaworthy peer takes the address so.",
        format!("seaworthy peer --listen /ip4/0.0.0.0/tcp/{}", symptoms[0].port()),
    )
    .proved_by(scene.proof("net/connectivity", symptoms[0]));
    Told { message, remediations: vec![fix] }
}

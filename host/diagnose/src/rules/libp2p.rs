use crate::remedy::{list, remedy, shell};
use crate::rule::{Fold, Rule, Told, nothing, ss, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Layer, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "libp2p.not-libp2p",
        title: "Another program answers on the peer's port",
        explain: "The connection stands, and what came back is no libp2p: an HTTP answer, a banner, or other bytes. Another service owns the \
                  port, or a proxy stands between. A libp2p peer sends `/multistream/1.0.0` first.",
        layer: Layer::Libp2p,
        explains_from: Layer::Libp2p,
        matches: |_, symptom| (symptom.code() == "peer.not-libp2p").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: not_libp2p,
    },
    Rule {
        code: "libp2p.wedged",
        title: "The peer accepts connections and says nothing",
        explain: "The kernel of the peer's machine accepts the connection, and the program behind it never speaks: it hangs, is stopped, or \
                  waits for the other side first. A stopped program would refuse, a firewall would be silent from the start.",
        layer: Layer::Libp2p,
        explains_from: Layer::Libp2p,
        matches: |_, symptom| (symptom.code() == "peer.wedged").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: wedged,
    },
    Rule {
        code: "libp2p.handshake-failed",
        title: "The encrypted handshake with the peer fails",
        explain: "The other side speaks libp2p, and the two do not agree on noise and yamux: it offers none of them, or the stream is not \
                  what it seems (a private network with a swarm key looks so). An identity that differs is another finding.",
        layer: Layer::Libp2p,
        explains_from: Layer::Libp2p,
        matches: |_, symptom| (symptom.code() == "peer.handshake-failed").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: handshake,
    },
    Rule {
        code: "libp2p.no-cache-protocol",
        title: "The peer does not speak a cache protocol",
        explain: "The peer is a libp2p node, and neither `/seaworthy/cache/1.0.0` nor `/github-cache/1.0.0` is among its protocols: a node of \
                  another application, or a cache that was started without its P2P part.",
        layer: Layer::Protocol,
        explains_from: Layer::Protocol,
        matches: |_, symptom| (symptom.code() == "peer.no-cache-protocol").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: nothing,
        tell: no_protocol,
    },
];

/// Look who owns the port, there.
fn owner(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Remediation {
    remedy(
        "free-port",
        "Give the port to the peer, or the peer another port",
        "Two programs cannot answer on one port.",
    )
    .run("On the peer's machine, see who owns the port.", format!("sudo {}", ss(&[symptom.port()])))
    .run(
        "Start the peer on a free port, and paste the line that it prints.",
        format!("seaworthy peer --listen /ip4/0.0.0.0/tcp/{}", symptom.port().checked_add(1).unwrap_or(9100)),
    )
    .proved_by(scene.proof("net/connectivity", symptom))
}

fn not_libp2p(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let speaks = match symptom.detail("protocol") {
        Some(protocol) => format!("speaks {protocol}"),
        None => "does not speak libp2p".into(),
    };
    let banner = symptom.detail("banner").map(|banner| format!(" It said: {banner}")).unwrap_or_default();
    Told {
        message: format!("What answers at {} {speaks}: it is not the cache's peer.{banner}", symptom.subject()),
        remediations: vec![owner(scene, symptom)],
    }
}

fn wedged(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let port = symptom.port();
    let fix = remedy(
        "restart-peer",
        "Look at the peer's process, then start it again",
        "It holds the port and does not work.",
    )
    .run(
        "On the peer's machine, find the process; a full Recv-Q says that it does not accept.",
        format!("sudo {}", ss(&[port])),
    )
    .run("See what it waits for.", "sudo cat /proc/PID/wchan; sudo ls -l /proc/PID/fd | wc -l")
    .run("Where it is a container, start it again.", "docker restart PEER_CONTAINER")
    .cost("What the peer holds in memory only is lost.")
    .risk(Risk::Data)
    .proved_by(scene.proof("net/connectivity", symptom));
    let message = format!(
        "{} accepts the connection and then says nothing, so the program behind port {port} hangs.",
        symptom.subject()
    );
    Told { message, remediations: vec![fix] }
}

fn handshake(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let fix = remedy(
        "offer-noise",
        "Let the peer offer noise and yamux, without a private network key",
        "These are what the cache speaks.",
    )
    .run("On the peer's machine, look for a private network.", "env | grep -i pnet; ls -l swarm.key ~/.ipfs/swarm.key")
    .step("Start the peer with noise and yamux enabled, and without a swarm key.")
    .proved_by(scene.proof("net/connectivity", symptom));
    Told { message: format!("{}: {}", symptom.subject(), symptom.finding.message), remediations: vec![fix] }
}

fn no_protocol(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let about = targets(symptoms);
    let fix = remedy(
        "start-cache-peer",
        "Point at a peer of the cache",
        "Only a node that speaks a cache protocol can hold entries.",
    )
    .run(
        "On the peer's machine, start one, and paste the line that it prints.",
        format!("seaworthy peer --listen /ip4/0.0.0.0/tcp/{}", symptoms[0].port()),
    )
    .run("Read what this means.", format!("seaworthy explain {}", shell(symptoms[0].code())))
    .proved_by(scene.proof("net/connectivity", symptoms[0]));
    Told { message: format!("{} is a libp2p node without a cache protocol.", list(&about)), remediations: vec![fix] }
}

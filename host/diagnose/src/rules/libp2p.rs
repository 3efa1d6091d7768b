use super::listener::{free_port, here, listen_at};
use crate::faults;
use crate::remedy::{list, remedy, shell};
use crate::rule::{Rule, Told, ss, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::LIBP2P_NOT_LIBP2P).tell(not_libp2p),
    Rule::of(faults::LIBP2P_WEDGED)
        .when(|scene, symptom| match symptom.code() {
            "peer.wedged" => Some(symptom.finding.confidence),
            "peer.filtered" if here(scene, symptom) => {
                let listens = scene.listeners(symptom).is_none_or(|found| !found.is_empty());
                Some(if listens { Confidence::Likely } else { Confidence::Possible })
            }
            _ => None,
        })
        .tell(wedged),
    Rule::of(faults::LIBP2P_HANDSHAKE_FAILED)
        .when(|_, symptom| (symptom.code() == "peer.handshake-failed").then_some(symptom.finding.confidence)),
    Rule::of(faults::LIBP2P_NO_CACHE_PROTOCOL).tell(no_protocol),
];

/// Look who owns the port, there.
fn owner(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Remediation {
    remedy(
        "free-port",
        "Give the port to the peer, or the peer another port",
        "Two programs cannot answer on one port.",
    )
    .run("On the peer's machine, see who owns the port.", format!("sudo {}", ss(&[symptom.port()])))
    .listening(
        "Start the peer on a free port, and paste the line that it prints.",
        &listen_at(scene, symptom, &free_port(scene, symptom.port(), here(scene, symptom))),
    )
    .done()
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
    .done();
    let about = symptom.subject();
    let message = if symptom.code() == "peer.wedged" {
        format!("{about} accepts the connection and then says nothing, so the program behind port {port} hangs.")
    } else if scene.listeners(symptom).is_some_and(|found| found.is_empty()) {
        format!(
            "{about} is on this machine and never answers, and its list of listeners does not show port {port}: a program that accepts \
             nothing had its queue full and ended since, or a rule of this machine's own firewall drops the packets."
        )
    } else {
        format!(
            "{about} is on this machine and never answers: the program behind port {port} listens but accepts nothing, and its queue is \
             full. A rule of this machine's own firewall is the other possibility."
        )
    };
    Told { message, remediations: vec![fix] }
}

fn no_protocol(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let about = targets(symptoms);
    let fix = remedy(
        "start-cache-peer",
        "Point at a peer of the cache",
        "Only a node that speaks a cache protocol can hold entries.",
    )
    .listening(
        "On the peer's machine, start one, and paste the line that it prints.",
        &listen_at(scene, symptoms[0], &symptoms[0].port().to_string()),
    )
    .run("Read what this means.", format!("seaworthy explain {}", shell(symptoms[0].code())))
    .done();
    Told { message: format!("{} is a libp2p node without a cache protocol.", list(&about)), remediations: vec![fix] }
}

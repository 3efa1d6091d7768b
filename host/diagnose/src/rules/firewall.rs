use super::listener::here;
use crate::faults;
use crate::remedy::{list, remedy};
use crate::rule::{Rule, Told, port_words, ports, ss, targets};
use crate::scene::{Scene, Symptom, Whereabouts};
use seaworthy_model::{Confidence, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::FIREWALL_REJECT).tell(rejected),
    Rule::of(faults::FIREWALL_DROP).when(drop_confidence).tell(dropped),
];

/// Another machine that is shown alive and silent is most likely filtered; never
/// certainly, since a full accept queue is silent too. Possible when its being
/// alive is only known from our route to it. On this machine a full queue is the
/// likelier, and told by the libp2p rules.
fn drop_confidence(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<Confidence> {
    let open = || {
        scene
            .listeners(symptom)
            .is_some_and(|all| all.iter().any(|l| l.address.is_unspecified() || Some(l.address) == scene.ip(symptom)))
    };
    match symptom.code() {
        _ if here(scene, symptom) => None,
        "peer.filtered" => Some(symptom.finding.confidence.min(Confidence::Likely)),
        "peer.silent" if scene.whereabouts(symptom) == Whereabouts::Host => {
            Some(if open() { Confidence::Likely } else { Confidence::Possible })
        }
        _ => None,
    }
}

fn rejected(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let from = symptoms.iter().find_map(|s| s.detail("icmp-from")).map(|ip| format!(" from {ip}")).unwrap_or_default();
    let kind = match (symptoms[0].detail("icmp-type"), symptoms[0].detail("icmp-code")) {
        (Some(kind), Some(code)) => format!(" (type {kind}, code {code})"),
        _ => String::new(),
    };
    let message = format!(
        "{} is answered with an ICMP message{kind}{from}: a firewall rejects {} for {}.",
        list(&targets(symptoms)),
        port_words(&ports(symptoms)),
        source(scene)
    );
    Told { message, remediations: allow(scene, symptoms) }
}

fn dropped(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let alive = if symptoms.iter().all(|s| s.code() == "peer.filtered") { "is alive, and " } else { "" };
    let message = format!(
        "{} never answers. The machine {alive}would refuse a closed port at once, so most likely a firewall drops {} for {}; a peer \
         that listens and accepts nothing, with its queue full, is the other possibility.",
        list(&targets(symptoms)),
        port_words(&ports(symptoms)),
        source(scene)
    );
    let queue = remedy(
        "look-at-queue",
        "See that the peer's queue is not full",
        "A program that accepts nothing is silent once its queue is full, and no rule mends it.",
    )
    .run("On the peer's machine: a Recv-Q that is larger than Send-Q is a full queue.", ss(&ports(symptoms)))
    .risk(Risk::None)
    .done();
    let mut remediations = allow(scene, symptoms);
    remediations.insert(1, queue);
    Told { message, remediations }
}

/// A listening peer that refuses: told by the listener rules, mended here.
pub(super) fn reset(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message = format!(
        "{} is refused, although the peer's machine shows a socket that listens there: a firewall rule that answers with a TCP reset is \
         the likely reason, a peer restarted since then the other.",
        list(&targets(symptoms))
    );
    let look = remedy(
        "look-again",
        "See that the peer still listens",
        "The list of listeners was recorded at another moment.",
    )
    .run("On the peer's machine.", ss(&ports(symptoms)))
    .risk(Risk::None)
    .done();
    let mut remediations = vec![look];
    remediations.extend(allow(scene, symptoms));
    Told { message, remediations }
}

/// Who is filtered: our subnet, where it is known.
fn source(scene: &Scene<'_>) -> String {
    match (scene.site.subnet, scene.site.own) {
        (Some(net), _) => format!("packets from {net}"),
        (None, Some(ip)) => format!("packets from {ip}"),
        (None, None) => "packets from here".into(),
    }
}

/// Open one port, to this network only, with whichever tool rules there.
fn allow(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Vec<Remediation> {
    let from = match (scene.site.subnet, scene.site.own) {
        (Some(net), _) => net.to_string(),
        (None, Some(ip)) => ip.to_string(),
        (None, None) => "0.0.0.0/0".into(),
    };
    let to = scene.ip(symptoms[0]).map(|ip| ip.to_string());
    let ports = ports(symptoms);
    let on_host = scene.whereabouts(symptoms[0]) == Whereabouts::Host;
    let bridge = on_host && scene.site.default_bridge();
    let machine = if on_host { "the host" } else { "the peer's machine" };
    let each = |line: &dyn Fn(u16) -> String| ports.iter().map(|port| line(*port)).collect::<Vec<_>>().join("\n");
    let input = each(&|port| {
        let interface = if bridge { " -i docker0" } else { "" };
        let destination = to.as_ref().map(|ip| format!(" -d {ip}")).unwrap_or_default();
        format!("sudo iptables -I INPUT{interface} -s {from}{destination} -p tcp --dport {port} -j ACCEPT")
    });
    let ufw = each(&|port| {
        let interface = if bridge { "in on docker0 " } else { "" };
        format!("sudo ufw allow {interface}from {from} to any port {port} proto tcp")
    });
    let firewalld = each(&|port| {
        format!(
            "sudo firewall-cmd --permanent --add-rich-rule='rule family=\"ipv4\" source address=\"{from}\" port port=\"{port}\" protocol=\"tcp\" accept' && sudo firewall-cmd --reload"
        )
    });
    let look = remedy("find-rule", "Find the rule", "Its counter grows with every attempt from here.")
        .run(
            format!("On {machine}, list the rules with their counters."),
            "sudo iptables -L INPUT -v -n --line-numbers; sudo nft list ruleset",
        )
        .risk(Risk::None)
        .done();
    let open = remedy(
        "allow-port",
        format!("Allow {} from {from} only", port_words(&ports)),
        "One port, for one network, is all that the cache needs.",
    )
    .run(format!("On {machine}, with iptables."), input)
    .run("Or where ufw rules.", ufw)
    .run("Or where firewalld rules.", firewalld)
    .cost(format!("Whatever runs in {from} can then reach this port."))
    .risk(Risk::Security)
    .done();
    vec![look, open]
}

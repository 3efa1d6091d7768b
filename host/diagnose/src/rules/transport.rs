use crate::faults;
use crate::remedy::{export, list, remedy};
use crate::rule::{Rule, Told, port_words, ports, targets};
use crate::scene::{Scene, Symptom, Whereabouts};
use seaworthy_model::{Confidence, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::FIREWALL_UDP)
        .when(|_, symptom| {
            (symptom.code() == "peer.udp-blocked").then_some(symptom.finding.confidence.min(Confidence::Likely))
        })
        .tell(blocked),
    Rule::of(faults::LISTENER_NO_UDP).tell(closed),
    Rule::of(faults::QUIC_HANDSHAKE_FAILED)
        .when(|_, symptom| {
            let quic = symptom.subject().contains("/quic-v1") && !symptom.subject().contains("/p2p-circuit");
            (quic && symptom.code() == "peer.handshake-failed").then_some(symptom.finding.confidence)
        })
        .tell(handshake),
    Rule::of(faults::RELAY_NO_WAY).tell(no_way),
];

/// The same peers over TCP: what they listen on besides, as a rule.
fn use_tcp(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Remediation {
    let over: Vec<String> =
        symptoms.iter().filter_map(|s| s.place.as_ref()?.over_tcp().written()).fold(Vec::new(), |mut all, one| {
            if !all.contains(&one) {
                all.push(one);
            }
            all
        });
    let fix =
        remedy("use-tcp", "Use the peer's TCP address", "A peer listens on TCP beside QUIC unless it was told not to.");
    let fix = if over.is_empty() {
        fix.step("Write /ip4/ADDRESS/tcp/PORT/p2p/ID; the peer prints all of its addresses when it starts.")
    } else {
        fix.run(
            "Here; compare the port with what the peer prints when it starts.",
            export("CACHE_BOOTSTRAP_PEERS", &over.join(",")),
        )
    };
    fix.done()
}

fn blocked(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let ports = ports(symptoms);
    let from = match (scene.site.subnet, scene.site.own) {
        (Some(net), _) => net.to_string(),
        (None, Some(ip)) => ip.to_string(),
        (None, None) => "0.0.0.0/0".into(),
    };
    let on_host = scene.whereabouts(symptoms[0]) == Whereabouts::Host;
    let (machine, interface) = match on_host {
        true if scene.site.default_bridge() => ("the host", " -i docker0"),
        true => ("the host", ""),
        false => ("the peer's machine", ""),
    };
    let to = scene.ip(symptoms[0]).map(|ip| format!(" -d {ip}")).unwrap_or_default();
    let line = |port: &u16| format!("sudo iptables -I INPUT{interface} -s {from}{to} -p udp --dport {port} -j ACCEPT");
    let allow = remedy(
        "allow-udp",
        format!("Allow UDP on {} from {from} only", port_words(&ports)),
        "One port, for one network, is all that QUIC needs.",
    )
    .run(format!("On {machine}, with iptables."), ports.iter().map(line).collect::<Vec<_>>().join("\n"))
    .cost(format!("Whatever runs in {from} can then reach this port over UDP."))
    .risk(Risk::Security)
    .done();
    let message = format!(
        "{} never answers over UDP, while the same machine answers over TCP: most likely UDP is dropped on the way.",
        list(&targets(symptoms))
    );
    Told { message, remediations: vec![use_tcp(scene, symptoms), allow] }
}

fn closed(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let ports = ports(symptoms);
    let publish: Vec<String> = ports.iter().map(|port| format!("-p {port}:{port} -p {port}:{port}/udp")).collect();
    let listen: Vec<String> = ports
        .iter()
        .map(|port| format!("seaworthy peer --listen /ip4/0.0.0.0/tcp/{port} --listen /ip4/0.0.0.0/udp/{port}/quic-v1"))
        .collect();
    let filter: Vec<String> = ports.iter().map(|port| format!("sport = :{port}")).collect();
    let open =
        remedy("listen-on-udp", "Let the peer take UDP on this port", "QUIC is UDP; a TCP listener does not serve it.")
            .run("On the peer's machine, see what takes UDP there.", format!("ss -lunp '{}'", filter.join(" or ")))
            .run(
                "Where the peer is in a container, publish the port for both.",
                format!("docker run {} …", publish.join(" ")),
            )
            .run("Let the peer listen on both.", listen.join("\n"))
            .cost("Others that can reach the machine can then reach this port.")
            .risk(Risk::Security)
            .done();
    let message = format!(
        "{} is answered with \"port unreachable\": nothing takes UDP there, or a firewall says so in its place.",
        list(&targets(symptoms))
    );
    Told { message, remediations: vec![use_tcp(scene, symptoms), open] }
}

fn handshake(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let host = symptom.place.as_ref().map_or("ADDRESS", |place| place.host.as_str());
    // 1,252 bytes of ping are 1,280 of IPv4: QUIC's smallest first packet on the smallest IPv6 path.
    let path = remedy("see-path", "See whether larger packets come through", "QUIC never cuts its packets.")
        .run("Here; no answer, while a plain ping has one, is a path that loses them.", format!(
            "ping -M do -s 1252 {}",
            crate::remedy::shell(host)
        ))
        .step("Lower the MTU of the network on which they get lost, to that of the way out: `--opt com.docker.network.driver.mtu=1400`.")
        .done();
    Told {
        message: format!("{}: {}", symptom.subject(), symptom.finding.message),
        remediations: vec![use_tcp(scene, symptoms), path],
    }
}

fn no_way(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let subject = symptom.subject();
    let relay = subject.split_once("/p2p-circuit").map_or(subject, |(relay, _)| relay);
    let fix = match symptom.detail("status") {
        Some("NO_RESERVATION" | "CONNECTION_FAILED" | "RESERVATION_REFUSED") => {
            remedy("reserve-slot", "Start the peer with this relay", "Only a peer that holds a slot at the relay is reached through it.")
                .run(
                    "On the peer's machine; it prints an address with /p2p-circuit once it has a slot.",
                    format!("seaworthy peer --relay {}", crate::remedy::shell(relay)),
                )
        }
        Some("RESOURCE_LIMIT_EXCEEDED") => {
            remedy("spare-relay", "Reach the peer directly, or through another relay", "This one carries as much as it is allowed to.")
                .step("Where the two machines can reach each other, use the peer's direct address; it prints all of them when it starts.")
        }
        Some(_) => remedy("ask-relay", "Ask whoever runs the relay", "It refuses this connection by a rule of its own.")
            .step("Its log names the refused peer and the reason."),
        None => remedy("start-relay", "Point at a peer that relays", "What answers at the relay's address does not do its part.")
            .run("On the relay's machine; it prints its address and its present id.", "seaworthy peer --relay-server"),
    };
    Told {
        message: format!("{subject}: {}", symptom.finding.message),
        remediations: vec![fix.risk(Risk::Config).done()],
    }
}

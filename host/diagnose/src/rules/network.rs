use crate::faults;
use crate::remedy::{list, remedy};
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom, Whereabouts};
use seaworthy_model::{Confidence, Risk};

/// Before what single addresses and names say: none of them is wrong when all are.
pub(super) const ALL_OF_THEM: &[Rule] = &[Rule::of(faults::NET_CUT_OFF).when(cut_off)];

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::NET_HOST_DOWN).tell(host_down),
    Rule::of(faults::NET_NO_ROUTE).tell(no_route),
    Rule::of(faults::NET_SILENT).when(|_, symptom| (symptom.code() == "peer.silent").then_some(Confidence::Possible)),
];

/// Every address that was tried stays without an answer, the name server's too: what
/// ails one ails all. *Behaviour*: whatever answered, and be it with a refusal, speaks
/// against it; so does a check that looked at the path and knows better.
fn cut_off(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<Confidence> {
    let unanswered = |s: &Symptom<'_>| {
        matches!(
            s.code(),
            "peer.silent" | "peer.no-route" | "peer.host-down" | "peer.dns-failure" | "dns.no-server-answers"
        )
    };
    if !unanswered(symptom) {
        return None;
    }
    let answered =
        |s: &&Symptom<'_>| s.code().starts_with("path.") || (s.code().starts_with("peer.") && !unanswered(s));
    let connected = || {
        scene.record.observations.iter().any(|seen| {
            matches!(seen.probe.as_str(), "swarm.dial" | "tcp.connect" | "http.send") && seen.failure.is_none()
        })
    };
    if scene.symptoms.iter().any(|s| answered(&s)) || connected() {
        return None;
    }
    let mut places: Vec<String> = scene.symptoms.iter().filter(|s| unanswered(s)).map(|s| ip(scene, s)).collect();
    places.sort_unstable();
    places.dedup();
    let names = scene.symptoms.iter().any(|s| matches!(s.code(), "peer.dns-failure" | "dns.no-server-answers"));
    (places.len() >= 3 && names).then_some(Confidence::Likely)
}

fn ip(scene: &Scene<'_>, symptom: &Symptom<'_>) -> String {
    scene.ip(symptom).map_or_else(|| symptom.subject().to_owned(), |ip| ip.to_string())
}

fn host_down(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let ip = ip(scene, symptoms[0]);
    let near = scene.whereabouts(symptoms[0]) == Whereabouts::Neighbour;
    let fix = if near {
        remedy("find-peer-container", "Find the peer's present address", "Containers get a new address when they are started again; their names stay.")
            .run(
                "On the host, list who is on this network.",
                "docker network inspect NETWORK --format '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{println}}{{end}}'",
            )
            .step("Use the container's name in CACHE_BOOTSTRAP_PEERS, as /dns4/NAME/tcp/PORT/p2p/ID, so that it stays right.")
    } else {
        remedy(
            "wake-peer",
            "See that the peer's machine is up and has this address",
            "Nobody on its network answers for it.",
        )
        .run("On the peer's machine, list its addresses.", "ip -brief address")
        .run("Here, see which way packets take.", format!("ip route get {}", crate::remedy::shell(&ip)))
    };
    let place = if near { "on this container's own network" } else { "on the way there" };
    let message = format!("Nobody {place} answers for {ip}: {} is not there.", list(&targets(symptoms)));
    Told { message, remediations: vec![fix.risk(Risk::Config).done()] }
}

fn no_route(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let six = scene.ip(symptoms[0]).is_some_and(|ip| ip.is_ipv6());
    let fix = if six {
        remedy(
            "use-ipv4",
            "Use the peer's IPv4 address",
            "This place has no IPv6 route, as is usual in containers and on hosted runners.",
        )
        .run("See which routes there are.", "ip -6 route")
        .step("Write the peer as /ip4/ADDRESS/tcp/PORT/p2p/ID in CACHE_BOOTSTRAP_PEERS.")
    } else {
        remedy("give-route", "Attach a network that leads there", "A network made with --internal has no way out.")
            .run("See which routes there are.", "ip route")
            .run(
                "On the host, connect this container to the peer's network.",
                "docker network connect NETWORK $(hostname)",
            )
    };
    let message = format!(
        "{} cannot be sent to: {} has no route to {}.",
        list(&targets(symptoms)),
        scene.site.words(),
        ip(scene, symptoms[0])
    );
    Told { message, remediations: vec![fix.done()] }
}

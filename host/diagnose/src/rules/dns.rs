use crate::faults;
use crate::remedy::{list, remedy};
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::Confidence;

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::DNS_NAME_NOT_FOUND)
        .when(|scene, symptom| match symptom.code() {
            "peer.dns-not-found" | "dns.not-found" | "dns.no-such-name" => Some(symptom.finding.confidence),
            "docker.name-on-default-bridge" => {
                let fails = scene.has("peer.dns-not-found", symptom.finding.target.as_deref());
                Some(if fails { Confidence::Certain } else { symptom.finding.confidence })
            }
            _ => None,
        })
        .tell(not_found),
    Rule::of(faults::DNS_RESOLVER_FAILED).when(|_, symptom| {
        matches!(symptom.code(), "peer.dns-failure" | "dns.failure").then_some(symptom.finding.confidence)
    }),
];

fn not_found(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let name = symptoms[0].place.as_ref().map_or_else(|| symptoms[0].subject().to_owned(), |place| place.host.clone());
    let single = !name.contains('.');
    let network = remedy(
        "use-named-network",
        "Put both containers on one user-defined network",
        "Only there does Docker answer for container names.",
    )
    .run("Make the network, once.", "docker network create cache-net")
    .run(
        "Put the peer on it, under this name.",
        format!("docker network connect --alias {} cache-net PEER_CONTAINER", crate::remedy::shell(&name)),
    )
    .run("On the host, put this container on it.", "docker network connect cache-net $(hostname)")
    .done();
    let spelling = remedy(
        "correct-name",
        "Use the name that the peer has on this network",
        "The server knows this network's names, and this is none of them.",
    )
    .run(
        "On the host, list the names on this network.",
        "docker network inspect NETWORK --format '{{range .Containers}}{{.Name}}{{println}}{{end}}'",
    )
    .run("Here, ask for the name you find.", "getent hosts NAME")
    .step(
        "Write it as /dns4/NAME/tcp/PORT/p2p/ID in CACHE_BOOTSTRAP_PEERS; with compose it is the name of the service.",
    )
    .done();
    let about = list(&targets(symptoms));
    let (hint, remediations) = match scene.site.mode.as_deref() {
        Some("bridge") if single => (
            " This container is on Docker's default bridge, which has no DNS for container names.",
            vec![network, spelling],
        ),
        Some("user-defined") if single => (
            " On this user-defined network Docker's own DNS answers for names: this one is misspelt, or its container is elsewhere or stopped.",
            vec![spelling, network],
        ),
        _ => (" The name is misspelt, or known only to another network's name server.", vec![spelling]),
    };
    Told { message: format!("{name}, used by {about}, does not exist for the name server here.{hint}"), remediations }
}

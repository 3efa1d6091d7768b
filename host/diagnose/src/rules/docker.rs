use super::address::{Correction, corrections};
use crate::address::Place;
use crate::faults;
use crate::remedy::{export, list, remedy, shell};
use crate::rule::{Rule, Told, port_words, ports, ss, targets};
use crate::scene::{Scene, Symptom, Whereabouts, is_docker_pool};
use seaworthy_model::{Confidence, Level, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::DOCKER_NO_NETWORK).when(|scene, symptom| match symptom.code() {
        "docker.no-network" => Some(symptom.finding.confidence),
        code if scene.site.mode.as_deref() == Some("none")
            && (code.starts_with("peer.dns")
                || matches!(
                    code,
                    "peer.no-route" | "peer.host-down" | "peer.silent" | "docker.host-name-unresolved"
                )) =>
        {
            Some(Confidence::Certain)
        }
        _ => None,
    }),
    Rule::of(faults::DOCKER_LOOPBACK_IN_BRIDGE)
        .when(|scene, symptom| match symptom.code() {
            "docker.loopback-peer" => Some(symptom.finding.confidence),
            "peer.refused" | "peer.silent" | "peer.filtered" | "peer.rejected" | "peer.reset"
                if scene.whereabouts(symptom) == Whereabouts::OwnLoopback
                    // What listens in here is another matter: it is wedged, or bound to the other loopback.
                    && scene.listeners(symptom).is_none_or(|found| found.is_empty()) =>
            {
                Some(Confidence::Certain)
            }
            _ => None,
        })
        .tell(loopback),
    Rule::of(faults::DOCKER_HOST_NAME_UNRESOLVED)
        .when(|scene, symptom| match symptom.code() {
            "docker.host-name-unresolved" => Some(symptom.finding.confidence),
            "peer.dns-not-found"
                if symptom.place.as_ref().is_some_and(|place| crate::scene::is_host_name(&place.host)) =>
            {
                Some(if scene.site.in_container == Some(true) { Confidence::Certain } else { Confidence::Likely })
            }
            _ => None,
        })
        .tell(host_name),
    Rule::of(faults::DOCKER_WRONG_GATEWAY)
        .when(|scene, symptom| {
            let unreachable =
                matches!(symptom.code(), "peer.silent" | "peer.filtered" | "peer.host-down" | "peer.no-route");
            let found = symptom.code() == "docker.wrong-gateway";
            (found || unreachable && scene.has("docker.wrong-gateway", symptom.finding.target.as_deref()))
                .then_some(if found { symptom.finding.confidence } else { Confidence::Likely })
        })
        .tell(wrong_gateway),
    Rule::of(faults::DOCKER_OTHER_NETWORK)
        .when(|scene, symptom| {
            let code = matches!(symptom.code(), "peer.silent" | "peer.filtered" | "peer.host-down" | "peer.no-route");
            let ip = scene.ip(symptom)?;
            // Only Docker's own pool is hardly ever used for anything else.
            (code && scene.whereabouts(symptom) == Whereabouts::OtherPrivate).then_some(if is_docker_pool(ip) {
                Confidence::Likely
            } else {
                Confidence::Possible
            })
        })
        .tell(other_network),
];

fn loopback(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let places: Vec<(&str, Place)> = pairs(symptoms);
    let at = |host: &str| with_peers_at(scene, &places, host);
    let words = list(&targets(symptoms));
    let ports = ports(symptoms);
    let own = symptoms.iter().all(|symptom| symptom.detail("kind") == Some("own-address"));
    let message = format!(
        "{words} is {}. Inside {} that is the container itself, and nothing there listens on {}; a peer on the host is not even asked.",
        if own { "this container's own address" } else { "loopback" },
        scene.site.words(),
        port_words(&ports)
    );
    if scene.site.kind.as_deref() == Some("kubernetes") || scene.site.mode.as_deref() == Some("pod") {
        return Told { message, remediations: vec![pod(&at)] };
    }
    let mut remediations = Vec::new();
    if let Some(gateway) = scene.site.gateway {
        let peers = at(&gateway.to_string());
        let mut fix = remedy(
            "use-gateway-address",
            format!("Use the host's address as this container sees it: {gateway}"),
            format!("{gateway} is this container's gateway, which is the host itself."),
        )
        .run(
            "Set the peers where the runner's variables are set, or in this shell.",
            export("CACHE_BOOTSTRAP_PEERS", &peers),
        )
        .run(
            format!("On the host, see that the peer listens on {gateway} or 0.0.0.0, not on 127.0.0.1 only."),
            ss(&ports),
        );
        if scene.site.rootless {
            fix = fix.cost("A rootless engine may keep containers from the host's loopback: the peer must listen on another address.");
        }
        remediations.push(fix.done());
    }
    remediations.push(host_gateway(scene, &at("host.docker.internal")));
    remediations.push(shared_network(&at("cache-peer")));
    remediations.push(
        remedy("use-host-network", "Run the container on the host's network", "There 127.0.0.1 is the host's.")
            .run("Add to your docker run.", "--network host")
            .cost("The container shares every port and interface with the host; published ports and network isolation are gone.")
            .risk(Risk::Security)
            .done(),
    );
    Told { message, remediations }
}

fn pod(at: &dyn Fn(&str) -> String) -> Remediation {
    remedy(
        "use-service-name",
        "Use the peer's service name",
        "In a pod, loopback is the pod; a service name leads to the peer.",
    )
    .run(
        "Set the peers where the runner's variables are set; `cache-peer` is the name of the service.",
        export("CACHE_BOOTSTRAP_PEERS", &at("cache-peer")),
    )
    .done()
}

fn host_gateway(scene: &Scene<'_>, peers: &str) -> Remediation {
    let fix = remedy(
        "use-host-gateway-name",
        "Use the name host.docker.internal",
        "The name stays right when the gateway's address changes from machine to machine.",
    );
    let variable = shell(&format!("CACHE_BOOTSTRAP_PEERS={peers}"));
    let fix = if scene.site.host_internal.is_some() {
        fix.run("The name resolves here already.", export("CACHE_BOOTSTRAP_PEERS", peers))
    } else {
        fix.run("Add to your docker run.", format!("--add-host host.docker.internal:host-gateway -e {variable}"))
    };
    let fix = if scene.site.github {
        fix.write(
            "Or in a workflow with a job container.",
            ".github/workflows/ci.yml",
            format!("container:\n  options: --add-host host.docker.internal:host-gateway\n  env:\n    CACHE_BOOTSTRAP_PEERS: {peers}\n"),
        )
    } else {
        fix
    };
    fix.done()
}

fn shared_network(peers: &str) -> Remediation {
    remedy(
        "use-shared-network",
        "Run the peer as a container on a network of your own",
        "On a user-defined network containers find each other by name, and the peer need not be open on the host.",
    )
    .run("Make the network, once.", "docker network create cache-net")
    .run("Put the peer's container on it, under a name.", "docker network connect --alias cache-peer cache-net PEER_CONTAINER")
    .run(
        "Add to this container's docker run.",
        format!("--network cache-net -e {}", shell(&format!("CACHE_BOOTSTRAP_PEERS={peers}"))),
    )
    .write(
        "Or with compose, where all services share a network.",
        "docker-compose.yml",
        format!("services:\n  runner:\n    environment:\n      CACHE_BOOTSTRAP_PEERS: {peers}\n    depends_on: [cache-peer]\n"),
    )
    .done()
}

fn host_name(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let places = pairs(symptoms);
    let name = places.first().map_or("host.docker.internal", |(_, place)| place.host.as_str());
    let name = if crate::scene::is_host_name(name) { name } else { "host.docker.internal" };
    let mut remediations = Vec::new();
    if scene.site.own_network() || scene.site.in_container.is_none() {
        remediations.push(
            remedy(
                "add-host-gateway",
                format!("Give the container the name {name}"),
                "Docker writes the name into /etc/hosts.",
            )
            .run("Add to your docker run.", format!("--add-host {name}:host-gateway"))
            .write(
                "Or in a compose file.",
                "docker-compose.yml",
                format!("services:\n  runner:\n    extra_hosts:\n      - \"{name}:host-gateway\"\n"),
            )
            .done(),
        );
    }
    if !scene.site.own_network() {
        let peers = with_peers_at(scene, &places, "127.0.0.1");
        let fix = remedy(
            "use-loopback-address",
            "Use 127.0.0.1 instead",
            "The name is for containers; outside them, and on the host's network, the host is at its own loopback.",
        );
        remediations.push(fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &peers)).done());
    } else if let Some(gateway) = scene.site.gateway {
        let peers = with_peers_at(scene, &places, &gateway.to_string());
        let fix = remedy(
            "use-gateway-address",
            format!("Use the gateway's address {gateway} instead"),
            "It is the host as this container sees it, and needs no restart.",
        );
        remediations.push(fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &peers)).done());
    }
    Told {
        message: format!("{name} is used by {} and is not known in {}.", list(&targets(symptoms)), scene.site.words()),
        remediations,
    }
}

fn wrong_gateway(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let gateway = scene.site.gateway.map_or_else(|| "of the default route".to_owned(), |ip| ip.to_string());
    let fix =
        remedy("use-own-gateway", "Use this network's own gateway", "It is the host on this container's own network.");
    let fix = match scene.site.gateway {
        Some(ip) => {
            let peers = with_peers_at(scene, &pairs(symptoms), &ip.to_string());
            fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &peers))
        }
        None => {
            fix.run("Find it, and write it in place of the name in CACHE_BOOTSTRAP_PEERS.", "ip route show default")
        }
    };
    let fails = symptoms.iter().any(|symptom| symptom.finding.level == Level::Fail);
    let message = format!(
        "{} leads to {}, while this container's gateway is {gateway}{}.",
        list(&targets(symptoms)),
        scene.site.host_internal.map_or_else(|| "another address".to_owned(), |ip| ip.to_string()),
        if fails { ", and no answer comes from there" } else { "" }
    );
    Told { message, remediations: vec![fix.done()] }
}

fn other_network(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let subnet = scene.site.subnet.map_or_else(String::new, |net| net.to_string());
    let ips: Vec<String> = symptoms.iter().filter_map(|symptom| scene.ip(symptom)).map(|ip| ip.to_string()).collect();
    let message = format!(
        "{} is private and outside this container's network {subnet}, and does not answer: it is most likely a container on another Docker \
         network, which Docker keeps apart.",
        list(&targets(symptoms))
    );
    let find =
        "docker network inspect $(docker network ls -q) --format '{{.Name}} {{range .IPAM.Config}}{{.Subnet}}{{end}}'";
    let container = match scene.record.vantage.get("container-id") {
        Some(id) if !id.is_empty() => shell(id),
        _ => "$(hostname)".into(),
    };
    let connect = remedy(
        "connect-network",
        "Put both containers on one network",
        "Containers on one network reach each other directly.",
    )
    .run(format!("On the host, find the network that {} is on.", list(&ips)), find)
    .run(
        "On the host, connect this container to it; inside this container `hostname` prints its id.",
        format!("docker network connect NETWORK {container}"),
    )
    .done();
    let publish =
        remedy("publish-peer-port", "Publish the peer's port on the host", "The host is reachable from every network.")
            .run(
                "Start the peer with its port published.",
                format!("docker run -p {p}:{p} PEER_IMAGE peer", p = symptoms[0].port()),
            );
    let publish = match scene.site.gateway {
        Some(gateway) => {
            let peers = with_peers_at(scene, &pairs(symptoms), &gateway.to_string());
            publish.run("Set the peers to the host's address.", export("CACHE_BOOTSTRAP_PEERS", &peers))
        }
        None => publish,
    };
    let publish = publish.cost("The port is then open to whoever reaches the host.").risk(Risk::Security).done();
    Told { message, remediations: vec![connect, publish] }
}

/// The whole list of peers, with these at another host and all that are written
/// wrongly corrected.
fn with_peers_at(scene: &Scene<'_>, places: &[(&str, Place)], host: &str) -> String {
    let corrections: Vec<Correction> = corrections(scene).into_iter().filter(|known| known.named).collect();
    let meant = |old: &str| corrections.iter().find(|known| known.old == old).map(|known| &known.new);
    let moved =
        places.iter().map(|(old, place)| ((*old).to_owned(), meant(old).unwrap_or(place).at_host(host).to_multiaddr()));
    let others = corrections.iter().filter(|known| places.iter().all(|(old, _)| *old != known.old));
    let replaced: Vec<_> = moved.chain(others.map(|known| (known.old.clone(), known.text.clone()))).collect();
    scene.peers_with(&replaced)
}

/// Targets as configured, each with what was meant by it, once.
fn pairs<'a>(symptoms: &[&'a Symptom<'_>]) -> Vec<(&'a str, Place)> {
    let mut pairs: Vec<(&str, Place)> = Vec::new();
    for symptom in symptoms {
        if let Some(place) = &symptom.place
            && pairs.iter().all(|(old, _)| *old != symptom.subject())
        {
            pairs.push((symptom.subject(), place.clone()));
        }
    }
    pairs
}

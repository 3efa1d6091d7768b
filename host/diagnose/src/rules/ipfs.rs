use crate::faults;
use crate::remedy::{export, list, remedy, shell};
use crate::rule::{Rule, Told, messages, ss, targets};
use crate::scene::{Scene, Symptom, Whereabouts};
use seaworthy_model::{Confidence, Remediation, Risk};

/// Port of Kubo's RPC.
const RPC: u16 = 5001;

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::IPFS_LOOPBACK_IN_CONTAINER)
        .when(|scene, symptom| own_loopback(scene, symptom).then_some(Confidence::Certain))
        .also(tier)
        .tell(loopback),
    Rule::of(faults::IPFS_NOT_LISTENING)
        .when(|_, symptom| {
            let refused = symptom.code() == "ipfs.unreachable" && symptom.detail("kind") == Some("connection-refused");
            refused.then_some(Confidence::Certain)
        })
        .also(tier)
        .tell(not_listening),
    Rule::of(faults::IPFS_SILENT)
        .when(|_, symptom| (symptom.code() == "ipfs.unreachable").then_some(Confidence::Likely))
        .also(tier),
    Rule::of(faults::IPFS_WRONG_PORT).also(tier).tell(wrong_port),
    Rule::of(faults::IPFS_OLD_KUBO).also(tier).tell(old),
    Rule::of(faults::IPFS_CREDENTIALS).also(tier).tell(credentials),
    Rule::of(faults::IPFS_FORGED_BY_PROXY).also(tier).tell(forged),
    Rule::of(faults::IPFS_NO_ROOM).also(tier).tell(no_room),
    Rule::of(faults::IPFS_REPOSITORY_DAMAGED).also(tier).tell(damaged),
    Rule::of(faults::IPFS_EXPOSED).tell(exposed),
    Rule::of(faults::IPFS_BAD_GATEWAY).tell(bad_gateway),
    Rule::of(faults::PINNING_UNUSABLE)
        .when(|_, symptom| symptom.code().starts_with("pinning.").then_some(symptom.finding.confidence))
        .tell(pinning),
];

/// What a cache tier on the node says of itself follows from the node.
fn tier(symptom: &Symptom<'_>) -> bool {
    symptom.code().starts_with("cache.") && symptom.detail("adapter").unwrap_or(symptom.subject()) == "ipfs"
}

fn own_loopback(scene: &Scene<'_>, symptom: &Symptom<'_>) -> bool {
    symptom.code() == "ipfs.unreachable" && scene.whereabouts(symptom) == Whereabouts::OwnLoopback
}

fn port(symptom: &Symptom<'_>) -> u16 {
    symptom.place.as_ref().and_then(|place| place.port).unwrap_or(RPC)
}

/// Shuts an RPC against strangers before it listens to others.
fn authorized(remedy: crate::remedy::Remedy) -> crate::remedy::Remedy {
    remedy.run(
        "On the node's machine, enter a secret for the runners without showing it, and allow them what the cache uses.",
        "read -rs S && ipfs config --json API.Authorizations \
         \"{\\\"cache\\\":{\\\"AuthSecret\\\":\\\"bearer:$S\\\",\\\"AllowedPaths\\\":[\\\"/api/v0/version\\\",\\\"/api/v0/id\\\",\\\"/api/v0/repo/stat\\\",\\\"/api/v0/add\\\",\\\"/api/v0/cat\\\",\\\"/api/v0/files\\\",\\\"/api/v0/pin\\\"]}}\"",
    )
}

fn loopback(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let port = port(symptom);
    let gateway = scene.site.gateway.map_or_else(|| "host.docker.internal".to_owned(), |ip| ip.to_string());
    let listen = match scene.site.gateway {
        Some(ip) if ip.is_ipv4() => format!("/ip4/{ip}/tcp/{port}"),
        _ => format!("/ip4/172.17.0.1/tcp/{port}"),
    };
    let share = authorized(remedy(
        "listen-on-bridge",
        "Let the RPC listen on the container network, for those who have a secret",
        "Containers reach the host at the address of their bridge, and only what listens there.",
    ))
    .run(
        "Let it listen there beside loopback, then restart the daemon.",
        format!("ipfs config --json Addresses.API '[\"/ip4/127.0.0.1/tcp/{port}\", \"{listen}\"]'"),
    )
    .run("In this container.", export("CACHE_IPFS_API", &format!("http://{gateway}:{port}")))
    .run("And the secret, without showing it.", "read -rs IPFS_API_AUTH && export IPFS_API_AUTH")
    .risk(Risk::Security)
    .cost("Whoever has the secret and runs on that network can use the node.")
    .done();
    let host = remedy("use-host-network", "Or run the container on the host's network", "Loopback is the host's then.")
        .run("Add to your docker run.", "--network host")
        .risk(Risk::Security)
        .cost("The container reaches everything that listens on the host.")
        .done();
    let message = format!(
        "{} is loopback. Inside this container that is the container itself, and no IPFS node runs in it.",
        symptom.subject()
    );
    Told { message, remediations: vec![share, host] }
}

fn not_listening(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let port = port(symptom);
    let start = remedy("start-daemon", "Start the node", "A closed port is what a machine without a daemon answers.")
        .run("On its machine, see what listens there.", ss(&[port]))
        .run("Start it.", "ipfs daemon --migrate=true")
        .done();
    let mut remediations = vec![start];
    if scene.whereabouts(symptom) != Whereabouts::ThisMachine {
        let listen = authorized(remedy(
            "listen-for-runners",
            "Or let a node that runs listen for the runners",
            "Kubo's RPC listens on loopback of its own machine unless it is told otherwise.",
        ))
        .run(
            "See where it listens, and add an address that runners reach; then restart the daemon.",
            format!(
                "ipfs config Addresses.API; ipfs config --json Addresses.API '[\"/ip4/127.0.0.1/tcp/{port}\", \"/ip4/'\"$(hostname -I | cut -d' ' -f1)\"'/tcp/{port}\"]'"
            ),
        )
        .risk(Risk::Security)
        .done();
        remediations.push(listen);
    }
    Told { message: format!("{} refuses connections: no IPFS node listens there.", symptom.subject()), remediations }
}

fn wrong_port(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let gateway = symptom.detail("who") == Some("gateway");
    let host = symptom.place.as_ref().map_or("127.0.0.1", |place| place.host.as_str());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let fix = remedy(
        "use-rpc-address",
        "Use the address of the RPC",
        "The gateway reads and takes nothing; the RPC does both.",
    )
    .run("On the node's machine, see where its RPC listens.", "ipfs config Addresses.API")
    .run("Set it here, as it is reached from this runner.", export("CACHE_IPFS_API", &format!("http://{host}:{RPC}")))
    .done();
    let what = if gateway { "is an IPFS gateway" } else { "answers, and is no Kubo RPC" };
    Told { message: format!("{} {what}.", symptom.subject()), remediations: vec![fix] }
}

fn old(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let fix = remedy("update-kubo", "Update Kubo", "What the cache needs came with 0.25.")
        .run(
            "On the node's machine, see the version of program and repository.",
            "ipfs version --all; ipfs repo version",
        )
        .step("Install a current Kubo from https://dist.ipfs.tech/kubo/ and stop the daemon.")
        .run("Start the new one; it brings the repository along.", "ipfs daemon --migrate=true")
        .risk(Risk::Data)
        .cost("An older Kubo cannot use the repository afterwards.")
        .done();
    Told { message: format!("{}: {}.", symptom.subject(), symptom.finding.message), remediations: vec![fix] }
}

fn credentials(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let allow = |id: &str, title: &str| {
        authorized(remedy(id, title, "An entry of its own can be taken back without shutting others out."))
            .step("Restart the daemon.")
            .risk(Risk::Security)
            .done()
    };
    let give = remedy(
        "give-secret",
        "Give this runner the secret",
        "The node lets in who sends a secret of API.Authorizations.",
    )
    .run("Without showing it: the token, or `user:password`.", "read -rs IPFS_API_AUTH && export IPFS_API_AUTH")
    .risk(Risk::Security)
    .done();
    let forbidden = symptoms.iter().any(|symptom| symptom.code() == "ipfs.forbidden");
    let remediations: Vec<Remediation> = if forbidden {
        vec![allow("allow-paths", "Allow these credentials what the cache uses")]
    } else {
        vec![give, allow("make-entry", "Or make an entry for the runners")]
    };
    Told { message: format!("{}: {}.", symptom.subject(), symptom.finding.message), remediations }
}

fn forged(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let host = symptom.place.as_ref().map_or_else(|| "NODE".to_owned(), |place| place.host.clone());
    let fix = remedy("go-past-proxy", "Go past the proxy", "The node is reached without it.")
        .run(
            "Add its host to what is not proxied.",
            format!("export NO_PROXY=\"${{NO_PROXY:+$NO_PROXY,}}\"{}", shell(&host)),
        )
        .done();
    let message =
        format!("{} refuses requests as forged: something on the way adds headers of a browser.", symptom.subject());
    Told { message, remediations: vec![fix] }
}

fn no_room(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let collect = remedy(
        "collect-garbage",
        "Collect garbage",
        "What neither MFS nor a pin names goes; values of the cache stay.",
    )
    .run(
        "On the node's machine, see what is used, and collect.",
        "ipfs repo stat --human && ipfs repo gc --quiet | wc -l",
    )
    .risk(Risk::Data)
    .cost("Content that others left unpinned on this node is gone.")
    .done();
    let more = symptom.detail("storage-max").and_then(|most| most.parse::<u64>().ok()).unwrap_or(10_000_000_000);
    let raise =
        remedy("raise-storage-max", "Or allow the repository more", "The bound is the owner's, not the disk's.")
            .run(
                "See what the disk has, then set it and restart the daemon.",
                format!(
                    "df -h \"${{IPFS_PATH:-$HOME/.ipfs}}\" && ipfs config Datastore.StorageMax {}GB",
                    more / 500_000_000 + 1
                ),
            )
            .done();
    let expire =
        remedy("let-values-expire", "Or let values expire", "What has expired is removed when it is asked for.")
            .write(
                "In checks.toml, a week for example.",
                "checks.toml",
                "[tiers.ipfs]\nadapter = \"ipfs\"\ntarget = \"ipfs\"\nwith = { default-ttl = 604800 }\n",
            )
            .done();
    let message = format!("{}: {}.", symptom.subject(), symptom.finding.message);
    Told { message, remediations: vec![collect, raise, expire] }
}

fn damaged(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let mut fix =
        remedy("verify-repository", "Verify the repository", "Its own errors say that it cannot be used as it is.")
            .run("On the node's machine, with the daemon stopped.", "ipfs repo migrate; ipfs repo verify");
    if symptoms.iter().any(|symptom| symptom.code() == "ipfs.mfs-unusable") {
        fix = fix.run(
            "See what is at the cache's folder; move away what does not belong there.",
            "ipfs files stat /seaworthy; ipfs files ls -l /",
        );
    }
    Told::found(symptoms, vec![fix.risk(Risk::Data).done()])
}

fn exposed(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let shut = authorized(remedy(
        "require-secret",
        "Let in only who has a secret",
        "The RPC may do everything that its owner may.",
    ))
    .step("Restart the daemon.")
    .run("On the runners, without showing it.", "read -rs IPFS_API_AUTH && export IPFS_API_AUTH")
    .risk(Risk::Security)
    .done();
    let bind =
        remedy("listen-on-loopback", "Or let it listen on loopback only", "Where all who use it are on its machine.")
            .run(
                "Set it and restart the daemon.",
                format!("ipfs config Addresses.API /ip4/127.0.0.1/tcp/{}", port(symptom)),
            )
            .cost("Containers and other machines do not reach it any more.")
            .done();
    Told { message: format!("{}: {}.", symptom.subject(), symptom.finding.message), remediations: vec![shut, bind] }
}

fn bad_gateway(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let lies = symptoms.iter().any(|symptom| symptom.code() == "ipfs.gateway-lies");
    let own = remedy(
        "use-own-gateway",
        "Use the node's own gateway, or none",
        "It serves what the node has, and nobody is in between.",
    )
    .run("On the node's machine, see where it listens.", "ipfs config Addresses.Gateway")
    .run("Or leave the gateway out.", "unset IPFS_GATEWAY")
    .done();
    let how = if lies { " Nothing that it served may be trusted without hashing it." } else { "" };
    Told { message: format!("{}.{how}", symptom.finding.message.trim_end_matches('.')), remediations: vec![own] }
}

fn pinning(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let has = |code: &str| symptoms.iter().any(|symptom| symptom.code() == code);
    let first = if has("pinning.unauthorized") || has("pinning.token-missing") {
        remedy("give-pinning-token", "Give the runner a token of the service", "Pins belong to an account.")
            .run("Without showing it.", "read -rs IPFS_PINNING_TOKEN && export IPFS_PINNING_TOKEN")
            .risk(Risk::Security)
            .done()
    } else if has("pinning.quota") {
        remedy(
            "free-quota",
            "Free quota at the service",
            "What expired or was replaced is let go by the cache itself; the rest is yours to judge.",
        )
        .step("Remove pins at the service's own pages, or enlarge the plan.")
        .risk(Risk::Data)
        .done()
    } else if has("pinning.failed-pins") {
        remedy(
            "let-service-fetch",
            "Let the service reach the node",
            "It fetches from the node, and gives up when it cannot.",
        )
        .run(
            "On the node's machine, see whether others can dial it.",
            "ipfs id -f '<addrs>\\n'; ipfs swarm addrs autonat",
        )
        .step("Forward its swarm port (4001), or let it use relays; then store the values again.")
        .done()
    } else {
        remedy(
            "check-endpoint",
            "Check the service's endpoint",
            "Many services keep the API below a path of their own.",
        )
        .run(
            "See what answers.",
            format!(
                "curl -sS -m 10 -o /dev/null -w '%{{http_code}}\\n' {}",
                shell(&format!("{}/pins", symptom.subject().trim_end_matches('/')))
            ),
        )
        .step("401 is the answer of a pinning service to nobody; 404 is another path.")
        .risk(Risk::None)
        .done()
    };
    let without = remedy("leave-service-out", "Or do without it", "The node keeps what is stored.")
        .run("Unset it.", "unset IPFS_PINNING_SERVICE IPFS_PINNING_TOKEN")
        .cost("Values are lost with the node.")
        .done();
    Told {
        message: format!("{}: {}", list(&targets(symptoms)), messages(symptoms)),
        remediations: vec![first, without],
    }
}

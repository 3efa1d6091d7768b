use crate::remedy::{export, list, remedy, shell};
use crate::rule::{Fold, Rule, Told, nothing, ss, targets};
use crate::scene::{Scene, Symptom, Whereabouts};
use seaworthy_model::{Confidence, Layer, Remediation, Risk};

/// Port of Kubo's RPC.
const RPC: u16 = 5001;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "ipfs.loopback-in-container",
        title: "The IPFS node's address is loopback, which inside this container is the container itself",
        explain: "Kubo's RPC listens on `127.0.0.1:5001` of its own machine, and that is also the default of the cache. Inside a container \
                  with a network of its own the same text names the container. On the host the connection would succeed, which tells it \
                  from a node that is not running.",
        remedy: "Let the RPC listen on the container network too, with `API.Authorizations` set, and use that address.",
        proof: "ipfs.node",
        layer: Layer::Interface,
        explains_from: Layer::Tcp,
        matches: |scene, symptom| own_loopback(scene, symptom).then_some(Confidence::Certain),
        fold: Fold::Target,
        also: tier,
        tell: loopback,
    },
    Rule {
        code: "ipfs.not-listening",
        title: "No IPFS node listens at the address",
        explain: "The machine answers that the port is closed. The daemon is not running, or its RPC listens on loopback of that machine \
                  only, as it does unless it is told otherwise. From outside the two look the same; `ipfs config Addresses.API` tells.",
        remedy: "Start `ipfs daemon`; where runners are on other machines, let the RPC listen there, with `API.Authorizations` set.",
        proof: "ipfs.node",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |_, symptom| {
            let refused = symptom.code() == "ipfs.unreachable" && symptom.detail("kind") == Some("connection-refused");
            refused.then_some(Confidence::Certain)
        },
        fold: Fold::Target,
        also: tier,
        tell: not_listening,
    },
    Rule {
        code: "ipfs.silent",
        title: "The IPFS node does not answer",
        explain: "The name does not resolve, packets are dropped on the way, or the node took the connection and said nothing in time: a \
                  daemon that starts, migrates its repository, or waits for a slow disk does that. The stage says which.",
        remedy: "Look at the daemon's log on its machine; give it time after a start.",
        proof: "ipfs.node",
        layer: Layer::Tcp,
        explains_from: Layer::Tcp,
        matches: |_, symptom| (symptom.code() == "ipfs.unreachable").then_some(Confidence::Likely),
        fold: Fold::Target,
        also: tier,
        tell: silent,
    },
    Rule {
        code: "ipfs.wrong-port",
        title: "The IPFS address leads to something that is no Kubo RPC",
        explain: "A server answers, and not as an RPC does. Most often it is the node's own gateway (8080 instead of 5001), which serves \
                  content and takes none; the check asked it for the empty block to tell it from any other server.",
        remedy: "Use the address that `ipfs config Addresses.API` prints on the node.",
        proof: "ipfs.node",
        layer: Layer::Protocol,
        explains_from: Layer::Protocol,
        matches: |_, symptom| (symptom.code() == "ipfs.not-rpc").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: tier,
        tell: wrong_port,
    },
    Rule {
        code: "ipfs.old-kubo",
        title: "The IPFS node is too old",
        explain: "The node's own answer to `version` says so. Before 0.25 its RPC cannot be shut against strangers.",
        remedy: "Update Kubo.",
        proof: "ipfs.node",
        layer: Layer::Protocol,
        explains_from: Layer::Protocol,
        matches: |_, symptom| (symptom.code() == "ipfs.too-old").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: tier,
        tell: old,
    },
    Rule {
        code: "ipfs.credentials",
        title: "The IPFS node does not let this runner in",
        explain: "`API.Authorizations` is set on the node, and what was sent is none of its entries, or its `AllowedPaths` leave out what the \
                  cache needs. The node answered in its own words, so neither the network nor the address is the reason.",
        remedy: "Give the runner an entry of its own with the paths that the cache uses, and its secret as IPFS_API_AUTH.",
        proof: "ipfs.node",
        layer: Layer::Identity,
        explains_from: Layer::Identity,
        matches: |_, symptom| {
            matches!(symptom.code(), "ipfs.unauthenticated" | "ipfs.forbidden").then_some(symptom.finding.confidence)
        },
        fold: Fold::Target,
        also: tier,
        tell: credentials,
    },
    Rule {
        code: "ipfs.forged-by-proxy",
        title: "A proxy makes requests to the IPFS node look like a browser's",
        explain: "Kubo refuses requests with Origin, Referer or a browser's User-Agent. This runner sends none, so something between adds \
                  them. Missing credentials are answered in other words.",
        remedy: "Go past the proxy, or take the headers out there.",
        proof: "ipfs.node",
        layer: Layer::Protocol,
        explains_from: Layer::Protocol,
        matches: |_, symptom| (symptom.code() == "ipfs.forged").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: tier,
        tell: forged,
    },
    Rule {
        code: "ipfs.no-room",
        title: "The IPFS node's repository has no room left",
        explain: "Datastore.StorageMax is what the node's owner allows. Garbage collection frees what nothing names; values of the cache are \
                  named by MFS or a pin and stay. A put that ends in `no-space` is the same cause.",
        remedy: "Collect garbage, then raise Datastore.StorageMax or let values expire.",
        proof: "ipfs.node",
        layer: Layer::Cache,
        explains_from: Layer::Cache,
        matches: |_, symptom| {
            matches!(symptom.code(), "ipfs.repo-full" | "ipfs.repo-near-full").then_some(symptom.finding.confidence)
        },
        fold: Fold::Target,
        also: tier,
        tell: no_room,
    },
    Rule {
        code: "ipfs.repository-damaged",
        title: "The IPFS node cannot use its repository",
        explain: "Commands that only look are answered with errors of the node itself. The network, the address and the credentials are \
                  right: other commands were answered.",
        remedy: "Stop the daemon, verify and migrate the repository, start it again.",
        proof: "ipfs.node",
        layer: Layer::Cache,
        explains_from: Layer::Cache,
        matches: |_, symptom| {
            matches!(symptom.code(), "ipfs.rpc-failed" | "ipfs.mfs-unusable").then_some(symptom.finding.confidence)
        },
        fold: Fold::Together,
        also: tier,
        tell: damaged,
    },
    Rule {
        code: "ipfs.exposed",
        title: "Everybody who reaches the IPFS node may do everything with it",
        explain: "The RPC listens beyond loopback and answered without a credential. It is an administrator's interface, so whoever reaches \
                  the port can read, replace and remove every value and the node's configuration.",
        remedy: "Set API.Authorizations, or bind the RPC to loopback or to a container network.",
        proof: "ipfs.node",
        layer: Layer::Identity,
        explains_from: Layer::Cache,
        matches: |_, symptom| (symptom.code() == "ipfs.api-open").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: exposed,
    },
    Rule {
        code: "ipfs.alone",
        title: "The IPFS node is connected to nobody",
        explain: "Nothing leaves the node: it is offline, has no bootstrap peers, or cannot reach them. Runners of this node share with each \
                  other all the same; a pinning service cannot fetch anything from it.",
        remedy: "Start the daemon online and give it peers.",
        proof: "ipfs.node",
        layer: Layer::Libp2p,
        explains_from: Layer::Cache,
        matches: |_, symptom| {
            matches!(symptom.code(), "ipfs.offline" | "ipfs.no-peers").then_some(symptom.finding.confidence)
        },
        fold: Fold::Target,
        also: |symptom| symptom.code() == "pinning.failed-pins",
        tell: alone,
    },
    Rule {
        code: "ipfs.bad-gateway",
        title: "The configured IPFS gateway cannot be used",
        explain: "It does not answer, is no gateway, or serves bytes that do not hash to what was asked for. Every block was hashed here, so \
                  wrong bytes are certain, whoever changed them. The cache itself reads from the node.",
        remedy: "Use another gateway over https, or none.",
        proof: "ipfs.node",
        layer: Layer::Protocol,
        explains_from: Layer::Protocol,
        matches: |_, symptom| {
            let gateway =
                matches!(symptom.code(), "ipfs.gateway-unreachable" | "ipfs.not-gateway" | "ipfs.gateway-lies");
            gateway.then_some(symptom.finding.confidence)
        },
        fold: Fold::Target,
        also: nothing,
        tell: bad_gateway,
    },
    Rule {
        code: "pinning.unusable",
        title: "The pinning service does not keep what is stored",
        explain: "The service refuses the token, has no quota left, gave pins up, or is not one. Values are on the node all the same: what is \
                  lost is the copy that outlives it. The service's own words tell the cases apart.",
        remedy: "Make a new token, or free quota, at the service; or leave it out.",
        proof: "ipfs.node",
        layer: Layer::Identity,
        explains_from: Layer::Tcp,
        matches: |_, symptom| symptom.code().starts_with("pinning.").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: pinning,
    },
];

/// What a cache tier on the node says of itself follows from the node.
fn tier(symptom: &Symptom<'_>) -> bool {
    symptom.code().starts_with("cache.") && symptom.detail("adapter").unwrap_or(symptom.subject()) == "ipfs"
}

fn own_loopback(scene: &Scene<'_>, symptom: &Symptom<'_>) -> bool {
    symptom.code() == "ipfs.unreachable" && scene.whereabouts(symptom) == Whereabouts::OwnLoopback
}

fn proof(scene: &Scene<'_>, symptom: &Symptom<'_>) -> String {
    scene.proof("ipfs/node", symptom)
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
    let (proof, port) = (proof(scene, symptom), port(symptom));
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
    .proved_by(&proof);
    let host = remedy("use-host-network", "Or run the container on the host's network", "Loopback is the host's then.")
        .run("Add to your docker run.", "--network host")
        .risk(Risk::Security)
        .cost("The container reaches everything that listens on the host.")
        .proved_by(proof);
    let message = format!(
        "{} is loopback. Inside this container that is the container itself, and no IPFS node runs in it.",
        symptom.subject()
    );
    Told { message, remediations: vec![share, host] }
}

fn not_listening(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let (proof, port) = (proof(scene, symptom), port(symptom));
    let start = remedy("start-daemon", "Start the node", "A closed port is what a machine without a daemon answers.")
        .run("On its machine, see what listens there.", ss(&[port]))
        .run("Start it.", "ipfs daemon --migrate=true")
        .proved_by(&proof);
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
        .proved_by(proof);
        remediations.push(listen);
    }
    Told { message: format!("{} refuses connections: no IPFS node listens there.", symptom.subject()), remediations }
}

fn silent(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let stage = symptom.detail("stage").unwrap_or("connect");
    let look = remedy(
        "look-at-daemon",
        "See what the daemon does",
        "A start, a migration and a slow disk all take longer than a check waits.",
    )
    .run(
        "On its machine, ask it directly.",
        format!("curl -m 10 -X POST http://127.0.0.1:{}/api/v0/version", port(symptom)),
    )
    .step("If that answers and this runner gets nothing, look for a firewall between the two.")
    .risk(Risk::None)
    .proved_by(proof(scene, symptom));
    let why = symptom.finding.observed.as_deref().unwrap_or("no answer came");
    Told { message: format!("{} does not answer (stage {stage}): {why}.", symptom.subject()), remediations: vec![look] }
}

fn wrong_port(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
    .proved_by(proof(scene, symptom));
    let what = if gateway { "is an IPFS gateway" } else { "answers, and is no Kubo RPC" };
    Told { message: format!("{} {what}.", symptom.subject()), remediations: vec![fix] }
}

fn old(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
        .proved_by(proof(scene, symptom));
    Told { message: format!("{}: {}.", symptom.subject(), symptom.finding.message), remediations: vec![fix] }
}

fn credentials(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let proof = proof(scene, symptom);
    let allow = |id: &str, title: &str| {
        authorized(remedy(id, title, "An entry of its own can be taken back without shutting others out."))
            .step("Restart the daemon.")
            .risk(Risk::Security)
            .proved_by(&proof)
    };
    let give = remedy(
        "give-secret",
        "Give this runner the secret",
        "The node lets in who sends a secret of API.Authorizations.",
    )
    .run("Without showing it: the token, or `user:password`.", "read -rs IPFS_API_AUTH && export IPFS_API_AUTH")
    .risk(Risk::Security)
    .proved_by(&proof);
    let forbidden = symptoms.iter().any(|symptom| symptom.code() == "ipfs.forbidden");
    let remediations: Vec<Remediation> = if forbidden {
        vec![allow("allow-paths", "Allow these credentials what the cache uses")]
    } else {
        vec![give, allow("make-entry", "Or make an entry for the runners")]
    };
    Told { message: format!("{}: {}.", symptom.subject(), symptom.finding.message), remediations }
}

fn forged(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let host = symptom.place.as_ref().map_or_else(|| "NODE".to_owned(), |place| place.host.clone());
    let fix = remedy("go-past-proxy", "Go past the proxy", "The node is reached without it.")
        .run(
            "Add its host to what is not proxied.",
            format!("export NO_PROXY=\"${{NO_PROXY:+$NO_PROXY,}}\"{}", shell(&host)),
        )
        .proved_by(proof(scene, symptom));
    let message =
        format!("{} refuses requests as forged: something on the way adds headers of a browser.", symptom.subject());
    Told { message, remediations: vec![fix] }
}

fn no_room(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let proof = proof(scene, symptom);
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
    .proved_by(&proof);
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
            .proved_by(&proof);
    let expire =
        remedy("let-values-expire", "Or let values expire", "What has expired is removed when it is asked for.")
            .write(
                "In checks.toml, a week for example.",
                "checks.toml",
                "[tiers.ipfs]\nadapter = \"ipfs\"\ntarget = \"ipfs\"\nwith = { default-ttl = 604800 }\n",
            )
            .proved_by(proof);
    let message = format!("{}: {}.", symptom.subject(), symptom.finding.message);
    Told { message, remediations: vec![collect, raise, expire] }
}

fn damaged(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let mut fix =
        remedy("verify-repository", "Verify the repository", "Its own errors say that it cannot be used as it is.")
            .run("On the node's machine, with the daemon stopped.", "ipfs repo migrate; ipfs repo verify");
    if symptoms.iter().any(|symptom| symptom.code() == "ipfs.mfs-unusable") {
        fix = fix.run(
            "See what is at the cache's folder; move away what does not belong there.",
            "ipfs files stat /seaworthy; ipfs files ls -l /",
        );
    }
    let said: Vec<String> = symptoms.iter().map(|symptom| symptom.finding.message.clone()).collect();
    Told { message: said.join("\n"), remediations: vec![fix.risk(Risk::Data).proved_by(proof(scene, symptom))] }
}

fn exposed(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let proof = proof(scene, symptom);
    let shut = authorized(remedy(
        "require-secret",
        "Let in only who has a secret",
        "The RPC may do everything that its owner may.",
    ))
    .step("Restart the daemon.")
    .run("On the runners, without showing it.", "read -rs IPFS_API_AUTH && export IPFS_API_AUTH")
    .risk(Risk::Security)
    .proved_by(&proof);
    let bind =
        remedy("listen-on-loopback", "Or let it listen on loopback only", "Where all who use it are on its machine.")
            .run(
                "Set it and restart the daemon.",
                format!("ipfs config Addresses.API /ip4/127.0.0.1/tcp/{}", port(symptom)),
            )
            .cost("Containers and other machines do not reach it any more.")
            .proved_by(proof);
    Told { message: format!("{}: {}.", symptom.subject(), symptom.finding.message), remediations: vec![shut, bind] }
}

fn alone(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let fix = remedy("connect-node", "Connect the node", "Content leaves it only over connections.")
        .run("On its machine, see whom it dials at start, and whom it has.", "ipfs bootstrap; ipfs swarm peers | wc -l")
        .run("Where it runs with --offline, start it without.", "ipfs daemon")
        .run("Where the list is empty, fill it.", "ipfs bootstrap add default")
        .risk(Risk::Security)
        .cost("A node in the public network is dialled by strangers.")
        .proved_by(proof(scene, symptom));
    Told { message: format!("{}: {}.", symptom.subject(), symptom.finding.message), remediations: vec![fix] }
}

fn bad_gateway(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let lies = symptoms.iter().any(|symptom| symptom.code() == "ipfs.gateway-lies");
    let own = remedy(
        "use-own-gateway",
        "Use the node's own gateway, or none",
        "It serves what the node has, and nobody is in between.",
    )
    .run("On the node's machine, see where it listens.", "ipfs config Addresses.Gateway")
    .run("Or leave the gateway out.", "unset IPFS_GATEWAY")
    .proved_by(proof(scene, symptom));
    let how = if lies { " Nothing that it served may be trusted without hashing it." } else { "" };
    Told { message: format!("{}.{how}", symptom.finding.message.trim_end_matches('.')), remediations: vec![own] }
}

fn pinning(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let proof = proof(scene, symptom);
    let has = |code: &str| symptoms.iter().any(|symptom| symptom.code() == code);
    let first = if has("pinning.unauthorized") || has("pinning.token-missing") {
        remedy("give-pinning-token", "Give the runner a token of the service", "Pins belong to an account.")
            .run("Without showing it.", "read -rs IPFS_PINNING_TOKEN && export IPFS_PINNING_TOKEN")
            .risk(Risk::Security)
            .proved_by(&proof)
    } else if has("pinning.quota") {
        remedy(
            "free-quota",
            "Free quota at the service",
            "What expired or was replaced is let go by the cache itself; the rest is yours to judge.",
        )
        .step("Remove pins at the service's own pages, or enlarge the plan.")
        .risk(Risk::Data)
        .proved_by(&proof)
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
        .proved_by(&proof)
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
        .proved_by(&proof)
    };
    let without = remedy("leave-service-out", "Or do without it", "The node keeps what is stored.")
        .run("Unset it.", "unset IPFS_PINNING_SERVICE IPFS_PINNING_TOKEN")
        .cost("Values are lost with the node.")
        .proved_by(proof);
    let said: Vec<String> = symptoms.iter().map(|symptom| symptom.finding.message.clone()).collect();
    Told { message: format!("{}: {}", list(&targets(symptoms)), said.join("\n")), remediations: vec![first, without] }
}

use crate::remedy::{export, list, remedy, shell};
use crate::rows::rows;
use crate::rule::{Fold, Rule, Told, nothing, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Layer, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "identity.ended-process",
        title: "An address names a peer whose process has ended",
        explain: "The id in the address stands in the Python cache's registry, where a bootstrap helper or an earlier start left it: the process \
                  that had this identity has ended. On its port listens nobody, or another process with an identity of its own. The Python \
                  cache makes a new identity at every start, so the file is stale as soon as its process is gone, and is taken for thirty \
                  minutes all the same. It is told from a peer that lost its key by the registry's file.",
        remedy: "Remove the stale file from the registry and start the cache that is meant to be there; or use `seaworthy peer`, which keeps its identity.",
        proof: "net.connectivity",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |scene, symptom| match symptom.code() {
            "cache.registry-dead-entry" => Some(symptom.finding.confidence),
            "peer.refused" if scene.has("cache.registry-dead-entry", symptom.finding.target.as_deref()) => {
                Some(Confidence::Certain)
            }
            "peer.wrong-id" if published(scene, symptom) => Some(Confidence::Certain),
            _ => None,
        },
        fold: Fold::Together,
        also: nothing,
        tell: ended,
    },
    Rule {
        code: "identity.made-anew",
        title: "A Python peer made a new identity when it was started again",
        explain: "The peer that answers is the Python cache, on py-libp2p. It keeps no key: every start makes a new identity, and every address \
                  with the old one is stale. Nobody took the address over and the network is in order. A peer that keeps its key and still \
                  answers with another id is another peer.",
        remedy: "Put the id that it has now into CACHE_BOOTSTRAP_PEERS, after every start of it; or let a peer that keeps its identity have the address.",
        proof: "net.connectivity",
        layer: Layer::Identity,
        explains_from: Layer::Identity,
        matches: |_, symptom| {
            (symptom.code() == "peer.wrong-id" && is_python(symptom)).then_some(symptom.finding.confidence)
        },
        fold: Fold::Together,
        also: nothing,
        tell: made_anew,
    },
    Rule {
        code: "cache.registry-not-shared",
        title: "The runners' registry of peers is not shared",
        explain: "The Python cache's runners find each other through files in one folder. Here that folder belongs to this container or this \
                  runner alone, so each runner finds nobody and says nothing. A folder that cannot be written to is another finding.",
        remedy: "Set CACHE_BOOTSTRAP_PEERS, which needs no folder; or mount one folder into every runner and name it in IPFS_ACCELERATE_P2P_CACHE_DIR.",
        proof: "cache.initialization",
        layer: Layer::Config,
        explains_from: Layer::Cache,
        matches: |_, symptom| (symptom.code() == "cache.registry-not-shared").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: nothing,
        tell: not_shared,
    },
    Rule {
        code: "cache.registry-undialable",
        title: "A runner offers an address that nobody can dial",
        explain: "An entry of the Python cache's registry has 0.0.0.0 for an address. That is where its process listens, and no place to dial; \
                  the cache offers it when it does not know under which address others reach it.",
        remedy: "Set CACHE_ADVERTISE_IP where that runner starts, to the address under which the others reach it.",
        proof: "cache.initialization",
        layer: Layer::Config,
        explains_from: Layer::Cache,
        matches: |_, symptom| (symptom.code() == "cache.registry-undialable").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: nothing,
        tell: undialable,
    },
    Rule {
        code: "cache.runner-name-twice",
        title: "Two runners have the same name",
        explain: "The Python cache keeps one entry for each RUNNER_NAME and leaves out the one with its own name. Runners of one name overwrite \
                  each other's entry, and never see each other. A runner that was only started again has the same address as before.",
        remedy: "Give each runner a name of its own: `config.sh --name`, or RUNNER_NAME where the container is started.",
        proof: "cache.initialization",
        layer: Layer::Config,
        explains_from: Layer::Cache,
        matches: |_, symptom| (symptom.code() == "cache.runner-name-twice").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: name_twice,
    },
];

/// The id that an address names, where another one answered.
fn expected<'a>(symptom: &'a Symptom<'_>) -> Option<&'a str> {
    symptom.detail("expected-peer-id").or_else(|| symptom.place.as_ref()?.peer.as_deref())
}

/// The registry's file that offers the id that an address names.
fn file_of(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<String> {
    let id = expected(symptom)?;
    let all = rows(scene.record.observations.iter(), "peer-registry")?;
    let folder = all.iter().find(|row| row.get("row-kind").is_some_and(|kind| kind == "folder"))?.get("path")?.clone();
    let entry = all.iter().find(|row| row.get("peer-id").is_some_and(|other| other == id))?;
    Some(format!("{}/{}", folder.trim_end_matches('/'), entry.get("file")?))
}

fn published(scene: &Scene<'_>, symptom: &Symptom<'_>) -> bool {
    file_of(scene, symptom).is_some()
}

fn is_python(symptom: &Symptom<'_>) -> bool {
    ["agent", "seen-agent"].iter().filter_map(|key| symptom.detail(key)).any(|agent| agent.contains("py-libp2p"))
}

/// Sets the peers to what answers now.
fn use_seen(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Option<Remediation> {
    let replaced: Vec<(String, String)> = symptoms
        .iter()
        .filter_map(|symptom| {
            let seen = symptom.detail("seen-peer-id").or(symptom.finding.observed.as_deref())?;
            let place = symptom.place.as_ref().filter(|_| symptom.code() == "peer.wrong-id")?;
            Some((symptom.subject().to_owned(), place.with_peer(seen).to_multiaddr()))
        })
        .collect();
    (!replaced.is_empty()).then(|| {
        remedy("use-seen-peer-id", "Name the peer that answers now", "It holds until that peer is started again.")
            .step("Compare the id with the one in the peer's log: whoever holds the address could answer with another.")
            .run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &scene.peers_with(&replaced)))
            .cost("Trusts the peer that answers now, so compare first.")
            .proved_by(scene.proof("net/connectivity", symptoms[0]))
    })
}

/// A peer whose address stays good.
fn lasting(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Remediation {
    remedy(
        "use-lasting-peer",
        "Give the address to a peer that keeps its identity",
        "Python runners dial it as they dial each other, and its address stays good over restarts.",
    )
    .run("On the peer's machine; it prints the line to set.", "seaworthy peer")
    .proved_by(scene.proof("net/connectivity", symptom))
}

fn ended(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let proof = scene.proof("net/connectivity", symptoms[0]);
    let mut files: Vec<String> = symptoms
        .iter()
        .filter_map(|symptom| symptom.detail("file").map(str::to_owned).or_else(|| file_of(scene, symptom)))
        .collect();
    files.sort();
    files.dedup();
    let mut lines = Vec::new();
    for symptom in symptoms {
        let line = match (symptom.code(), symptom.detail("seen-peer-id")) {
            ("peer.wrong-id", Some(seen)) => format!(
                "{} names {}, which {} published and which has ended: {seen} answers there now.",
                symptom.subject(),
                expected(symptom).unwrap_or_default(),
                file_of(scene, symptom).unwrap_or_default()
            ),
            _ => symptom.finding.message.clone(),
        };
        lines.push(line);
    }
    let mut remediations: Vec<Remediation> = Vec::new();
    if !files.is_empty() {
        let quoted: Vec<String> = files.iter().map(|file| shell(file)).collect();
        remediations.push(
            remedy(
                "remove-stale-entry",
                "Remove the stale entry, and start the cache again",
                "A running cache writes its entry anew; what stays away has no process.",
            )
            .run("Remove what was left behind.", format!("rm -- {}", quoted.join(" ")))
            .step("Start the cache, and let it run: a helper that only registers and ends leaves such an entry every time.")
            .proved_by(&proof),
        );
    }
    remediations.extend(use_seen(scene, symptoms));
    remediations.push(lasting(scene, symptoms[0]));
    Told { message: lines.join("\n"), remediations }
}

fn made_anew(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message = format!(
        "{} is a Python peer, which makes a new identity at every start: the id in the address is that of an earlier one.",
        list(&targets(symptoms))
    );
    let mut remediations: Vec<Remediation> = use_seen(scene, symptoms).into_iter().collect();
    remediations.push(lasting(scene, symptoms[0]));
    Told { message, remediations }
}

fn not_shared(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let proof = scene.proof("cache/initialization", symptoms[0]);
    let path = symptoms[0].detail("path").unwrap_or("/srv/p2p_peers");
    let named =
        remedy("name-peers", "Name the peers instead", "A list of peers needs no folder, and nothing to be mounted.")
            .run("On the host, start a peer; it prints the line to set.", "seaworthy peer")
            .run("Set it for every runner.", "export CACHE_BOOTSTRAP_PEERS=/ip4/ADDRESS/tcp/PORT/p2p/ID")
            .proved_by(&proof);
    let shared =
        remedy("share-registry", "Or mount one folder into every runner", "Each then reads what the others wrote.")
            .run("On the host, make it.", "sudo install -d -m 1777 /srv/p2p_peers");
    let shared = if scene.site.in_container == Some(true) {
        shared.run(
            "Add to each docker run.",
            "-v /srv/p2p_peers:/srv/p2p_peers -e IPFS_ACCELERATE_P2P_CACHE_DIR=/srv/p2p_peers",
        )
    } else {
        shared.run("Set it for every runner.", "export IPFS_ACCELERATE_P2P_CACHE_DIR=/srv/p2p_peers")
    };
    let shared = shared
        .cost("Every runner that has the folder may write entries for the others to dial.")
        .risk(Risk::Security)
        .proved_by(proof);
    let message = format!("{} (folder {path})", symptoms[0].finding.message.trim_end_matches('.'));
    Told { message, remediations: vec![named, shared] }
}

fn undialable(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message: Vec<&str> = symptoms.iter().map(|symptom| symptom.finding.message.as_str()).collect();
    Told {
        message: message.join("\n"),
        remediations: vec![super::python::advertise(scene, "cache/initialization", symptoms[0])],
    }
}

fn name_twice(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let name = symptom.detail("runner").unwrap_or_else(|| symptom.subject());
    let fix = remedy("rename-runner", "Give this runner a name of its own", "The registry keeps one entry a name.")
        .run("For the cache alone, before it starts.", export("RUNNER_NAME", &format!("{name}-2")))
        .run(
            "For good: configure the runner under another name, in its folder.",
            format!("./config.sh remove && ./config.sh --name {}", shell(&format!("{name}-2"))),
        )
        .proved_by(scene.proof("cache/initialization", symptom));
    Told { message: symptom.finding.message.clone(), remediations: vec![fix] }
}

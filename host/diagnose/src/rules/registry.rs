use crate::faults;
use crate::remedy::{export, list, remedy, shell};
use crate::rows::rows;
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::IDENTITY_ENDED_PROCESS)
        .when(|scene, symptom| match symptom.code() {
            "cache.registry-dead-entry" => Some(symptom.finding.confidence),
            "peer.refused" if scene.has("cache.registry-dead-entry", symptom.finding.target.as_deref()) => {
                Some(Confidence::Certain)
            }
            "peer.wrong-id" if published(scene, symptom) => Some(Confidence::Certain),
            _ => None,
        })
        .tell(ended),
    Rule::of(faults::IDENTITY_MADE_ANEW)
        .when(|_, symptom| {
            (symptom.code() == "peer.wrong-id" && is_python(symptom)).then_some(symptom.finding.confidence)
        })
        .tell(made_anew),
    Rule::of(faults::CACHE_REGISTRY_NOT_SHARED).tell(not_shared),
    Rule::of(faults::CACHE_REGISTRY_UNDIALABLE).tell(undialable),
    Rule::of(faults::CACHE_RUNNER_NAME_TWICE).tell(name_twice),
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
            .done()
    })
}

/// A peer whose address stays good.
fn lasting() -> Remediation {
    remedy(
        "use-lasting-peer",
        "Give the address to a peer that keeps its identity",
        "Python runners dial it as they dial each other, and its address stays good over restarts.",
    )
    .run("On the peer's machine; it prints the line to set.", "seaworthy peer")
    .done()
}

fn ended(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
            .done(),
        );
    }
    remediations.extend(use_seen(scene, symptoms));
    remediations.push(lasting());
    Told { message: lines.join("\n"), remediations }
}

fn made_anew(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message = format!(
        "{} is a Python peer, which makes a new identity at every start: the id in the address is that of an earlier one.",
        list(&targets(symptoms))
    );
    let mut remediations: Vec<Remediation> = use_seen(scene, symptoms).into_iter().collect();
    remediations.push(lasting());
    Told { message, remediations }
}

fn not_shared(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let path = symptoms[0].detail("path").unwrap_or("/srv/p2p_peers");
    let named =
        remedy("name-peers", "Name the peers instead", "A list of peers needs no folder, and nothing to be mounted.")
            .run("On the host, start a peer; it prints the line to set.", "seaworthy peer")
            .run("Set it for every runner.", "export CACHE_BOOTSTRAP_PEERS=/ip4/ADDRESS/tcp/PORT/p2p/ID")
            .done();
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
        .done();
    let message = format!("{} (folder {path})", symptoms[0].finding.message.trim_end_matches('.'));
    Told { message, remediations: vec![named, shared] }
}

fn undialable(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    Told::found(symptoms, vec![super::python::advertise(scene)])
}

fn name_twice(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let name = symptom.detail("runner").unwrap_or_else(|| symptom.subject());
    let fix = remedy("rename-runner", "Give this runner a name of its own", "The registry keeps one entry a name.")
        .run("For the cache alone, before it starts.", export("RUNNER_NAME", &format!("{name}-2")))
        .run(
            "For good: configure the runner under another name, in its folder.",
            format!("./config.sh remove && ./config.sh --name {}", shell(&format!("{name}-2"))),
        )
        .done();
    Told::found(symptoms, vec![fix])
}

use crate::faults;
use crate::remedy::{export, remedy};
use crate::rule::{Rule, Told};
use crate::scene::{Scene, Symptom};
use seaworthy_model::Risk;

pub(super) const RULES: &[Rule] =
    &[Rule::of(faults::IDENTITY_WRONG_PEER).tell(wrong_peer), Rule::of(faults::IDENTITY_SELF).tell(itself)];

fn wrong_peer(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let mut replaced = Vec::new();
    let mut lines = Vec::new();
    for symptom in symptoms {
        let seen = symptom.detail("seen-peer-id").or(symptom.finding.observed.as_deref());
        let named = symptom.detail("expected-peer-id").map(str::to_owned);
        let named = named.or_else(|| symptom.place.as_ref().and_then(|place| place.peer.clone())).unwrap_or_default();
        if let (Some(seen), Some(place)) = (seen, &symptom.place) {
            let new = place.with_peer(seen).to_multiaddr();
            lines.push(format!("{} names {named}, and {seen} answers there.", symptom.subject()));
            replaced.push((symptom.subject().to_owned(), new));
        } else {
            lines.push(symptom.finding.message.clone());
        }
    }
    let mut remediations = Vec::new();
    if !replaced.is_empty() {
        remediations.push(
            remedy("use-seen-peer-id", "Name the peer that answers", "If it is the peer you mean, only its id in the address is stale.")
                .step("Compare the id with the one that the peer prints at its start: whoever holds the address could answer with another.")
                .run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &scene.peers_with(&replaced)))
                .cost("Trusts the peer that answers now, so compare first.")
                .done(),
        );
    }
    remediations.push(
        remedy(
            "keep-identity",
            "Let the peer keep its identity",
            "A key that is made anew at every start makes every address stale.",
        )
        .run(
            "Where the peer runs in a container, keep its state in a volume.",
            format!(
                "docker run -v cache-peer:/var/lib/seaworthy -e SEAWORTHY_STATE=/var/lib/seaworthy -p {p}:{p} PEER_IMAGE peer",
                p = symptoms[0].port()
            ),
        )
        .risk(Risk::Config)
        .done(),
    );
    Told { message: lines.join("\n"), remediations }
}

fn itself(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let old: Vec<(String, String)> =
        symptoms.iter().map(|symptom| (symptom.subject().to_owned(), String::new())).collect();
    let rest = scene.peers_with(&old);
    let fix = remedy("remove-self", "Take this runner out of its own list of peers", "The others stay.");
    let fix = if rest.is_empty() {
        fix.step("Set CACHE_BOOTSTRAP_PEERS to another peer: it is the only one in the list.")
    } else {
        fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &rest))
    };
    let message = format!("{} answers with our own identity.", crate::remedy::list(&crate::rule::targets(symptoms)));
    Told { message, remediations: vec![fix.done()] }
}

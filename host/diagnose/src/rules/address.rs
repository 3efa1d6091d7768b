use crate::address::{Place, unquoted};
use crate::faults;
use crate::remedy::{Remedy, export, list, remedy};
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::ADDRESS_HOST_PORT).tell(tell),
    Rule::of(faults::ADDRESS_URL).tell(tell),
    Rule::of(faults::ADDRESS_PLACEHOLDER_PEER_ID).tell(tell),
    Rule::of(faults::ADDRESS_BAD_PEER_ID).tell(tell),
    Rule::of(faults::ADDRESS_MISSING_PEER_ID).tell(tell),
    Rule::of(faults::ADDRESS_UNSPECIFIED).tell(tell),
    Rule::of(faults::ADDRESS_UNSUPPORTED_TRANSPORT).tell(tell),
    Rule::of(faults::ADDRESS_INVALID).tell(tell),
    Rule::of(faults::ADDRESS_DUPLICATE).tell(tell),
];

/// What is to be written in place of a wrong address.
#[derive(Clone)]
pub(super) struct Correction {
    /// As configured.
    pub(super) old: String,
    pub(super) new: Place,
    /// As a multiaddr; `ID` stands for a peer id that is not known.
    pub(super) text: String,
    /// Whether it names its peer.
    pub(super) named: bool,
}

/// The address as it was meant: written correctly, with the id that was seen, at
/// the host that this container has to use. None where that cannot be told.
fn corrected(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<Correction> {
    let old = symptom.subject().to_owned();
    let place = scene.as_seen_here(symptom.place.as_ref()?);
    let usable = match symptom.code() {
        "addr.placeholder-peer-id" => false,
        // Quotes alone make a good id a bad one.
        "addr.bad-peer-id" => unquoted(&old) != old && place.peer.as_deref().is_some_and(is_whole_id),
        _ => true,
    };
    let peer = symptom.detail("seen-peer-id").map(str::to_owned).or_else(|| place.peer.clone().filter(|_| usable));
    let named = peer.is_some();
    let new = place.with_peer(peer.as_deref().unwrap_or("ID"));
    let text = new.written().filter(|text| *text != old)?;
    Some(Correction { old, new, text, named })
}

/// Whether a text has the length and the letters of a peer id.
fn is_whole_id(id: &str) -> bool {
    id.len() >= 46 && id.chars().all(|c| c.is_ascii_alphanumeric() && !"0OIl".contains(c))
}

/// The corrections of all wrong addresses of a run, so that every cause sets the
/// same list of peers and none undoes the other's.
pub(super) fn corrections(scene: &Scene<'_>) -> Vec<Correction> {
    let mut all: Vec<Correction> = Vec::new();
    let wrong = |s: &&Symptom<'_>| {
        s.code().starts_with("addr.") && s.code() != "addr.duplicate" || s.code() == "docker.loopback-peer"
    };
    // An address rule knows more of a target than where it leads.
    let (address, docker): (Vec<_>, Vec<_>) =
        scene.symptoms.iter().filter(wrong).partition(|s| s.code().starts_with("addr."));
    for symptom in address.into_iter().chain(docker) {
        if all.iter().all(|known| known.old != symptom.subject()) {
            all.extend(corrected(scene, symptom));
        }
    }
    // A peer that the list names elsewhere at the same place needs no unknown id.
    let listed = scene.peers_with(&[]);
    let named: Vec<String> = all.iter().filter(|c| c.named).map(|c| c.text.clone()).collect();
    for unnamed in all.iter_mut().filter(|c| !c.named) {
        let base = unnamed.text.strip_suffix("ID").unwrap_or_default().to_owned();
        let good = |text: &&str| {
            text.starts_with(&base) && Place::read(text).is_some_and(|place| place.written().as_deref() == Some(*text))
        };
        let untouched = listed.split(',').filter(|peer| !scene.symptoms.iter().any(|s| is_about(s, peer)));
        if let Some(twin) = named.iter().map(String::as_str).chain(untouched).find(good) {
            unnamed.new = Place::read(twin).unwrap_or_else(|| unnamed.new.clone());
            unnamed.text = twin.to_owned();
            unnamed.named = true;
        }
    }
    all
}

fn is_about(symptom: &Symptom<'_>, target: &str) -> bool {
    symptom.code().starts_with("addr.") && symptom.finding.target.as_deref() == Some(target)
}

fn tell(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let all = corrections(scene);
    let mut told: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for symptom in symptoms {
        let old = symptom.subject();
        if told.contains(&old) {
            continue;
        }
        told.push(old);
        let at = symptom.detail("position").map(|at| format!(" (at byte {at})")).unwrap_or_default();
        let reason = if symptom.finding.message.is_empty() { &symptom.finding.title } else { &symptom.finding.message };
        let reason = reason.trim_end_matches('.');
        let quotes = if unquoted(old) == old.trim() {
            ""
        } else {
            " The quotes are part of the value, as `docker run --env-file` leaves them in: write it without."
        };
        let write = all.iter().find(|c| c.old == old).map(|c| format!(" Write {}.", c.text)).unwrap_or_default();
        lines.push(format!("{old}{at}: {reason}.{quotes}{write}"));
    }
    let replaced: Vec<(String, String)> = all.iter().map(|c| (c.old.clone(), c.text.clone())).collect();
    let mine = told.iter().any(|old| all.iter().any(|c| c.old == *old));
    let peers = scene.peers_with(&replaced);
    let fix = remedy(
        "correct-address",
        "Write the address as a multiaddr that names its peer",
        "Only such an address is dialled, and only the right peer answers to it.",
    );
    let fix = if symptoms[0].code() == "addr.duplicate" {
        let fix = remedy("list-once", "List each peer once", "A second entry adds nothing.");
        if scene.peers_with(&[]).is_empty() {
            fix.step(format!("Remove the second {}.", list(&targets(symptoms))))
        } else {
            set(fix, &all, &peers)
        }
    } else if mine {
        set(fix, &all, &peers)
    } else {
        fix.step("Write it as /ip4/ADDRESS/tcp/PORT/p2p/ID or /dns4/NAME/tcp/PORT/p2p/ID; `seaworthy peer` prints its own at its start.")
    };
    Told { message: lines.join("\n"), remediations: vec![fix.done()] }
}

/// Sets the whole list of peers, every wrong address in it corrected.
fn set(fix: Remedy, all: &[Correction], peers: &str) -> Remedy {
    if all.iter().all(|correction| correction.named) {
        return fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", peers));
    }
    fix.step("Take the peer id from the lines that the peer prints at its start; it could not be learned from here.")
        .run("Set the peers, with that id in place of ID.", export("CACHE_BOOTSTRAP_PEERS", peers))
}

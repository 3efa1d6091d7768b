use crate::remedy::{export, list, remedy};
use crate::rule::{Fold, Rule, Told, nothing, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Layer};

/// A rule for one address code. `explains_from`: an address that lacks a good
/// peer id can still be resolved and connected to, so it explains no silence; one
/// that cannot be read explains everything.
const fn rule(
    code: &'static str,
    title: &'static str,
    explain: &'static str,
    explains_from: Layer,
    matches: fn(&Scene<'_>, &Symptom<'_>) -> Option<Confidence>,
) -> Rule {
    Rule {
        code,
        title,
        explain,
        layer: Layer::Config,
        explains_from,
        matches,
        fold: Fold::Together,
        also: nothing,
        tell,
    }
}

pub(super) const RULES: &[Rule] = &[
    rule(
        "address.host-port",
        "A peer is written as host:port",
        "libp2p takes multiaddrs, such as `/ip4/10.0.0.5/tcp/9100/p2p/ID`. A `host:port` is read as nothing and the peer is skipped, often \
         without an error, so the cache runs with no peers.",
        Layer::Config,
        |_, s| (s.code() == "addr.host-port").then_some(s.finding.confidence),
    ),
    rule(
        "address.url",
        "A peer is written as a URL",
        "libp2p takes multiaddrs, such as `/dns4/cache.example/tcp/9100/p2p/ID`, not URLs. The peer is skipped, often without an error.",
        Layer::Config,
        |_, s| (s.code() == "addr.url").then_some(s.finding.confidence),
    ),
    rule(
        "address.placeholder-peer-id",
        "A peer id is still the placeholder of an example",
        "The address was copied from documentation and the peer id in it never filled in, so no peer can prove to have it. It is told from \
         a wrong id by the text: it is no id at all.",
        Layer::Libp2p,
        |_, s| (s.code() == "addr.placeholder-peer-id").then_some(s.finding.confidence),
    ),
    rule(
        "address.bad-peer-id",
        "A peer id is damaged",
        "What stands after `/p2p/` is no peer id: cut, mistyped, or with characters that base58 does not have. A well-formed id of another \
         peer is told only by dialling it.",
        Layer::Libp2p,
        |_, s| (s.code() == "addr.bad-peer-id").then_some(s.finding.confidence),
    ),
    rule(
        "address.missing-peer-id",
        "A peer's address does not say which peer it is",
        "Without `/p2p/ID` a client cannot know whom it should meet: some skip such an address without an error, others would trust whoever \
         answers. The address may be reachable all the same.",
        Layer::Libp2p,
        |_, s| (s.code() == "addr.missing-peer-id").then_some(s.finding.confidence),
    ),
    rule(
        "address.unspecified",
        "A peer's address is 0.0.0.0, which nobody can dial",
        "`0.0.0.0` and `::` tell a program to listen on all its addresses. As a place to dial they mean nothing, or the own machine. \
         It was taken from a listen address, often one that a peer published by mistake.",
        Layer::Config,
        |_, s| (s.code() == "addr.unspecified").then_some(s.finding.confidence),
    ),
    rule(
        "address.unsupported-transport",
        "A peer's address uses a transport that the cache does not speak",
        "The cache speaks libp2p over TCP. A QUIC, WebSocket or WebTransport address may be right for other programs, and is skipped by \
         this one.",
        Layer::Config,
        |_, s| (s.code() == "addr.unsupported-transport").then_some(s.finding.confidence),
    ),
    rule(
        "address.invalid",
        "A peer's address cannot be read",
        "The address is no multiaddr: a part is unknown, missing or of the wrong form. The finding holds the position and the part where \
         reading stopped.",
        Layer::Config,
        |_, s| (s.code() == "addr.invalid").then_some(s.finding.confidence),
    ),
    rule(
        "address.duplicate",
        "A peer is listed twice",
        "The same address, or the same peer, stands in the list more than once. It costs a dial and makes counts of reachable peers wrong.",
        Layer::Protocol,
        |_, s| (s.code() == "addr.duplicate").then_some(s.finding.confidence),
    ),
];

/// The address as it was meant: written correctly, with the id that was seen, at
/// the host that this container has to use. And whether its peer id is known.
fn corrected(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<(String, bool)> {
    let place = scene.as_seen_here(symptom.place.as_ref()?);
    let usable = !matches!(symptom.code(), "addr.placeholder-peer-id" | "addr.bad-peer-id");
    let peer = symptom.detail("seen-peer-id").map(str::to_owned).or_else(|| place.peer.clone().filter(|_| usable));
    match peer {
        Some(peer) => Some((place.with_peer(&peer).to_multiaddr(), true)),
        None => Some((place.with_peer("ID").to_multiaddr(), false)),
    }
}

fn tell(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let proof = scene.proof("net/connectivity", symptoms[0]);
    let mut replaced: Vec<(String, String)> = Vec::new();
    let mut known = true;
    let mut lines = Vec::new();
    for symptom in symptoms {
        let old = symptom.subject().to_owned();
        if replaced.iter().any(|(other, _)| *other == old) {
            continue;
        }
        let at = symptom.detail("position").map(|at| format!(" (at byte {at})")).unwrap_or_default();
        let reason = if symptom.finding.message.is_empty() { &symptom.finding.title } else { &symptom.finding.message };
        let reason = reason.trim_end_matches('.');
        match corrected(scene, symptom) {
            // An unread address cannot be written better than it is.
            Some((new, with_id)) if new != old => {
                lines.push(format!("{old}{at}: {reason}. Write {new}."));
                known &= with_id;
                replaced.push((old, new));
            }
            _ => lines.push(format!("{old}{at}: {reason}.")),
        }
    }
    let fix = remedy(
        "correct-address",
        "Write the address as a multiaddr that names its peer",
        "Only such an address is dialled, and only the right peer answers to it.",
    );
    let fix = if symptoms[0].code() == "addr.duplicate" {
        let once = scene.peers_with(&[]);
        let fix = remedy("list-once", "List each peer once", "A second entry adds nothing.");
        if once.is_empty() {
            fix.step(format!("Remove the second {}.", list(&targets(symptoms))))
        } else {
            fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &once))
        }
    } else if replaced.is_empty() {
        fix.step("Write it as /ip4/ADDRESS/tcp/PORT/p2p/ID or /dns4/NAME/tcp/PORT/p2p/ID; `seaworthy peer` prints its own at its start.")
    } else if known {
        fix.run("Set the peers.", export("CACHE_BOOTSTRAP_PEERS", &scene.peers_with(&replaced)))
    } else {
        fix.step(
            "Take the peer id from the lines that the peer prints at its start; it could not be learned from here.",
        )
        .run(
            "Set the peers, with that id in place of ID.",
            export("CACHE_BOOTSTRAP_PEERS", &scene.peers_with(&replaced)),
        )
    };
    Told { message: lines.join("\n"), remediations: vec![fix.proved_by(proof)] }
}

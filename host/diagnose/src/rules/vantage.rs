use crate::faults;
use crate::rule::Rule;
use crate::scene::{Scene, Symptom, Whereabouts, is_host_name};
use seaworthy_model::Confidence;

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::VANTAGE_OPEN_ON_HOST).when(open_on_host),
    Rule::of(faults::VANTAGE_NAME_KNOWN_ON_HOST).when(name_known_on_host),
];

/// Silent here, and the container's host got an answer from the very same address. An
/// address of the host itself it reaches without leaving the machine, so that tells
/// nothing of the way; the firewall rules read that one.
fn open_on_host(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<Confidence> {
    let silent = matches!(symptom.code(), "peer.silent" | "peer.filtered" | "peer.no-route" | "peer.rejected");
    let apart = matches!(scene.whereabouts(symptom), Whereabouts::OtherPrivate | Whereabouts::Elsewhere);
    let place = symptom.place.as_ref()?;
    let host = scene.site.host.as_ref()?;
    let reached = host.reached.iter().any(|seen| seen.host == place.host && seen.port == place.port);
    (silent && apart && reached).then_some(Confidence::Likely)
}

/// A name that the host knows. The engine's own names for its host exist in containers
/// only, and those of containers for containers only.
fn name_known_on_host(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<Confidence> {
    let unknown = matches!(symptom.code(), "peer.dns-not-found" | "peer.dns-failure" | "dns.not-found" | "dns.failure");
    let name = symptom.place.as_ref().map(|place| place.host.as_str()).filter(|name| !is_host_name(name))?;
    let host = scene.site.host.as_ref()?;
    (unknown && host.resolved.iter().any(|known| known == name)).then_some(Confidence::Certain)
}

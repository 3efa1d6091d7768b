use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Layer, Remediation};

/// How symptoms become a cause. One record drives the diagnosis and `explain CODE`.
pub(crate) struct Rule {
    /// Code of the cause.
    pub(crate) code: &'static str,
    /// One line.
    pub(crate) title: &'static str,
    /// What it means, and how it is told from its look-alikes.
    pub(crate) explain: &'static str,
    /// What to do, in a sentence or two, where nothing of the place is known.
    pub(crate) remedy: &'static str,
    /// Default id of the check that proves it.
    pub(crate) proof: &'static str,
    /// Where in the stack the cause sits.
    pub(crate) layer: Layer,
    /// The lowest layer of symptoms on the same target that it can bring about.
    pub(crate) explains_from: Layer,
    /// Whether a symptom is of this cause, and how sure that is.
    pub(crate) matches: fn(&Scene<'_>, &Symptom<'_>) -> Option<Confidence>,
    /// Which symptoms share one fix.
    pub(crate) fold: Fold,
    /// Symptoms on other targets that it brings about too.
    pub(crate) also: fn(&Symptom<'_>) -> bool,
    /// What to say and what to do about the symptoms of one fold.
    pub(crate) tell: fn(&Scene<'_>, &[&Symptom<'_>]) -> Told,
}

/// Which symptoms of a rule become one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    /// All of them.
    Together,
    /// Those about one target.
    Target,
    /// Those about one host.
    Host,
}

impl Fold {
    pub(crate) fn key(self, scene: &Scene<'_>, symptom: &Symptom<'_>) -> String {
        match self {
            Fold::Together => String::new(),
            Fold::Target => symptom.subject().to_owned(),
            Fold::Host => match (scene.ip(symptom), &symptom.place) {
                (Some(ip), _) => ip.to_string(),
                (None, Some(place)) => place.host.clone(),
                (None, None) => symptom.subject().to_owned(),
            },
        }
    }
}

/// A cause in words, with its remedies, least privilege first.
pub(crate) struct Told {
    pub(crate) message: String,
    pub(crate) remediations: Vec<Remediation>,
}

/// For rules that bring about nothing on other targets.
pub(crate) fn nothing(_: &Symptom<'_>) -> bool {
    false
}

/// The targets of symptoms, each once, in order.
pub(crate) fn targets(symptoms: &[&Symptom<'_>]) -> Vec<String> {
    let mut targets: Vec<String> = Vec::new();
    for symptom in symptoms {
        let subject = symptom.subject().to_owned();
        if !targets.contains(&subject) {
            targets.push(subject);
        }
    }
    targets
}

/// The ports of symptoms, each once, in order.
pub(crate) fn ports(symptoms: &[&Symptom<'_>]) -> Vec<u16> {
    let mut ports: Vec<u16> = symptoms.iter().map(|symptom| symptom.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// `port 9100`, `ports 9100 and 9101`.
pub(crate) fn port_words(ports: &[u16]) -> String {
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("{} {}", if words.len() == 1 { "port" } else { "ports" }, crate::remedy::list(&words))
}

/// `ss -ltnp` for some ports.
pub(crate) fn ss(ports: &[u16]) -> String {
    let filter: Vec<String> = ports.iter().map(|port| format!("sport = :{port}")).collect();
    format!("ss -ltnp '{}'", filter.join(" or "))
}

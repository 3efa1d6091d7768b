use crate::scene::{Scene, Symptom};
use seaworthy_model::{Layer, Risk};

/// One record of `faults/`: all that is said about a cause. The report, `explain
/// CODE`, the documentation and the tests are made from it.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Code of the cause.
    pub(crate) code: &'static str,
    /// Its numbers in the knowledge base.
    pub(crate) faults: &'static [&'static str],
    /// One line.
    pub(crate) title: &'static str,
    /// What a user sees.
    pub(crate) symptom: &'static str,
    /// What it means, and how it is told from its look-alikes.
    pub(crate) explain: &'static str,
    /// What to do, in a sentence or two, where nothing of the place is known.
    pub(crate) remedy: &'static str,
    /// The rule for its confidence.
    pub(crate) confidence: &'static str,
    /// Default id of the check that proves it.
    pub(crate) proof: &'static str,
    /// Where it was read or measured.
    pub(crate) sources: &'static [&'static str],
    /// Where in the stack the cause sits.
    pub(crate) layer: Layer,
    /// The lowest layer of symptoms on the same target that it can bring about.
    pub(crate) explains_from: Layer,
    /// Which symptoms share one fix.
    pub(crate) fold: Fold,
    /// Codes of findings that are this cause.
    pub(crate) findings: &'static [&'static str],
    /// What must hold beside the finding.
    pub(crate) when: &'static [Condition],
    /// Findings on other targets that it brings about too.
    pub(crate) also: &'static [Also],
    /// What to say; the findings' own words where there is none.
    pub(crate) message: Option<&'static [Part]>,
    /// Least privilege first. None where a rule in Rust has them.
    pub(crate) remedies: &'static [Cure],
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

/// What must hold. *Behaviour*: a condition on something unknown does not hold,
/// whichever way it asks.
#[derive(Debug)]
pub(crate) struct Condition {
    /// A fact, whichever check reported it.
    pub(crate) fact: Option<&'static str>,
    /// A detail of the finding.
    pub(crate) detail: Option<&'static str>,
    /// That some check found this code, on whatever target.
    pub(crate) finding: Option<&'static str>,
    pub(crate) is: &'static [&'static str],
    pub(crate) not: &'static [&'static str],
}

/// A finding on another target that follows.
#[derive(Debug)]
pub(crate) struct Also {
    /// May end in `*`.
    pub(crate) code: Option<&'static str>,
    /// In place of a code: all of these layers, but for what is on loopback.
    pub(crate) layers: &'static [Layer],
    pub(crate) detail: Option<&'static str>,
    pub(crate) is: &'static [&'static str],
}

/// A remedy as it is written in a record.
#[derive(Debug)]
pub(crate) struct Cure {
    pub(crate) id: &'static str,
    pub(crate) title: &'static [Part],
    pub(crate) why: &'static [Part],
    pub(crate) risk: Risk,
    pub(crate) cost: Option<&'static [Part]>,
    pub(crate) steps: &'static [CureStep],
}

#[derive(Debug)]
pub(crate) struct CureStep {
    pub(crate) text: &'static [Part],
    pub(crate) act: Act,
}

#[derive(Debug)]
pub(crate) enum Act {
    /// Words are all.
    Nothing,
    /// A command ready to paste.
    Run(&'static [Part]),
    /// A piece of a file.
    Write(&'static str, &'static [Part]),
}

/// A piece of a text with placeholders.
#[derive(Debug)]
pub(crate) enum Part {
    Text(&'static str),
    /// What is known of the place under a name, else the word that is given for it.
    /// `build/template.rs` lists the names.
    Value {
        name: &'static str,
        key: &'static str,
        word: Option<&'static str>,
    },
    /// Left out where something in it is unknown.
    Optional(&'static [Part]),
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

impl Condition {
    pub(crate) fn holds(&self, scene: &Scene<'_>, symptom: &Symptom<'_>) -> bool {
        let value = match (self.fact, self.detail, self.finding) {
            (Some(key), ..) => scene.known(key),
            (_, Some(key), _) => symptom.detail(key),
            (.., code) => return code.is_some_and(|code| scene.has(code, None)),
        };
        value.is_some_and(|value| (self.is.is_empty() || self.is.contains(&value)) && !self.not.contains(&value))
    }
}

impl Also {
    pub(crate) fn covers(&self, symptom: &Symptom<'_>) -> bool {
        let named = match self.code.map(|code| (code, code.strip_suffix('*'))) {
            Some((_, Some(start))) => symptom.code().starts_with(start),
            Some((code, None)) => symptom.code() == code,
            None => self.layers.contains(&symptom.finding.layer) && !symptom.is_on_loopback(),
        };
        named && self.detail.is_none_or(|key| symptom.detail(key).is_some_and(|value| self.is.contains(&value)))
    }
}

use crate::fault::{Act, Cure, Fault, Part};
use crate::remedy::{list, remedy, shell};
use crate::rule::{Told, messages, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::Remediation;

/// Where a text of a record ends up, which decides how its values are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Read by people.
    Prose,
    /// Pasted into a shell: values are quoted.
    Command,
    /// Written into a file.
    File,
}

/// What a record says of symptoms.
pub(crate) fn tell(fault: &'static Fault, scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let words = Words { scene: Some(scene), symptoms, fault };
    let message = match fault.message {
        Some(parts) => words.fill(parts, Place::Prose),
        None => messages(symptoms),
    };
    Told { message, remediations: fault.remedies.iter().map(|cure| words.remedy(cure)).collect() }
}

/// The remedies of a record where nothing of the place is known.
pub(crate) fn remedies(fault: &'static Fault) -> Vec<Remediation> {
    let words = Words { scene: None, symptoms: &[], fault };
    fault.remedies.iter().map(|cure| words.remedy(cure)).collect()
}

struct Words<'a, 'r> {
    /// None for a page that is about no run.
    scene: Option<&'a Scene<'r>>,
    symptoms: &'a [&'a Symptom<'r>],
    fault: &'static Fault,
}

impl Words<'_, '_> {
    fn remedy(&self, cure: &Cure) -> Remediation {
        let prose = |parts| self.fill(parts, Place::Prose);
        let mut fix = remedy(cure.id, prose(cure.title), prose(cure.why)).risk(cure.risk);
        if let Some(cost) = cure.cost {
            fix = fix.cost(prose(cost));
        }
        for step in cure.steps {
            let text = prose(step.text);
            fix = match step.act {
                Act::Nothing => fix.step(text),
                Act::Run(command) => match self.fill(command, Place::Command) {
                    // All of it needs what is not known: better none than one that does more.
                    unknown if unknown.is_empty() => fix.step(text),
                    command => fix.run(text, command),
                },
                Act::Write(file, piece) => fix.write(text, file, self.fill(piece, Place::File)),
            };
        }
        fix.done()
    }

    fn fill(&self, parts: &[Part], place: Place) -> String {
        let piece = |part: &Part| match part {
            Part::Text(text) => (*text).to_owned(),
            Part::Value { name, key, word } => match self.value(name, key, place) {
                Some(known) if place == Place::Command => shell(&known),
                Some(known) => known,
                None => word.map_or_else(|| stand_in(name, key, place), str::to_owned),
            },
            Part::Optional(inner) if inner.iter().all(|part| self.is_known(part, place)) => self.fill(inner, place),
            Part::Optional(_) => String::new(),
        };
        parts.iter().map(piece).collect()
    }

    fn is_known(&self, part: &Part, place: Place) -> bool {
        match part {
            Part::Value { name, key, .. } => self.value(name, key, place).is_some(),
            Part::Text(_) | Part::Optional(_) => true,
        }
    }

    /// A value, where it is known: in prose those of all symptoms, elsewhere the first.
    fn value(&self, name: &str, key: &str, place: Place) -> Option<String> {
        let scene = self.scene?;
        let first = self.symptoms.first()?;
        let ip = |symptom: &&Symptom<'_>| scene.ip(symptom);
        match name {
            "targets" => Some(list(&targets(self.symptoms))),
            "target" => self.symptoms.iter().find_map(|symptom| symptom.finding.target.clone()),
            "host" => self.symptoms.iter().find_map(|symptom| Some(symptom.place.as_ref()?.host.clone())),
            "port" => self.symptoms.iter().find_map(|s| s.place.as_ref()?.port).map(|port| port.to_string()),
            "ip" => self.symptoms.iter().find_map(ip).map(|ip| ip.to_string()),
            "gateway" => scene.site.gateway.map(|ip| ip.to_string()),
            "own" => scene.site.own.map(|ip| ip.to_string()),
            "subnet" => scene.site.subnet.map(|net| net.to_string()),
            "proof" => Some(scene.proof_of(self.fault, first)),
            "message" => Some(messages(self.symptoms)),
            "observed" => self.each(place, |symptom| symptom.finding.observed.as_deref()),
            "expected" => self.each(place, |symptom| symptom.finding.expected.as_deref()),
            "here" => Some(scene.site.words()),
            "detail" => self.each(place, |symptom| symptom.detail(key)),
            "fact" => scene.known(key).map(str::to_owned),
            _ => None,
        }
    }

    fn each<'s>(&'s self, place: Place, of: impl Fn(&'s Symptom<'_>) -> Option<&'s str>) -> Option<String> {
        let mut found: Vec<String> = Vec::new();
        for value in self.symptoms.iter().filter_map(|symptom| of(symptom)).filter(|value| !value.is_empty()) {
            if !found.iter().any(|known| known == value) {
                found.push(value.to_owned());
            }
        }
        if place != Place::Prose {
            found.truncate(1);
        }
        (!found.is_empty()).then(|| list(&found))
    }
}

/// What stands for a value that is not known and for which the record has no word:
/// a name to be replaced in what is pasted, words in what is read.
fn stand_in(name: &str, key: &str, place: Place) -> String {
    let name = match name {
        "detail" | "fact" => key,
        "targets" => "target",
        "ip" => "address",
        "own" => "own address",
        "here" => "place",
        name => name,
    };
    match place {
        Place::Prose => format!("the {}", name.replace('-', " ")),
        Place::Command | Place::File => name.to_ascii_uppercase().replace(['-', ' '], "_"),
    }
}

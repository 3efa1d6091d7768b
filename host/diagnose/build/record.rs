//! What a record of a cause is, and what makes one wrong.

use super::template::{self, Part};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One cause, as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Record {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) faults: Vec<String>,
    pub(crate) title: String,
    pub(crate) layer: String,
    pub(crate) explains_from: Option<String>,
    pub(crate) symptom: String,
    pub(crate) explain: String,
    pub(crate) confidence: String,
    pub(crate) proof: String,
    pub(crate) fold: String,
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    #[serde(default)]
    pub(crate) findings: Vec<String>,
    #[serde(default)]
    pub(crate) when: Vec<Condition>,
    #[serde(default)]
    pub(crate) also: Vec<Also>,
    pub(crate) message: Option<String>,
    pub(crate) remedy: String,
    #[serde(default)]
    pub(crate) remedy_in_code: bool,
    #[serde(default)]
    pub(crate) remedies: Vec<Remedy>,
}

/// What must hold beside the finding. Exactly one of `fact`, `detail` and `finding`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) fact: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) finding: Option<String>,
    #[serde(default)]
    pub(crate) is: Vec<String>,
    #[serde(default)]
    pub(crate) not: Vec<String>,
}

/// Findings on other targets that a cause brings about too: those of a code, which may
/// end in `*`, or of some layers, but for what is on loopback.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Also {
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) layers: Vec<String>,
    pub(crate) detail: Option<String>,
    #[serde(default)]
    pub(crate) is: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remedy {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) why: String,
    pub(crate) risk: String,
    pub(crate) cost: Option<String>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) text: String,
    pub(crate) run: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) write: Option<String>,
}

pub(crate) const LAYERS: [&str; 10] =
    ["config", "process", "interface", "dns", "tcp", "tls", "libp2p", "identity", "protocol", "cache"];
const FOLDS: [&str; 3] = ["together", "target", "host"];
const RISKS: [&str; 4] = ["none", "config", "security", "data"];
const CONFIDENCES: [&str; 3] = ["certain", "likely", "possible"];

/// Reads the records of all files. Errors name the file and the code.
pub(crate) fn read(files: &[(String, String)]) -> Result<Vec<Record>, String> {
    let mut records: Vec<Record> = Vec::new();
    let mut homes: BTreeMap<String, String> = BTreeMap::new();
    for (file, text) in files {
        let mut table: toml::Table = text.parse().map_err(|error| format!("faults/{file}: {error}"))?;
        let faults = table.remove("fault").unwrap_or(toml::Value::Array(Vec::new()));
        if let Some(key) = table.keys().next() {
            return Err(format!("faults/{file}: there is no `{key}`; a file holds `[[fault]]` only"));
        }
        let toml::Value::Array(faults) = faults else {
            return Err(format!("faults/{file}: write `[[fault]]`, not `[fault]`"));
        };
        for (number, value) in faults.into_iter().enumerate() {
            let code = value.get("code").and_then(toml::Value::as_str);
            let name = code.map_or_else(|| format!("fault {} without a code", number + 1), str::to_owned);
            let at = |error: String| format!("faults/{file}: {name}: {error}");
            let record: Record = value.try_into().map_err(|error: toml::de::Error| at(error.message().to_owned()))?;
            record.check().map_err(at)?;
            if let Some(other) = homes.insert(record.code.clone(), file.clone()) {
                return Err(format!("faults/{file}: {}: faults/{other} has this code already", record.code));
            }
            records.push(record);
        }
    }
    Ok(records)
}

impl Record {
    /// Whether it is told by its own words, from a finding; else a rule in Rust refers to it.
    pub(crate) fn is_whole(&self) -> bool {
        !self.findings.is_empty() && !self.remedy_in_code
    }

    fn check(&self) -> Result<(), String> {
        let parts: Vec<&str> = self.code.split('.').collect();
        if parts.len() != 2 || !parts.iter().all(|part| is_word(part)) {
            return Err("a code is `domain.what-it-is`, in small letters".into());
        }
        one_of("layer", &self.layer, &LAYERS)?;
        if let Some(from) = &self.explains_from {
            one_of("explains-from", from, &LAYERS)?;
        }
        one_of("fold", &self.fold, &FOLDS)?;
        if let Some(wrong) = self.faults.iter().find(|number| !is_number(number)) {
            return Err(format!("`{wrong}` is no number of a fault, such as F07"));
        }
        if self.title.is_empty() || self.title.ends_with('.') || self.title.contains('\n') {
            return Err("a title is one line without a full stop".into());
        }
        for (key, text) in [("symptom", &self.symptom), ("explain", &self.explain), ("remedy", &self.remedy)] {
            sentence(key, text)?;
        }
        if self.explain.trim().len() <= 60 {
            return Err("`explain` says too little: what it is, and how it is told from its look-alikes".into());
        }
        self.check_confidence()?;
        let proof: Vec<&str> = self.proof.split('.').collect();
        if proof.len() != 2 || !proof.iter().all(|part| is_word(part)) {
            return Err("`proof` is the id of a check, such as net.dns".into());
        }
        self.check_signs()?;
        self.check_words()
    }

    fn check_confidence(&self) -> Result<(), String> {
        let word = self.confidence.split([':', ' ', ',']).next().unwrap_or_default();
        if !CONFIDENCES.contains(&word) || self.confidence.contains('\n') {
            return Err("`confidence` is one line: `certain: `, `likely: ` or `possible: ` and the rule for it".into());
        }
        sentence("confidence", &self.confidence)
    }

    fn check_signs(&self) -> Result<(), String> {
        if self.findings.is_empty() && !self.when.is_empty() {
            return Err("`when` narrows `findings`, and there are none".into());
        }
        if let Some(wrong) = self.findings.iter().find(|code| !code.contains('.')) {
            return Err(format!("`{wrong}` is no code of a finding"));
        }
        for condition in &self.when {
            let named = [&condition.fact, &condition.detail, &condition.finding];
            if named.iter().filter(|name| name.is_some()).count() != 1 {
                return Err("a condition names one of `fact`, `detail` and `finding`".into());
            }
            let lists = usize::from(!condition.is.is_empty()) + usize::from(!condition.not.is_empty());
            if lists != usize::from(condition.finding.is_none()) {
                return Err(
                    "a condition on a fact or a detail has one of `is` and `not`; one on a finding neither".into()
                );
            }
        }
        for also in &self.also {
            if also.code.is_some() != also.layers.is_empty() {
                return Err("`also` has one of `code` and `layers`".into());
            }
            if also.detail.is_some() == also.is.is_empty() {
                return Err("`also` has both `detail` and `is`, or neither".into());
            }
            also.layers.iter().try_for_each(|layer| one_of("layers", layer, &LAYERS))?;
        }
        Ok(())
    }

    fn check_words(&self) -> Result<(), String> {
        if self.remedy_in_code && (self.message.is_some() || !self.remedies.is_empty()) {
            return Err("with `remedy-in-code` the message and the remedies are in Rust, and not here too".into());
        }
        if !self.remedy_in_code && self.remedies.is_empty() {
            return Err(
                "there is no `[[fault.remedies]]`; a rule in Rust that has them is said by `remedy-in-code = true`"
                    .into(),
            );
        }
        if let Some(message) = &self.message {
            template::read(message).map_err(|error| format!("message: {error}"))?;
        }
        for remedy in &self.remedies {
            remedy.check().map_err(|error| format!("remedy {}: {error}", remedy.id))?;
        }
        Ok(())
    }
}

impl Remedy {
    fn check(&self) -> Result<(), String> {
        if !is_word(&self.id) {
            return Err("an id is in small letters, with hyphens".into());
        }
        one_of("risk", &self.risk, &RISKS)?;
        if self.title.is_empty() || self.title.ends_with('.') {
            return Err("a title is one line without a full stop".into());
        }
        sentence("why", &self.why)?;
        let mut texts = vec![&self.title, &self.why];
        texts.extend(&self.cost);
        if self.steps.is_empty() {
            return Err("it has no steps".into());
        }
        for step in &self.steps {
            sentence("text", &step.text)?;
            if step.file.is_some() != step.write.is_some() || step.run.is_some() && step.write.is_some() {
                return Err(format!("the step `{}` has `run`, or `file` and `write`, or neither", step.text));
            }
            texts.push(&step.text);
            texts.extend(step.run.iter().chain(&step.write));
        }
        texts.into_iter().try_for_each(|text| template::read(text).map(|_: Vec<Part>| ()))
    }
}

fn one_of(key: &str, value: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&value) { Ok(()) } else { Err(format!("`{key}` is one of {}, not `{value}`", known.join(", "))) }
}

fn sentence(key: &str, text: &str) -> Result<(), String> {
    if text.trim().ends_with(['.', '!', '?', ']']) {
        Ok(())
    } else {
        Err(format!("`{key}` does not end with a full stop"))
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `F01`, `F100`.
pub(crate) fn is_number(text: &str) -> bool {
    text.strip_prefix('F').is_some_and(|n| n.len() >= 2 && n.bytes().all(|b| b.is_ascii_digit()))
}

use super::adapter::fields;
use super::{Expect, like};
use seaworthy_model::{ErrorReason, Finding, StepRecord};
use serde_json::{Map, Value, json};
use similar::{ChangeTag, TextDiff};

/// How a case ended: nothing where it is as expected, else lines for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What differs.
    pub differences: Vec<String>,
}

impl Verdict {
    /// Whether it is as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares what a check said with what a case expects.
#[must_use]
pub fn judge(expect: &Expect, record: &StepRecord) -> Verdict {
    let mut differences = Vec::new();
    // What the case has no answer to is a fault of the case, whatever it expects.
    if record.error == Some(ErrorReason::Replay) {
        return Verdict { differences: vec![record.message.clone()] };
    }
    if record.status.as_str() != expect.status {
        let why = record.error.and_then(|reason| word(&reason)).map(|reason| format!("/{reason}")).unwrap_or_default();
        differences.push(format!(
            "status: {} is expected, and it is {}{why}: {}",
            expect.status,
            record.status.as_str(),
            record.message
        ));
    }
    if let Some(message) = &expect.message
        && !like(message, &record.message)
    {
        differences.push(format!("message: {message:?} is expected, and it is {:?}", record.message));
    }
    differences.extend(findings(expect, &record.findings));
    differences.extend(facts(expect, record));
    Verdict { differences }
}

fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

/// A finding with the names that a case uses.
pub(super) fn shown(finding: &Finding) -> Map<String, Value> {
    let all = json!({
        "code": finding.code, "level": finding.level, "target": finding.target, "message": finding.message,
        "observed": finding.observed, "expected": finding.expected, "details": finding.details,
        "confidence": finding.confidence, "severity": finding.severity, "layer": finding.layer,
    });
    match all {
        Value::Object(map) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

/// Findings as lines, the same for both sides where they are alike, and what differs between them.
fn findings(expect: &Expect, actual: &[Finding]) -> Vec<String> {
    let pairs = expect.findings.len() == actual.len()
        && expect.findings.iter().zip(actual).all(|(wanted, found)| fields(wanted, &shown(found).into()).is_empty());
    if pairs {
        return Vec::new();
    }
    let line = |map: &Map<String, Value>| {
        map.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
    };
    let wanted: Vec<String> = expect.findings.iter().map(line).collect();
    // Of each what is written of the one that it stands for, so that only what differs does.
    let found: Vec<String> = actual
        .iter()
        .enumerate()
        .map(|(at, finding)| {
            let all = shown(finding);
            let alike = expect.findings.iter().find(|wanted| fields(wanted, &all.clone().into()).is_empty());
            match (alike, expect.findings.get(at)) {
                (Some(alike), _) => line(alike),
                (None, Some(wanted)) => {
                    line(&wanted.keys().map(|key| (key.clone(), all.get(key).cloned().unwrap_or_default())).collect())
                }
                (None, None) => {
                    let short = ["code", "target", "message"];
                    line(&all.into_iter().filter(|(key, _)| short.contains(&key.as_str())).collect())
                }
            }
        })
        .collect();
    let (wanted, found) = (wanted.join("\n"), found.join("\n"));
    let changes = TextDiff::from_lines(&wanted, &found);
    let lines = changes.iter_all_changes().map(|change| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("  {sign} {}", change.value().trim_end())
    });
    std::iter::once("findings (- expected, + found):".to_owned()).chain(lines).collect()
}

fn facts(expect: &Expect, record: &StepRecord) -> Vec<String> {
    let mut differences = Vec::new();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (key, wanted) in &expect.facts {
        match record.facts.iter().find(|fact| fact.key == *key) {
            Some(fact) if like(&text(wanted), &fact.value) => {}
            Some(fact) => differences.push(format!("fact {key}: {wanted} is expected, and it is {:?}", fact.value)),
            None => differences.push(format!("fact {key}: {wanted} is expected, and there is none")),
        }
    }
    let more = record.facts.iter().filter(|fact| !expect.facts.contains_key(&fact.key));
    differences.extend(more.map(|fact| format!("fact {}: not expected, and it is {:?}", fact.key, fact.value)));
    differences
}

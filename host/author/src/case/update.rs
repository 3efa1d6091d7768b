use super::Expect;
use super::judge::shown;
use seaworthy_model::{ErrorReason, Level, StepRecord};
use std::fmt::Write as _;

/// Why a case cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UpdateError(String);

/// The text of a case with its `[expect]` as the check says now; everything before stays as it is.
///
/// # Errors
/// `[expect]` is not a line of its own, or not the last table.
pub fn updated(text: &str, before: &Expect, record: &StepRecord) -> Result<String, UpdateError> {
    if record.error == Some(ErrorReason::Replay) {
        return Err(UpdateError(format!("its calls are not those that the component makes: {}", record.message)));
    }
    let at = text
        .match_indices("[expect]")
        .map(|(at, _)| at)
        .find(|at| text[..*at].is_empty() || text[..*at].ends_with('\n'))
        .ok_or_else(|| UpdateError("there is no line `[expect]` to bring up to date".into()))?;
    let after = text[at + "[expect]".len()..].lines().skip(1);
    if let Some(other) = after
        .map(str::trim_start)
        .find(|line| line.starts_with('[') && !line.starts_with("[[expect.") && !line.starts_with("[expect."))
    {
        return Err(UpdateError(format!("put `[expect]` last, so that it can be replaced: `{other}` comes after it")));
    }
    Ok(format!("{}{}", &text[..at], expect(before, record)))
}

/// `[expect]` of what was said: the message where one was written, and of each finding its code,
/// target, its level where it is milder than a failure, and what was written of the one before.
fn expect(before: &Expect, record: &StepRecord) -> String {
    let mut text = format!("[expect]\nstatus = \"{}\"\n", record.status.as_str());
    if before.message.is_some() {
        let _ = writeln!(text, "message = {}", quoted(&record.message.clone().into()));
    }
    if !record.findings.is_empty() {
        text.push_str("findings = [\n");
        for (at, finding) in record.findings.iter().enumerate() {
            let all = shown(finding);
            let written = before.findings.get(at);
            let milder = finding.level != Level::Fail;
            let kept = all.iter().filter(|(key, _)| match key.as_str() {
                "code" | "target" => true,
                "level" => milder,
                other => written.is_some_and(|written| written.contains_key(other)),
            });
            let pairs: Vec<String> = kept.map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            let _ = writeln!(text, "  {{ {} }},", pairs.join(", "));
        }
        text.push_str("]\n");
    }
    if !record.facts.is_empty() {
        let facts: Vec<String> =
            record.facts.iter().map(|fact| format!("{} = {}", fact.key, quoted(&fact.value.clone().into()))).collect();
        let _ = writeln!(text, "facts = {{ {} }}", facts.join(", "));
    }
    text
}

/// A value within a line of TOML.
fn inline(value: &serde_json::Value) -> String {
    match value.as_object() {
        Some(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{} = {}", quoted(&key.clone().into()), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        None => quoted(value),
    }
}

/// A text of TOML: what JSON escapes, TOML reads the same way.
fn quoted(value: &serde_json::Value) -> String {
    value.to_string()
}

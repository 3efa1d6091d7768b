use super::judge::shown;
use seaworthy_model::{Level, StepRecord};
use std::fmt::Write as _;

/// Why a case cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UpdateError(String);

/// The text of a case with its `[expect]` as the check says now; everything before stays as it is.
///
/// # Errors
/// `[expect]` is not a line of its own, or not the last table.
pub fn updated(text: &str, record: &StepRecord) -> Result<String, UpdateError> {
    let at = text
        .match_indices("[expect]")
        .map(|(at, _)| at)
        .find(|at| text[..*at].is_empty() || text[..*at].ends_with('\n'))
        .ok_or_else(|| UpdateError("there is no line `[expect]` to bring up to date".into()))?;
    let after = text[at + "[expect]".len()..].lines().skip(1);
    if let Some(other) = after.map(str::trim_start).find(|line| line.starts_with('[') && !line.starts_with("[[expect."))
    {
        return Err(UpdateError(format!("put `[expect]` last, so that it can be replaced: `{other}` comes after it")));
    }
    Ok(format!("{}{}", &text[..at], expect(record)))
}

/// `[expect]` of what was said: of each finding its code, target and, where it is milder than
/// a failure, its level.
fn expect(record: &StepRecord) -> String {
    let mut text = format!("[expect]\nstatus = \"{}\"\n", record.status.as_str());
    if !record.findings.is_empty() {
        text.push_str("findings = [\n");
        for finding in &record.findings {
            let all = shown(finding);
            let milder = finding.level != Level::Fail;
            let kept = all.iter().filter(|(key, _)| match key.as_str() {
                "code" | "target" => true,
                "level" => milder,
                _ => false,
            });
            let pairs: Vec<String> = kept.map(|(key, value)| format!("{key} = {}", quoted(value))).collect();
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

/// A text of TOML: what JSON escapes, TOML reads the same way.
fn quoted(value: &serde_json::Value) -> String {
    value.to_string()
}

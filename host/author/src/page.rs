//! The page of a component: what it says about itself, for people.

use crate::claims::{Setting, settings_of, word};
use seaworthy_model::{CapabilityRequest, CheckDescriptor, ComponentDescriptor};
use std::fmt::Write as _;

/// A page in Markdown, made from what `describe` returned: settings, what is asked for
/// and why, facts, and each finding with its explanation and remedy.
#[must_use]
pub fn markdown(descriptor: &ComponentDescriptor) -> String {
    let mut text =
        format!("# {}\n\nVersion {}, built against WIT {}.\n", descriptor.name, descriptor.version, descriptor.wit);
    if !descriptor.summary.is_empty() {
        let _ = write!(text, "\n{}\n", descriptor.summary.trim());
    }
    settings(&mut text, &descriptor.settings, "##");
    requests(&mut text, &descriptor.requests, "##");
    for check in &descriptor.checks {
        check_section(&mut text, check);
    }
    text
}

fn check_section(text: &mut String, check: &CheckDescriptor) {
    let _ = write!(text, "\n## `{}`: {}\n\n{}\n", check.id, check.title, check.summary.trim());
    if check.mutates {
        text.push_str("\nIt changes something outside, so it runs only with `--allow-writes`.\n");
    }
    settings(text, &check.settings, "###");
    requests(text, &check.requests, "###");
    if !check.facts.is_empty() {
        text.push_str("\n### Facts\n\n| fact | meaning |\n|---|---|\n");
        for fact in &check.facts {
            let _ = writeln!(text, "| `{}` | {} |", fact.key, cell(&fact.description));
        }
    }
    if !check.codes.is_empty() {
        text.push_str("\n### Findings\n");
    }
    for code in &check.codes {
        let _ = write!(
            text,
            "\n#### `{}`: {}\n\n{}, {}, layer {}.\n\n{}\n\n**What to do.** {}\n",
            code.code,
            code.title,
            word(&code.level),
            word(&code.severity),
            code.layer.as_str(),
            code.explain.trim(),
            code.remedy.trim()
        );
    }
}

/// The properties of a JSON Schema as a table.
fn settings(text: &mut String, schema: &serde_json::Value, heading: &str) {
    let settings = settings_of(schema);
    if settings.is_empty() {
        return;
    }
    let _ = write!(text, "\n{heading} Settings\n\n| setting | type | default | meaning |\n|---|---|---|---|\n");
    for setting in settings {
        let default = match setting.default {
            Some(value) => format!("`{value}`"),
            None if setting.required => "required".into(),
            None => String::new(),
        };
        let meaning = cell(setting.description);
        let _ = writeln!(text, "| `{}` | {} | {default} | {meaning} |", setting.name, kind(&setting));
    }
}

/// The type of a property, with its bounds.
fn kind(setting: &Setting<'_>) -> String {
    let property = setting.property;
    if let Some(values) = property.get("enum").and_then(|value| value.as_array()) {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    let word = setting.kind();
    let bounds: Vec<String> = [("minimum", "at least"), ("maximum", "at most")]
        .iter()
        .filter_map(|(key, words)| property.get(*key).map(|value| format!("{words} {value}")))
        .collect();
    if bounds.is_empty() { word.to_owned() } else { format!("{word}, {}", bounds.join(", ")) }
}

fn requests(text: &mut String, requests: &[CapabilityRequest], heading: &str) {
    if requests.is_empty() {
        return;
    }
    let _ = write!(text, "\n{heading} Asks to be allowed\n\n| grant | scope | why |\n|---|---|---|\n");
    for request in requests {
        let scope: Vec<String> = request.scope.iter().map(|scope| format!("`{scope}`")).collect();
        let _ = writeln!(text, "| `{}` | {} | {} |", request.capability, scope.join(", "), cell(&request.reason));
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.trim().replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_a_component_declares_is_on_its_page() {
        let descriptor: ComponentDescriptor = serde_json::from_value(json!({
            "schema_version": 1, "kind": "check", "name": "banner", "version": "1.2.3", "wit": "0.1.0",
            "checks": [{
                "id": "acme/banner", "title": "Banner", "summary": "Looks.", "mutates": true,
                "settings": { "type": "object", "required": ["greeting"], "properties": {
                    "greeting": { "type": "string", "description": "What | is said." },
                    "least": { "type": "integer", "minimum": 1, "default": 3 }
                }},
                "requests": [{ "capability": "net", "scope": ["{target}"], "reason": "connect" }],
                "facts": [{ "key": "rtt-ms", "description": "Round trip." }],
                "codes": [{ "code": "banner.differs", "title": "differs", "level": "fail", "severity": "major",
                            "layer": "protocol", "explain": "Because.", "remedy": "Mend it." }]
            }]
        }))
        .unwrap();
        let page = markdown(&descriptor);
        for part in [
            "# banner",
            "1.2.3",
            "`acme/banner`: Banner",
            "--allow-writes",
            "| `greeting` | string | required | What \\| is said. |",
            "| `least` | integer, at least 1 | `3` |  |",
            "| `net` | `{target}` | connect |",
            "| `rtt-ms` | Round trip. |",
            "#### `banner.differs`: differs",
            "fail, major, layer protocol",
            "Because.",
            "**What to do.** Mend it.",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }
}

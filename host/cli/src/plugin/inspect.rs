//! `seaworthy plugin inspect`: what a component is, before it is trusted with anything.

use super::{component_of, name_of};
use crate::cache::shown::bytes;
use crate::configuration::on_runtime;
use crate::error::CliError;
use clap::{Args, ValueEnum};
use seaworthy_author::claims;
use seaworthy_engine::{Examination, PluginSource};
use seaworthy_model::{CapabilityRequest, ComponentDescriptor, ComponentKind, ExitCode};
use seaworthy_report::safe;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub(crate) struct InspectArgs {
    /// The component, or the folder of a plugin project
    #[arg(value_name = "FILE.wasm|DIR", default_value = ".")]
    path: PathBuf,
    /// Format on stdout
    #[arg(short, long, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

pub(crate) fn inspect(arguments: &InspectArgs) -> Result<ExitCode, CliError> {
    let file = component_of(&arguments.path)?;
    let plugin = PluginSource { name: name_of(&file), path: file.clone(), digest: None };
    let cache = crate::configuration::cache_dir().map(|folder| folder.join("code"));
    let seen = on_runtime(async {
        seaworthy_engine::examine(&plugin, cache.as_deref()).await.map_err(|error| CliError::Config(error.to_string()))
    })?;
    crate::stdout::print(&match arguments.format {
        Format::Human => safe::text(&human(&file.display().to_string(), &seen)),
        Format::Json => json(&seen),
    })?;
    Ok(if seen.described.is_ok() { ExitCode::Passed } else { ExitCode::Config })
}

fn json(seen: &Examination) -> String {
    let value = json!({
        "size": seen.size, "digest": seen.digest, "imports": seen.imports, "exports": seen.exports,
        "runs": seen.described.is_ok(),
        "refusal": seen.described.as_ref().err().map(ToString::to_string),
        "descriptor": seen.described.as_ref().ok(),
        "notes": notes(seen),
    });
    format!("{value:#}\n")
}

/// Where what it imports and what it asks for do not fit together.
fn notes(seen: &Examination) -> Vec<String> {
    seen.described.as_ref().map(|described| claims::compare(&seen.imports, described)).unwrap_or_default()
}

fn human(file: &str, seen: &Examination) -> String {
    let mut text = format!("{file}\n");
    line(&mut text, "size", &format!("{} ({} bytes)", bytes(seen.size), seen.size));
    line(&mut text, "digest", &seen.digest);
    match &seen.described {
        Ok(described) => {
            let kind = match described.kind {
                ComponentKind::Check => "check (exports seaworthy:check/checks)",
                ComponentKind::Adapter => "adapter (exports seaworthy:cache/adapter)",
            };
            line(&mut text, "kind", kind);
            line(&mut text, "name", &format!("{} {}", described.name, described.version));
            line(&mut text, "contract", &format!("WIT {}", described.wit));
            line(&mut text, "runs here", "yes");
        }
        Err(refusal) => {
            line(&mut text, "runs here", &format!("no: {refusal}"));
            listed(&mut text, "exports", &seen.exports);
        }
    }
    listed(&mut text, "imports", &seen.imports);
    if let Ok(described) = &seen.described {
        claimed(&mut text, described);
    }
    for note in notes(seen) {
        line(&mut text, "note", &note);
    }
    text
}

fn claimed(text: &mut String, described: &ComponentDescriptor) {
    if described.kind == ComponentKind::Adapter {
        asked(text, &described.requests);
        listed(text, "settings", &claims::settings(&described.settings));
    }
    for check in &described.checks {
        let _ = writeln!(text, "\n  {}: {}", check.id, check.title);
        line(text, "", check.summary.trim());
        if check.mutates {
            line(text, "writes", "changes something outside; runs only with --allow-writes");
        }
        asked(text, &check.requests);
        listed(text, "settings", &claims::settings(&check.settings));
        let facts: Vec<String> = check.facts.iter().map(|fact| format!("{}: {}", fact.key, fact.description)).collect();
        listed(text, "facts", &facts);
        let codes = check.codes.iter().map(|code| {
            format!("{} ({}, {}): {}", code.code, claims::word(&code.level), code.layer.as_str(), code.title)
        });
        listed(text, "findings", &codes.collect::<Vec<_>>());
    }
}

fn asked(text: &mut String, requests: &[CapabilityRequest]) {
    let asks = |request: &CapabilityRequest| {
        format!("{} {}: {}", request.capability, request.scope.join(", "), request.reason)
    };
    let asks: Vec<String> = requests.iter().map(asks).collect();
    listed(text, "asks for", if asks.is_empty() { &NOTHING } else { &asks });
}

static NOTHING: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec!["nothing".to_owned()]);

fn line(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "  {label:<10} {value}");
}

fn listed(text: &mut String, label: &str, values: &[String]) {
    for (at, value) in values.iter().enumerate() {
        line(text, if at == 0 { label } else { "" }, value);
    }
}

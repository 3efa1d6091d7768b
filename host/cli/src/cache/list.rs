//! `seaworthy cache list`.

use super::args::ListArgs;
use super::opened::Opened;
use super::shown;
use crate::args::Global;
use crate::error::CliError;
use crate::stdout;
use futures::future::join_all;
use seaworthy_cache::{CacheError, Entry};
use seaworthy_engine::SessionOptions;
use seaworthy_model::ExitCode;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// *Behaviour*: what a tier lists goes to stdout, what one cannot to stderr. An error
/// when no tier can list.
pub(crate) async fn list(global: &Global, arguments: &ListArgs) -> Result<ExitCode, CliError> {
    let opened = Opened::new(global, &arguments.tiers, SessionOptions::default()).await?;
    let asked = opened
        .session
        .tiers()
        .iter()
        .map(async |tier| (tier.label(), tier.list(&arguments.prefix, arguments.limit).await));
    let answers: Vec<(&str, Result<Vec<Entry>, CacheError>)> = join_all(asked).await;
    let full = |entries: &[Entry]| entries.len() >= usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    if arguments.json {
        let tiers: Map<String, Value> = answers
            .iter()
            .map(|(label, answer)| {
                let value = match answer {
                    Ok(entries) => json!({ "limited": full(entries),
                                           "entries": entries.iter().map(shown::entry_json).collect::<Vec<_>>() }),
                    Err(error) => json!({ "error": error }),
                };
                ((*label).to_owned(), value)
            })
            .collect();
        stdout::print(&format!("{}\n", json!({ "prefix": arguments.prefix, "tiers": tiers })))?;
    } else {
        let mut text = String::new();
        for (label, entries) in answers.iter().filter_map(|(label, answer)| Some((label, answer.as_ref().ok()?))) {
            for entry in entries {
                let line = format!("{label}: {}: {}", entry.key, shown::entry(entry));
                let _ = writeln!(text, "{}", opened.plain(&line));
            }
        }
        stdout::print(&text)?;
    }
    for (label, answer) in &answers {
        match answer {
            Err(error) => opened.say(&format!("{label}: {error}")),
            Ok(entries) if full(entries) => {
                opened.say(&format!("{label}: there may be more than {}; see --limit", arguments.limit));
            }
            Ok(_) => {}
        }
    }
    match answers.iter().find_map(|(label, answer)| Some((*label, answer.as_ref().err()?))) {
        Some((label, error)) if answers.iter().all(|(_, answer)| answer.is_err()) => {
            Err(opened.refused(Some(label), error))
        }
        _ => Ok(ExitCode::Passed),
    }
}

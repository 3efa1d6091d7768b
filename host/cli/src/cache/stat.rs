//! `seaworthy cache stat`.

use super::args::StatArgs;
use super::opened::Opened;
use super::shown;
use crate::args::Global;
use crate::error::CliError;
use crate::stdout;
use futures::future::join_all;
use seaworthy_cache::{CacheError, Entry, kind};
use seaworthy_engine::SessionOptions;
use seaworthy_model::ExitCode;
use serde_json::{Map, json};
use std::fmt::Write as _;

/// *Behaviour*: asks every tier. Exit code 6 when all that can say say that it is
/// not there; a tier that could not be asked makes "not there" an error.
pub(crate) async fn stat(global: &Global, arguments: &StatArgs) -> Result<ExitCode, CliError> {
    let opened = Opened::new(global, &arguments.tiers, SessionOptions::default()).await?;
    let asked = opened.session.tiers().iter().map(async |tier| (tier.label(), tier.stat(&arguments.key).await));
    let answers: Vec<(&str, Result<Option<Entry>, CacheError>)> = join_all(asked).await;
    if arguments.json {
        let tiers: Map<_, _> = answers
            .iter()
            .map(|(label, answer)| {
                let value = match answer {
                    Ok(entry) => json!({ "found": entry.is_some(), "entry": entry.as_ref().map(shown::entry_json) }),
                    Err(error) => json!({ "error": error }),
                };
                ((*label).to_owned(), value)
            })
            .collect();
        stdout::print(&format!("{}\n", json!({ "key": arguments.key, "tiers": tiers })))?;
    } else {
        let mut text = String::new();
        for (label, answer) in &answers {
            let said = match answer {
                Ok(Some(entry)) => shown::entry(entry),
                Ok(None) => "not there".to_owned(),
                Err(error) => error.to_string(),
            };
            let _ = writeln!(text, "{}", opened.plain(&format!("{label}: {said}")));
        }
        stdout::print(&text)?;
    }
    let failed = || {
        let mut errors = answers.iter().filter_map(|(label, answer)| Some((*label, answer.as_ref().err()?)));
        errors.find(|(_, error)| error.kind != kind::UNSUPPORTED)
    };
    if answers.iter().any(|(_, answer)| matches!(answer, Ok(Some(_)))) {
        return Ok(ExitCode::Passed);
    }
    match failed() {
        Some((label, error)) => Err(opened.refused(Some(label), error)),
        None if answers.iter().any(|(_, answer)| answer.is_ok()) => Ok(ExitCode::Missing),
        None => Err(opened.refused(None, &CacheError::unsupported("stat", "no tier can say without reading; use get"))),
    }
}

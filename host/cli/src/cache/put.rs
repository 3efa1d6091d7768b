//! `seaworthy cache put`.

use super::args::PutArgs;
use super::failure;
use super::opened::Opened;
use crate::args::Global;
use crate::error::CliError;
use seaworthy_cache::{Answer, Blob};
use seaworthy_engine::SessionOptions;
use seaworthy_model::ExitCode;
use std::io::Read;
use std::path::Path;

/// The longest value that is read at all. What a tier takes is less, and is its own affair.
const MOST: u64 = 64 << 20;

/// *Behaviour*: offered to every tier that stores. It counts as stored when the first
/// of them has it; one below that did not take it is named.
pub(crate) async fn put(global: &Global, arguments: PutArgs) -> Result<ExitCode, CliError> {
    let opened = Opened::new(global, &arguments.tiers, SessionOptions::default()).await?;
    let value = Blob {
        bytes: read(&arguments.file)?,
        created_ms: 0,
        ttl_ms: arguments.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        metadata: arguments.meta.into_iter().collect(),
    };
    let written = opened.session.tiers().put(&arguments.key, value).await;
    opened.say_tried(&written.tried);
    if let Err(error) = &written.outcome {
        return Err(opened.refused(failure::whose(&written.tried, error), error));
    }
    let outlives = |label: &str| {
        let capability = opened.session.tiers().tier(label).and_then(seaworthy_cache::Tier::capability);
        capability.is_none_or(|c| ["shared", "durable"].iter().any(|property| c.properties.contains(*property)))
    };
    let took: Vec<&str> =
        written.tried.iter().filter(|tier| tier.answer == Answer::Done).map(|tier| tier.label.as_str()).collect();
    if !took.iter().any(|label| outlives(label)) {
        opened.say(&format!("note: {} ends with this process, and the value with it", took.join(", ")));
    }
    if failure::first(&written.tried).is_some() {
        opened.say("note: not every tier took it");
    }
    Ok(ExitCode::Passed)
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let stdin = path == Path::new("-");
    let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
    let cannot = |error: std::io::Error| CliError::Usage(format!("cannot read {name}: {error}"));
    let mut bytes = Vec::new();
    let read = if stdin {
        std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
    };
    read.map_err(cannot)?;
    if bytes.len() as u64 > MOST {
        return Err(CliError::Usage(format!(
            "{name} is longer than {} MiB, more than any cache tier takes",
            MOST >> 20
        )));
    }
    Ok(bytes)
}

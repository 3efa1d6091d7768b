//! `seaworthy plugin test`: the cases of a component, without a network.

use super::{alone, name_of};
use crate::configuration::{VERSION, on_runtime, read_file};
use crate::error::CliError;
use crate::output::write_file;
use clap::Args;
use seaworthy_author::case::{self, Answered, Case, Deed, Operation, Prepared};
use seaworthy_cache::{Blob, CacheError};
use seaworthy_engine::{Catalog, Playback, Rehearsal, Scripted};
use seaworthy_model::{ComponentDescriptor, ExitCode, NoEvents, Recording, StepRecord, glob_matches};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Entries that `list` asks for in a case that does not say.
const LISTED: u32 = 1000;

#[derive(Clone, Debug, Args)]
pub(crate) struct TestArgs {
    /// Folder of a plugin project, or a component
    #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Only these cases: names of files without `.toml`, or globs; may be repeated
    #[arg(long = "case", value_name = "NAME|GLOB")]
    pub(crate) only: Vec<String>,
    /// Folder of the cases [default: `cases` in the project, or beside the component]
    #[arg(long, value_name = "DIR")]
    pub(crate) cases: Option<PathBuf>,
    /// Write what the check says now into the `[expect]` of each case that differs
    #[arg(long)]
    pub(crate) update: bool,
    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// A case that was played.
struct Played {
    name: String,
    title: String,
    took: Duration,
    differences: Vec<String>,
    updated: bool,
}

pub(crate) fn test(arguments: &TestArgs) -> Result<ExitCode, CliError> {
    let (component, folder) = places(&arguments.path, arguments.cases.as_deref())?;
    let files = files(&folder, &arguments.only)?;
    let played = on_runtime(async {
        let catalog = Arc::new(alone(&component).await?);
        let mut played = Vec::new();
        for file in &files {
            let one = play(&catalog, file, ready(&catalog, &component, file)?, arguments.update).await?;
            crate::stdout::print(&shown(&one))?;
            played.push(one);
        }
        Ok(played)
    })?;
    if let Some(path) = &arguments.junit {
        let cases: Vec<_> = played.iter().map(|one| (one.name.clone(), one.took, one.differences.clone())).collect();
        let text = case::junit(&name_of(&component), &cases)
            .map_err(|error| CliError::CannotWrite(format!("the JUnit report cannot be written: {error}")))?;
        write_file(path, text)?;
    }
    let failed = played.iter().filter(|one| !one.differences.is_empty()).count();
    crate::stdout::print(&format!("{} passed, {failed} failed\n", played.len() - failed))?;
    Ok(match (played.is_empty(), failed) {
        (true, _) => ExitCode::NothingEvaluated,
        (false, 0) => ExitCode::Passed,
        _ => ExitCode::Failed,
    })
}

/// The component, and where its cases are.
pub(super) fn places(path: &Path, cases: Option<&Path>) -> Result<(PathBuf, PathBuf), CliError> {
    let component = super::component_of(path)?;
    let beside = if path.is_dir() { Some(path) } else { component.parent() };
    let folder = cases.map_or_else(|| beside.unwrap_or(Path::new(".")).join("cases"), Path::to_path_buf);
    Ok((component, folder))
}

pub(super) fn files(folder: &Path, only: &[String]) -> Result<Vec<PathBuf>, CliError> {
    let cannot = |error: std::io::Error| {
        CliError::Config(format!(
            "cannot read the folder of cases {}: {error}; --cases names another",
            folder.display()
        ))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = stem(&path);
        let asked = only.is_empty() || only.iter().any(|glob| glob_matches(glob, &name));
        if asked && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn shown(played: &Played) -> String {
    let word = match (played.differences.is_empty(), played.updated) {
        (true, _) => "ok     ",
        (false, true) => "updated",
        (false, false) => "FAIL   ",
    };
    let title = if played.title.is_empty() { String::new() } else { format!(": {}", played.title) };
    let mut text = format!("{word} {}{title} ({} ms)\n", played.name, played.took.as_millis());
    for difference in played.differences.iter().flat_map(|difference| difference.lines()) {
        text += &format!("        {difference}\n");
    }
    text
}

/// A case, read and ready.
pub(super) struct Ready {
    pub(super) name: String,
    text: String,
    case: Case,
    pub(super) prepared: Prepared,
}

impl Ready {
    /// Whether it is played by a check and by answers written by hand: what can be measured.
    pub(super) fn is_written(&self) -> bool {
        self.case.expect.is_some() && self.prepared.recording.is_none()
    }
}

impl Ready {
    /// Whether this is what the case expects.
    pub(super) fn passes(&self, record: &StepRecord) -> bool {
        self.case.expect.as_ref().is_some_and(|expect| case::judge(expect, record).passed())
    }
}

/// Reads the case in `file`, about the component of the catalog.
pub(super) fn ready(catalog: &Catalog, component: &Path, file: &Path) -> Result<Ready, CliError> {
    let bad = |message: String| CliError::Config(format!("{}: {message}", file.display()));
    let text = read_file(file).map_err(|error| bad(format!("cannot be read: {error}")))?;
    let case = Case::read(&text).map_err(bad)?;
    let name = name_of(component);
    let entry = catalog.entries().get(&name).ok_or_else(|| bad(format!("there is no component `{name}`")))?;
    let recording = match &case.recording {
        Some(path) => Some(recording(&file.with_file_name(path)).map_err(bad)?),
        None => None,
    };
    fits(&case, &entry.descriptor).map_err(bad)?;
    let prepared = case::prepare(&case, &name, component, &entry.descriptor, &entry.digest, recording.as_ref());
    let prepared = prepared.map_err(|error| bad(error.to_string()))?;
    Ok(Ready { name: stem(file), text, case, prepared })
}

async fn play(catalog: &Arc<Catalog>, file: &Path, ready: Ready, update: bool) -> Result<Played, CliError> {
    let bad = |message: String| CliError::Config(format!("{}: {message}", file.display()));
    let Ready { name, text, case, prepared } = ready;
    let started = Instant::now();
    let mut updated = false;
    let differences = match &case.expect {
        Some(expect) => {
            let record = rehearse(catalog, prepared).await.ok_or_else(|| bad("the check has no record".into()))?;
            let verdict = case::judge(expect, &record);
            if update && !verdict.passed() {
                let new = case::updated(&text, expect, &record).map_err(|error| bad(error.to_string()))?;
                write_file(file, new)?;
                updated = true;
            }
            verdict.differences
        }
        None => operate(catalog, prepared, &case.r#do).await.map_err(bad)?,
    };
    Ok(Played { name, title: case.title, took: started.elapsed(), differences, updated })
}

fn recording(path: &Path) -> Result<Recording, String> {
    let text = read_file(path).map_err(|error| format!("the recording {}: {error}", path.display()))?;
    Recording::read(&text).map_err(|error| format!("the recording {}: {error}", path.display()))
}

/// Settings that a policy would refuse are no case.
fn fits(case: &Case, descriptor: &ComponentDescriptor) -> Result<(), String> {
    let chosen = descriptor.checks.iter().find(|check| case.check.as_ref().is_none_or(|id| *id == check.id));
    let (subject, schema, settings) = match chosen.filter(|_| case.expect.is_some()) {
        Some(check) => ("`with`", &check.settings, &case.with),
        None => ("`config`", &descriptor.settings, &case.config),
    };
    // Those of a recorded attempt were judged when it was made.
    let wrong = match case.recording {
        Some(_) => Vec::new(),
        None => seaworthy_policy::judge_settings(subject, schema, settings),
    };
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What the engine is told of a case.
pub(super) fn scripted(prepared: &Prepared) -> Scripted {
    let Prepared { calls, now_ms, budget_ms, .. } = prepared;
    Scripted { calls: calls.clone(), now_ms: *now_ms, budget_ms: *budget_ms, ..Scripted::default() }
}

/// Runs the one step of a check's case.
async fn rehearse(catalog: &Arc<Catalog>, prepared: Prepared) -> Option<StepRecord> {
    let scripted = scripted(&prepared);
    let playback = match prepared.recording {
        Some(recording) => Playback::Replay(Arc::new(recording)),
        None => Playback::Rehearse(Arc::new(scripted)),
    };
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let record =
        seaworthy_engine::run(prepared.plan, catalog, Arc::new(NoEvents), VERSION.into(), stop, playback).await;
    record.steps.into_iter().next()
}

/// Does what an adapter's case says, and lists what was answered differently.
async fn operate(catalog: &Arc<Catalog>, prepared: Prepared, deeds: &[Deed]) -> Result<Vec<String>, String> {
    let scripted = scripted(&prepared);
    let Some(rehearsal) = Rehearsal::start(prepared.plan, catalog, Arc::new(NoEvents), scripted) else {
        return Err("there is no adapter to rehearse".into());
    };
    let mut differences = Vec::new();
    let mut calls = 0;
    for (at, deed) in deeds.iter().enumerate() {
        let answered = once(&rehearsal, deed).await?;
        calls += deed.call.len();
        let place = format!("do {}, {:?} {}", at + 1, deed.operation, deed.key).to_lowercase();
        let place = place.trim_end();
        if let Answered::Error(error) = &answered
            && error["context"].get("replay").is_some()
        {
            return Ok(vec![format!("{place}: {}", error["message"].as_str().unwrap_or_default())]);
        }
        if let Err(found) = deed.expect.compare(&answered) {
            differences.extend(found.into_iter().map(|difference| format!("{place}: {difference}")));
        }
        let played = rehearsal.played();
        if played != calls {
            differences.push(format!("{place}: of {calls} calls that are written up to here {played} were made"));
            // What comes next would be answered with what is meant for something else.
            return Ok(differences);
        }
    }
    differences.extend(rehearsal.left_over());
    Ok(differences)
}

async fn once(rehearsal: &Rehearsal, deed: &Deed) -> Result<Answered, String> {
    let adapter = rehearsal.backend();
    let key = deed.key.as_str();
    let answered = match deed.operation {
        Operation::Open => adapter.open().await.map(|capability| {
            let operations: Vec<String> = capability.operations.iter().map(ToString::to_string).collect();
            Answered::Capability(json!({ "operations": operations, "properties": capability.properties,
                                         "limits": capability.limits }))
        }),
        Operation::Get => adapter.get(key).await.map(|found| match found {
            Some(blob) => Answered::Hit { bytes: blob.bytes, ttl: blob.ttl_ms, metadata: blob.metadata },
            None => Answered::Miss,
        }),
        Operation::Put => {
            let value = deed.value.as_ref().ok_or("`put` wants a `value`")?;
            let blob =
                Blob { bytes: value.bytes()?, ttl_ms: value.ttl, metadata: value.metadata.clone(), ..Blob::default() };
            adapter.put(key, blob).await.map(|()| Answered::Done)
        }
        Operation::Stat => adapter.stat(key).await.map(|found| match found {
            Some(entry) => Answered::Entry(json!({ "size": entry.size, "details": entry.details })),
            None => Answered::Miss,
        }),
        Operation::Invalidate => adapter.invalidate(key).await.map(|()| Answered::Done),
        Operation::List => {
            let listed = adapter.list(&deed.prefix, deed.limit.unwrap_or(LISTED)).await;
            listed.map(|entries| Answered::Entries(entries.into_iter().map(|entry| entry.key).collect()))
        }
    };
    Ok(answered.unwrap_or_else(|error| Answered::Error(failure(&error))))
}

fn failure(error: &CacheError) -> Value {
    json!({ "kind": error.kind, "retry": error.retry, "operation": error.operation,
            "message": error.message, "context": error.context })
}

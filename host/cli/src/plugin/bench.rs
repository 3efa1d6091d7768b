//! `seaworthy plugin bench`: what a component costs, beside the bundled ones.

use super::name_of;
use super::test::{files, places, ready, scripted};
use crate::cache::shown::{bytes, time};
use crate::configuration::{VERSION, builtins, on_runtime};
use crate::error::CliError;
use clap::Args;
use seaworthy_engine::{Catalog, Cost, Playback, PluginSource, Room, Used};
use seaworthy_model::{ExitCode, NoEvents};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    /// Folder of a plugin project, or a component
    #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
    path: PathBuf,
    /// How often each thing is done
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
}

pub(crate) fn bench(arguments: &BenchArgs) -> Result<ExitCode, CliError> {
    let (file, folder) = places(&arguments.path, None)?;
    let name = name_of(&file);
    let runs = usize::try_from(arguments.runs).unwrap_or(usize::MAX);
    let plugin = PluginSource { name: name.clone(), path: file.clone(), digest: None };
    let text = on_runtime(async {
        let executable = std::env::current_exe().ok();
        let cache = crate::configuration::cache_dir().map(|folder| folder.join("code"));
        let opened =
            Catalog::open(builtins(), &[plugin], None, Room::of(1, 1), executable.as_deref(), cache.as_deref()).await;
        let catalog = Arc::new(opened.map_err(|error| CliError::Config(error.to_string()))?);
        let refused = |error: seaworthy_engine::Refusal| CliError::Config(format!("plugin `{name}`: {error}"));
        let own = catalog.measure(&name, true, runs).await.map_err(refused)?;
        let mut bundled = Vec::new();
        for builtin in builtins() {
            bundled.push((builtin.name, catalog.measure(builtin.name, false, runs.min(10)).await.map_err(refused)?));
        }
        bundled.sort_by_key(|(_, cost)| cost.size);
        // Compiling all of them would take a minute; the one of median size stands for them.
        let middle = bundled[bundled.len() / 2].0;
        let compiled = catalog.measure(middle, true, 1).await.map_err(refused)?;
        let costs: Vec<Cost> = bundled.into_iter().map(|(_, cost)| cost).collect();
        let mut text = table(&name, &own, &costs, compiled.compile.unwrap_or_default(), middle);
        text += &cases(&catalog, &file, &folder, runs).await?;
        Ok(text)
    })?;
    crate::stdout::print(&text)?;
    Ok(ExitCode::Passed)
}

/// The middle of values that are in order, or of what they are made of.
fn median<T: Copy + Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort();
    values.get(values.len() / 2).copied()
}

fn table(name: &str, own: &Cost, bundled: &[Cost], compile: Duration, middle: &str) -> String {
    let of = |pick: fn(&Cost) -> Option<Duration>| median(bundled.iter().filter_map(pick)).unwrap_or_default();
    let size = |pick: fn(&Cost) -> usize| median(bundled.iter().map(pick)).unwrap_or_default();
    let middle_of = |cost: &Cost| median(cost.instantiate.iter().copied());
    let mut text = format!("{:<22} {name:>14} {:>14} {:>8}\n", "", "bundled median", "ratio");
    let mut row = |label: &str, own: String, other: String, ratio: f64| {
        let _ = writeln!(text, "{label:<22} {own:>14} {other:>14} {ratio:>8.1}");
    };
    for (label, own, other) in [
        ("size", own.size, size(|cost| cost.size)),
        ("compiled code", own.code, size(|cost| cost.code)),
        ("memory, instantiated", own.memory, size(|cost| cost.memory)),
    ] {
        row(label, bytes(own as u64), bytes(other as u64), own as f64 / (other.max(1)) as f64);
    }
    for (label, own, other) in [
        ("compile (cold)", own.compile.unwrap_or_default(), compile),
        ("load (warm, minimum)", own.load, of(|cost| Some(cost.load))),
        (
            "instantiate (median)",
            middle_of(own).unwrap_or_default(),
            of(|cost| cost.instantiate.get(cost.instantiate.len() / 2).copied()),
        ),
    ] {
        row(label, time(own), time(other), own.as_secs_f64() / other.as_secs_f64().max(1e-9));
    }
    let _ = writeln!(text, "(the bundled component that is compiled is {middle}, of median size)");
    text
}

/// How long each case of a check takes from a new store to its outcome.
async fn cases(catalog: &Arc<Catalog>, file: &Path, folder: &Path, runs: usize) -> Result<String, CliError> {
    let mut text = String::new();
    let cases = if folder.is_dir() { files(folder, &[])? } else { Vec::new() };
    for case in cases {
        let ready = ready(catalog, file, &case)?;
        if !ready.is_written() {
            continue;
        }
        let (case, prepared) = (ready.name.as_str(), &ready.prepared);
        let mut times = Vec::with_capacity(runs);
        let mut used = Used::default();
        for _ in 0..runs {
            let scripted = scripted(prepared);
            let measured = scripted.used.clone();
            let (_keep, stop) = tokio::sync::watch::channel(false);
            let started = Instant::now();
            let playback = Playback::Rehearse(Arc::new(scripted));
            let plan = prepared.plan.clone();
            let record = seaworthy_engine::run(plan, catalog, Arc::new(NoEvents), VERSION.into(), stop, playback).await;
            times.push(started.elapsed());
            if !record.steps.first().is_some_and(|record| ready.passes(record)) {
                return Err(CliError::Config(format!(
                    "case `{case}` does not pass, so how long it takes says nothing; `seaworthy plugin test` shows why"
                )));
            }
            used = *measured.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        if text.is_empty() {
            let _ = writeln!(
                text,
                "\n{:<22} {:>14} {:>14} {:>12} {:>10}",
                "case", "run (median)", "fastest", "memory", "host calls"
            );
        }
        let _ = writeln!(
            text,
            "{case:<22} {:>14} {:>14} {:>12} {:>10}",
            time(median(times.iter().copied()).unwrap_or_default()),
            time(times.iter().min().copied().unwrap_or_default()),
            bytes(used.memory as u64),
            used.host_calls
        );
    }
    Ok(text)
}

//! `seaworthy plugin`: what authors of checks and adapters do. One file a subcommand.

mod build;
mod docs;
mod new;
mod watch;

use crate::args::Global;
use crate::error::CliError;
use clap::{Args, Subcommand};
use seaworthy_engine::{Catalog, PluginSource, Room};
use seaworthy_model::ExitCode;
use std::path::Path;

#[derive(Clone, Debug, Args)]
pub(crate) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum PluginCommand {
    /// Write a new project that builds, with its tests: a check or an adapter, in Rust, Python or JavaScript
    New(new::NewArgs),
    /// Build a project by its language's own tools, and say what is missing
    Build(build::BuildArgs),
    /// Build again at each change
    Watch(watch::WatchArgs),
    /// Print the page of a component, made from what it says about itself
    Docs(docs::DocsArgs),
}

pub(crate) fn plugin(global: &Global, arguments: PluginArgs) -> Result<ExitCode, CliError> {
    match arguments.command {
        PluginCommand::New(new) => new::new(global, &new),
        PluginCommand::Build(build) => build::build(global, &build),
        PluginCommand::Watch(watch) => watch::watch(global, &watch),
        PluginCommand::Docs(docs) => docs::docs(&docs),
    }
}

/// The name that a component outside a policy has in messages: that of its file.
fn name_of(file: &Path) -> String {
    file.file_stem().map_or_else(|| "plugin".into(), |stem| stem.to_string_lossy().into_owned())
}

/// A catalog of one component and nothing else.
async fn alone(file: &Path) -> Result<Catalog, CliError> {
    let plugin = PluginSource { name: name_of(file), path: file.to_owned(), digest: None };
    let cache = crate::configuration::cache_dir().map(|folder| folder.join("code"));
    let catalog = Catalog::open(&[], std::slice::from_ref(&plugin), None, Room::of(1, 1), None, cache.as_deref()).await;
    let catalog = catalog.map_err(|error| CliError::Config(error.to_string()))?;
    match catalog.unusable().get(&plugin.name) {
        Some(why) => Err(CliError::Config(format!("plugin `{}`: {why}", plugin.name))),
        None => Ok(catalog),
    }
}

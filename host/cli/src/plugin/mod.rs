//! `seaworthy plugin`: what authors of checks and adapters do. One file a subcommand.

mod add;
mod docs;
mod keygen;
mod push;

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
    /// Print the page of a component, made from what it says about itself
    Docs(docs::DocsArgs),
    /// Put a component into an OCI registry, signed where a key is given
    Push(push::PushArgs),
    /// List a component of a registry in checks.toml, pinned in checks.lock, with nothing granted
    Add(add::AddArgs),
    /// Write a pair of keys to sign components with and to verify them
    Keygen(keygen::KeygenArgs),
}

pub(crate) fn plugin(_global: &Global, arguments: PluginArgs) -> Result<ExitCode, CliError> {
    match arguments.command {
        PluginCommand::Docs(docs) => docs::docs(&docs),
        PluginCommand::Push(push) => push::push(&push),
        PluginCommand::Add(add) => add::add(&add),
        PluginCommand::Keygen(keygen) => keygen::keygen(&keygen),
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

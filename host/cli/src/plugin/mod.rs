//! `seaworthy plugin`: what authors of checks and adapters do. One file a subcommand.

mod add;
mod bench;
mod build;
mod docs;
mod inspect;
mod keygen;
mod new;
mod push;
mod test;
mod watch;

use crate::args::Global;
use crate::error::CliError;
use clap::{Args, Subcommand};
use seaworthy_engine::{Catalog, PluginSource, Room};
use seaworthy_model::ExitCode;
use std::path::{Path, PathBuf};

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
    /// Take a component apart: what it is, imports, asks for and finds, and whether it runs here
    Inspect(inspect::InspectArgs),
    /// Play the cases of a component: what it is given, what the host answers, what it is to say
    Test(test::TestArgs),
    /// Measure a component: compiling, loading, instantiating, running its cases
    Bench(bench::BenchArgs),
    /// Print the page of a component, made from what it says about itself
    Docs(docs::DocsArgs),
    /// Put a component into an OCI registry, signed where a key is given
    Push(push::PushArgs),
    /// List a component of a registry in checks.toml, pinned in checks.lock, with nothing granted
    Add(add::AddArgs),
    /// Write a pair of keys to sign components with and to verify them
    Keygen(keygen::KeygenArgs),
}

pub(crate) fn plugin(global: &Global, arguments: PluginArgs) -> Result<ExitCode, CliError> {
    match arguments.command {
        PluginCommand::New(new) => new::new(global, &new),
        PluginCommand::Build(build) => build::build(global, &build),
        PluginCommand::Watch(watch) => watch::watch(global, &watch),
        PluginCommand::Inspect(inspect) => inspect::inspect(&inspect),
        PluginCommand::Test(test) => test::test(&test),
        PluginCommand::Bench(bench) => bench::bench(&bench),
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

/// Whether a file is a component by its name; what begins with a dot is a build that broke off.
fn is_component(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|end| end == "wasm")
}

/// The component itself, or the one that was built in the folder of a project.
fn component_of(path: &Path) -> Result<PathBuf, CliError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let folder = path.join("dist");
    let built = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut built: Vec<PathBuf> = built.filter(|path| is_component(path)).collect();
    match (built.pop(), built.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(CliError::Usage(format!("{} has several components; name one", folder.display()))),
        (None, _) => Err(CliError::Usage(format!(
            "there is no component in {}; `seaworthy plugin build {}` makes one",
            folder.display(),
            path.display()
        ))),
    }
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

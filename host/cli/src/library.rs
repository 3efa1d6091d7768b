//! Plugins from registries, between the policy that pins them and the catalog that runs them.

use crate::configuration;
use crate::error::CliError;
use seaworthy_engine::FetchedPlugin;
use seaworthy_model::Environment;
use seaworthy_policy::{Policy, RegistryPlugin};
use seaworthy_registry::{Library, PublicKey, Registry, RegistryError, Shelf, Wanted};
use std::path::{Path, PathBuf};

/// Where plugins are kept, in the place of a folder of the user's cache.
pub(crate) const FOLDER: &str = "SEAWORTHY_PLUGIN_CACHE";

/// The shelf of this user.
pub(crate) fn shelf(environment: &Environment) -> Result<Shelf, CliError> {
    let given = environment.text(FOLDER).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = given.or_else(|| configuration::cache_dir().map(|folder| folder.join("plugins")));
    let none = || CliError::Config(format!("there is no folder for plugins from a registry; set HOME or {FOLDER}"));
    folder.as_deref().map(Shelf::new).ok_or_else(none)
}

/// The registries, behind what is on the shelf.
pub(crate) fn library(environment: &Environment, offline: bool) -> Result<Library, CliError> {
    Ok(Library::new(Registry::new(environment), shelf(environment)?, offline))
}

/// The plugins of a policy that come from a registry. *Behaviour*: each by its pin and by nothing else.
pub(crate) async fn fetch(policy: &Policy, environment: &Environment) -> Result<Vec<FetchedPlugin>, CliError> {
    let plugins = policy.registry_plugins()?;
    if plugins.is_empty() {
        return Ok(Vec::new());
    }
    let library = library(environment, policy.offline())?;
    let mut fetched = Vec::new();
    for plugin in plugins {
        let RegistryPlugin { name, reference, plain_http, manifest, component, keys } = &plugin;
        let keys = keys.as_deref().map(public_keys).transpose()?;
        let wanted = Wanted {
            reference,
            plain_http: *plain_http,
            manifest: manifest.as_deref(),
            component: component.as_deref(),
            keys: keys.as_deref(),
        };
        let had = library.obtain(&wanted).await.map_err(|error| told(name, error))?;
        let reference = had.manifest.as_ref().map_or_else(|| reference.clone(), |manifest| reference.pinned(manifest));
        fetched.push(FetchedPlugin { name: name.clone(), bytes: had.bytes, digest: had.component, reference });
    }
    Ok(fetched)
}

/// The keys in these files.
pub(crate) fn public_keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, CliError> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = read_key(path)?;
        PublicKey::read(&name, &text).map_err(|error| CliError::Config(error.to_string()))
    };
    files.iter().map(read).collect()
}

/// The text of a file of a key.
pub(crate) fn read_key(path: &Path) -> Result<String, CliError> {
    configuration::read_file(path)
        .map_err(|error| CliError::Config(format!("cannot read the key {}: {error}", path.display())))
}

/// What happened to a plugin, and how it ends the command: what only the network is to blame for
/// says nothing about the policy.
pub(crate) fn told(name: &str, error: RegistryError) -> CliError {
    let help = match &error {
        RegistryError::Offline { .. } | RegistryError::Tampered { .. } => {
            "; where the network may be used, `seaworthy validate` puts it there"
        }
        RegistryError::Pinned { .. } => "; find out why it changed before changing the pin",
        _ => "",
    };
    let text = format!("plugin `{name}`: {error}{help}");
    match error {
        RegistryError::Unreachable { .. } | RegistryError::BrokenOff { .. } => CliError::Runtime(anyhow::anyhow!(text)),
        _ => CliError::Config(text),
    }
}

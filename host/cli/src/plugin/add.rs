use crate::configuration::{self, cache_dir, on_runtime};
use crate::error::CliError;
use crate::library::{self, told};
use clap::Args;
use seaworthy_engine::{Catalog, Entry, FetchedPlugin, PluginSource, Room};
use seaworthy_model::{Environment, ExitCode, RegistryReference};
use seaworthy_policy::{Listing, Lock, Locked, Policy};
use seaworthy_registry::Wanted;
use std::path::{Path, PathBuf};

/// What a policy file that is not there yet begins with; the checks stay those of the suite.
const NEW: &str =
    "# What must be reachable from this runner; `seaworthy init -` prints a commented example.\nversion = 1\n";

#[derive(Clone, Debug, Args)]
pub(crate) struct AddArgs {
    /// oci://HOST/REPOSITORY:TAG, or the component's file, or the folder of a project that has built one
    #[arg(value_name = "REFERENCE", required_unless_present = "update")]
    reference: Option<String>,
    /// Name in checks.toml; without it, the component's own
    #[arg(long, value_name = "NAME", conflicts_with = "update")]
    name: Option<String>,
    /// Pin this plugin of checks.toml to what its tag names now, or to REFERENCE
    #[arg(long, value_name = "NAME")]
    update: Option<String>,
    /// Policy file, made where there is none; without it the nearest one
    #[arg(short, long, env = "SEAWORTHY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Public key that must have signed it; may be repeated, one of them is enough
    #[arg(long, value_name = "FILE", conflicts_with = "update")]
    signed_by: Vec<PathBuf>,
    /// The registry has no TLS (one on loopback is taken to have none)
    #[arg(long, conflicts_with = "update")]
    plain_http: bool,
}

/// `seaworthy plugin add`: on stdout, how the plugin is used.
pub(crate) fn add(arguments: &AddArgs) -> Result<ExitCode, CliError> {
    let environment = configuration::environment();
    on_runtime(async {
        let file = PolicyFile::read(arguments.config.as_deref(), &environment)?;
        let source = arguments.source(&file)?;
        let found = match source.parse::<RegistryReference>() {
            Ok(reference) => from_registry(arguments, &file, &reference, &environment).await?,
            Err(_) => from_file(&file, &source).await?,
        };
        let name = arguments.update.clone().or_else(|| arguments.name.clone());
        let name = name.unwrap_or_else(|| found.entry.descriptor.name.clone());
        let said = file.write(arguments, &name, &source, &found, &environment)?;
        eprintln!("{said}");
        let listing = arguments.listing(&name, &source, &[], &found);
        crate::stdout::print(&listing.usage())?;
        Ok(ExitCode::Passed)
    })
}

/// A component that was had, and what it is pinned to where it comes from a registry.
struct Found {
    entry: Entry,
    locked: Option<Locked>,
}

/// The policy file and its lock, as they are.
struct PolicyFile {
    path: PathBuf,
    text: String,
    is_new: bool,
    policy: Policy,
}

impl AddArgs {
    /// `source` as checks.toml will have it.
    fn source(&self, file: &PolicyFile) -> Result<String, CliError> {
        let listed = match &self.update {
            Some(name) => Some(file.listed(name)?),
            None => None,
        };
        let Some(text) = &self.reference else { return Ok(listed.unwrap_or_default()) };
        if RegistryReference::is_meant(text) {
            let reference = text.parse::<RegistryReference>();
            return reference.map(|_| text.clone()).map_err(|error| CliError::Usage(error.to_string()));
        }
        let path = super::component_of(Path::new(text.strip_prefix("file:").unwrap_or(text)))?;
        Ok(format!("file:{}", file.relative(&path)?))
    }

    fn listing<'a>(&self, name: &'a str, source: &'a str, keys: &'a [String], found: &'a Found) -> Listing<'a> {
        Listing {
            name,
            source,
            digest: found.locked.is_none().then_some(found.entry.digest.as_str()),
            signed_by: keys,
            plain_http: self.plain_http,
            descriptor: &found.entry.descriptor,
        }
    }
}

async fn from_file(file: &PolicyFile, source: &str) -> Result<Found, CliError> {
    let path = file.policy.relative(source.strip_prefix("file:").unwrap_or(source));
    let plugin = PluginSource { name: super::name_of(&path), path, digest: None };
    let catalog = empty_catalog(std::slice::from_ref(&plugin)).await?;
    Ok(Found { entry: entry(&catalog, &plugin.name)?, locked: None })
}

/// Pulls, verifies, and lets the component describe itself; its compiled code is kept, so that
/// the first run need not compile it.
async fn from_registry(
    arguments: &AddArgs,
    file: &PolicyFile,
    reference: &RegistryReference,
    environment: &Environment,
) -> Result<Found, CliError> {
    // One that is listed already, with the same source, is asked for as it is listed.
    let same = |name: &&String| file.policy.registry_plugin(name).is_some_and(|known| known.reference == *reference);
    let known = arguments.update.as_ref().or(arguments.name.as_ref().filter(same));
    let known = known.or_else(|| file.policy.plugins.keys().find(same).filter(|_| arguments.name.is_none()));
    let listed = known.and_then(|name| file.policy.registry_plugin(name));
    let plain_http = listed.as_ref().map_or(arguments.plain_http, |listed| listed.plain_http);
    let keys = match &listed {
        Some(listed) => listed.keys.clone(),
        None if arguments.signed_by.is_empty() => file.policy.keys(&[]),
        None => Some(arguments.signed_by.clone()),
    };
    let keys = keys.as_deref().map(library::public_keys).transpose()?;
    let place = reference.to_string();
    let name = reference.repository.rsplit('/').next().unwrap_or_default().to_owned();
    let failed = |error| told(&name, error);
    let library = library::library(environment, file.policy.offline())?;
    let manifest = library.resolve(reference, plain_http).await.map_err(failed)?;
    let wanted = Wanted { reference, plain_http, manifest: Some(&manifest), component: None, keys: keys.as_deref() };
    let had = library.obtain(&wanted).await.map_err(failed)?;
    let mut catalog = empty_catalog(&[]).await?;
    let fetched = FetchedPlugin {
        name: name.clone(),
        bytes: had.bytes,
        digest: had.component.clone(),
        reference: reference.pinned(&manifest),
    };
    catalog.add_fetched(fetched).await.map_err(|error| CliError::Config(error.to_string()))?;
    let locked = Locked { source: place.clone(), manifest, component: had.component, signer: had.signer };
    Ok(Found { entry: entry(&catalog, &name)?, locked: Some(locked) })
}

async fn empty_catalog(plugins: &[PluginSource]) -> Result<Catalog, CliError> {
    let cache = cache_dir().map(|folder| folder.join("code"));
    let catalog = Catalog::open(&[], plugins, None, Room::of(1, 1), None, cache.as_deref()).await;
    catalog.map_err(|error| CliError::Config(error.to_string()))
}

fn entry(catalog: &Catalog, name: &str) -> Result<Entry, CliError> {
    match (catalog.entries().get(name), catalog.unusable().get(name)) {
        (Some(entry), _) => Ok(entry.clone()),
        (None, why) => {
            let why = why.map_or("it was not loaded", String::as_str);
            Err(CliError::Config(format!("plugin `{name}`: {why}")))
        }
    }
}

impl PolicyFile {
    fn read(given: Option<&Path>, environment: &Environment) -> Result<Self, CliError> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => configuration::nearest_policy()?.unwrap_or_else(|| "checks.toml".into()),
        };
        let (text, is_new) = match configuration::read_file(&path) {
            Ok(text) => (text, false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (NEW.to_owned(), true),
            Err(error) => {
                return Err(CliError::Config(format!("cannot read the policy file {}: {error}", path.display())));
            }
        };
        let lock = configuration::read_lock(&path)?;
        let policy = configuration::policy_of(&path, &text, lock.as_deref(), environment)?;
        Ok(Self { path, text, is_new, policy })
    }

    /// `source` of a plugin that is to be updated.
    fn listed(&self, name: &str) -> Result<String, CliError> {
        let unknown = || {
            let hint = match seaworthy_policy::nearest(name, self.policy.plugins.keys().map(String::as_str)) {
                Some(other) => format!("; did you mean `{other}`?"),
                None => String::new(),
            };
            CliError::Usage(format!("{} lists no plugin `{name}`{hint}", self.path.display()))
        };
        self.policy.plugins.get(name).map(|at| at.value.source.value.clone()).ok_or_else(unknown)
    }

    /// A path as the policy file names it: from its own folder, where it is below that.
    fn relative(&self, path: &Path) -> Result<String, CliError> {
        let absolute = |path: &Path| {
            std::path::absolute(path)
                .map_err(|error| CliError::Usage(format!("{} cannot be used: {error}", path.display())))
        };
        let (path, file) = (absolute(path)?, absolute(&self.path)?);
        let below = file.parent().and_then(|folder| path.strip_prefix(folder).ok());
        Ok(below.unwrap_or(&path).display().to_string())
    }

    /// Writes what is to be written, lock first: an entry that no plugin has is nothing, and a
    /// plugin without its entry does not run. Says what was done.
    fn write(
        &self,
        arguments: &AddArgs,
        name: &str,
        source: &str,
        found: &Found,
        environment: &Environment,
    ) -> Result<String, CliError> {
        let descriptor = &found.entry.descriptor;
        let what = seaworthy_report::safe::line(&format!("{name} ({} {})", descriptor.name, descriptor.version));
        let file = self.path.display();
        let there = self.policy.plugins.get(name).map(|at| &at.value);
        let text = match there {
            None => {
                let keys: Result<Vec<String>, CliError> =
                    arguments.signed_by.iter().map(|key| self.relative(key)).collect();
                arguments.listing(name, source, &keys?, found).appended_to(&self.text)
            }
            Some(block) if block.source.value == source => {
                // What is listed stays as it is, so what is asked for besides has to be there.
                let listed = self.policy.registry_plugin(name);
                let keys: Vec<PathBuf> =
                    listed.iter().flat_map(|listed| listed.keys.clone().unwrap_or_default()).collect();
                let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                let keyed = arguments.signed_by.iter().all(|key| keys.iter().any(|own| absolute(own) == absolute(key)));
                let plain = !arguments.plain_http || listed.is_some_and(|listed| listed.plain_http);
                if !keyed || !plain {
                    return Err(CliError::Usage(format!(
                        "{file} has plugin `{name}` already, without that; write `{}` under [plugins.{name}]",
                        if keyed { "plain-http = true" } else { "signed-by = [\"KEY.pub\"]" }
                    )));
                }
                self.text.clone()
            }
            Some(_) if arguments.update.is_some() => {
                let changed = seaworthy_policy::with_source(&self.text, name, source);
                let not_here =
                    || CliError::Config(format!("{file} itself does not list `{name}`; write its `source` by hand"));
                changed.ok_or_else(not_here)?
            }
            Some(block) => {
                return Err(CliError::Usage(format!(
                    "{file} has a plugin `{name}` already, from {}; `--update {name}` puts {source} in its place, `--name` gives this one another name",
                    block.source.value
                )));
            }
        };
        if let (Some(digest), Some(now)) = (there.and_then(|block| block.digest.as_ref()), &found.locked)
            && digest.value != now.component
        {
            return Err(CliError::Config(format!(
                "{file} pins plugin `{name}` by `digest`, and the component is another one now; remove that line (checks.lock pins it then), or write `digest = \"{}\"`",
                now.component
            )));
        }
        let before = self.policy.lock.plugins.get(name);
        let same = before.zip(found.locked.as_ref()).is_some_and(|(before, now)| {
            before.source == now.source && before.manifest == now.manifest && before.component == now.component
        });
        if let (Some(before), Some(now), None) =
            (before.filter(|before| before.source == source), &found.locked, &arguments.update)
            && !same
        {
            return Err(CliError::Config(format!(
                "{source} was moved: {} pins {}, and it is {} now; nothing was changed, and runs go on with what is pinned. `seaworthy plugin add --update {name}` takes the new one",
                Lock::path(&self.path).display(),
                before.manifest,
                now.manifest
            )));
        }
        let mut lock = self.policy.lock.clone();
        match &found.locked {
            Some(now) if same && before.is_some_and(|before| before.signer == now.signer || now.signer.is_none()) => {}
            Some(now) => drop(lock.plugins.insert(name.to_owned(), now.clone())),
            None => drop(lock.plugins.remove(name)),
        }
        self.replace(&text, name, lock, environment)?;
        let pinned = found.locked.as_ref().map(|locked| &locked.manifest);
        Ok(match (there, before.filter(|_| !same), pinned) {
            (None, _, _) if self.is_new => format!("wrote {file} with plugin {what}"),
            (None, _, _) => format!("added plugin {what} to {file}"),
            (Some(_), Some(before), Some(now)) => format!("plugin {what} was {}, is {now}", before.manifest),
            (Some(_), None, Some(now)) if !same => format!("plugin {what} is pinned: {now}"),
            _ => format!("plugin {what} is in {file} already; nothing is to be done"),
        })
    }

    /// Puts both files there, if a run would take this plugin: others may wait for their pins.
    fn replace(&self, text: &str, name: &str, mut lock: Lock, environment: &Environment) -> Result<(), CliError> {
        let place = Lock::path(&self.path);
        let before = lock.write();
        let policy = configuration::policy_of(&self.path, text, Some(&before), environment)?;
        // What no plugin has any more.
        lock.plugins.retain(|name, _| policy.registry_plugin(name).is_some());
        let after = lock.write();
        policy.is_pinned(name)?;
        if lock != self.policy.lock {
            write(&place, &after)?;
        }
        if self.is_new || text != self.text { write(&self.path, text) } else { Ok(()) }
    }
}

/// All of a file or nothing of it, through a link and with the rights that it has.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let cannot = |error: std::io::Error| CliError::CannotWrite(format!("cannot write {}: {error}", path.display()));
    let Ok(found) = std::fs::metadata(&target) else {
        return crate::output::write_file(&target, text);
    };
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    aside.write_all(text.as_bytes()).map_err(cannot)?;
    aside.as_file().set_permissions(found.permissions()).map_err(cannot)?;
    aside.persist(&target).map(drop).map_err(|error| cannot(error.error))
}

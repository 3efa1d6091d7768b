//! From arguments and environment to a policy, a catalog and a plan; and the two
//! commands that only look at those.

use crate::args::{ConfigArgs, RunArgs};
use crate::error::CliError;
use crate::{library, vantage};
use anyhow::Context as _;
use seaworthy_engine::{Builtin, Catalog, CatalogError, PluginSource, Room, Wanted};
use seaworthy_model::{Environment, ExitCode, Plan, Report};
use seaworthy_policy::{LoadRequest, Lock, Overrides, PlanRequest, Policy};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Version of this tool.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The bundled components, as the engine takes them.
pub(crate) fn builtins() -> &'static [Builtin] {
    static BUILTINS: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
        let builtin = |c: &seaworthy_bundled::Component| Builtin { name: c.name, wasm: c.wasm, digest: c.digest };
        seaworthy_bundled::COMPONENTS.iter().map(builtin).collect()
    });
    &BUILTINS
}

/// The environment of this process, read once. Variables that are not Unicode are
/// kept with replacement characters rather than dropped.
pub(crate) fn environment() -> Environment {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    Environment::from_pairs(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
}

/// Today in UTC, for waivers: the same day on every runner, and no time zone
/// database to read.
pub(crate) fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The policy in use: the file named, else the nearest one, else the embedded suite.
pub(crate) fn load_policy(
    config: &ConfigArgs,
    environment: &Environment,
    flags: &Overrides,
) -> Result<Policy, CliError> {
    let path = match &config.config {
        Some(path) => Some(path.clone()),
        None => nearest_policy()?,
    };
    let file = match &path {
        Some(path) => {
            let text = read_file(path).map_err(|error| {
                CliError::Config(format!("cannot read the policy file {}: {error}", path.display()))
            })?;
            Some((path.display().to_string(), text))
        }
        None => None,
    };
    let lock = path.as_deref().map(|path| Ok::<_, CliError>((Lock::path(path), read_lock(path)?))).transpose()?;
    let lock = lock.and_then(|(path, text)| Some((path.display().to_string(), text?)));
    let request = LoadRequest {
        file: file.as_ref().map(|(path, text)| (path.as_str(), text.as_str())),
        lock: lock.as_ref().map(|(path, text)| (path.as_str(), text.as_str())),
        tool_version: VERSION,
        environment,
        flags,
        today: today(),
    };
    Policy::load(&request).map_err(CliError::Policy)
}

/// The nearest policy file, from the current folder.
pub(crate) fn nearest_policy() -> Result<Option<PathBuf>, CliError> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let found = seaworthy_policy::discover(&here, |path| path.exists());
    Ok(found.map(|found| found.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(found)))
}

/// The lock beside a policy file, where there is one.
pub(crate) fn read_lock(policy: &Path) -> Result<Option<String>, CliError> {
    let path = Lock::path(policy);
    match read_file(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CliError::Config(format!("cannot read {}: {error}", path.display()))),
    }
}

/// The policy that these texts would be, without flags.
pub(crate) fn policy_of(
    path: &Path,
    text: &str,
    lock: Option<&str>,
    environment: &Environment,
) -> Result<Policy, CliError> {
    let (name, lock_name) = (path.display().to_string(), Lock::path(path).display().to_string());
    let request = LoadRequest {
        file: Some((&name, text)),
        lock: lock.map(|text| (lock_name.as_str(), text)),
        tool_version: VERSION,
        environment,
        flags: &Overrides::default(),
        today: today(),
    };
    Policy::load(&request).map_err(CliError::Policy)
}

/// The text of a regular file. A pipe or a device could keep us waiting for ever,
/// with nobody there yet to take a signal.
pub(crate) fn read_file(path: &Path) -> std::io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    std::fs::read_to_string(path)
}

/// What the flags of `run` override.
pub(crate) fn overrides(run: &RunArgs) -> Overrides {
    Overrides {
        profile: run.config.profile.clone(),
        select: run.ids.clone(),
        targets: run.target.clone(),
        tags: run.tag.clone(),
        skip: run.skip.clone(),
        jobs: run.jobs,
        timeout: run.timeout,
        deadline: run.deadline,
        retries: run.retries,
        fail_on: run.fail_on.clone(),
        report_only: run.report_only,
        allow_writes: run.allow_writes,
        offline: run.offline,
        vantage: run.vantage.clone(),
        vars: run.config.vars.clone(),
    }
}

/// The overrides of a command that runs nothing.
pub(crate) fn only_config(config: &ConfigArgs) -> Overrides {
    Overrides { profile: config.profile.clone(), vars: config.vars.clone(), ..Overrides::default() }
}

/// What a command does with the components of a policy.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// Tells about all that there are.
    Show,
    /// Makes a plan, and may run it.
    Run(&'a Environment),
    /// Opens tiers, many times if need be, and also such as the policy does not use.
    Cache,
}

/// The components that a policy uses, verified and described.
pub(crate) async fn open_catalog(policy: &Policy, purpose: Purpose<'_>) -> Result<Arc<Catalog>, CliError> {
    let uses = match purpose {
        Purpose::Show | Purpose::Cache => None,
        Purpose::Run(environment) => Some(policy.uses(environment)),
    };
    let room = match (purpose, &uses) {
        (Purpose::Run(_), Some(uses)) => Room::of(policy.checks.len().min(policy.run_rules().concurrency), uses.tiers),
        (Purpose::Cache, _) => Room::SESSIONS,
        _ => Room::of(1, 0),
    };
    let wanted = uses.map(|uses| Wanted { checks: uses.checks, adapters: uses.adapters });
    let plugins: Vec<PluginSource> = policy
        .plugin_files()
        .into_iter()
        .map(|plugin| PluginSource { name: plugin.name, path: plugin.path, digest: plugin.digest })
        .collect();
    let executable = std::env::current_exe().ok();
    let cache = cache_dir().map(|folder| folder.join("code"));
    let fetched = library::fetch(policy, &self::environment()).await?;
    let wrong = |error: CatalogError| CliError::Config(error.to_string());
    let mut catalog =
        Catalog::open(builtins(), &plugins, wanted.as_ref(), room, executable.as_deref(), cache.as_deref())
            .await
            .map_err(wrong)?;
    for plugin in fetched {
        catalog.add_fetched(plugin).await.map_err(wrong)?;
    }
    Ok(Arc::new(catalog))
}

/// The plan for a run.
pub(crate) fn make_plan(
    policy: &Policy,
    catalog: &Catalog,
    environment: &Environment,
    facts: &BTreeMap<String, String>,
    flags: &Overrides,
    host_report: Option<Box<Report>>,
) -> Result<Plan, CliError> {
    let cache_dir = cache_dir().unwrap_or_else(|| PathBuf::from("/tmp/seaworthy")).join("entries");
    let request = PlanRequest {
        catalog: &catalog.described(),
        environment,
        vantage: facts,
        filters: &flags.filters(),
        run_id: &uuid::Uuid::new_v4().to_string(),
        cache_dir: &cache_dir,
        unusable: catalog.unusable(),
        host_report,
    };
    seaworthy_policy::plan(policy, &request).map_err(CliError::Policy)
}

/// The user's cache folder for this tool.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    etcetera::choose_base_strategy().ok().map(|strategy| strategy.cache_dir().join("seaworthy"))
}

/// The user's state folder for this tool.
pub(crate) fn state_dir() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("seaworthy"))
}

/// Runs `work` on a runtime on this thread: a run waits for the network, it does
/// not compute. *Behaviour*: lookups and file probes that are still under way when
/// it ends are left behind; nobody waits for a dead name server.
pub(crate) fn on_runtime<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// `seaworthy validate`: everything but the run.
pub(crate) fn validate(config: &ConfigArgs) -> Result<ExitCode, CliError> {
    let environment = environment();
    let flags = only_config(config);
    let policy = load_policy(config, &environment, &flags)?;
    on_runtime(async {
        let catalog = open_catalog(&policy, Purpose::Run(&environment)).await?;
        let unusable: Vec<String> =
            catalog.unusable().iter().map(|(plugin, why)| format!("plugin `{plugin}`: {why}")).collect();
        if !unusable.is_empty() {
            return Err(CliError::Config(unusable.join("\n")));
        }
        let facts = vantage::facts(&environment);
        let plan = make_plan(&policy, &catalog, &environment, &facts, &flags, None)?;
        let plugins = policy.plugins.values().filter(|plugin| plugin.value.source.value != "builtin").count();
        let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let mut text = format!(
            "{}: valid ({}, {}, profile {})\n",
            policy.path,
            plural(plan.steps.len(), "check"),
            plural(plugins, "plugin"),
            policy.profile.value
        );
        for component in plan.components.values() {
            for refused in &component.refused {
                let _ = writeln!(
                    text,
                    "note: plugin `{}` asks for {} `{}` and does not get it ({}); to allow it: {}",
                    component.name,
                    refused.denial.capability,
                    refused.denial.wanted,
                    refused.reason,
                    refused.denial.add
                );
            }
        }
        crate::stdout::print(&text)?;
        Ok(ExitCode::Passed)
    })
}

/// `seaworthy show-config`.
pub(crate) fn show(config: &ConfigArgs) -> Result<ExitCode, CliError> {
    let environment = environment();
    let policy = load_policy(config, &environment, &only_config(config))?;
    crate::stdout::print(&policy.show_config(&environment))?;
    Ok(ExitCode::Passed)
}

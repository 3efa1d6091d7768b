//! `run --in docker:NAME`: the suite as a container sees it, without changing that
//! container, read together with a run on this machine.
//!
//! A throwaway container of the same image joins the network, the processes and the
//! volumes of the one that is asked about, gets its variables, user and limits, and runs
//! this very binary, which is mounted into it. That takes no more rights than
//! `docker run`, and it works where the image holds nothing but the job. What the
//! container wrote into its own file system since it started is not seen.

mod engine;
mod place;

pub(crate) use engine::Engine;
pub(crate) use place::Place;

use crate::args::{Global, RunArgs};
use crate::error::CliError;
use crate::{configuration, library};
use anyhow::Context as _;
use engine::Described;
use seaworthy_model::{Environment, Origin, Report};
use seaworthy_policy::Policy;
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the throwaway container finds the binary and what belongs to this run.
const MOUNT: &str = "/seaworthy.run";

/// Where it finds the policy's folder. Never under its own path: that may be one of the
/// container's too.
const POLICY: &str = "/seaworthy.run/policy";

/// What an engine may take to start a container, beside the run's own deadline.
const START: Duration = Duration::from_secs(60);

/// What it may take to say what a container is.
const ANSWER: Duration = Duration::from_secs(20);

/// Runs in `place`, with `host` as the report of this machine.
///
/// # Errors
/// Where the engine cannot be asked, the container is not there or does not run, or
/// what ran in it printed no report.
pub(crate) async fn run(
    global: &Global,
    arguments: &RunArgs,
    place: &Place,
    described: Described,
    policy: &Policy,
    host: &Report,
) -> Result<Report, CliError> {
    let folder = tempfile::Builder::new().prefix("seaworthy-").tempdir().context("no folder for this run")?;
    // The user of the container reads what is in it; nobody else gets to it, as the
    // engine mounts the files and not their path.
    let report = folder.path().join("host-report.json");
    std::fs::write(&report, seaworthy_report::json(host).context("the host's report")?).context("the host's report")?;
    std::fs::set_permissions(&report, std::fs::Permissions::from_mode(0o444)).context("the host's report")?;
    let variables = folder.path().join("variables");
    let left_out = described.write_environment(&variables)?;
    for name in left_out {
        eprintln!("note: {name} is not passed on: its value has more than one line");
    }
    let plugins = lend_plugins(policy, folder.path()).await?;
    let name = format!("seaworthy-{}", uuid::Uuid::new_v4().simple());
    let mut command = place.engine.command();
    command.args(["run", "--rm", "--name", &name, "--entrypoint"]).arg(format!("{MOUNT}/seaworthy"));
    command.arg("--env-file").arg(&variables);
    command.args(mounts(policy, &report)?);
    if let Some(plugins) = &plugins {
        command.args(["--env", &format!("{}={MOUNT}/plugins", library::FOLDER), "--mount"]);
        command.arg(bind(plugins, Path::new(&format!("{MOUNT}/plugins")))?);
    }
    command.args(described.options(arguments.network.as_deref()));
    command.arg(&described.image);
    command.args(inner_arguments(global, arguments, policy, place)?);
    let running = tokio::task::spawn_blocking(move || command.stderr(std::process::Stdio::inherit()).output());
    let patience = policy.run_rules().deadline + START;
    let Ok(ended) = tokio::time::timeout(patience, running).await else {
        // What the engine does not answer cannot be waited for either.
        let _ = place.engine.command().args(["rm", "--force", &name]).spawn();
        return Err(CliError::Config(format!(
            "the run in {place} did not end within {} s; does `{} ps` answer?",
            patience.as_secs(),
            place.engine
        )));
    };
    let output = ended
        .context("the engine's command was lost")?
        .map_err(|error| CliError::Config(format!("cannot run `{}`: {error}", place.engine)))?;
    let text = as_called_here(&String::from_utf8_lossy(&output.stdout), policy)?;
    seaworthy_report::read(&text).map_err(|error| match output.status.code() {
        // Of the engine itself: it could not start the container, or not the binary in it.
        Some(code @ 125..=127) => CliError::Config(format!(
            "`{} run` ended with {code}, as said above: seaworthy could not be started in {place}. It has to be the static build \
             (`cargo build --target x86_64-unknown-linux-musl`, or the published binary), on a path that the engine's own machine has",
            place.engine
        )),
        Some(code) if text.trim().is_empty() => {
            CliError::Config(format!("the run in {place} ended with {code} and printed no report, as said above"))
        }
        _ => CliError::Config(format!("the run in {place}: {error}")),
    })
}

/// The plugins that come from a registry, for a container that may not reach it and whose user
/// may not read the cache of this one.
async fn lend_plugins(policy: &Policy, folder: &Path) -> Result<Option<PathBuf>, CliError> {
    let environment = configuration::environment();
    let fetched = library::fetch(policy, &environment).await?;
    if fetched.is_empty() {
        return Ok(None);
    }
    let place = folder.join("plugins");
    std::fs::create_dir(&place).context("the plugins of this run")?;
    let digests: Vec<&str> = fetched
        .iter()
        .flat_map(|plugin| plugin.reference.manifest.iter().chain([&plugin.digest]))
        .map(String::as_str)
        .collect();
    library::shelf(&environment)?.lend(&place, &digests).map_err(|error| CliError::Config(error.to_string()))?;
    Ok(Some(place))
}

/// The binary, the host's report and the policy's folder.
fn mounts(policy: &Policy, report: &Path) -> Result<Vec<OsString>, CliError> {
    let binary = std::env::current_exe().context("cannot tell where this program is")?;
    let mut mounts = vec![
        bind(&binary, Path::new(&format!("{MOUNT}/seaworthy")))?,
        bind(report, Path::new(&format!("{MOUNT}/host-report.json")))?,
    ];
    if let Some(folder) = policy_file(policy)?.as_deref().and_then(Path::parent) {
        mounts.push(bind(folder, Path::new(POLICY))?);
    }
    Ok(mounts.into_iter().flat_map(|mount| ["--mount".into(), mount]).collect())
}

/// A report with the policy's folder as it is called here.
fn as_called_here(report: &str, policy: &Policy) -> Result<String, CliError> {
    let Some(folder) = policy_file(policy)?.and_then(|file| file.parent().map(Path::to_path_buf)) else {
        return Ok(report.to_owned());
    };
    // As it stands within a string of JSON.
    let quoted = serde_json::to_string(&folder.display().to_string()).context("the policy's folder")?;
    Ok(report.replace(POLICY, quoted.trim_matches('"')))
}

fn bind(from: &Path, to: &Path) -> Result<OsString, CliError> {
    for path in [from, to] {
        if path.as_os_str().as_encoded_bytes().contains(&b',') {
            return Err(CliError::Usage(format!("{} cannot be mounted: its path holds a comma", path.display())));
        }
    }
    let mut mount = OsString::from("type=bind,readonly,source=");
    mount.push(from);
    mount.push(",target=");
    mount.push(to);
    Ok(mount)
}

/// The policy's file with its whole path; none for the embedded suite.
fn policy_file(policy: &Policy) -> Result<Option<PathBuf>, CliError> {
    if policy.path == "embedded" {
        return Ok(None);
    }
    let path = std::path::absolute(&policy.path).with_context(|| policy.path.clone())?;
    Ok(Some(path))
}

/// The flags of this run, for the one inside.
fn inner_arguments(
    global: &Global,
    arguments: &RunArgs,
    policy: &Policy,
    place: &Place,
) -> Result<Vec<OsString>, CliError> {
    let mut inner: Vec<OsString> = vec!["run".into(), "--format".into(), "json".into(), "--only-stdout".into()];
    let mut flag = |name: &str, value: OsString| inner.extend([name.into(), value]);
    flag("--host-report", format!("{MOUNT}/host-report.json").into());
    flag("--vantage", arguments.vantage.clone().unwrap_or_else(|| place.to_string()).into());
    if let Some(name) = policy_file(policy)?.as_deref().and_then(Path::file_name) {
        flag("--config", Path::new(POLICY).join(name).into());
    }
    let millis = |duration: std::time::Duration| format!("{}ms", duration.as_millis());
    let optional = [
        ("--profile", arguments.config.profile.clone()),
        ("--jobs", arguments.jobs.map(|jobs| jobs.to_string())),
        ("--timeout", arguments.timeout.map(millis)),
        ("--deadline", arguments.deadline.map(millis)),
        ("--retries", arguments.retries.map(|retries| retries.to_string())),
        ("--fail-on", arguments.fail_on.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            flag(name, value.into());
        }
    }
    let repeated = [("--tag", &arguments.tag), ("--target", &arguments.target), ("--skip", &arguments.skip)];
    for (name, values) in repeated {
        for value in values {
            flag(name, value.into());
        }
    }
    for (name, value) in &arguments.config.vars {
        flag("--var", format!("{name}={value}").into());
    }
    let switches = [
        ("--report-only", arguments.report_only),
        ("--allow-writes", arguments.allow_writes),
        ("--offline", arguments.offline),
        ("--quiet", global.quiet),
    ];
    inner.extend(switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.into()));
    inner.push("--".into());
    inner.extend(arguments.ids.iter().map(Into::into));
    Ok(inner)
}

/// Writes `pairs` as the file of `--env-file`, for its owner alone; the names of those
/// that such a file cannot hold.
fn write_variables(path: &Path, pairs: &[(String, String)]) -> Result<Vec<String>, CliError> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .context("the container's variables")?;
    let mut left_out = Vec::new();
    for (name, value) in pairs {
        if value.contains(['\n', '\r']) {
            left_out.push(name.clone());
        } else {
            writeln!(file, "{name}={value}").context("the container's variables")?;
        }
    }
    Ok(left_out)
}

/// What the engine says of `place`.
pub(crate) async fn describe(place: &Place) -> Result<Described, CliError> {
    let asked = place.clone();
    let answer = tokio::task::spawn_blocking(move || asked.engine.describe(&asked.name));
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => answer.context("the engine's command was lost")?,
        Err(_) => Err(CliError::Config(format!(
            "`{} inspect` did not answer within {} s; is the engine running?",
            place.engine,
            ANSWER.as_secs()
        ))),
    }
}

/// The variables of this machine, and those of the container that it has not: a host
/// that looks at the same peers can be compared with.
pub(crate) fn host_environment(described: &Described) -> Environment {
    let mut environment = configuration::environment();
    for (name, value) in described.container.iter().flat_map(|container| &container.environment) {
        if name.starts_with("CACHE_") && environment.get(name).is_none() {
            environment.set(name.clone(), value.clone(), Origin::Flag);
        }
    }
    environment
}

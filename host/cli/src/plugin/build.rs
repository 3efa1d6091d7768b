use super::{alone, name_of};
use crate::args::Global;
use crate::configuration::on_runtime;
use crate::error::CliError;
use clap::Args;
use seaworthy_author::Project;
use seaworthy_author::toolchain::{self, BuildError, Built, Programs};
use seaworthy_model::{ComponentDescriptor, ComponentKind, ExitCode};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, Args)]
pub(crate) struct BuildArgs {
    /// The project
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

/// `seaworthy plugin build`: by the language's own tools; what they say goes to stderr.
pub(crate) fn build(global: &Global, arguments: &BuildArgs) -> Result<ExitCode, CliError> {
    let project = find(&arguments.folder)?;
    match component(global, &project)? {
        Some(built) => {
            crate::stdout::print(&built.told()?)?;
            Ok(ExitCode::Passed)
        }
        None => Ok(ExitCode::Failed),
    }
}

/// The project in a folder.
pub(super) fn find(folder: &Path) -> Result<Project, CliError> {
    let shown = folder.display();
    let folder = folder.canonicalize().map_err(|error| CliError::Config(format!("{shown}: {error}")))?;
    Project::find(&folder).map_err(|error| CliError::Config(error.to_string()))
}

/// Builds a project; `None` when a tool said no, which was told.
pub(super) fn component(global: &Global, project: &Project) -> Result<Option<Component>, CliError> {
    let programs = Programs::new(std::env::var_os("PATH"), std::env::var_os("HOME").map(PathBuf::from));
    let say = |text: &str| {
        if !global.quiet {
            eprintln!("{text}");
        }
    };
    match toolchain::build(project, &programs, &say) {
        Ok(built) => Ok(Some(Component(built))),
        Err(error @ (BuildError::Failed { .. } | BuildError::NoComponent(_))) => {
            eprintln!("error: {error}");
            Ok(None)
        }
        Err(error @ BuildError::Io { .. }) => Err(CliError::Runtime(error.into())),
        Err(error) => Err(CliError::Config(error.to_string())),
    }
}

/// What a build left.
pub(super) struct Component(Built);

impl Component {
    /// What it is, once this host has read it: the proof that it can be used.
    pub(super) fn told(&self) -> Result<String, CliError> {
        let Built { component, size, digest, took } = &self.0;
        let start = Instant::now();
        let catalog = on_runtime(alone(component))?;
        let described = catalog.entries().get(&name_of(component)).map(|entry| world(&entry.descriptor));
        let file = component.strip_prefix(std::env::current_dir().unwrap_or_default()).unwrap_or(component);
        Ok(format!(
            "{}\n  size    {}\n  digest  {digest}\n  world   {}\n  took    {} to build, {} to compile and describe\n",
            file.display(),
            bytes(*size),
            described.unwrap_or_default(),
            seconds(*took),
            seconds(start.elapsed()),
        ))
    }
}

/// What it exports, by which contract.
fn world(descriptor: &ComponentDescriptor) -> String {
    let what = match descriptor.kind {
        ComponentKind::Check => {
            let ids: Vec<&str> = descriptor.checks.iter().map(|check| check.id.as_str()).collect();
            format!("check {}", ids.join(", "))
        }
        ComponentKind::Adapter => format!("adapter {}", descriptor.name),
    };
    format!("{what} (WIT {})", descriptor.wit)
}

/// `101810 (99.4 KiB)`.
fn bytes(count: u64) -> String {
    let (unit, per) = if count >= 1 << 20 { ("MiB", 1 << 20) } else { ("KiB", 1 << 10) };
    let tenths = (count * 10 + per / 2) / per;
    format!("{count} ({}.{} {unit})", tenths / 10, tenths % 10)
}

/// With one decimal.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_exact_and_readable() {
        assert_eq!(super::bytes(101_810), "101810 (99.4 KiB)");
        assert_eq!(super::bytes(18_376_351), "18376351 (17.5 MiB)");
    }
}

use super::BuildError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The programs of this machine.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    path: Vec<PathBuf>,
    home: Option<PathBuf>,
}

impl Programs {
    /// Those that `PATH` names; `home` is where rustup puts its own.
    #[must_use]
    pub fn new(path: Option<OsString>, home: Option<PathBuf>) -> Self {
        let path = path.map(|path| std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect());
        Self { path: path.unwrap_or_default(), home }
    }

    /// Where a program is.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    }

    /// Whether rustup put a program where `PATH` does not look.
    pub(super) fn beside_path(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".cargo/bin").join(name)).filter(|file| file.is_file())
    }
}

/// What a program prints, run in a folder; `None` when it does not run or says no.
pub(super) fn asked(program: &Path, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a tool whose words are for the user: on stderr, as they come.
pub(super) fn run(mut command: Command, tool: &str) -> Result<(), BuildError> {
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    let status = command.status().map_err(|source| BuildError::Io { what: format!("cannot start {tool}"), source })?;
    if status.success() { Ok(()) } else { Err(BuildError::Failed { tool: tool.into(), hint: String::new() }) }
}

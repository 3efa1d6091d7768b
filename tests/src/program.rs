use crate::scratch;
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server may take this long to start on a loaded machine.
const START: Duration = Duration::from_secs(60);

/// A server of another make on loopback, with a folder of its own. Killed when it is
/// dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    folder: tempfile::TempDir,
}

/// Where an installed program is: on PATH, or where Debian keeps servers.
///
/// # Errors
/// In one line, what this machine lacks.
pub fn installed(program: &str, package: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(program)).find(|file| file.is_file());
    found.ok_or_else(|| format!("{program} is not installed (package {package})"))
}

/// An address of loopback that nobody listens at now; that somebody takes it before its
/// server does has not been seen.
///
/// # Errors
/// No port can be had.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Program {
    /// Starts what `command` makes of a folder for its files, and waits until it listens at
    /// `address`.
    ///
    /// # Errors
    /// When it ends, or does not listen within a minute; with what it said.
    pub fn start(address: SocketAddr, command: impl FnOnce(&Path) -> Result<Command>) -> Result<Self> {
        let folder = scratch()?;
        let mut command = command(folder.path())?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        command.env("HOME", folder.path()).current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let mut program = Self { child, folder };
        let started = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            let ended = program.child.try_wait()?;
            if ended.is_some() || started.elapsed() > START {
                bail!("{command:?} does not listen at {address} ({ended:?})\n{}", program.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(program)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

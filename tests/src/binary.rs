use crate::target_directory;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seaworthy_model::Report;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No invocation of a test may take longer, where it does not say so.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test: `SEAWORTHY_BIN`, else the one in this test's target
/// folder, packed with its precompiled components.
///
/// # Errors
/// When it is not there, or cannot be packed.
pub fn binary() -> Result<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOUND.get_or_init(|| find_binary().map_err(|e| format!("{e:#}"))) {
        Ok(path) => Ok(path),
        Err(message) => bail!("{message}"),
    }
}

fn find_binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("SEAWORTHY_BIN") {
        let path = PathBuf::from(given);
        ensure!(path.is_file(), "SEAWORTHY_BIN names {}, which is no file", path.display());
        return path.canonicalize().context("SEAWORTHY_BIN");
    }
    let folder = target_directory()?;
    let built = folder.join("seaworthy");
    ensure!(
        built.is_file(),
        "{} is not there; run `cargo build -p seaworthy` for the same target first",
        built.display()
    );
    let packed = folder.join("seaworthy-packed");
    if modified(&packed) < modified(&built) {
        let aside = folder.join(format!("seaworthy-packed.{}", std::process::id()));
        let output = Command::new(&built)
            .arg("pack")
            .arg("--out")
            .arg(&aside)
            .output()
            .context("cannot start `seaworthy pack`")?;
        ensure!(output.status.success(), "`seaworthy pack` failed: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::rename(&aside, &packed).context("cannot put the packed binary in place")?;
    }
    Ok(packed)
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    path.metadata().and_then(|m| m.modified()).ok()
}

/// One invocation of the binary, or of a program that runs it. Its environment is
/// empty but for what is given and for places to write in.
#[derive(Clone, Debug)]
pub struct Seaworthy {
    program: Vec<OsString>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    patience: Duration,
}

impl Seaworthy {
    /// `seaworthy ARGS...`.
    ///
    /// # Errors
    /// When the binary is not there.
    pub fn new<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<Self> {
        let cache = target_directory()?.join("tests-cache");
        let args = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let env =
            [("XDG_CACHE_HOME", cache.clone()), ("XDG_STATE_HOME", cache.join("state")), ("HOME", cache.join("home"))];
        Ok(Self {
            program: vec![binary()?.into()],
            args,
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            directory: None,
            patience: PATIENCE,
        })
    }

    /// Any other program, with nothing of the environment but `PATH`: the clients
    /// that start containers.
    #[must_use]
    pub fn program<A: AsRef<OsStr>>(command: impl IntoIterator<Item = A>) -> Self {
        let program = command.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let env = std::env::var_os("PATH").map(|path| ("PATH".into(), path)).into_iter().collect();
        Self { program, args: Vec::new(), env, directory: None, patience: PATIENCE }
    }

    /// Runs it through another command, e.g. inside a network namespace.
    #[must_use]
    pub fn through(mut self, prefix: &[OsString]) -> Self {
        self.program.splice(0..0, prefix.iter().cloned());
        self
    }

    /// A further argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Its working directory; else an empty one outside the repository.
    #[must_use]
    pub fn directory(mut self, path: &Path) -> Self {
        self.directory = Some(path.to_path_buf());
        self
    }

    /// It may take that long, instead of two minutes: compilers do.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts it with pipes on its outputs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self) -> Result<Started> {
        let (program, before) = self.program.split_first().context("no program")?;
        let place = tempfile::tempdir().context("cannot make a working directory")?;
        let mut command = Command::new(program);
        command
            .args(before)
            .args(&self.args)
            .env_clear()
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .current_dir(self.directory.as_deref().unwrap_or(place.path()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().map(gather);
        let stderr = child.stderr.take().map(gather);
        Ok(Started {
            child,
            stdout,
            stderr,
            started,
            command: format!("{command:?}"),
            patience: self.patience,
            _place: place,
        })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started, or takes too long.
    pub fn run(&self) -> Result<Run> {
        self.start()?.wait()
    }
}

fn gather(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// A process that runs. Killed when it is dropped before its end.
#[derive(Debug)]
pub struct Started {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    started: Instant,
    command: String,
    patience: Duration,
    _place: tempfile::TempDir,
}

impl Started {
    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).context("a process id that is no pid")?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("cannot send {signal} to {}", self.command))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When that takes too long; it is killed then.
    pub fn wait(mut self) -> Result<Run> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if self.started.elapsed() > self.patience {
                self.child.kill()?;
                bail!("{} was still running after {:?}", self.command, self.patience);
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let elapsed = self.started.elapsed();
        let text = |handle: Option<JoinHandle<Vec<u8>>>| {
            let bytes = handle.and_then(|h| h.join().ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (text(self.stdout.take()), text(self.stderr.take()));
        Ok(Run { status, stdout, stderr, elapsed, command: self.command.clone() })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Run {
    /// How it ended.
    pub status: ExitStatus,
    /// All it wrote to stdout.
    pub stdout: String,
    /// All it wrote to stderr.
    pub stderr: String,
    /// From start to end.
    pub elapsed: Duration,
    command: String,
}

impl Run {
    /// Its exit code; a signal that ended it counts as none.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Checks the exit code.
    ///
    /// # Errors
    /// When it is another; with everything that the process said.
    pub fn exits(&self, code: i32) -> Result<&Self> {
        ensure!(self.code() == Some(code), "expected exit code {code}, got {}\n{}", self.status, self.transcript());
        Ok(self)
    }

    /// The JSON report on its stdout.
    ///
    /// # Errors
    /// When stdout is anything but exactly one report.
    pub fn report(&self) -> Result<Report> {
        serde_json::from_str(&self.stdout).with_context(|| format!("stdout is not one report\n{}", self.transcript()))
    }

    /// Command and outputs, for messages.
    #[must_use]
    pub fn transcript(&self) -> String {
        format!("$ {}\n--- stdout\n{}\n--- stderr\n{}", self.command, clip(&self.stdout), clip(&self.stderr))
    }
}

/// Enough to see what went wrong, not so much that it scrolls away.
fn clip(text: &str) -> String {
    const MOST: usize = 12_000;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}\n... ({} bytes more)", &text[..at], text.len() - at),
        None => text.to_owned(),
    }
}

use crate::workspace_root;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// A foreign server may take this long to start on a loaded machine.
const START: Duration = Duration::from_secs(60);
/// Lines that may wait to be read.
const LINES: usize = 1024;

/// Where the server that `tests/servers/NAME.sh` installs is, or why it is not
/// there. `words` are the script's name and its arguments.
///
/// # Errors
/// In one line, what this machine lacks.
pub fn server(words: &[&str]) -> Result<PathBuf, String> {
    let (name, arguments) = words.split_first().ok_or("no server is named")?;
    let script = workspace_root().join("tests/servers").join(format!("{name}.sh"));
    let output = Command::new("bash").arg(&script).arg("--check").args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("cannot start bash: {e}"))?;
    if output.status.success() {
        return Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(if why.is_empty() { format!("{}: {}", script.display(), output.status) } else { why })
}

/// What a foreign libp2p peer says of itself on its first line.
#[derive(Clone, Debug, Deserialize)]
pub struct Announced {
    /// Its peer id.
    pub peer_id: String,
    /// Its multiaddrs, with the id.
    pub addresses: Vec<String>,
}

/// A foreign program that speaks in lines. It ends with its standard input, and is
/// killed when it is dropped.
#[derive(Debug)]
pub struct Spoken {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    log: std::fs::File,
}

impl Spoken {
    /// Starts it. Its standard error is kept for messages.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let log = tempfile::tempfile().context("no place for a log")?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.try_clone()?);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().context("no stdout")?);
        let (sender, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, stdin, lines, log })
    }

    /// Its first line.
    ///
    /// # Errors
    /// When it ends, or says something else, or nothing for a minute.
    pub fn announced(&mut self) -> Result<Announced> {
        let line = self.line(START)?;
        serde_json::from_str(&line).with_context(|| format!("it said {line:?}\n{}", self.tail()))
    }

    /// The next line.
    ///
    /// # Errors
    /// When none comes in time; with the end of its log.
    pub fn line(&mut self, patience: Duration) -> Result<String> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("no line within {patience:?}\n{}", self.tail()),
            Err(RecvTimeoutError::Disconnected) => bail!("it has ended\n{}", self.tail()),
        }
    }

    /// Writes a line to it.
    ///
    /// # Errors
    /// When it has ended.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("no stdin")?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).context("it takes no more lines")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn tail(&mut self) -> String {
        const MOST: u64 = 4000;
        let mut bytes = Vec::new();
        let length = self.log.metadata().map_or(0, |m| m.len());
        if self.log.seek(SeekFrom::Start(length.saturating_sub(MOST))).is_ok() {
            let _ = self.log.read_to_end(&mut bytes);
        }
        format!("--- the end of its log\n{}", String::from_utf8_lossy(&bytes))
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

use crate::{Peer, Seaworthy, lab, scratch};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// A `seaworthy peer` as a service: with its metrics on a port of loopback, and
/// its log kept. Killed when it is dropped.
pub struct ServedPeer {
    child: Child,
    /// Its multiaddr on loopback.
    pub address: String,
    /// Where it serves metrics and health.
    pub metrics: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    _state: tempfile::TempDir,
}

/// What a peer answered over HTTP.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The rest.
    pub body: String,
}

impl ServedPeer {
    /// Starts one with further arguments and variables, on a state folder of its own.
    ///
    /// # Errors
    /// When it does not say within 20 s where it listens.
    pub fn start(args: &[&str], env: &[(&str, &str)]) -> Result<Self> {
        let state = scratch()?;
        let mut command = Command::new(crate::binary()?);
        command
            .args(["peer", "--json", "--listen", "/ip4/127.0.0.1/tcp/0", "--metrics", "127.0.0.1:0", "--state"])
            .arg(state.path())
            .args(args)
            .env_clear()
            .env("CACHE_P2P_SHARED_SECRET", lab::SECRET)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start `seaworthy peer`")?;
        let log = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            });
        }
        let stdout = child.stdout.take().context("no stdout")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = receiver.recv_timeout(Duration::from_secs(20)).unwrap_or_default();
        let said = serde_json::from_str::<Value>(&line).ok().and_then(|said| {
            let address = said["addresses"][0].as_str()?.to_owned();
            let metrics = said["metrics"].as_str()?.strip_prefix("http://")?.strip_suffix("/metrics")?.parse().ok()?;
            Some((address, metrics))
        });
        match said {
            Some((address, metrics)) => Ok(Self { child, address, metrics, log, _state: state }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                let log = log.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
                bail!("`seaworthy peer` did not say where it is; it said {line:?}, and\n{log}")
            }
        }
    }

    /// Asks with one GET on a connection of its own.
    ///
    /// # Errors
    /// When there is no answer within five seconds.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n"))
    }

    /// Sends `request` as it is and reads to the end.
    ///
    /// # Errors
    /// When there is no HTTP answer within five seconds.
    pub fn ask(&self, request: &str) -> Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.metrics, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("no answer")?;
        let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no head in {answer:?}"))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        Ok(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
    }

    /// Runs the default suite against it, which puts, gets, misses and removes.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn exercise(&self) -> Result<crate::Run> {
        Peer::configure(Seaworthy::new(["run", "-f", "json", "--retries", "0"])?, &self.address).run()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `what` is true.
    ///
    /// # Errors
    /// When it is not within `patience`; with the log.
    pub fn until(&self, patience: Duration, name: &str, mut what: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !what(self)? {
            ensure!(start.elapsed() < patience, "not within {patience:?}: {name}\n{}", self.log().join("\n"));
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid())?), signal).context("cannot send a signal")
    }

    /// Waits for its end; answers how it ended and all that it logged.
    ///
    /// # Errors
    /// When it takes longer than `patience`.
    pub fn ended(mut self, patience: Duration) -> Result<(ExitStatus, Vec<String>)> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                // The reader of the log may be a moment behind.
                std::thread::sleep(Duration::from_millis(100));
                return Ok((status, self.log()));
            }
            ensure!(start.elapsed() < patience, "still there after {patience:?}\n{}", self.log().join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for ServedPeer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

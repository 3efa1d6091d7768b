use crate::{Seaworthy, scratch};
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How a cache peer is started.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: String,
    /// Its shared secret.
    pub secret: String,
    /// Further arguments, e.g. `--peer ADDRESS`.
    pub arguments: Vec<OsString>,
    /// Command that it is run through, e.g. into a network namespace.
    pub through: Vec<OsString>,
    /// Where it keeps its identity and entries; without one, where nothing stays.
    pub state: Option<PathBuf>,
}

impl PeerOptions {
    /// On `listen`, with the secret that the scenes use.
    #[must_use]
    pub fn on(listen: &str) -> Self {
        Self {
            listen: listen.into(),
            secret: crate::lab::SECRET.into(),
            arguments: Vec::new(),
            through: Vec::new(),
            state: None,
        }
    }
}

/// What `seaworthy peer --json` says first.
#[derive(Clone, Debug, Deserialize)]
struct Announcement {
    peer_id: String,
    addresses: Vec<String>,
}

/// A running `seaworthy peer`. Ended when it is dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    said: Announcement,
    _state: tempfile::TempDir,
}

impl Peer {
    /// Starts a peer with a new identity and waits until it listens.
    ///
    /// # Errors
    /// When it ends, or says nothing for 20 s.
    pub fn start(options: &PeerOptions) -> Result<Self> {
        let scratch = scratch()?;
        let state = options.state.as_deref().unwrap_or(scratch.path());
        let binary = crate::binary()?;
        let mut words = options.through.clone();
        words.push(binary.into());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(["peer", "--json", "--listen", &options.listen, "--secret-env", "CACHE_P2P_SHARED_SECRET", "--state"])
            .arg(state)
            .args(&options.arguments)
            .env_clear()
            .env("CACHE_P2P_SHARED_SECRET", &options.secret)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start `seaworthy peer`")?;
        let stdout = child.stdout.take().context("no stdout")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            let _ = reader.read_line(&mut line);
            let _ = sender.send(line);
            // Keep reading: a peer must never block on what it prints.
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
        });
        let line = receiver.recv_timeout(Duration::from_secs(20)).unwrap_or_default();
        match serde_json::from_str::<Announcement>(&line) {
            Ok(said) => {
                if let Some(mut stderr) = child.stderr.take() {
                    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
                }
                Ok(Self { child, said, _state: scratch })
            }
            Err(e) => {
                let _ = child.kill();
                let output = child.wait_with_output()?;
                bail!(
                    "`seaworthy peer` did not announce itself: {e}; it said {line:?}, and\n{}",
                    String::from_utf8_lossy(&output.stderr)
                )
            }
        }
    }

    /// Its peer id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.said.peer_id
    }

    /// The multiaddrs it announced.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.said.addresses
    }

    /// The TCP port it listens on.
    ///
    /// # Errors
    /// When it announced no TCP address.
    pub fn port(&self) -> Result<u16> {
        let port = self.said.addresses.iter().find_map(|a| a.split("/tcp/").nth(1)?.split('/').next()?.parse().ok());
        port.with_context(|| format!("no TCP port in {:?}", self.said.addresses))
    }

    /// Its multiaddr at another host address, e.g. `at("ip4/172.17.0.1")`.
    ///
    /// # Errors
    /// When it announced no TCP address.
    pub fn at(&self, host: &str) -> Result<String> {
        Ok(format!("/{host}/tcp/{}/p2p/{}", self.port()?, self.id()))
    }

    /// Kills it, as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill().context("cannot kill the peer")?;
        self.child.wait().context("cannot wait for the peer")?;
        Ok(())
    }

    /// The most memory that it ever had, in MiB (VmHWM).
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak_mib(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).with_context(|| path.clone())?;
        let kib = line.trim().trim_end_matches("kB").trim();
        Ok(kib.parse::<u64>().with_context(|| line.to_owned())? / 1024)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and answers its exit code.
    ///
    /// # Errors
    /// When it has not ended after 10 s.
    pub fn terminate(mut self) -> Result<Option<i32>> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("`seaworthy peer` was still running 10 s after SIGTERM")
    }

    /// The variables of a runner that uses the peer at `address`.
    #[must_use]
    pub fn configure(run: Seaworthy, addresses: &str) -> Seaworthy {
        run.env("CACHE_ENABLE_P2P", "true")
            .env("CACHE_BOOTSTRAP_PEERS", addresses)
            .env("CACHE_P2P_SHARED_SECRET", crate::lab::SECRET)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

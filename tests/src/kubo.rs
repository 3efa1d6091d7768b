use crate::{scratch, server};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A node may take this long to be ready on a loaded machine, and to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a [`Kubo`] is set up.
#[derive(Clone, Debug, Default)]
pub struct KuboOptions {
    /// `API.Authorizations`.
    pub authorizations: Option<Value>,
    /// `Datastore.StorageMax`, such as `10KB`.
    pub storage_max: Option<&'static str>,
    /// Whether it runs without any network.
    pub offline: bool,
}

/// A Kubo daemon on loopback, with a repository of its own and nobody to talk to.
/// Killed when it is dropped.
#[derive(Debug)]
pub struct Kubo {
    program: PathBuf,
    folder: tempfile::TempDir,
    offline: bool,
    child: Option<Child>,
    rpc: SocketAddr,
    gateway: SocketAddr,
}

impl Kubo {
    /// Why there is no Kubo on this machine, if so.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        program().err()
    }

    /// Makes a repository and starts a daemon on it, its RPC and gateway on free ports.
    ///
    /// # Errors
    /// When it is not ready in time; with what it said.
    pub fn start(options: &KuboOptions) -> Result<Self> {
        let program = program().map_err(anyhow::Error::msg)?;
        let folder = scratch()?;
        let output =
            ipfs(&program, folder.path()).args(["init", "--profile=test"]).output().context("cannot start ipfs")?;
        ensure!(output.status.success(), "ipfs init: {}", String::from_utf8_lossy(&output.stderr));
        let port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut kubo = Self { program, folder, offline: options.offline, child: None, rpc: port, gateway: port };
        kubo.configure(|config| {
            config["Bootstrap"] = json!([]);
            config["Addresses"]["Swarm"] = json!(["/ip4/127.0.0.1/tcp/0"]);
            config["Addresses"]["API"] = json!("/ip4/127.0.0.1/tcp/0");
            config["Addresses"]["Gateway"] = json!("/ip4/127.0.0.1/tcp/0");
            // Nothing leaves this machine.
            config["AutoConf"]["Enabled"] = json!(false);
            config["Provide"]["Enabled"] = json!(false);
            config["Gateway"]["NoFetch"] = json!(true);
            if let Some(authorizations) = &options.authorizations {
                config["API"]["Authorizations"] = authorizations.clone();
            }
            if let Some(most) = options.storage_max {
                config["Datastore"]["StorageMax"] = json!(most);
            }
        })?;
        kubo.run()?;
        // A restart is found at the same places.
        let (rpc, gateway) = (kubo.rpc, kubo.gateway);
        kubo.configure(|config| {
            config["Addresses"]["API"] = json!(multiaddr(rpc));
            config["Addresses"]["Gateway"] = json!(multiaddr(gateway));
        })?;
        Ok(kubo)
    }

    /// Where its RPC listens.
    #[must_use]
    pub fn rpc(&self) -> SocketAddr {
        self.rpc
    }

    /// Where its gateway listens.
    #[must_use]
    pub fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// The RPC's address as Kubo itself writes it.
    #[must_use]
    pub fn multiaddr(&self) -> String {
        multiaddr(self.rpc)
    }

    /// Runs `ipfs WORDS...` against the daemon; answers what it said.
    ///
    /// # Errors
    /// When it fails.
    pub fn ipfs(&self, words: &[&str]) -> Result<String> {
        let output = ipfs(&self.program, self.folder.path()).args(words).stdin(Stdio::null()).output()?;
        let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(output.status.success(), "ipfs {words:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
        Ok(told)
    }

    /// Ends it as an operator would, and starts it on the same repository and ports.
    ///
    /// # Errors
    /// When it does not end, or is not ready again.
    pub fn restart(&mut self) -> Result<()> {
        self.end(Signal::SIGTERM)?;
        self.run()
    }

    /// Ends it at once, as a machine that loses its power.
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&mut self) -> Result<()> {
        self.end(Signal::SIGKILL)
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it is not ready in time.
    pub fn run(&mut self) -> Result<()> {
        let mut command = ipfs(&self.program, self.folder.path());
        command.arg("daemon");
        if self.offline {
            command.arg("--offline");
        }
        let log = std::fs::File::create(self.folder.path().join("daemon.log"))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start ipfs daemon")?;
        let stdout = child.stdout.take().context("no stdout")?;
        self.child = Some(child);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let (start, mut said) = (Instant::now(), Vec::new());
        loop {
            match lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok(line) => {
                    if let Some(address) = line.strip_prefix("RPC API server listening on ") {
                        self.rpc = socket(address).with_context(|| line.clone())?;
                    } else if let Some(address) = line.strip_prefix("Gateway server listening on ") {
                        self.gateway = socket(address).with_context(|| line.clone())?;
                    } else if line == "Daemon is ready" {
                        return Ok(());
                    }
                    said.push(line);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let log = std::fs::read_to_string(self.folder.path().join("daemon.log")).unwrap_or_default();
                    bail!("the daemon is not ready; it said\n{}\n{log}", said.join("\n"));
                }
            }
        }
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let mut child = self.child.take().context("it does not run")?;
        kill(Pid::from_raw(i32::try_from(child.id())?), signal)?;
        let start = Instant::now();
        while child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                child.kill()?;
                bail!("the daemon did not end by {signal}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn configure(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let path = self.folder.path().join("config");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        change(&mut config);
        std::fs::write(&path, serde_json::to_vec_pretty(&config)?)?;
        Ok(())
    }
}

impl Drop for Kubo {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `KUBO_BINARY`, else what `tests/servers/kubo.sh` built.
fn program() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("KUBO_BINARY") {
        let path = PathBuf::from(given);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!("KUBO_BINARY names {}, which is no file", path.display()))
        };
    }
    server(&["kubo"]).map(|folder| folder.join("ipfs"))
}

fn ipfs(program: &Path, repository: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("IPFS_PATH", repository).env("HOME", repository).env("IPFS_TELEMETRY", "off");
    command
}

fn multiaddr(address: SocketAddr) -> String {
    format!("/ip4/{}/tcp/{}", address.ip(), address.port())
}

fn socket(multiaddr: &str) -> Option<SocketAddr> {
    let mut parts = multiaddr.trim().split('/').skip(2);
    let (ip, port) = (parts.next()?.parse().ok()?, parts.nth(1)?.parse().ok()?);
    Some(SocketAddr::new(ip, port))
}

use crate::Seaworthy;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether an engine of the lab's own can be tried at all.
pub(super) fn can_start() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("an own Docker engine needs root (or set SEAWORTHY_LAB_DOCKER=host to use a running one)".into());
    }
    for tool in ["dockerd", "docker", "containerd", "runc", "iptables", "ip", "nsenter"] {
        on_path(tool).ok_or_else(|| format!("{tool} is not installed"))?;
    }
    Ok(())
}

/// A Docker engine: one of the lab's own, or the machine's.
#[derive(Debug)]
pub(super) struct Engine {
    own: Option<(Child, PathBuf)>,
}

impl Engine {
    /// The engine that is already running on this machine.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn running() -> Result<Self, String> {
        let engine = Self { own: None };
        engine.answers().map_err(|e| format!("SEAWORTHY_LAB_DOCKER=host, but no engine answers: {e}"))?;
        Ok(engine)
    }

    /// Starts an engine that keeps everything below `folder`, through `prefix`.
    ///
    /// # Errors
    /// Why none can be started here.
    pub(super) fn start(folder: &Path, prefix: &[OsString], bridge: Ipv4Addr) -> Result<Self, String> {
        let log =
            File::create(folder.join("dockerd.log")).map_err(|e| format!("cannot write the engine's log: {e}"))?;
        let socket = folder.join("d.sock");
        let mut words: Vec<OsString> = prefix.to_vec();
        words.push("dockerd".into());
        let under = |name: &str| folder.join(name).into_os_string();
        words.extend([
            "--data-root".into(),
            under("data"),
            "--exec-root".into(),
            under("exec"),
            "--pidfile".into(),
            under("docker.pid"),
        ]);
        words.extend([
            "--host".into(),
            unix(&socket),
            "--bip".into(),
            format!("{bridge}/16").into(),
            "--dns".into(),
            bridge.to_string().into(),
        ]);
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|e| e.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|e| format!("cannot start dockerd: {e}"))?;
        let mut engine = Self { own: Some((child, folder.to_path_buf())) };
        let started = Instant::now();
        loop {
            let Err(last) = engine.answers() else { return Ok(engine) };
            let ended =
                engine.own.as_mut().is_some_and(|(child, _)| child.try_wait().is_ok_and(|status| status.is_some()));
            if ended || started.elapsed() > Duration::from_secs(45) {
                let log = std::fs::read_to_string(folder.join("dockerd.log")).unwrap_or_default();
                engine.stop();
                let said: Vec<&str> = log.lines().rev().take(3).collect();
                return Err(format!(
                    "no Docker engine can be started here: {last}; dockerd said: {}",
                    said.join(" | ")
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn answers(&self) -> Result<(), String> {
        let run = self.docker(["version", "--format", "{{.Server.Version}}"]).run().map_err(|e| format!("{e:#}"))?;
        if run.code() == Some(0) { Ok(()) } else { Err(run.stderr.trim().to_owned()) }
    }

    /// `docker ARGS...` against it.
    pub(super) fn docker<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Seaworthy {
        let mut command = Seaworthy::program(["docker"]);
        if let Some(address) = self.address() {
            command = command.env("DOCKER_HOST", address);
        } else if let Ok(address) = std::env::var("DOCKER_HOST") {
            command = command.env("DOCKER_HOST", address);
        }
        args.into_iter().fold(command, |command, arg| command.arg(arg))
    }

    /// Address of its API, when it is the lab's own.
    pub(super) fn address(&self) -> Option<String> {
        self.own.as_ref().map(|(_, folder)| format!("unix://{}", folder.join("d.sock").display()))
    }

    /// Ends it, when it is the lab's own.
    pub(super) fn stop(&mut self) {
        if let Some((mut child, folder)) = self.own.take() {
            super::sweep::end_engine(&folder);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn unix(socket: &Path) -> OsString {
    let mut address = OsString::from("unix://");
    address.push(socket);
    address
}

/// Where a program is found.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(OsStr::new(program))).find(|file| file.is_file())
}

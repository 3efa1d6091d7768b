use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};

/// A network namespace that plays a machine. Deleted when it is dropped, and with it
/// every interface, route and firewall rule in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes it, with loopback up.
    ///
    /// # Errors
    /// Why there can be none here.
    pub(super) fn make(name: &str) -> Result<Self, String> {
        ip(&["netns", "add", name])?;
        let namespace = Self { name: name.into() };
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name, as `ip netns list` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Command that runs another one inside.
    #[must_use]
    pub fn prefix(&self) -> Vec<OsString> {
        vec!["nsenter".into(), format!("--net={}", self.path()).into(), "--".into()]
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// `ip WORDS...` inside, one line a command, in one process.
    ///
    /// # Errors
    /// The line that failed, and why.
    pub fn ip(&self, lines: &str) -> Result<()> {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run ip (iproute2)")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(lines.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "ip in {}: {}\n{lines}", self.name, said.trim());
        Ok(())
    }

    /// Runs any command inside, to its end.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        let mut prefix = self.prefix();
        let output = Command::new(prefix.remove(0)).args(prefix).args(words).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "{} in {}: {}", words.join(" "), self.name, said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Writes a sysctl of the network, such as `net/ipv4/ip_forward`.
    ///
    /// # Errors
    /// When the kernel does not take it.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{name}");
        self.inside(|| std::fs::write(&path, value)).with_context(|| format!("{path} = {value}"))
    }

    /// Does something on a thread that is in the namespace. A socket that is made there
    /// stays there, whoever uses it later.
    ///
    /// # Errors
    /// The namespace cannot be entered, or what `work` says.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> Result<T> {
        let file = File::open(self.path()).with_context(|| self.path())?;
        let enter = move || {
            // SAFETY: the descriptor is open for the whole call, and setns(2) with this
            // flag changes nothing but the namespace of the calling thread.
            let entered = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
            if entered == 0 { work() } else { Err(io::Error::last_os_error()) }
        };
        let done = std::thread::scope(|scope| scope.spawn(enter).join());
        done.map_err(|_| anyhow::anyhow!("the thread in {} panicked", self.name))?
            .with_context(|| format!("in the network namespace {}", self.name))
    }
}

/// Deletes a namespace by name; one that is not there is no error.
pub(super) fn delete(name: &str) {
    let _ = ip(&["netns", "delete", name]);
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

fn ip(args: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(args).output().map_err(|e| format!("cannot run ip (iproute2): {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "no network namespace can be made here: ip {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

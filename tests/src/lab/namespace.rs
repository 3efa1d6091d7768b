use std::ffi::OsString;
use std::process::Command;

/// A network namespace that plays a Docker host. Deleted when it is dropped, and
/// with it every interface and firewall rule in it.
#[derive(Debug)]
pub(super) struct Namespace {
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

    /// Command that runs another one inside.
    pub(super) fn prefix(&self) -> Vec<OsString> {
        vec!["nsenter".into(), format!("--net=/run/netns/{}", self.name).into(), "--".into()]
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

use crate::scratch;
use anyhow::{Context as _, Result};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A Python with the packages of the Python cache, as a folder with metadata. Its
/// interpreter would fail if anybody ran it.
#[derive(Debug)]
pub struct PythonClient {
    root: TempDir,
}

impl PythonClient {
    /// What a complete client has.
    pub const COMPLETE: [(&'static str, &'static str); 5] = [
        ("libp2p", "0.8.1"),
        ("cryptography", "46.0.1"),
        ("multiformats", "0.3.1"),
        ("py_multihash", "3.0.0"),
        ("ipfs_accelerate_py", "0.0.45"),
    ];
    /// A source of a release that can talk to the others.
    pub const WITH_P2P: &'static str = "PROTOCOL = '/github-cache/1.0.0'\nON = os.environ.get('CACHE_ENABLE_P2P')\n";

    /// With these packages, and this source of the cache.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn with(packages: &[(&str, &str)], source: &str) -> Result<Self> {
        let client = Self { root: scratch()? };
        client.install(packages, source)?;
        Ok(client)
    }

    /// With all of it.
    ///
    /// # Errors
    /// As for [`PythonClient::with`].
    pub fn complete() -> Result<Self> {
        Self::with(&Self::COMPLETE, Self::WITH_P2P)
    }

    /// Takes these packages in the place of those that are there.
    ///
    /// # Errors
    /// As for [`PythonClient::with`].
    pub fn install(&self, packages: &[(&str, &str)], source: &str) -> Result<()> {
        let site = self.root.path().join("lib/python3.12/site-packages");
        let _ = std::fs::remove_dir_all(&site);
        std::fs::create_dir_all(self.bin())?;
        std::fs::create_dir_all(site.join("ipfs_accelerate_py"))?;
        let binary = self.bin().join("python3.12");
        std::fs::write(&binary, "#!/bin/false\n")?;
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755))?;
        if !self.bin().join("python3").is_symlink() {
            symlink("python3.12", self.bin().join("python3"))?;
        }
        for (name, version) in packages {
            let info = site.join(format!("{name}-{version}.dist-info"));
            std::fs::create_dir_all(&info)?;
            std::fs::write(info.join("METADATA"), format!("Name: {name}\nVersion: {version}\n"))?;
        }
        std::fs::write(site.join("ipfs_accelerate_py/cache.py"), source)?;
        let record = site.join("ipfs_accelerate_py-0.0.45.dist-info/RECORD");
        if record.parent().is_some_and(Path::is_dir) {
            std::fs::write(record, "ipfs_accelerate_py/cache.py,,\n")?;
        }
        Ok(())
    }

    /// The folder that has to be the only one on PATH with a Python.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    /// A home of its own.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn home(&self) -> Result<PathBuf> {
        let home = self.root.path().join("home");
        std::fs::create_dir_all(&home)?;
        Ok(home)
    }
}

/// Writes an entry of the Python cache's registry of peers as its helper does, a minute old.
///
/// # Errors
/// It cannot be written.
pub fn registry_entry(folder: &Path, file: &str, runner: &str, id: &str, address: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let seen =
        Command::new("date").args(["-u", "-d", &format!("@{}", now - 60), "+%Y-%m-%dT%H:%M:%S.000000"]).output()?;
    let seen = String::from_utf8(seen.stdout)?;
    let text = serde_json::json!({
        "peer_id": id, "runner_name": runner, "public_ip": null, "listen_port": 9100, "multiaddr": address,
        "last_seen": seen.trim(), "metadata": {},
    });
    std::fs::write(folder.join(file), text.to_string()).context("the registry")
}

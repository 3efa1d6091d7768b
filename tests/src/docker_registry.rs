use crate::authority::Identity;
use crate::scratch;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Debian's package of it; elsewhere it is called `registry`.
const PROGRAM: &str = "docker-registry";

/// What the one user of a registry with a login is called, and the password.
pub const REGISTRY_USER: (&str, &str) = ("acme", "right-password");

/// That password, by bcrypt.
const HTPASSWD: &str = "acme:$2b$05$KgUVblai22OavB6LNCLHxOKleyOVcTAhuqBA7t/YFwKVXUCgGZcsi\n";

/// Docker's registry on loopback. Ended when it is dropped.
#[derive(Debug)]
pub struct DockerRegistry {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

/// What it is like.
#[derive(Clone, Debug, Default)]
pub struct DockerRegistryOptions {
    /// Asks for [`REGISTRY_USER`].
    pub login: bool,
    /// Speaks TLS, as this.
    pub tls: Option<Identity>,
}

impl DockerRegistry {
    /// Why there can be none on this machine, if so.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        match Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(_) => None,
            Err(error) => Some(format!("{PROGRAM} does not start ({error}); it is in the package docker-registry")),
        }
    }

    /// Starts one without anything in it.
    ///
    /// # Errors
    /// When it does not answer within 20 s; with its log.
    pub fn start(options: &DockerRegistryOptions) -> Result<Self> {
        let folder = scratch()?;
        let path = |name: &str| folder.path().join(name);
        // Free now; that somebody takes it before the registry does has not been seen.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut config = format!(
            "version: 0.1\nlog:\n  level: warn\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n  secret: scene\n",
            path("data").display()
        );
        if let Some(identity) = &options.tls {
            let (certificates, key) = identity.pem();
            std::fs::write(path("tls.crt"), certificates)?;
            std::fs::write(path("tls.key"), key)?;
            let _ = writeln!(
                config,
                "  tls:\n    certificate: {}\n    key: {}",
                path("tls.crt").display(),
                path("tls.key").display()
            );
        }
        if options.login {
            std::fs::write(path("htpasswd"), HTPASSWD)?;
            let _ = writeln!(config, "auth:\n  htpasswd:\n    realm: scene\n    path: {}", path("htpasswd").display());
        }
        std::fs::write(path("config.yml"), config)?;
        let log = std::fs::File::create(path("log"))?;
        let child = Command::new(PROGRAM)
            .arg("serve")
            .arg(path("config.yml"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {PROGRAM}"))?;
        let mut registry = Self { child, address, folder };
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(registry);
            }
            if registry.child.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("{PROGRAM} does not answer\n{}", registry.log())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has said.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

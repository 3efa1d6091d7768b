use crate::servers::server;
use crate::{scratch, workspace_root};
use anyhow::{Context, Result, bail};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The token that [`Caddy`] takes.
pub const CADDY_TOKEN: &str = "ghp_right_0123456789abcdef";

/// A real HTTP API over TLS on loopback, under an authority of its own:
/// `tests/servers/caddy/Caddyfile`. Ended when it is dropped.
#[derive(Debug)]
pub struct Caddy {
    child: Child,
    port: u16,
    store: tempfile::TempDir,
}

impl Caddy {
    /// Why there can be none on this machine, if so.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        server(&["caddy"]).err()
    }

    /// Starts it and waits until it has its certificate.
    ///
    /// # Errors
    /// When it is not installed, or has not started after 30 s.
    pub fn start() -> Result<Self> {
        let folder = server(&["caddy"]).map_err(anyhow::Error::msg)?;
        let store = scratch()?;
        // Free now; that somebody takes it before Caddy does has not been seen.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = std::fs::File::create(store.path().join("log"))?;
        let child = Command::new(folder.join("bin/caddy"))
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(workspace_root().join("tests/servers/caddy/Caddyfile"))
            .env_clear()
            .env("HOME", store.path())
            .env("CADDY_PORT", port.to_string())
            .env("CADDY_STORE", store.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start Caddy")?;
        let caddy = Self { child, port, store };
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(30) {
            // It listens before it has a certificate, and refuses handshakes until then.
            if caddy.shakes_hands().is_ok() {
                return Ok(caddy);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(caddy.store.path().join("log")).unwrap_or_default();
        bail!("Caddy has not started after 30 s\n{log}")
    }

    /// One handshake, under its authority.
    fn shakes_hands(&self) -> Result<()> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(self.authority())? {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connection = ClientConnection::new(Arc::new(config), "localhost".try_into()?)?;
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(())
    }

    /// The URL of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of its authority, in PEM.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.store.path().join("pki/authorities/local/root.crt")
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

use crate::authority::Identity;
use crate::bazel_remote::BazelRemote;
use crate::program::{Program, free_address, installed};
use anyhow::Result;
use std::net::SocketAddr;
use std::process::Command;

/// Debian's `docker-registry` on loopback, over a folder.
#[derive(Debug)]
pub struct ContainerRegistry {
    _program: Program,
    address: SocketAddr,
}

/// How a [`ContainerRegistry`] is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct RegistryOptions {
    /// It wants [`ContainerRegistry::CREDENTIALS`].
    pub password: bool,
    /// It deletes manifests.
    pub deletes: bool,
}

impl ContainerRegistry {
    /// `user:password` of one that wants credentials.
    pub const CREDENTIALS: &'static str = BazelRemote::CREDENTIALS;

    /// Why there is none on this machine, if so.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        installed("docker-registry", "docker-registry").err()
    }

    /// Starts one.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(options: RegistryOptions) -> Result<Self> {
        Self::launch(options, None)
    }

    /// Starts one that speaks TLS, as this.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_tls(identity: &Identity) -> Result<Self> {
        Self::launch(RegistryOptions::default(), Some(identity))
    }

    fn launch(options: RegistryOptions, identity: Option<&Identity>) -> Result<Self> {
        let program = installed("docker-registry", "docker-registry").map_err(anyhow::Error::msg)?;
        let address = free_address()?;
        let program = Program::start(address, |folder| {
            let auth = if options.password {
                let file = folder.join("htpasswd");
                std::fs::write(&file, format!("{}\n", BazelRemote::HTPASSWD))?;
                format!("auth:\n  htpasswd:\n    realm: scene\n    path: {}\n", file.display())
            } else {
                String::new()
            };
            let tls = match identity {
                Some(identity) => {
                    let (chain, key) = identity.pem();
                    let (chain_file, key_file) = (folder.join("tls.crt"), folder.join("tls.key"));
                    std::fs::write(&chain_file, chain)?;
                    std::fs::write(&key_file, key)?;
                    format!("  tls:\n    certificate: {}\n    key: {}\n", chain_file.display(), key_file.display())
                }
                None => String::new(),
            };
            let config = folder.join("config.yml");
            let root = folder.join("registry");
            let text = format!(
                "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    \
                 enabled: {}\nhttp:\n  addr: {address}\n{tls}{auth}",
                root.display(),
                options.deletes
            );
            std::fs::write(&config, text)?;
            let mut command = Command::new(program);
            command.arg("serve").arg(config);
            Ok(command)
        })?;
        Ok(Self { _program: program, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

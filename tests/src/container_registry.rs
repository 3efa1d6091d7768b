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
            let config = folder.join("config.yml");
            let root = folder.join("registry");
            let text = format!(
                "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    \
                 enabled: {}\nhttp:\n  addr: {address}\n{auth}",
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

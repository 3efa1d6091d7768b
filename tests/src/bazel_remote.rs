use crate::program::{Program, free_address};
use crate::servers::server;
use anyhow::Result;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// bazel-remote, a remote cache of Bazel, which `tests/servers/bazel-remote.sh` builds: an
/// HTTP port and a gRPC port on loopback.
#[derive(Debug)]
pub struct BazelRemote {
    _program: Program,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl BazelRemote {
    /// `user:password` of one that wants credentials.
    pub const CREDENTIALS: &'static str = "cache:scene-password-7Kq2";
    /// The same as Apache keeps it (bcrypt).
    pub const HTPASSWD: &'static str = "cache:$2y$05$abcdefghijklmnopqrstuuSSz0ZKxbzAn4JUixWcyDB4mKtU4R/9i";

    /// Why there is none on this machine, if so.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        server(&["bazel-remote"]).err()
    }

    /// One for everybody.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self> {
        Self::with(|_| Ok(Vec::new()))
    }

    /// One that wants [`CREDENTIALS`](Self::CREDENTIALS).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_password() -> Result<Self> {
        Self::with(|folder| {
            let file = folder.join("htpasswd");
            std::fs::write(&file, format!("{}\n", Self::HTPASSWD))?;
            Ok(vec!["--htpasswd_file".into(), file.to_string_lossy().into_owned()])
        })
    }

    /// One with these further arguments, given a folder for their files.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with(arguments: impl FnOnce(&Path) -> Result<Vec<String>>) -> Result<Self> {
        let installed = server(&["bazel-remote"]).map_err(anyhow::Error::msg)?;
        let (http, grpc) = (free_address()?, free_address()?);
        let program = Program::start(http, |folder| {
            let mut command = Command::new(installed.join("bazel-remote"));
            command.arg("--dir").arg(folder.join("cache")).args(["--max_size", "1"]);
            command.args(["--http_address", &http.to_string(), "--grpc_address", &grpc.to_string()]);
            command.args(arguments(folder)?);
            Ok(command)
        })?;
        Ok(Self { _program: program, http, grpc })
    }

    /// Where it speaks HTTP.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where it speaks gRPC.
    #[must_use]
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }
}

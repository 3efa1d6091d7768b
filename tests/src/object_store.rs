use crate::{scratch, server};
use anyhow::{Context, Result, bail, ensure};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A store may take this long to start on a loaded machine.
const START: Duration = Duration::from_secs(60);

/// An S3 server that `tests/servers/s3.sh` installs. Both verify signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// JuiceFS's gateway, which is MinIO's server code.
    JuiceFs,
    /// The file server of the crate s3s.
    S3s,
}

impl Make {
    /// The word that the script takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Make::JuiceFs => "juicefs",
            Make::S3s => "s3s",
        }
    }

    /// Why it cannot run here, if so.
    #[must_use]
    pub fn obstacle(self) -> Option<String> {
        self.folder().err()
    }

    fn folder(self) -> Result<PathBuf, String> {
        server(&["s3", self.name()])
    }

    /// Whether it listens and knows its configuration.
    ///
    /// *Behaviour*: for some moments JuiceFS's gateway listens and takes any region; it
    /// is ready when it refuses a wrong one, which it looks at before the signature.
    fn is_ready(self, address: SocketAddr) -> bool {
        const SECOND: Duration = Duration::from_secs(1);
        let Ok(mut stream) = TcpStream::connect_timeout(&address, SECOND) else { return false };
        if self == Self::S3s {
            return true;
        }
        let now = jiff::Timestamp::now();
        let request = format!(
            "GET /{}/x HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Amz-Date: {}\r\n\
             X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={}/{}/no-such-region/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={:064}\r\n\r\n",
            ObjectStore::BUCKET,
            now.strftime("%Y%m%dT%H%M%SZ"),
            ObjectStore::KEY,
            now.strftime("%Y%m%d"),
            0
        );
        let mut answer = Vec::new();
        let asked = stream.set_read_timeout(Some(SECOND)).and_then(|()| stream.write_all(request.as_bytes()));
        asked.and_then(|()| stream.read_to_end(&mut answer)).is_ok()
            && String::from_utf8_lossy(&answer).contains("AuthorizationHeaderMalformed")
    }
}

/// An S3 server on loopback, with one bucket and one account. Killed when it is dropped.
#[derive(Debug)]
pub struct ObjectStore {
    child: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

impl ObjectStore {
    /// The bucket.
    pub const BUCKET: &'static str = "scene-bucket";
    /// The account's access key id.
    pub const KEY: &'static str = "scene-key-id-9zLq4T";
    /// The account's secret access key.
    pub const SECRET: &'static str = "scene-secret-wJalrXUtnFEMI7MDENGbPxRfiCY";
    /// The region that JuiceFS wants; s3s takes any.
    pub const REGION: &'static str = "eu-scene-1";

    /// Starts one.
    ///
    /// # Errors
    /// It is not installed, or is not ready within a minute.
    pub fn start(make: Make) -> Result<Self> {
        let folder = make.folder().map_err(anyhow::Error::msg)?;
        let data = scratch()?;
        // Neither can be told to take a free port and say which.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = match make {
            Make::JuiceFs => {
                let meta = format!("sqlite3://{}", data.path().join("meta.db").display());
                let program = folder.join("bin/juicefs");
                let objects = format!("{}/", data.path().join("objects").display());
                let mut format = Command::new(&program);
                format.args([
                    "format",
                    "--storage",
                    "file",
                    "--trash-days",
                    "0",
                    "--bucket",
                    &objects,
                    &meta,
                    Self::BUCKET,
                ]);
                let output = format.env("HOME", data.path()).stdin(Stdio::null()).output().context("juicefs format")?;
                ensure!(output.status.success(), "juicefs format: {}", String::from_utf8_lossy(&output.stderr));
                let mut command = Command::new(program);
                command.args(["gateway", "--no-usage-report", "--no-banner", "--object-meta", "--cache-dir"]);
                command.arg(data.path().join("cache")).arg(meta).arg(address.to_string());
                command.envs([
                    ("MINIO_ROOT_USER", Self::KEY),
                    ("MINIO_ROOT_PASSWORD", Self::SECRET),
                    ("MINIO_REGION_NAME", Self::REGION),
                ]);
                command
            }
            Make::S3s => {
                std::fs::create_dir(data.path().join(Self::BUCKET))?;
                let mut command = Command::new(folder.join("bin/s3s-fs"));
                command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
                command.args(["--access-key", Self::KEY, "--secret-key", Self::SECRET]).arg(data.path());
                command
            }
        };
        command.env("HOME", data.path()).current_dir(data.path());
        let log = std::fs::File::create(data.path().join("log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let mut store = Self { child: child.context("cannot start an S3 server")?, address, _data: data };
        let started = Instant::now();
        while !make.is_ready(address) {
            let ended = store.child.try_wait()?;
            if ended.is_some() || started.elapsed() > START {
                let log = std::fs::read_to_string(store._data.path().join("log")).unwrap_or_default();
                bail!("{} is not ready ({ended:?})\n{log}", make.name());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(store)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

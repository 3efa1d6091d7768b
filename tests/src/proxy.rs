use crate::{binary, scratch};
use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// How a caching proxy is started.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// The URL of its origin.
    pub origin: String,
    /// Further arguments, e.g. `--ca FILE`.
    pub arguments: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Where it keeps its key and its log; without one, where nothing stays.
    pub home: Option<PathBuf>,
}

impl ProxyOptions {
    /// Before that origin, with nothing set.
    #[must_use]
    pub fn before(origin: impl Into<String>) -> Self {
        Self { origin: origin.into(), arguments: Vec::new(), env: Vec::new(), home: None }
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A further argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

/// What `seaworthy cache proxy --json` says first.
#[derive(Clone, Debug, Deserialize)]
struct Announcement {
    url: String,
}

/// A running `seaworthy cache proxy`. Ended when it is dropped.
#[derive(Debug)]
pub struct CachingProxy {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: PathBuf,
    _scratch: tempfile::TempDir,
}

impl CachingProxy {
    /// Starts it and waits until it listens. It logs all that it has to say.
    ///
    /// # Errors
    /// When it ends, or says nothing for a minute.
    pub fn start(options: &ProxyOptions) -> Result<Self> {
        let scratch = scratch()?;
        let home = options.home.clone().unwrap_or_else(|| scratch.path().to_owned());
        let log = home.join("proxy.log");
        let file = std::fs::File::options().create(true).append(true).open(&log).context("no place for a log")?;
        let mut child = Command::new(binary()?)
            .args(["cache", "proxy", "--json", "--listen", "127.0.0.1:0", "--origin", &options.origin])
            .args(&options.arguments)
            .env_clear()
            .env("HOME", &home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_CACHE_HOME", crate::target_directory()?.join("tests-cache"))
            .env("SEAWORTHY_LOG", "debug")
            .envs(options.env.iter().map(|(name, value)| (name, value)))
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .context("cannot start `seaworthy cache proxy`")?;
        let stdout = child.stdout.take().context("no stdout")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = receiver.recv_timeout(Duration::from_secs(60)).unwrap_or_default();
        let said = serde_json::from_str::<Announcement>(&line).ok();
        let address = said.and_then(|said| said.url.strip_prefix("http://")?.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            bail!("`seaworthy cache proxy` said {line:?}, and\n{}", read(&log));
        };
        Ok(Self { child, address, log, _scratch: scratch })
    }

    /// Everything that it logged so far.
    #[must_use]
    pub fn logged(&self) -> String {
        read(&self.log)
    }

    /// Its numbers.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stats(&self) -> Result<serde_json::Value> {
        let got = self.ask("GET", "/.seaworthy/stats", &[])?;
        serde_json::from_slice(&got.body).context("its numbers are no JSON")
    }

    /// Waits until every answer that is kept is in the tiers.
    ///
    /// # Errors
    /// When some are still on their way after 10 s.
    pub fn stored(&self) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            if self.stats()?["tiers"]["storing"] == 0 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("answers are still on their way into the tiers after 10 s\n{}", self.logged())
    }

    /// One request on a connection of its own.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Got> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut client = Client::connect(self.address).await?;
            client.ask(method, path, headers).await
        })
    }

    /// Asks it to end and answers its exit code.
    ///
    /// # Errors
    /// When it has not ended after 20 s.
    pub fn terminate(mut self) -> Result<Option<i32>> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("`seaworthy cache proxy` was still running 20 s after SIGTERM\n{}", self.logged())
    }
}

impl Drop for CachingProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// An HTTP client that keeps its connection, as those of build tools do.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    // Ends with the client.
    _moving: tokio::task::JoinSet<()>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Got {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// From the request to the end of its answer.
    pub took: Duration,
}

impl Got {
    /// A header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What the proxy says of how it answered.
    #[must_use]
    pub fn cache(&self) -> &str {
        self.header("x-seaworthy-cache")
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the proxy does not listen")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut moving = tokio::task::JoinSet::new();
        moving.spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, _moving: moving })
    }

    /// One request.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Got> {
        let mut request = Request::builder().method(method).uri(path).header("host", "api.proxy.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::new()))?;
        let started = Instant::now();
        self.sender.ready().await.context("the proxy closed the connection")?;
        let response = self.sender.send_request(request).await.with_context(|| format!("{method} {path}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.with_context(|| format!("the body of {method} {path}"))?.to_bytes();
        Ok(Got { status: head.status.as_u16(), headers: head.headers, body, took: started.elapsed() })
    }
}

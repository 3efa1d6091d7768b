use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// A request as an [`Origin`] heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Heard {
    /// A header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// An answer as an [`Origin`] gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Said {
    /// An answer with a status and a body.
    #[must_use]
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// A further header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// An HTTP API on loopback that answers as it is told, after a while, and remembers what
/// it was asked. Ended when it is dropped: then nothing listens there any more.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    // Dropped with all of its connections.
    _runtime: Runtime,
}

impl Origin {
    /// Starts it: each answer takes `delay`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(delay: Duration, script: impl Fn(&Heard) -> Said + Send + Sync + 'static) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).context("an origin cannot listen")?;
        let address = listener.local_addr()?;
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        runtime.spawn(listen(listener, delay, Arc::new(script), Arc::clone(&heard)));
        Ok(Self { address, heard, _runtime: runtime })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.heard).clone()
    }

    /// How many requests it had so far.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.heard).len()
    }
}

async fn listen(
    listener: TcpListener,
    delay: Duration,
    script: Arc<impl Fn(&Heard) -> Said + Send + Sync + 'static>,
    heard: Arc<Mutex<Vec<Heard>>>,
) {
    let mut talks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (script, heard) = (Arc::clone(&script), Arc::clone(&heard));
        talks.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let asked = read(&request);
                let said = script(&asked);
                lock(&heard).push(asked);
                async move {
                    tokio::time::sleep(delay).await;
                    Ok::<_, Infallible>(write(said))
                }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while talks.try_join_next().is_some() {}
    }
}

fn read(request: &Request<Incoming>) -> Heard {
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Heard {
        method: request.method().to_string(),
        path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
    }
}

fn write(said: Said) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(said.status);
    for (name, value) in said.headers {
        response = response.header(name, value);
    }
    let broken = |_| {
        let mut response = Response::new(Full::new(Bytes::from_static(b"the script of this origin is wrong")));
        *response.status_mut() = hyper::StatusCode::NOT_IMPLEMENTED;
        response
    };
    response.body(Full::new(Bytes::from(said.body))).unwrap_or_else(broken)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

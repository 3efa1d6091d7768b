//! The origin, and the connections to it that are kept.

use crate::body::{Body, empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::http::request::Parts;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use seaworthy_model::{Environment, Failure, PermitAll};
use seaworthy_probe::Target;
use seaworthy_probe::proxy::{Decision, Proxy, ProxyEnvironment, decide};
use seaworthy_probe::trust::Roots;
use seaworthy_probe::tunnel::{self, Tunnel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

/// Connections that nobody uses, at most.
const MOST_IDLE: usize = 32;
/// How long one is kept: below the minute after which many servers and NATs forget it.
const IDLE: Duration = Duration::from_secs(50);

/// Why an origin cannot be used.
#[derive(Debug)]
pub struct UnusableOrigin(pub String);

impl std::fmt::Display for UnusableOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnusableOrigin {}

/// One HTTP API, and how it is reached.
pub struct Origin {
    base: Url,
    target: Target,
    proxy: Option<Proxy>,
    roots: Roots,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Idle {
    /// Whether it may be of use. One whose answer is still being read is never ended here.
    fn is_worth_keeping(&self) -> bool {
        let sender = &self.connection.sender;
        !sender.is_closed() && (!sender.is_ready() || self.since.elapsed() < IDLE)
    }
}

/// A connection, with the tasks that move its bytes: they end with it.
struct Connection {
    sender: SendRequest<Body>,
    tasks: JoinSet<()>,
}

/// An answer, and what keeps its connection until its body was read.
pub(crate) type Answered = Result<Response<Incoming>, Failure>;

impl Origin {
    /// The API at `url`, below which all paths lie.
    ///
    /// *Behaviour*: a proxy of the environment is used. Certificates are judged by the
    /// roots of this machine and those that are compiled in, and by those of `authority`,
    /// PEM, for a company's own.
    ///
    /// # Errors
    /// It is no http or https URL without credentials, query and fragment, it is not
    /// reached without a proxy that cannot be used, or `authority` holds no certificate.
    pub fn new(url: &str, environment: &Environment, authority: Option<&[u8]>) -> Result<Self, UnusableOrigin> {
        let wrong = |why: &str| UnusableOrigin(format!("`{url}` cannot be an origin: {why}"));
        let base = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        if !base.username().is_empty() || base.password().is_some() {
            // Not repeated: it may be a secret.
            return Err(UnusableOrigin("the URL of the origin holds credentials; clients send their own".into()));
        }
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("it takes the form https://HOST[:PORT][/PATH]"));
        }
        let (Some(host), Some(port)) = (base.host_str(), base.port_or_known_default()) else {
            return Err(wrong("it names no host"));
        };
        let target = Target { host: host.trim_matches(['[', ']']).to_owned(), port };
        let proxy = match decide(&base, &ProxyEnvironment::from_environment(environment)) {
            Decision::Direct { .. } => None,
            Decision::Through(proxy) => Some(proxy),
            Decision::Unusable(failure) => return Err(UnusableOrigin(failure.message)),
        };
        let roots = roots(authority)?;
        Ok(Self { base, target, proxy, roots, idle: Mutex::default() })
    }

    /// For people, without anything secret.
    #[must_use]
    pub fn label(&self) -> &str {
        self.base.as_str()
    }

    /// The URL of a path and query as a client asks for them, normalised.
    pub(crate) fn url(&self, asked: &Uri) -> Option<Url> {
        let path = asked.path_and_query().map_or("/", |both| both.as_str());
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        // Dots and cases of percent escapes are settled here; a path never leaves the base.
        let mut url = Url::parse(&url).ok()?;
        url.set_fragment(None);
        let base = self.base.path().trim_end_matches('/');
        let below = url.path().strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (url.origin() == self.base.origin() && below).then_some(url)
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// *Behaviour*: on a connection that was kept where there is one. Without a `body`
    /// the request is sent once more when that one had ended; one with a body only as
    /// long as nothing of it was sent.
    pub(crate) async fn send(&self, url: &Url, head: &Parts, body: Option<Body>, patience: Duration) -> Answered {
        let deadline = Instant::now() + patience;
        let repeatable = body.is_none();
        let mut request = self.prepare(url, head, body.unwrap_or_else(empty))?;
        while let Some(mut connection) = self.take() {
            let sent = timeout_at(deadline, connection.sender.try_send_request(request)).await;
            match sent {
                Ok(Ok(response)) => return Ok(self.answered(connection, response)),
                Err(_) => return Err(late()),
                Ok(Err(mut refused)) => match refused.take_message() {
                    Some(unsent) => request = unsent,
                    None if repeatable => request = self.prepare(url, head, empty())?,
                    None => return Err(broken(refused.error())),
                },
            }
        }
        let mut connection = self.connect(deadline).await?;
        match timeout_at(deadline, connection.sender.send_request(request)).await {
            Ok(Ok(response)) => Ok(self.answered(connection, response)),
            Ok(Err(error)) => Err(broken(&error)),
            Err(_) => Err(late()),
        }
    }

    fn prepare(&self, url: &Url, head: &Parts, body: Body) -> Result<Request<Body>, Failure> {
        let bad = |what: String| Failure::new("invalid", "parse", what);
        let asked = self.proxy.as_ref().filter(|_| url.scheme() == "http");
        // Absolute form for a proxy, origin form else (RFC 9112 section 3.2).
        let form = if asked.is_some() {
            &url[..Position::AfterQuery]
        } else {
            &url[Position::BeforePath..Position::AfterQuery]
        };
        let uri: Uri = form.parse().map_err(|_| bad("the path cannot be asked for".into()))?;
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = head.headers.clone();
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
        request.headers_mut().insert(HOST, host.map_err(|_| bad("the host cannot be asked for".into()))?);
        if let Some(authorization) = asked.and_then(|proxy| proxy.authorization.as_ref()) {
            let value = HeaderValue::from_str(authorization.expose());
            let value = value.map_err(|_| bad("the credentials of the proxy cannot be sent".into()))?;
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
        Ok(request)
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, Failure> {
        let https = self.base.scheme() == "https";
        let Tunnel { stream, mover: mut tasks, .. } =
            tunnel::open(&self.target, https, self.proxy.as_ref(), &self.roots, deadline, &PermitAll).await?;
        let (sender, moving) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        tasks.spawn(async move {
            // What goes wrong is told to the request that waits.
            let _ = moving.await;
        });
        Ok(Connection { sender, tasks })
    }

    /// A kept connection that can take a request now: the one used last, as it is the
    /// least likely to have ended.
    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        idle.retain(Idle::is_worth_keeping);
        let at = idle.iter().rposition(|one| one.connection.sender.is_ready())?;
        Some(idle.remove(at).connection)
    }

    /// Keeps the connection of an answer; it is used again once the body was read.
    fn answered(&self, connection: Connection, response: Response<Incoming>) -> Response<Incoming> {
        let mut idle = self.lock();
        idle.retain(Idle::is_worth_keeping);
        if idle.len() < MOST_IDLE {
            idle.push(Idle { connection, since: Instant::now() });
        } else {
            // Its tasks have to go on until the body was read.
            let Connection { mut tasks, .. } = connection;
            tasks.detach_all();
        }
        response
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The roots that judge: this machine's where it has some, those compiled in, and more.
fn roots(authority: Option<&[u8]>) -> Result<Roots, UnusableOrigin> {
    let mut store = RootCertStore::empty();
    for known in [Roots::Native, Roots::Bundled] {
        // A machine without roots of its own still has those compiled in.
        if let Ok(Some(found)) = known.store() {
            store.extend(found.roots.iter().cloned());
        }
    }
    let known = Roots::Given(Arc::new(store));
    match authority {
        Some(pem) => known.and(pem).map_err(|failure| {
            UnusableOrigin(format!("the file of the authority cannot be used: {}", failure.message))
        }),
        None => Ok(known),
    }
}

fn late() -> Failure {
    Failure::timeout("head", "the origin did not answer in time")
}

fn broken(error: &hyper::Error) -> Failure {
    Failure::new("protocol", "head", format!("the origin broke the connection off: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Result<Origin, UnusableOrigin> {
        Origin::new(url, &Environment::default(), None)
    }

    #[test]
    fn a_path_stays_below_the_base() {
        let ghes = origin("https://ghe.example.com/api/v3/").unwrap();
        let url = |path: &str| ghes.url(&path.parse().unwrap()).map(|url| url.to_string());
        assert_eq!(url("/repos/a/b?x=1").unwrap(), "https://ghe.example.com/api/v3/repos/a/b?x=1");
        assert_eq!(url("/a/../b").unwrap(), "https://ghe.example.com/api/v3/b");
        assert_eq!(url("/../../admin"), None);
        assert_eq!(url("/%2e%2e/%2E%2E/admin"), None);
        assert_eq!(url("http://other.example.com/x").unwrap(), "https://ghe.example.com/api/v3/x");
    }

    #[test]
    fn what_is_no_origin_is_refused_without_repeating_secrets() {
        for url in ["ftp://a", "api.github.com", "https://a/?q=1", "http://"] {
            assert!(origin(url).is_err(), "{url}");
        }
        let refused = origin("https://user:hunter2@a/").err().unwrap();
        assert!(!refused.0.contains("hunter2"), "{refused}");
        let none = Origin::new("https://a/", &Environment::default(), Some(b"no pem"));
        assert!(none.err().unwrap().0.contains("no certificate"));
    }
}

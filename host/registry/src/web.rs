//! One HTTP request and its answer: bounded in time and size, and led nowhere that is less safe.

use crate::error::RegistryError;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderValue, LOCATION, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use seaworthy_model::{Environment, Failure, PermitAll, is_loopback};
use seaworthy_probe::Target;
use seaworthy_probe::proxy::{Decision, Proxy, ProxyEnvironment, decide};
use seaworthy_probe::trust::Roots;
use seaworthy_probe::tunnel::{self, Tunnel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

/// Time for a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(15);
/// Time in which something has to come, once something was asked.
const IDLE: Duration = Duration::from_secs(30);
/// Time for one request and all of its answer.
const WHOLE: Duration = Duration::from_secs(300);
/// How often one is led on.
const REDIRECTS: usize = 5;

/// How the network is reached: proxies and trust of this machine.
pub(crate) struct Web {
    proxies: ProxyEnvironment,
    roots: OnceLock<Roots>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The head of what came, with the rest to be read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Who answered in the end.
    pub(crate) url: Url,
    body: Incoming,
    deadline: Instant,
    /// The connection; it ends with this value.
    _tasks: JoinSet<()>,
}

impl Ask {
    pub(crate) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn with(mut self, name: hyper::header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Web {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self { proxies: ProxyEnvironment::from_environment(environment), roots: OnceLock::new() }
    }

    /// Asks, and follows where a GET is led.
    ///
    /// *Behaviour*: credentials are not taken along to another origin. Whoever begins with
    /// https never ends with http; whoever begins with http stays with that host, or goes to https.
    ///
    /// # Errors
    /// No answer, or one that leads where nothing is followed.
    pub(crate) async fn send(&self, mut ask: Ask) -> Result<Answer, RegistryError> {
        let deadline = Instant::now() + WHOLE;
        for _ in 0..=REDIRECTS {
            let answer = self.send_once(&ask, deadline).await?;
            let location = answer.headers.get(LOCATION).filter(|_| answer.status.is_redirection());
            let Some(location) = location.filter(|_| ask.method == Method::GET) else { return Ok(answer) };
            let to = location.to_str().ok().and_then(|text| ask.url.join(text).ok());
            let led = |why| RegistryError::Redirect {
                from: shown(&ask.url),
                to: to.as_ref().map_or_else(|| "no URL".to_owned(), shown),
                why,
            };
            let Some(next) = to.clone() else { return Err(led("it is no URL")) };
            match (ask.url.scheme(), next.scheme()) {
                (_, "https") => {}
                ("http", "http") if ask.url.host_str() == next.host_str() => {}
                ("http", "http") => return Err(led("without TLS one does not go to another host")),
                (_, "http") => return Err(led("it would leave TLS")),
                _ => return Err(led("it is neither http nor https")),
            }
            if next.origin() != ask.url.origin() {
                ask.headers.remove(AUTHORIZATION);
            }
            ask.url = next;
        }
        Err(RegistryError::Redirect {
            from: shown(&ask.url),
            to: "still another place".into(),
            why: "it leads on and on",
        })
    }

    async fn send_once(&self, ask: &Ask, deadline: Instant) -> Result<Answer, RegistryError> {
        let unreachable = |failure: Failure| RegistryError::Unreachable { url: shown(&ask.url), failure };
        let (Some(host), Some(port)) = (ask.url.host_str(), ask.url.port_or_known_default()) else {
            return Err(unreachable(Failure::new("invalid", "parse", "the URL names no host")));
        };
        let https = ask.url.scheme() == "https";
        let target = Target { host: host.trim_matches(['[', ']']).to_owned(), port };
        let proxy = match decide(&ask.url, &self.proxies) {
            // As Docker and Go do it: what is on this machine is not behind a proxy.
            _ if is_loopback(&target.host) => None,
            Decision::Direct { .. } => None,
            Decision::Through(proxy) => Some(proxy),
            Decision::Unusable(failure) => return Err(unreachable(failure)),
        };
        let request = prepare(ask, proxy.as_ref().filter(|_| !https)).map_err(unreachable)?;
        let roots = self.roots.get_or_init(roots);
        let soon = deadline.min(Instant::now() + CONNECT);
        let opened = tunnel::open(&target, https, proxy.as_ref(), roots, soon, &PermitAll).await;
        let Tunnel { stream, mover: mut tasks, .. } = opened.map_err(unreachable)?;
        let broken = |what: String| RegistryError::BrokenOff { url: shown(&ask.url), what };
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, moving) = handshake.map_err(|error| broken(format!("did not begin: {error}")))?;
        tasks.spawn(async move {
            // What goes wrong is told to whoever waits for the answer.
            let _ = moving.await;
        });
        // A body on its way is no idleness; an answer without one is due soon.
        let patience = if ask.body.is_empty() { deadline.min(Instant::now() + IDLE) } else { deadline };
        let answer = match timeout_at(patience, sender.send_request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(broken(format!("did not come: {error}"))),
            Err(_) => return Err(broken("did not come in time".into())),
        };
        let (head, body) = answer.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, url: ask.url.clone(), body, deadline, _tasks: tasks })
    }
}

impl Answer {
    /// A header, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The announced length.
    pub(crate) fn length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok())
    }

    /// All of the body, as long as it has at most `limit` bytes.
    ///
    /// # Errors
    /// It is longer, breaks off, or does not come in time.
    pub(crate) async fn read(mut self, what: &'static str, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let url = shown(&self.url);
        let large = |seen: String| RegistryError::TooLarge { what, url: url.clone(), limit, seen };
        let announced = self.length();
        if let Some(length) = announced.filter(|length| *length > limit) {
            return Err(large(format!("it announces {length}")));
        }
        let mut read = Vec::new();
        loop {
            let soon = self.deadline.min(Instant::now() + IDLE);
            let broken = |what: String| RegistryError::BrokenOff { url: url.clone(), what };
            let of = announced.map_or_else(String::new, |length| format!(" of {length}"));
            let frame = match timeout_at(soon, self.body.frame()).await {
                Err(_) => return Err(broken(format!("did not go on after {}{of} bytes", read.len()))),
                Ok(None) => return Ok(read),
                Ok(Some(Err(error))) => {
                    return Err(broken(format!("broke off after {}{of} bytes: {error}", read.len())));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers say nothing that is asked here.
            let Ok(data) = frame.into_data() else { continue };
            read.extend_from_slice(&data);
            if read.len() as u64 > limit {
                return Err(large(format!("it goes on after {}", read.len())));
            }
        }
    }

    /// Why this is no answer of a registry: its status and the beginning of what it says.
    pub(crate) async fn unexpected(self, expected: &'static str) -> RegistryError {
        let (status, url) = (self.status.as_u16(), shown(&self.url));
        let html = self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        let said = match (html, self.read("the answer", 64 << 10).await) {
            (true, _) => " with an HTML page (is this a registry, or a login page before it?)".into(),
            (_, Err(_)) => String::new(),
            (_, Ok(bytes)) => match excerpt(&bytes) {
                text if text.is_empty() => String::new(),
                text => format!(" and said: {text}"),
            },
        };
        RegistryError::Unexpected { url, status, said, expected }
    }
}

/// The beginning of a text of a stranger, in one line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    line.trim().to_owned()
}

/// A URL for people: without query, which may sign something, and without credentials.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", &url[..Position::BeforeUsername], &url[Position::BeforeHost..Position::AfterPath])
}

fn prepare(ask: &Ask, asked: Option<&Proxy>) -> Result<Request<Full<Bytes>>, Failure> {
    let bad = |what: &str| Failure::new("invalid", "parse", what);
    // Absolute form for a proxy, origin form else (RFC 9112 section 3.2).
    let form = match asked {
        Some(_) => &ask.url[..Position::AfterQuery],
        None => &ask.url[Position::BeforePath..Position::AfterQuery],
    };
    let uri: Uri = form.parse().map_err(|_| bad("the path cannot be asked for"))?;
    let mut request = Request::new(Full::new(ask.body.clone()));
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = ask.headers.clone();
    let host = HeaderValue::from_str(&ask.url[Position::BeforeHost..Position::AfterPort]);
    request.headers_mut().insert(HOST, host.map_err(|_| bad("the host cannot be asked for"))?);
    let agent = HeaderValue::from_static(concat!("seaworthy/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    if let Some(authorization) = asked.and_then(|proxy| proxy.authorization.as_ref()) {
        let value = HeaderValue::from_str(authorization.expose());
        let value = value.map_err(|_| bad("the credentials of the proxy cannot be sent"))?;
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    Ok(request)
}

/// The roots that judge: this machine's where it has some, and those compiled in.
fn roots() -> Roots {
    let mut store = RootCertStore::empty();
    for known in [Roots::Native, Roots::Bundled] {
        if let Ok(Some(found)) = known.store() {
            store.extend(found.roots.iter().cloned());
        }
    }
    Roots::Given(Arc::new(store))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://me:hunter2@cdn.example.com/blob?X-Amz-Signature=abc").unwrap();
        assert_eq!(shown(&url), "https://cdn.example.com/blob");
    }

    #[test]
    fn what_a_stranger_says_is_one_short_line() {
        assert_eq!(excerpt(b"\x1b[31mred\nnext\n"), "[31mred next");
        assert!(excerpt(&[b'x'; 5000]).len() <= 200);
    }
}

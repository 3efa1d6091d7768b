//! HTTP/1.1 requests on streams that this crate connected and checked itself.

mod connections;

pub use connections::Connections;

use crate::proxy::{Decision, Proxy, ProxyEnvironment, decide};
use crate::target::Target;
use crate::trust::Roots;
use crate::tunnel;
use connections::{Link, Unsent};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Method, Uri};
use seaworthy_model::{Failure, Permit};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// What to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `HEAD`, `PUT` ...
    pub method: String,
    /// http or https, absolute, without credentials.
    pub url: String,
    /// In order. Those that the connection owns (`Host`, `Connection`,
    /// `Content-Length`, `Proxy-*` ...) are refused.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Vec<u8>,
    /// For all of it.
    pub timeout: Duration,
    /// The body of the answer is cut here.
    pub max_body: u32,
    /// `environment`, `direct`, or the URL of a proxy.
    pub proxy: String,
}

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code. Redirects are not followed.
    pub status: u16,
    /// In order; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// At most `max_body` bytes.
    pub body: Vec<u8>,
    /// There was more.
    pub truncated: bool,
    /// The other end of the connection: the proxy's where there is one.
    pub remote: SocketAddr,
    /// `proxy` (URL without credentials, or `none`), `proxy-reason`; how long each
    /// part took: `dns-us`, `connect-us`, `tls-us` (only with TLS),
    /// `first-byte-us` (from the request sent to the head read), `total-us`. On a kept
    /// connection there is `connection` = `kept` in place of the first three.
    pub details: BTreeMap<String, String>,
}

/// What one request brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// The answer, or why there is none.
    pub outcome: Result<Response, Failure>,
}

/// Sends one request on a connection of its own.
///
/// *Failures*: `invalid` (URL, method or a header), `denied`, `dns-*`, those of a
/// connect and of TLS, `protocol` (what came is not HTTP, or a proxy refuses;
/// `proxy-status` has its answer), `closed`, `timeout` with the stage it ended at.
pub async fn send(request: &Request, permit: &dyn Permit, environment: &ProxyEnvironment) -> Seen {
    send_on(request, permit, environment, &Roots::Native, None).await
}

/// Sends one request, on one of the `kept` connections where there is one for it. `roots`
/// judge the certificate of the server, and that of a proxy.
///
/// *Behaviour*: the grant is asked for anew for the address of a kept connection. One
/// that the other side closed meanwhile is replaced, unless the request may have been
/// acted on: then the answer is the failure `closed`.
///
/// *Failures*: as [`send`].
pub async fn send_on(
    request: &Request,
    permit: &dyn Permit,
    environment: &ProxyEnvironment,
    roots: &Roots,
    kept: Option<&Connections>,
) -> Seen {
    let start = Instant::now();
    let outcome = answer(request, start, permit, environment, roots, kept).await;
    Seen { elapsed: start.elapsed(), outcome }
}

async fn answer(
    request: &Request,
    start: Instant,
    permit: &dyn Permit,
    environment: &ProxyEnvironment,
    roots: &Roots,
    kept: Option<&Connections>,
) -> Result<Response, Failure> {
    let deadline = start + request.timeout;
    let (url, target) = parse(&request.url)?;
    let (proxy, reason) = choose(&request.proxy, &url, environment)?;
    let https = url.scheme() == "https";
    let mut prepared = prepare(request, &url, proxy.as_ref().filter(|_| !https))?;
    let mut details = BTreeMap::from([
        ("proxy".to_owned(), proxy.as_ref().map_or_else(|| "none".to_owned(), |p| p.label.clone())),
        ("proxy-reason".to_owned(), reason),
    ]);
    let way = connections::Way { https, target, proxy: proxy.as_ref().map(|p| p.label.clone()) };
    let max_body = request.max_body;
    let mut response = loop {
        if let Some(link) = kept.and_then(|kept| kept.take(&way)) {
            tunnel::permitted(&way.target, proxy.as_ref(), link.remote(), permit)?;
            match exchange(link, prepared, max_body, deadline, kept, &way).await {
                Ok(response) => {
                    details.insert("connection".to_owned(), "kept".to_owned());
                    break response;
                }
                Err((_, Some(unsent))) => prepared = unsent,
                Err((failure, None)) => return Err(failure),
            }
            continue;
        }
        let tunnel = tunnel::open(&way.target, https, proxy.as_ref(), roots, deadline, permit).await?;
        details.insert("dns-us".to_owned(), tunnel.lookup.as_micros().to_string());
        details.insert("connect-us".to_owned(), tunnel.connect.as_micros().to_string());
        if let Some(tls) = tunnel.tls {
            details.insert("tls-us".to_owned(), tls.as_micros().to_string());
        }
        let link = Link::over(tunnel).await?;
        break exchange(link, prepared, max_body, deadline, kept, &way).await.map_err(|(failure, _)| failure)?;
    };
    response.details.append(&mut details);
    response.details.insert("total-us".to_owned(), start.elapsed().as_micros().to_string());
    Ok(response)
}

/// Sends a request and reads its answer. *Errors*: with the request, where the other
/// side cannot have seen it.
async fn exchange(
    mut link: Link,
    request: hyper::Request<Full<Bytes>>,
    max_body: u32,
    deadline: Instant,
    kept: Option<&Connections>,
    way: &connections::Way,
) -> Result<Response, (Failure, Option<hyper::Request<Full<Bytes>>>)> {
    let remote = link.remote();
    let sent = Instant::now();
    let response = match timeout_at(deadline, link.send(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(Unsent { error, request })) => return Err((broken("head", &error), request)),
        Err(_) => {
            let message = format!("connected to {remote}, but no answer to the request came in time");
            return Err((Failure::timeout("head", message), None));
        }
    };
    let first_byte = sent.elapsed().as_micros().to_string();
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let (body, truncated) = timeout_at(deadline, read(response.into_body(), max_body))
        .await
        .unwrap_or_else(|_| {
            Err(Failure::timeout("body", format!("{remote} answered {status}, but the body did not end in time")))
        })
        .map_err(|failure| (failure.with("status", status.to_string()), None))?;
    if let Some(kept) = kept.filter(|_| !truncated) {
        kept.keep(way, link);
    }
    let details = BTreeMap::from([("first-byte-us".to_owned(), first_byte)]);
    Ok(Response { status, headers, body, truncated, remote, details })
}

fn parse(text: &str) -> Result<(Url, Target), Failure> {
    let bad = |reason: String| Failure::new("invalid", "parse", format!("the URL cannot be requested: {reason}"));
    let url = Url::parse(text).map_err(|e| bad(e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(format!("`{}` is neither http nor https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds credentials; send them as a header".to_owned()));
    }
    let host = url.host_str().ok_or_else(|| bad("it has no host".to_owned()))?;
    let port = url.port_or_known_default().filter(|p| *p != 0).ok_or_else(|| bad("it has no port".to_owned()))?;
    let target = Target { host: host.trim_matches(['[', ']']).to_owned(), port };
    Ok((url, target))
}

fn choose(wanted: &str, url: &Url, environment: &ProxyEnvironment) -> Result<(Option<Proxy>, String), Failure> {
    match wanted {
        "direct" => Ok((None, "the request wants none".to_owned())),
        "environment" => match decide(url, environment) {
            Decision::Direct { reason } => Ok((None, reason)),
            Decision::Through(proxy) => {
                let reason = proxy.source.clone();
                Ok((Some(proxy), reason))
            }
            Decision::Unusable(failure) => Err(failure),
        },
        given => Proxy::parse(given, "request").map(|proxy| (Some(proxy), "request".to_owned())),
    }
}

/// Headers that belong to the connection and not to the message (RFC 9110
/// section 7.6.1), and `Host`, which would let a grant for one name reach another
/// one behind the same address.
const OWNED: [&str; 12] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "http2-settings",
];

fn prepare(request: &Request, url: &Url, asked: Option<&Proxy>) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let bad = |what: String| Failure::new("invalid", "parse", what);
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| bad(format!("`{}` is not an HTTP method", request.method)))?;
    if method == Method::CONNECT {
        return Err(bad("CONNECT opens tunnels, and a probe opens none".to_owned()));
    }
    // Absolute form for a proxy, origin form else (RFC 9112 section 3.2).
    let form = if asked.is_some() {
        &url[..url::Position::AfterQuery]
    } else {
        &url[url::Position::BeforePath..url::Position::AfterQuery]
    };
    let uri: Uri = form.parse().map_err(|e| bad(format!("the URL cannot be requested: {e}")))?;
    let mut built = hyper::Request::new(Full::new(Bytes::from(request.body.clone())));
    *built.method_mut() = method;
    *built.uri_mut() = uri;
    let headers = built.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("seaworthy/", env!("CARGO_PKG_VERSION"))));
    for (position, (name, value)) in request.headers.iter().enumerate() {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| bad(format!("`{name}` is not the name of a header")))?;
        if OWNED.contains(&parsed.as_str()) {
            return Err(bad(format!("the header `{name}` belongs to the connection and cannot be set")));
        }
        // The value is not repeated: it may be a token.
        let value = HeaderValue::from_str(value)
            .map_err(|_| bad(format!("the value of the header `{name}` has characters that are not allowed")))?;
        let repeated = request.headers[..position].iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if repeated {
            headers.append(parsed, value);
        } else {
            headers.insert(parsed, value);
        }
    }
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    headers.insert(HOST, HeaderValue::from_str(host).map_err(|e| bad(e.to_string()))?);
    if let Some(authorization) = asked.and_then(|p| p.authorization.as_ref()) {
        let value = HeaderValue::from_str(authorization.expose()).map_err(|e| bad(e.to_string()))?;
        headers.insert(PROXY_AUTHORIZATION, value);
    }
    Ok(built)
}

async fn read(mut incoming: Incoming, max_body: u32) -> Result<(Vec<u8>, bool), Failure> {
    let max = usize::try_from(max_body).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|e| broken("body", &e))?.into_data() else {
            continue;
        };
        let room = max - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((body, true));
        }
    }
    Ok((body, false))
}

fn broken(stage: &str, error: &hyper::Error) -> Failure {
    use std::error::Error;
    let message = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    if error.is_parse() {
        return Failure::new("protocol", stage, format!("what came is not HTTP: {message}"));
    }
    if let Some(io) = error.source().and_then(|e| e.downcast_ref::<std::io::Error>()) {
        let failure = Failure::from_io(stage, io);
        return Failure { message, ..failure };
    }
    let kind =
        if error.is_incomplete_message() || error.is_closed() || error.is_canceled() { "closed" } else { "protocol" };
    Failure::new(kind, stage, message)
}

//! The stream that an HTTP request travels on: direct, or through a proxy, with
//! or without TLS. Every address is permitted before it is connected to.

use crate::dial::{self, Dialled};
use crate::proxy::Proxy;
use crate::target::Target;
use crate::tls::Client;
use crate::trust::Roots;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, PROXY_AUTHORIZATION};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use seaworthy_model::{Failure, Permit};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// What bytes travel on, whatever is below.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream, ready for a request, and what it took.
pub struct Tunnel {
    /// The stream itself.
    pub stream: Box<dyn Stream>,
    /// The proxy's address when there is a proxy.
    pub remote: SocketAddr,
    /// Time for the name.
    pub lookup: Duration,
    /// Time for the connection.
    pub connect: Duration,
    /// Time for TLS, where there is some.
    pub tls: Option<Duration>,
    /// The task that moves the bytes of a CONNECT tunnel; it ends with this value.
    pub mover: JoinSet<()>,
}

/// Opens a stream to `target`. Plain HTTP through a proxy stops at the proxy,
/// which is asked in absolute form; HTTPS asks it for a tunnel. `roots` judge the
/// certificates of both.
///
/// # Errors
/// Those of a connect and of TLS; `protocol` at stage `proxy` when a proxy refuses.
pub async fn open(
    target: &Target,
    https: bool,
    proxy: Option<&Proxy>,
    roots: &Roots,
    deadline: Instant,
    permit: &dyn Permit,
) -> Result<Tunnel, Failure> {
    let mut mover = JoinSet::new();
    let mut shaken = None;
    let hop = match proxy {
        Some(proxy) => {
            permit_by_name(target, permit)?;
            Target { host: proxy.host.clone(), port: proxy.port }
        }
        None => target.clone(),
    };
    let Dialled { stream, remote, lookup, connect } =
        dial::first(&hop, deadline, permit).await.map_err(|failure| match proxy {
            Some(proxy) => failure.with("proxy", &proxy.label),
            None => failure,
        })?;
    let mut stream: Box<dyn Stream> = Box::new(stream);
    if let Some(proxy) = proxy {
        if proxy.tls {
            stream = shake(stream, &proxy.host, roots, deadline, &mut shaken)
                .await
                .map_err(|f| f.with("proxy", &proxy.label))?;
        }
        if https {
            stream = ask_for_tunnel(stream, target, proxy, deadline, &mut mover).await?;
        }
    }
    if https {
        stream = shake(stream, &target.host, roots, deadline, &mut shaken).await?;
    }
    Ok(Tunnel { stream, remote, lookup, connect, tls: shaken, mover })
}

/// Whether a stream that is open already may be used for `target`.
pub(crate) fn permitted(
    target: &Target,
    proxy: Option<&Proxy>,
    remote: SocketAddr,
    permit: &dyn Permit,
) -> Result<(), Failure> {
    match proxy {
        Some(proxy) => permit_by_name(target, permit).and_then(|()| permit.connect(&proxy.host, remote)),
        None => permit.connect(&target.host, remote),
    }
}

/// A proxy resolves the name itself, so nothing but name and port can be judged here.
pub(crate) fn permit_by_name(target: &Target, permit: &dyn Permit) -> Result<(), Failure> {
    match target.literal() {
        Some(address) => permit.connect(&target.host, SocketAddr::new(address, target.port)),
        None => permit.connect_by_name(&target.host, target.port),
    }
}

pub(crate) async fn shake(
    stream: Box<dyn Stream>,
    host: &str,
    roots: &Roots,
    deadline: Instant,
    spent: &mut Option<Duration>,
) -> Result<Box<dyn Stream>, Failure> {
    let client = Client::new(host, &["http/1.1".to_owned()], roots)?;
    let start = Instant::now();
    let stream = client.handshake(stream, deadline).await?;
    *spent = Some(spent.unwrap_or_default() + start.elapsed());
    Ok(Box::new(stream))
}

async fn ask_for_tunnel(
    stream: Box<dyn Stream>,
    target: &Target,
    proxy: &Proxy,
    deadline: Instant,
    mover: &mut JoinSet<()>,
) -> Result<Box<dyn Stream>, Failure> {
    let answer = ask(stream, target, proxy, deadline, mover).await?;
    let status = answer.status;
    answer.stream.ok_or_else(|| {
        broken(proxy, &format!("answered {status} to CONNECT {target}"))
            .with("proxy-status", status.as_u16().to_string())
    })
}

/// What a proxy said to CONNECT.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The tunnel, when there is one.
    pub(crate) stream: Option<Box<dyn Stream>>,
}

fn broken(proxy: &Proxy, what: &str) -> Failure {
    Failure::new("protocol", "proxy", format!("{} {what}", proxy.label)).with("proxy", &proxy.label)
}

/// Asks a proxy, that `stream` leads to, for a tunnel to `target`.
pub(crate) async fn ask(
    stream: Box<dyn Stream>,
    target: &Target,
    proxy: &Proxy,
    deadline: Instant,
    mover: &mut JoinSet<()>,
) -> Result<Answer, Failure> {
    let broken = |what: &str| broken(proxy, what);
    let slow = || {
        Failure::timeout("proxy", format!("{} did not answer CONNECT {target} in time", proxy.label))
            .with("proxy", &proxy.label)
    };

    let exchange = async {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&format!("does not speak HTTP: {e}")))?;
        mover.spawn(async move {
            // What goes wrong with the connection is reported by whoever uses it.
            let _ = connection.with_upgrades().await;
        });
        let mut request =
            Request::builder().method(Method::CONNECT).uri(target.to_string()).header(HOST, target.to_string());
        if let Some(authorization) = &proxy.authorization {
            request = request.header(PROXY_AUTHORIZATION, authorization.expose());
        }
        let request =
            request.body(Empty::<Bytes>::new()).map_err(|e| broken(&format!("cannot be asked for {target}: {e}")))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|e| broken(&format!("gave no answer to CONNECT {target}: {e}")))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() {
            return Ok(Answer { status, headers, stream: None });
        }
        let upgraded =
            hyper::upgrade::on(response).await.map_err(|e| broken(&format!("broke the tunnel to {target}: {e}")))?;
        Ok(Answer { status, headers, stream: Some(Box::new(TokioIo::new(upgraded))) })
    };
    timeout_at(deadline, exchange).await.unwrap_or_else(|_| Err(slow()))
}

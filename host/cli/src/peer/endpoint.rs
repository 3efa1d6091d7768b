//! The HTTP side of a peer: numbers for Prometheus, probes for Kubernetes.

use crate::error::CliError;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use seaworthy_p2p::Monitor;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections at a time; more wait in the kernel.
const CONNECTIONS: usize = 32;
/// For the head of a request.
const HEAD: Duration = Duration::from_secs(5);
/// A connection is closed after this time, whatever it does.
const CONNECTION: Duration = Duration::from_secs(60);
/// What a Prometheus server recognises OpenMetrics by.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A socket that listens, for a peer that is about to start.
pub(super) struct Endpoint {
    listener: TcpListener,
    /// Where it listens; the port that was taken where 0 was asked for.
    pub(super) address: SocketAddr,
}

impl Endpoint {
    pub(super) async fn bind(address: SocketAddr) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| {
            CliError::Runtime(anyhow::anyhow!(
                "cannot serve metrics on {address}: {error}; choose another address with --metrics, or stop what holds the port"
            ))
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Answers until it is dropped.
    pub(super) async fn serve(self, monitor: Monitor) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let monitor = monitor.clone();
                    tokio::spawn(async move {
                        let _ = timeout(CONNECTION, converse(stream, monitor)).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, usually: others need the time to give some back.
                    tracing::warn!(%error, "cannot take a connection for metrics");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, monitor: Monitor) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &monitor);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection for metrics ended");
    }
}

fn answer(method: &Method, path: &str, monitor: &Monitor) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "ask with GET or HEAD\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/metrics" => response(StatusCode::OK, OPEN_METRICS, monitor.open_metrics()),
        "/healthz" => health(monitor, |health| health.alive),
        "/readyz" => health(monitor, |health| health.ready),
        "/" => text(StatusCode::OK, "a seaworthy peer: /metrics /healthz /readyz\n"),
        _ => text(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n"),
    }
}

/// 200 or 503, and why, for people and machines.
fn health(monitor: &Monitor, good: fn(&seaworthy_p2p::Health) -> bool) -> Response<Full<Bytes>> {
    let health = monitor.health();
    let status = if good(&health) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let age = u64::try_from(health.heartbeat_age.as_millis()).unwrap_or(u64::MAX);
    let body = serde_json::json!({
        "alive": health.alive,
        "ready": health.ready,
        "reasons": health.reasons,
        "heartbeat_age_ms": age,
    });
    response(status, "application/json", format!("{body}\n"))
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", body.to_owned())
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

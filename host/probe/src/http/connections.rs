use super::broken;
use crate::target::Target;
use crate::tunnel::Tunnel;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use seaworthy_model::Failure;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long a connection without a request is kept. Shorter than what common servers
/// allow (nginx 75 s, Node.js 5 s), so that it is seldom closed under a request.
const IDLE: Duration = Duration::from_secs(4);
/// Connections kept for one way.
const MOST: usize = 4;

/// Open connections that wait for the next request of the same way.
///
/// For those who ask the same server again and again, such as an adapter. A check takes
/// a new one each time: that it can be made is part of what it wants to know.
#[derive(Default)]
pub struct Connections {
    idle: Mutex<Vec<(Way, Link, Instant)>>,
}

/// What a connection leads to, and how.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) https: bool,
    pub(super) target: Target,
    /// Label of the proxy.
    pub(super) proxy: Option<String>,
}

impl Connections {
    /// One that is ready, if there is one.
    pub(super) fn take(&self, way: &Way) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, link, since)| since.elapsed() < IDLE && !link.sender.is_closed());
        let at = idle.iter().rposition(|(known, link, _)| known == way && link.sender.is_ready())?;
        Some(idle.remove(at).1)
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn keep(&self, way: &Way, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.iter().filter(|(known, _, _)| known == way).count() < MOST {
            idle.push((way.clone(), link, Instant::now()));
        }
    }
}

/// A connection that speaks HTTP. Its tasks end with this value: nothing outlives it.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    remote: SocketAddr,
    _tasks: (JoinSet<()>, JoinSet<()>),
}

/// A request without an answer.
pub(super) struct Unsent {
    pub(super) error: hyper::Error,
    /// The request itself, where none of it was written.
    pub(super) request: Option<Request<Full<Bytes>>>,
}

impl Link {
    pub(super) async fn over(tunnel: Tunnel) -> Result<Self, Failure> {
        let Tunnel { stream, remote, mover, .. } = tunnel;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken("head", &error))?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // What goes wrong is reported by the request that waits for it.
            let _ = connection.await;
        });
        Ok(Self { sender, remote, _tasks: (task, mover) })
    }

    /// The other end: the proxy's where there is one.
    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unsent> {
        self.sender.try_send_request(request).await.map_err(|mut refused| {
            let request = refused.take_message();
            Unsent { error: refused.into_error(), request }
        })
    }
}

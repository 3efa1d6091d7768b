//! Listening for clients.

use crate::proxy::Proxy;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// For the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a head, at most.
const MOST_HEAD: usize = 64 * 1024;
/// For requests under way when the end has come, and once more for what is to be stored.
const LAST: Duration = Duration::from_secs(5);

/// Answers clients until `stop` turns true.
///
/// *Behaviour*: then nobody new is let in, requests under way are answered and answers
/// on their way into the tiers are stored, for five seconds each at most.
pub async fn serve(listener: TcpListener, proxy: Arc<Proxy>, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(proxy.options().connections));
    let mut conversations = JoinSet::new();
    let ended = stop.clone();
    let accepting = async {
        loop {
            // The semaphore is never closed.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            while conversations.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (proxy, ended) = (Arc::clone(&proxy), ended.clone());
                    conversations.spawn(async move {
                        converse(stream, proxy, ended).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, usually: others need the time to give some back.
                    tracing::warn!(%error, "cannot take a connection");
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = told_to_stop(&mut stop) => {}
    }
    drop(listener);
    if timeout(LAST, async { while conversations.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("some requests were still under way at the end");
    }
    proxy.settle(LAST).await;
}

/// Waits for the end; whoever could have said it being gone is one too.
async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn converse(stream: TcpStream, proxy: Arc<Proxy>, mut stop: watch::Receiver<bool>) {
    // Small answers are not to wait for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, Infallible>(proxy.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to_stop(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of a client ended");
    }
}

//! Tiers and origins for the tests of this crate.

use crate::shelf::HasTiers;
use async_trait::async_trait;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use seaworthy_cache::{Backend, Blob, CacheError, Capability, Entry, Operation, PutPolicy, Tier, Tiers};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// A map in memory, with a property, a delay, or an error.
#[derive(Default)]
pub(crate) struct Map {
    pub(crate) values: Mutex<BTreeMap<String, Blob>>,
    pub(crate) property: &'static str,
    pub(crate) delay: Duration,
    /// What a put takes in addition.
    pub(crate) slow_put: Duration,
    pub(crate) broken: bool,
}

impl Map {
    pub(crate) fn with(property: &'static str) -> Arc<Self> {
        Arc::new(Self { property, ..Self::default() })
    }

    pub(crate) fn len(&self) -> usize {
        self.values.lock().unwrap().len()
    }

    /// Everything that it holds, names included, for what must not be in there.
    pub(crate) fn contains(&self, text: &str) -> bool {
        let values = self.values.lock().unwrap();
        let within = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        values.iter().any(|(key, blob)| {
            key.contains(text)
                || within(&blob.bytes)
                || blob.metadata.iter().any(|(k, v)| k.contains(text) || v.contains(text))
        })
    }

    async fn work(&self, operation: &str) -> Result<(), CacheError> {
        tokio::time::sleep(self.delay).await;
        if self.broken { Err(CacheError::unreachable(operation, "out of order")) } else { Ok(()) }
    }
}

#[async_trait]
impl Backend for Map {
    async fn open(&self) -> Result<Capability, CacheError> {
        let mut capability = Capability::of(Operation::ALL);
        capability.properties.insert(self.property.to_owned());
        Ok(capability)
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.work("get").await?;
        Ok(self.values.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        self.work("put").await?;
        tokio::time::sleep(self.slow_put).await;
        self.values.lock().unwrap().insert(key.into(), value);
        Ok(())
    }

    async fn stat(&self, _: &str) -> Result<Option<Entry>, CacheError> {
        Ok(None)
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.work("invalidate").await?;
        self.values.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(&self, _: &str, _: u32) -> Result<Vec<Entry>, CacheError> {
        Ok(Vec::new())
    }
}

pub(crate) struct Shelves(Tiers);

impl Shelves {
    pub(crate) fn of(tiers: &[(&str, Arc<Map>)]) -> Arc<Self> {
        let tiers = tiers.iter().map(|(label, map)| Tier::new(*label, map.clone()));
        Arc::new(Self(Tiers::new(tiers.collect(), PutPolicy::First)))
    }
}

impl HasTiers for Shelves {
    fn tiers(&self) -> &Tiers {
        &self.0
    }
}

/// What an origin was asked: method, path, headers.
pub(crate) type Heard = (String, String, BTreeMap<String, String>);
/// What it answers.
pub(crate) type Said = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// An origin on loopback that answers as it is told, and remembers what it was asked.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    pub(crate) heard: Arc<Mutex<Vec<Heard>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(delay: Duration, script: impl Fn(&Heard) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (script, known) = (Arc::new(script), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            let mut talks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, known) = (Arc::clone(&script), Arc::clone(&known));
                talks.spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let headers = request.headers().iter();
                        let heard: Heard = (
                            request.method().to_string(),
                            request.uri().to_string(),
                            headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect(),
                        );
                        let (status, headers, body) = script(&heard);
                        known.lock().unwrap().push(heard);
                        async move {
                            tokio::time::sleep(delay).await;
                            let mut response = Response::builder().status(status);
                            for (name, value) in headers {
                                response = response.header(name, value);
                            }
                            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
                        }
                    });
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, heard, task }
    }

    pub(crate) fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> Heard {
        self.heard.lock().unwrap().last().cloned().unwrap()
    }

    /// Ends it: nothing listens there any more, and no connection is left.
    pub(crate) async fn end(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

//! What is done with a request.

use crate::answer::Answer;
use crate::asked::Asked;
use crate::body::{Body, empty, full, streamed};
use crate::conditional::{Part, not_modified, part};
use crate::flight::Requests;
use crate::headers::{CACHE, strip_hop_by_hop, strip_momentary};
use crate::keys::Keys;
use crate::life::Life;
use crate::options::Options;
use crate::origin::Origin;
use crate::own_pages::{BELOW, json_answer, page};
use crate::shelf::{HasTiers, Shelf};
use crate::stats::{Outcome, Stats};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, IF_MATCH, IF_UNMODIFIED_SINCE, VIA,
};
use hyper::{Method, Request, Response, StatusCode};
use seaworthy_model::Failure;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// URLs whose invalidation is remembered, and indexes of variants, at most.
pub(crate) const MOST_REMEMBERED: usize = 4096;

/// A proxy in front of one origin.
pub struct Proxy {
    pub(crate) origin: Origin,
    pub(crate) keys: Arc<Keys>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) flights: Requests,
    pub(crate) stats: Arc<Stats>,
    pub(crate) options: Options,
    /// By which it knows its own requests again.
    pub(crate) pseudonym: String,
    /// When something was last written to a URL through this proxy.
    written: Mutex<HashMap<String, SystemTime>>,
    /// Which request headers select the answers of a name.
    pub(crate) indexes: Mutex<HashMap<String, Index>>,
}

/// Which request headers select one of several answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) names: Vec<String>,
    pub(crate) nonce: String,
}

/// An answer to a client, and how it came about.
pub(crate) struct Reply {
    pub(crate) response: Response<Body>,
    pub(crate) outcome: Outcome,
    pub(crate) tier: Option<String>,
}

impl Reply {
    pub(crate) fn new(response: Response<Body>, outcome: Outcome) -> Self {
        Self { response, outcome, tier: None }
    }
}

impl Proxy {
    /// A proxy of `origin` that keeps answers in `tiers`.
    #[must_use]
    pub fn new(origin: Origin, tiers: Arc<dyn HasTiers>, keys: Keys, options: Options) -> Self {
        let (keys, stats) = (Arc::new(keys), Arc::new(Stats::default()));
        let shelf = Shelf::new(tiers, Arc::clone(&keys), Arc::clone(&stats), options.tier_budget);
        Self {
            origin,
            keys,
            shelf: Arc::new(shelf),
            flights: Arc::default(),
            stats,
            options,
            pseudonym: format!("seaworthy-{:08x}", rand::random::<u32>()),
            written: Mutex::default(),
            indexes: Mutex::default(),
        }
    }

    /// How it behaves.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Waits until every answer on its way into the tiers is there, for at most `patience`.
    pub async fn settle(&self, patience: Duration) {
        self.shelf.settle(patience).await;
    }

    /// Answers a request. *Behaviour*: whatever the cache does, there is an answer.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let path = request.uri().path();
        if path.starts_with(BELOW) {
            return page(request.method(), path, || self.stats.json(self.shelf.storing()));
        }
        let (head, body) = request.into_parts();
        if head.method == Method::CONNECT || head.headers.contains_key("upgrade") {
            return said(StatusCode::NOT_IMPLEMENTED, "this proxy opens no tunnels and upgrades nothing");
        }
        let mine = |value: &HeaderValue| value.to_str().is_ok_and(|via| via.contains(&self.pseudonym));
        if head.headers.get_all(VIA).iter().any(mine) {
            return said(
                StatusCode::LOOP_DETECTED,
                "the origin of this proxy is this proxy; set --origin to the real one",
            );
        }
        let method = head.method.clone();
        let Some(asked) = Asked::read(head, &self.origin, &self.keys) else {
            return said(StatusCode::BAD_REQUEST, "the path leaves the origin");
        };
        // Without the query: tokens are put there.
        let path = asked.url.path().to_owned();
        let Reply { mut response, outcome, tier } = self.decide(asked, body).await;
        let took = started.elapsed();
        let bytes = response.body().size_hint().exact();
        self.stats.answered(outcome, tier.as_deref(), took, bytes);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (status, shown) = (response.status().as_u16(), tier.as_deref().unwrap_or("-"));
        tracing::info!(%method, path, status, outcome = outcome.word(), tier = shown, millis, "answered");
        let word = match (outcome, tier) {
            (Outcome::Shared, _) => "hit; tier=flight".to_owned(),
            (_, Some(tier)) => format!("{}; tier={tier}", outcome.word()),
            (_, None) => outcome.word().to_owned(),
        };
        if let Ok(word) = HeaderValue::from_str(&word) {
            response.headers_mut().insert(CACHE, word);
        }
        response.headers_mut().append(VIA, HeaderValue::from_static("1.1 seaworthy"));
        response
    }

    async fn decide(self: &Arc<Self>, asked: Asked, body: Incoming) -> Reply {
        let with_body = !body.is_end_stream();
        if !matches!(asked.head.method, Method::GET | Method::HEAD) {
            return self.write(asked, body).await;
        }
        let guarded = [IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| asked.headers().contains_key(name));
        if with_body || guarded || asked.refuses_cache() {
            return self.pass(&asked, with_body.then_some(body)).await;
        }
        let asked = Arc::new(asked);
        let looking = Instant::now();
        let looked = self.look(&asked).await;
        let micros = u64::try_from(looking.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(micros, found = looked.kept.is_some(), "looked into the tiers");
        if let Some(kept) = &looked.kept {
            let life = Life::of(&kept.answer, asked.private, SystemTime::now());
            if !self.outdated(&asked, &kept.answer) {
                if asked.takes(&life) {
                    return self.serve(&asked, &kept.answer, Outcome::Hit, Some(kept.tier.clone()));
                }
                if asked.takes_stale(&life) {
                    let reply = self.serve(&asked, &kept.answer, Outcome::Stale, Some(kept.tier.clone()));
                    self.refresh(asked, looked);
                    return reply;
                }
            }
        }
        if asked.directives.has("only-if-cached") {
            return Reply::new(
                said(StatusCode::GATEWAY_TIMEOUT, "not in the cache, and only-if-cached was asked for"),
                Outcome::Miss,
            );
        }
        if !asked.is_get() || (looked.kept.is_none() && asked.wants_part()) {
            return self.pass(&asked, None).await;
        }
        self.fetch(asked, looked).await
    }

    /// Answers with what is kept, or with the part of it that the client asked for.
    pub(crate) fn serve(&self, asked: &Asked, answer: &Answer, outcome: Outcome, tier: Option<String>) -> Reply {
        let mut headers = answer.headers.clone();
        if outcome != Outcome::Miss {
            let age = Life::of(answer, asked.private, SystemTime::now()).age.as_secs();
            headers.insert(AGE, HeaderValue::from(age));
        }
        if matches!(outcome, Outcome::Hit | Outcome::Stale | Outcome::Shared) {
            strip_momentary(&mut headers);
        }
        let whole = answer.status == StatusCode::OK;
        let mut status = answer.status;
        let length = answer.body.len();
        let mut body = answer.body.clone();
        if whole && not_modified(asked.headers(), &answer.headers) {
            status = StatusCode::NOT_MODIFIED;
            headers.remove(CONTENT_LENGTH);
            headers.remove(CONTENT_TYPE);
            body.clear();
        } else if whole && asked.is_get() {
            match part(asked.headers(), &answer.headers, length) {
                Part::Whole => {}
                Part::Bytes(first, last) => {
                    status = StatusCode::PARTIAL_CONTENT;
                    body = body.slice(first..=last);
                    set(&mut headers, &format!("bytes {first}-{last}/{length}"));
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                }
                Part::Outside => {
                    status = StatusCode::RANGE_NOT_SATISFIABLE;
                    body.clear();
                    set(&mut headers, &format!("bytes */{length}"));
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
                }
            }
        }
        if !asked.is_get() && status != StatusCode::NOT_MODIFIED {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            body.clear();
        }
        let mut response = Response::new(if body.is_empty() { empty() } else { full(body) });
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Reply { response, outcome, tier }
    }

    /// Lets a request through, and its answer back, as they are.
    async fn pass(&self, asked: &Asked, body: Option<Incoming>) -> Reply {
        let head = self.towards_origin(asked);
        self.stats.asked_origin();
        match self.origin.send(&asked.url, &head, body.map(streamed), self.options.origin_timeout).await {
            Ok(response) => Reply::new(self.passed(response), Outcome::Bypass),
            Err(failure) => Reply::new(self.unreachable(&failure), Outcome::Bypass),
        }
    }

    /// The head of a request as the origin gets it.
    pub(crate) fn towards_origin(&self, asked: &Asked) -> hyper::http::request::Parts {
        let mut head = asked.head.clone();
        if let Ok(via) = HeaderValue::from_str(&format!("1.1 {}", self.pseudonym)) {
            head.headers.append(VIA, via);
        }
        head
    }

    /// An answer of the origin on its way to a client.
    pub(crate) fn passed(&self, response: Response<Incoming>) -> Response<Body> {
        self.stats.limited(response.headers());
        let (mut head, body) = response.into_parts();
        strip_hop_by_hop(&mut head.headers);
        Response::from_parts(head, streamed(body))
    }

    /// Lets a request through that may change something. When the origin did it, what is
    /// kept of the URL is not trusted any more (RFC 9111 section 4.4).
    async fn write(self: &Arc<Self>, asked: Asked, body: Incoming) -> Reply {
        let safe = matches!(asked.head.method, Method::OPTIONS | Method::TRACE);
        let body = (!body.is_end_stream()).then_some(body);
        let reply = self.pass(&asked, body).await;
        let status = reply.response.status();
        if !safe && (status.is_success() || status.is_redirection()) {
            let names = [asked.name.clone(), asked.public_name(&self.keys)];
            {
                let mut written = lock(&self.written);
                if written.len() >= MOST_REMEMBERED {
                    forget_older_half(&mut written);
                }
                written.insert(asked.place, SystemTime::now());
            }
            lock(&self.indexes).retain(|name, _| !names.contains(name));
            names.into_iter().for_each(|name| self.shelf.forget(name));
        }
        reply
    }

    /// Whether something was written to the URL since an answer came.
    fn outdated(&self, asked: &Asked, answer: &Answer) -> bool {
        lock(&self.written).get(&asked.place).is_some_and(|written| answer.received <= *written)
    }

    /// Says that the origin could not be asked.
    pub(crate) fn unreachable(&self, failure: &Failure) -> Response<Body> {
        self.stats.origin_failed();
        tracing::warn!(kind = %failure.kind, stage = %failure.stage, "the origin cannot be asked: {}", failure.message);
        let status = if failure.kind == "timeout" { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
        said(status, &format!("the origin {} cannot be asked: {}", self.origin.label(), failure.message))
    }
}

/// An answer of the proxy's own.
fn said(status: StatusCode, message: &str) -> Response<Body> {
    json_answer(status, &json!({ "message": format!("seaworthy: {message}") }))
}

fn set(headers: &mut hyper::HeaderMap, range: &str) {
    if let Ok(value) = HeaderValue::from_str(range) {
        headers.insert(CONTENT_RANGE, value);
    }
}

fn forget_older_half(written: &mut HashMap<String, SystemTime>) {
    let mut times: Vec<SystemTime> = written.values().copied().collect();
    times.sort_unstable();
    if let Some(middle) = times.get(times.len() / 2).copied() {
        written.retain(|_, time| *time > middle);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

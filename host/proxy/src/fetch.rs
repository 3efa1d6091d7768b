//! From the tiers and from the origin, and back into the tiers.

use crate::answer::{Answer, Record};
use crate::asked::Asked;
use crate::body::{Read, read};
use crate::conditional::CONDITIONS;
use crate::flight::{self, Lead, Turn};
use crate::headers::{selecting, strip_hop_by_hop, update};
use crate::life::Life;
use crate::proxy::{Index, MOST_REMEMBERED, Proxy, Reply, lock};
use crate::stats::Outcome;
use hyper::body::Incoming;
use hyper::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE};
use hyper::{Response, StatusCode};
use seaworthy_model::Failure;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long it is kept which request headers select an answer. Without it the answers
/// are not found, which costs a request and nothing else.
const INDEX_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// An answer from the tiers.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) answer: Arc<Answer>,
    pub(crate) tier: String,
}

/// What the tiers had.
#[derive(Clone, Default)]
pub(crate) struct Looked {
    pub(crate) kept: Option<Kept>,
    index: Option<Index>,
}

impl Proxy {
    /// Looks for the answer to a request.
    pub(crate) async fn look(&self, asked: &Asked) -> Looked {
        let known = lock(&self.indexes).get(&asked.name).cloned();
        if let Some(index) = &known {
            let kept = self.variant(asked, index).await;
            if kept.is_some() {
                return Looked { kept, index: known };
            }
        }
        let Some((tier, record)) = self.shelf.find(&asked.name, asked.private).await else {
            return Looked { kept: None, index: known };
        };
        match record.as_ref() {
            Record::Answer(answer) => {
                let kept = answer.selected_by.is_empty().then(|| Kept { answer: Arc::clone(answer), tier });
                Looked { kept, index: None }
            }
            Record::Variants { names, nonce } => {
                let index = Index { names: names.clone(), nonce: nonce.clone() };
                // The same as before was looked for already.
                let kept = if known.as_ref() == Some(&index) { None } else { self.variant(asked, &index).await };
                self.remember(&asked.name, &index);
                Looked { kept, index: Some(index) }
            }
        }
    }

    async fn variant(&self, asked: &Asked, index: &Index) -> Option<Kept> {
        let name = asked.variant(&index.names, &index.nonce, &self.keys);
        let (tier, record) = self.shelf.find(&name, asked.private).await?;
        let Record::Answer(answer) = record.as_ref() else { return None };
        let right = answer.selected_by == asked.selected_by(&index.names, &self.keys);
        right.then(|| Kept { answer: Arc::clone(answer), tier })
    }

    fn remember(&self, name: &str, index: &Index) {
        let mut indexes = lock(&self.indexes);
        if indexes.len() >= MOST_REMEMBERED {
            indexes.clear();
        }
        indexes.insert(name.to_owned(), index.clone());
    }

    /// Asks the origin, together with everybody who asks the same at this moment.
    ///
    /// *Behaviour*: goes on when the client goes away, for those who wait.
    pub(crate) async fn fetch(self: &Arc<Self>, asked: Arc<Asked>, looked: Looked) -> Reply {
        // Who has an answer already asks for less, so that is another request.
        let conditions = match looked.kept {
            Some(_) => Vec::new(),
            None => CONDITIONS.iter().filter_map(|name| asked.headers().get(name)).map(|v| v.as_bytes()).collect(),
        };
        let name = self.keys.name(&[&[b"flight".as_slice(), asked.name.as_bytes()][..], &conditions].concat());
        match flight::join(&self.flights, &name).await {
            Turn::Followed(Some(answer)) if self.selects(&asked, &answer) => {
                self.serve(&asked, &answer, Outcome::Shared, None)
            }
            Turn::Followed(_) => self.ask(&asked, looked, None).await,
            Turn::Lead(lead) => {
                let (proxy, to_ask) = (Arc::clone(self), Arc::clone(&asked));
                let asking = tokio::spawn(async move { proxy.ask(&to_ask, looked, Some(lead)).await });
                asking.await.unwrap_or_else(|error| {
                    let failure = Failure::new("other", "proxy", format!("the request ended early: {error}"));
                    Reply::new(self.unreachable(&failure), Outcome::Miss)
                })
            }
        }
    }

    /// Validates in the background what was just served past its life; once at a time.
    pub(crate) fn refresh(self: &Arc<Self>, asked: Arc<Asked>, looked: Looked) {
        let proxy = Arc::clone(self);
        tokio::spawn(async move { drop(proxy.fetch(asked, looked).await) });
    }

    /// Whether an answer to somebody else's equal request is one to this request.
    fn selects(&self, asked: &Asked, answer: &Answer) -> bool {
        selecting(&answer.headers).is_some_and(|names| asked.selected_by(&names, &self.keys) == answer.selected_by)
    }

    async fn ask(self: &Arc<Self>, asked: &Asked, looked: Looked, lead: Option<Lead>) -> Reply {
        let mut head = self.towards_origin(asked);
        if let Some(kept) = &looked.kept {
            for name in CONDITIONS.iter().chain(&[RANGE]) {
                head.headers.remove(name);
            }
            for (from, to) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
                if let Some(validator) = kept.answer.headers.get(from) {
                    head.headers.insert(to, validator.clone());
                }
            }
        }
        self.stats.asked_origin();
        let response = match self.origin.send(&asked.url, &head, None, self.options.origin_timeout).await {
            Ok(response) => response,
            Err(failure) => return self.without_origin(asked, &looked, &failure),
        };
        match (&looked.kept, response.status()) {
            (Some(kept), StatusCode::NOT_MODIFIED) => self.confirmed(asked, kept, &looked, &response, lead),
            (
                Some(kept),
                StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT,
            ) if self.stands_in(asked, kept) => {
                self.stats.origin_failed();
                tracing::warn!(status = response.status().as_u16(), "the origin fails, a stale answer stands in");
                self.serve(asked, &kept.answer, Outcome::Stale, Some(kept.tier.clone()))
            }
            _ => self.answered(asked, looked, response, lead).await,
        }
    }

    /// The origin cannot be asked: what is kept may stand in.
    fn without_origin(&self, asked: &Asked, looked: &Looked, failure: &Failure) -> Reply {
        let response = self.unreachable(failure);
        match &looked.kept {
            Some(kept) if self.stands_in(asked, kept) => {
                self.serve(asked, &kept.answer, Outcome::Stale, Some(kept.tier.clone()))
            }
            _ => Reply::new(response, Outcome::Miss),
        }
    }

    fn stands_in(&self, asked: &Asked, kept: &Kept) -> bool {
        let life = Life::of(&kept.answer, asked.private, SystemTime::now());
        asked.takes_in_need(&life, self.options.stale_if_error)
    }

    /// The origin says that what is kept is still right, and gives it a new life.
    fn confirmed(
        self: &Arc<Self>,
        asked: &Asked,
        kept: &Kept,
        looked: &Looked,
        response: &Response<Incoming>,
        lead: Option<Lead>,
    ) -> Reply {
        self.stats.not_modified();
        self.stats.limited(response.headers());
        let mut confirmed = response.headers().clone();
        strip_hop_by_hop(&mut confirmed);
        let mut answer = (*kept.answer).clone();
        update(&mut answer.headers, &confirmed);
        answer.received = SystemTime::now();
        let answer = Arc::new(answer);
        self.store(asked, &answer, looked);
        self.land(asked, &answer, lead);
        self.serve(asked, &answer, Outcome::Revalidated, Some(kept.tier.clone()))
    }

    async fn answered(
        self: &Arc<Self>,
        asked: &Asked,
        looked: Looked,
        mut response: Response<Incoming>,
        lead: Option<Lead>,
    ) -> Reply {
        let now = SystemTime::now();
        strip_hop_by_hop(response.headers_mut());
        let life = Life::judge(response.status(), response.headers(), now, asked.private, now);
        let worth = life.worth(self.options.keep_stale, self.options.stale_if_error);
        let names = selecting(response.headers());
        let (Some(_), Some(names)) = (worth, names) else {
            if looked.kept.is_some() && response.status().is_success() {
                // What is kept was replaced by something that may not be.
                lock(&self.indexes).remove(&asked.name);
                self.shelf.forget(asked.name.clone());
            }
            return Reply::new(self.passed(response), Outcome::Miss);
        };
        self.stats.limited(response.headers());
        let (head, body) = response.into_parts();
        let body = match read(body, self.options.max_body, self.options.origin_timeout).await {
            Ok(Read::Whole(body)) => body,
            Ok(Read::Longer(body)) => return Reply::new(Response::from_parts(head, body), Outcome::Miss),
            Err(broken) => {
                let failure = match broken {
                    Some(error) => Failure::new("closed", "body", format!("its answer broke off: {error}")),
                    None => Failure::timeout("body", "its answer did not end in time"),
                };
                return self.without_origin(asked, &looked, &failure);
            }
        };
        let selected_by = asked.selected_by(&names, &self.keys);
        let answer = Answer { status: head.status, headers: head.headers, body, received: now, selected_by };
        let answer = Arc::new(answer);
        self.store(asked, &answer, &looked);
        self.land(asked, &answer, lead);
        self.serve(asked, &answer, Outcome::Miss, None)
    }

    /// Gives an answer to those who wait for it, where it may be used more than once.
    fn land(&self, asked: &Asked, answer: &Arc<Answer>, lead: Option<Lead>) {
        let fresh = Life::of(answer, asked.private, SystemTime::now()).fresh();
        if let Some(lead) = lead.filter(|_| fresh) {
            lead.land(Arc::clone(answer));
        }
    }

    /// Keeps an answer for as long as it is of use.
    fn store(self: &Arc<Self>, asked: &Asked, answer: &Arc<Answer>, looked: &Looked) {
        let life = Life::of(answer, asked.private, SystemTime::now());
        let Some(worth) = life.worth(self.options.keep_stale, self.options.stale_if_error) else { return };
        let Some(names) = selecting(&answer.headers) else { return };
        let selected_by = asked.selected_by(&names, &self.keys);
        let answer = if answer.selected_by == selected_by {
            Arc::clone(answer)
        } else {
            Arc::new(Answer { selected_by, ..(**answer).clone() })
        };
        if answer.selected_by.is_empty() {
            lock(&self.indexes).remove(&asked.name);
            self.shelf.keep(asked.name.clone(), Record::Answer(answer), asked.private, worth);
            return;
        }
        let index = match &looked.index {
            Some(index) if index.names == names => index.clone(),
            _ => {
                let index = Index { names, nonce: format!("{:032x}", rand::random::<u128>()) };
                let record = Record::Variants { names: index.names.clone(), nonce: index.nonce.clone() };
                self.shelf.keep(asked.name.clone(), record, asked.private, INDEX_LIFE);
                index
            }
        };
        self.remember(&asked.name, &index);
        let name = asked.variant(&index.names, &index.nonce, &self.keys);
        self.shelf.keep(name, Record::Answer(answer), asked.private, worth);
    }
}

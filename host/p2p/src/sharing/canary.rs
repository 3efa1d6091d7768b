//! An entry that goes out on one connection and comes back on another.

use super::Line;
use crate::Blob;
use crate::Node;
use crate::envelope::{Entry, now_ms};
use crate::link::{self, Agreement, call, other_secret, unexpected};
use crate::reach::Facts;
use crate::session::Session;
use crate::wire::{Bytes, FRAME_OVERHEAD, Request, Response};
use seaworthy_model::{Failure, Permit};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of the small one: it fits any packet.
pub(super) const SMALL: usize = 64;
/// Its life, should it not be removed. Longer than the skew that peers accept.
const LIFE: Duration = Duration::from_secs(120);
/// For removing it again, when the time for everything else is over.
pub(super) const REMOVAL: Duration = Duration::from_millis(500);

/// An entry of random bytes under a name of its own.
pub(super) struct Canary {
    pub(super) key: String,
    bytes: Vec<u8>,
}

impl Canary {
    pub(super) fn new(length: usize) -> Self {
        let key = format!("seaworthy-check/{:032x}/canary", rand::random::<u128>());
        let mut bytes = vec![0; length];
        rand::fill(&mut bytes[..]);
        Self { key, bytes }
    }

    /// Puts it.
    ///
    /// # Errors
    /// The peer's refusal, or kind `too-large` without asking when it said that it
    /// takes no such value.
    pub(super) async fn put(&self, line: &Line) -> Result<(), Failure> {
        let length = self.bytes.len();
        if length > line.max_value {
            let message = format!("{length} bytes were to be put, and the peer takes {} at most", line.max_value);
            return Err(Failure::new("too-large", "put", message).with("max-value-bytes", line.max_value.to_string()));
        }
        let ttl_ms = u64::try_from(LIFE.as_millis()).ok();
        let blob = Blob { bytes: self.bytes.clone(), ttl_ms, ..Blob::default() };
        let sealed = Entry::new(&blob, now_ms()).seal(&line.secret, &self.key)?;
        let request = Request::Put { key: self.key.clone(), sealed: Bytes(sealed) };
        match ask(&line.session, &request, line).await.map_err(|failure| at("put", failure))? {
            Response::Stored { kept: true } => Ok(()),
            Response::Stored { kept: false } => Err(Failure::new(
                "canary-differs",
                "put",
                "the peer says that it holds a newer value under a name that was just made up",
            )),
            other => Err(unexpected("put", &other)),
        }
    }

    /// Whether it is there, unchanged. False when there is nothing.
    ///
    /// # Errors
    /// Kind `canary-differs` when something else is there.
    pub(super) async fn is_there(&self, session: &Session, line: &Line) -> Result<bool, Failure> {
        let request = Request::Get { key: self.key.clone() };
        let sealed = match ask(session, &request, line).await.map_err(|failure| at("get", failure))? {
            Response::Value { sealed } => sealed.0,
            Response::Miss => return Ok(false),
            other => return Err(unexpected("get", &other)),
        };
        let differs = |message: String| Failure::new("canary-differs", "get", message);
        let entry = Entry::open(&line.secret, &self.key, &sealed).map_err(|failure| differs(failure.message))?;
        match entry.into_blob(now_ms()) {
            Some(blob) if blob.bytes == self.bytes => Ok(true),
            Some(blob) => {
                Err(differs(format!("{} bytes were put, and {} others came back", self.bytes.len(), blob.bytes.len())))
            }
            None => Err(differs("what came back has expired, and should live for two minutes more".into())),
        }
    }

    /// Removes it, as far as that goes.
    pub(super) async fn remove(&self, line: &Line) -> bool {
        let request = Request::Invalidate { key: self.key.clone() };
        let until = line.end.min(Instant::now() + REMOVAL);
        let answer = call(&line.session, &request, link::SMALL, until).await;
        matches!(answer, Ok(Response::Invalidated { .. }))
    }
}

async fn ask(session: &Session, request: &Request, line: &Line) -> Result<Response, Failure> {
    call(session, request, line.max_value.saturating_add(FRAME_OVERHEAD), line.deadline).await
}

/// Says which half it was, where the failure tells of a stream only.
fn at(half: &str, failure: Failure) -> Failure {
    Failure { message: format!("{half}: {}", failure.message), ..failure }.with("half", half)
}

/// Puts `length` bytes on the line, gets them on a new connection and removes them.
///
/// # Errors
/// Kind `canary-lost` when they are not there, `canary-differs` when others are.
pub(super) async fn exchange(
    node: &Node,
    line: &Line,
    length: usize,
    permit: &dyn Permit,
) -> Result<((), Facts), Failure> {
    let canary = Canary::new(length);
    let outcome = there_and_back(node, line, &canary, permit).await;
    let removed = canary.remove(line).await;
    let (put, got) = outcome?;
    let facts = [
        ("bytes", length.to_string()),
        ("put-ms", millis(put)),
        ("get-ms", millis(got)),
        ("removed", removed.to_string()),
    ];
    Ok(((), facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

async fn there_and_back(
    node: &Node,
    line: &Line,
    canary: &Canary,
    permit: &dyn Permit,
) -> Result<(Duration, Duration), Failure> {
    let started = Instant::now();
    canary.put(line).await?;
    let put = started.elapsed();
    let other = node.connect(&line.address, line.deadline, permit).await?;
    let Agreement::Same { .. } = link::agree(node, &other, &line.secret, line.deadline).await? else {
        return Err(other_secret());
    };
    let started = Instant::now();
    if !canary.is_there(&other, line).await? {
        return Err(Failure::new(
            "canary-lost",
            "get",
            "the peer confirmed an entry, and on another connection it was not there",
        ));
    }
    Ok((put, started.elapsed()))
}

/// Milliseconds with three decimals.
pub(super) fn millis(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1e3)
}

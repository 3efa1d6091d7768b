//! Answers to those who follow us.

use super::behaviour::Answer;
use super::contact::Contact;
use super::flow::{Origin, Position};
use super::service::Service;
use crate::envelope::now_ms;
use crate::store::StoreError;
use crate::wire::{Budget, Bytes, Response, SealedEntry};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Before the next try, when there is no room for an answer.
const FULL_PAUSE: Duration = Duration::from_millis(100);

impl Service {
    /// As [`Service::since`], with a share of `answers` for what is there: one who only
    /// waits takes none. None when there is no room for it.
    fn since_within(
        &self,
        position: Position,
        max_bytes: u64,
        to: &Origin,
        answers: &Budget,
    ) -> Result<Option<Answer>, StoreError> {
        let page = max_bytes.min(self.max_value as u64);
        let size = self.store.waiting(self.cursor(position), page, now_ms());
        let Some(share) = answers.take(usize::try_from(size).unwrap_or(usize::MAX)) else { return Ok(None) };
        let response = self.since(position, max_bytes, Some(to))?;
        Ok(Some(Answer { response, share: Some(share) }))
    }

    /// Where `position` is in this opening of the store.
    fn cursor(&self, position: Position) -> u64 {
        if position.store == self.flow.id { position.cursor } else { 0 }
    }

    /// Entries after `position`, or all when it is one of another store or of
    /// another opening of this one. Without those that `to` told us
    /// of, and those beyond `max_bytes`.
    pub(super) fn since(
        &self,
        position: Position,
        max_bytes: u64,
        to: Option<&Origin>,
    ) -> Result<Response, StoreError> {
        let page = self.store.since(self.cursor(position), max_bytes.min(self.max_value as u64), now_ms())?;
        let told_us = |key: &str| to.is_some_and(|to| self.flow.came_from(key, to));
        // The first entry of a page is there whatever its size.
        let entries = page.entries.into_iter().filter(|(_, sealed)| sealed.len() as u64 <= max_bytes);
        let entries = entries.filter(|(key, _)| !told_us(key));
        Ok(Response::Entries {
            store: self.flow.id,
            entries: entries.map(|(key, sealed)| SealedEntry { key, sealed: Bytes(sealed) }).collect(),
            next: page.next,
            more: page.more,
        })
    }
}

/// One who follows us, and what it asks.
pub(super) struct Follower {
    pub(super) origin: Origin,
    pub(super) position: Position,
    pub(super) wait: Duration,
    pub(super) max_bytes: u64,
}

/// The answer to a follower, when there is something to say or its time is up.
/// None when we are ending, or it does not wait any more.
pub(super) async fn answer(
    contact: &Contact,
    follower: Follower,
    answers: &Arc<Budget>,
    is_waiting: impl Fn() -> bool,
) -> Option<Answer> {
    let Follower { origin, mut position, wait, max_bytes } = follower;
    let deadline = Instant::now() + wait;
    let mut news = contact.service().map(|service| service.flow.news())?;
    loop {
        if news.borrow_and_update().closed || !is_waiting() {
            return None;
        }
        let budget = Arc::clone(answers);
        let found = contact.run(move |service| service.since_within(position, max_bytes, &origin, &budget)).await?;
        let answer = match found {
            Ok(Some(answer)) => answer,
            Ok(None) if Instant::now() < deadline => {
                sleep_until(deadline.min(Instant::now() + FULL_PAUSE)).await;
                continue;
            }
            Ok(None) => {
                let response = Response::refused("exhausted", "too many large answers at a time");
                return Some(Answer { response, share: None });
            }
            Err(error) => {
                tracing::error!(%error, "the store failed");
                return Some(Answer { response: Response::refused("store", error.to_string()), share: None });
            }
        };
        match &answer.response {
            Response::Entries { store, entries, next, more: false }
                if entries.is_empty() && *store == position.store && Instant::now() < deadline =>
            {
                position.cursor = *next;
            }
            _ => return Some(answer),
        }
        drop(answer);
        let _ = timeout_at(deadline, news.changed()).await;
    }
}

/// About the bytes of an answer that is not always small.
pub(super) fn size(response: &Response) -> usize {
    match response {
        Response::Entries { entries, .. } => entries.iter().map(|entry| entry.key.len() + entry.sealed.0.len()).sum(),
        Response::Value { sealed } => sealed.0.len(),
        _ => 0,
    }
}

//! Equal requests under way share one.

use crate::answer::Answer;
use futures::FutureExt as _;
use seaworthy_cache::{Flight, Flights};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What came of it, for those who waited: an answer that may be shared, or that there
/// is none.
pub(crate) type Landed = Option<Arc<Answer>>;

/// The requests under way.
pub(crate) type Requests = Arc<Flights<Landed>>;

/// What somebody who asks is to do.
pub(crate) enum Turn {
    /// Ask the origin, and say what came.
    Lead(Lead),
    /// Somebody else asked; this came.
    Followed(Landed),
}

/// The duty to say what came; dropping it says that there is nothing to share.
pub(crate) struct Lead {
    requests: Requests,
    name: String,
    sender: Option<oneshot::Sender<Arc<Answer>>>,
    /// Others can join for as long as somebody waits: the leader does.
    _flight: Flight<Landed>,
}

/// Joins the request called `name`, and waits for its end when it is under way.
pub(crate) async fn join(requests: &Requests, name: &str) -> Turn {
    let mut lead = None;
    let (flight, _) = requests.join(name, || {
        let (sender, receiver) = oneshot::channel();
        lead = Some(sender);
        // A leader that is gone without a word has nothing to share.
        receiver.map(Result::ok).boxed()
    });
    match lead {
        Some(sender) => Turn::Lead(Lead {
            requests: Arc::clone(requests),
            name: name.to_owned(),
            sender: Some(sender),
            _flight: flight,
        }),
        None => Turn::Followed(flight.await),
    }
}

impl Lead {
    /// Ends the flight with an answer that whoever waits may have.
    pub(crate) fn land(mut self, answer: Arc<Answer>) {
        self.requests.forget(&self.name);
        if let Some(sender) = self.sender.take() {
            // Nobody may be waiting.
            let _ = sender.send(answer);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // After `land` the name may already be another flight's.
        if self.sender.is_some() {
            self.requests.forget(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Bytes;
    use hyper::{HeaderMap, StatusCode};
    use std::time::SystemTime;

    fn answer() -> Arc<Answer> {
        Arc::new(Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"x"),
            received: SystemTime::now(),
            selected_by: Vec::new(),
        })
    }

    #[tokio::test]
    async fn those_who_come_meanwhile_get_what_came() {
        let flights = Requests::default();
        let Turn::Lead(lead) = join(&flights, "a").await else { panic!("nobody else is there") };
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let flights = Arc::clone(&flights);
                tokio::spawn(async move { matches!(join(&flights, "a").await, Turn::Followed(Some(_))) })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(matches!(join(&flights, "b").await, Turn::Lead(_)), "another name is another flight");
        lead.land(answer());
        for one in waiting {
            assert!(one.await.unwrap());
        }
        assert!(matches!(join(&flights, "a").await, Turn::Lead(_)));
    }

    #[tokio::test]
    async fn a_leader_that_is_lost_leaves_nobody_waiting() {
        let flights = Requests::default();
        let Turn::Lead(lead) = join(&flights, "a").await else { panic!("nobody else is there") };
        let following = {
            let flights = Arc::clone(&flights);
            tokio::spawn(async move { matches!(join(&flights, "a").await, Turn::Followed(None)) })
        };
        tokio::task::yield_now().await;
        drop(lead);
        assert!(following.await.unwrap());
        assert!(matches!(join(&flights, "a").await, Turn::Lead(_)), "the next one asks anew");
    }
}

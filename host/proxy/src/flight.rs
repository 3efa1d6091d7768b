//! Equal requests under way share one.

use crate::answer::Answer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What came of it, for those who waited: an answer that may be shared, or that there
/// is none.
type Landed = Option<Arc<Answer>>;
type State = Option<Landed>;

/// The requests under way, by what makes two of them equal.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<String, watch::Receiver<State>>>);

/// What somebody who asks is to do.
pub(crate) enum Turn {
    /// Ask the origin, and say what came.
    Lead(Lead),
    /// Somebody else asked; this came.
    Followed(Landed),
}

/// The duty to say what came; dropping it says that there is nothing to share.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    name: String,
    sender: watch::Sender<State>,
}

impl Flights {
    /// Joins the request called `name`, and waits for its end when it is under way.
    pub(crate) async fn join(self: &Arc<Self>, name: &str) -> Turn {
        let mut receiver = {
            let mut under_way = self.lock();
            match under_way.get(name) {
                Some(receiver) => receiver.clone(),
                None => {
                    let (sender, receiver) = watch::channel(None);
                    under_way.insert(name.to_owned(), receiver);
                    return Turn::Lead(Lead { flights: Arc::clone(self), name: name.to_owned(), sender });
                }
            }
        };
        // A leader that is gone without a word has nothing to share.
        let landed = receiver.wait_for(Option::is_some).await.ok().and_then(|state| state.clone());
        Turn::Followed(landed.flatten())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<State>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Ends the flight with an answer that whoever waits may have.
    pub(crate) fn land(self, answer: Arc<Answer>) {
        self.flights.lock().remove(&self.name);
        self.sender.send_replace(Some(Some(answer)));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        // After `land` the name may already be another flight's.
        if under_way.get(&self.name).is_some_and(|known| known.same_channel(&self.sender.subscribe())) {
            under_way.remove(&self.name);
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
        let flights = Arc::new(Flights::default());
        let Turn::Lead(lead) = flights.join("a").await else { panic!("nobody else is there") };
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let flights = Arc::clone(&flights);
                tokio::spawn(async move { matches!(flights.join("a").await, Turn::Followed(Some(_))) })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(
            flights.lock().contains_key("a") && matches!(flights.join("b").await, Turn::Lead(_)),
            "another name is another flight"
        );
        lead.land(answer());
        for one in waiting {
            assert!(one.await.unwrap());
        }
        assert!(!flights.lock().contains_key("a") && matches!(flights.join("a").await, Turn::Lead(_)));
    }

    #[tokio::test]
    async fn a_leader_that_is_lost_leaves_nobody_waiting() {
        let flights = Arc::new(Flights::default());
        let Turn::Lead(lead) = flights.join("a").await else { panic!("nobody else is there") };
        let following = {
            let flights = Arc::clone(&flights);
            tokio::spawn(async move { matches!(flights.join("a").await, Turn::Followed(None)) })
        };
        tokio::task::yield_now().await;
        drop(lead);
        assert!(following.await.unwrap());
        assert!(!flights.lock().contains_key("a"));
    }
}

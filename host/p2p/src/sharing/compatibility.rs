//! What can be learned of a peer that speaks the Python cache's protocol: by
//! entries that expired long ago, which it confirms and does not keep.

use crate::SharedSecret;
use crate::link::other_secret;
use crate::push::{Envelope, PushEntry, Reply, probe_plaintext_on, push_on};
use crate::reach::Facts;
use crate::session::Session;
use seaworthy_model::Failure;
use std::time::Duration;
use tokio::time::Instant;

/// For one acknowledgement. It takes a peer a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the peer of `session` reads what is encrypted under `secret`.
///
/// # Errors
/// Kind `different-secret` when it says that it cannot; `never-acknowledged` when
/// it took the entry and said nothing; `unsupported` when it lacks the protocol.
pub(crate) async fn agree(session: &Session, secret: &SharedSecret, deadline: Instant) -> Result<((), Facts), Failure> {
    let reply =
        push_on(session, &Envelope::new(secret), &PushEntry::probe(), until(deadline)).await.map_err(unanswered)?;
    match reply {
        Reply::Ok => Ok(((), Facts::from([("proof".to_owned(), "the peer read an encrypted entry".to_owned())]))),
        Reply::DecryptionFailed => Err(other_secret()),
        // What it could have read is well formed, so it did not read it.
        Reply::InvalidFormat => Err(Failure::new(
            "different-secret",
            "agree",
            "the peer does not read encrypted entries: it holds no shared secret",
        )),
        other => {
            let message = format!("the peer answered an encrypted entry with `{}`: it cannot be told", other.name());
            Err(Failure::new("protocol", "agree", message))
        }
    }
}

/// Whether the peer of `session` takes entries in the clear.
///
/// # Errors
/// Those of [`agree`], apart from `different-secret`.
pub(super) async fn plaintext(session: &Session, deadline: Instant) -> Result<((), Facts), Failure> {
    let reply = probe_plaintext_on(session, until(deadline)).await.map_err(unanswered)?;
    let facts = [("accepted", (reply == Reply::Ok).to_string()), ("reply", reply.name().to_owned())];
    Ok(((), facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// Some of the time is left for others, and to tell of it.
fn until(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + PATIENCE.min(deadline.saturating_duration_since(now) * 3 / 4)
}

/// A peer that took everything and said nothing is a fault of its own.
fn unanswered(failure: Failure) -> Failure {
    if (failure.kind.as_str(), failure.stage.as_str()) != ("timeout", "read") {
        return failure;
    }
    let message = format!("the peer took an entry and did not confirm it within {} s", PATIENCE.as_secs());
    Failure::new("never-acknowledged", "read", message)
}

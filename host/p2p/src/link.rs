//! One peer of a cache client: a session on which the secret is agreed.

use crate::agreement::{NONCE, Side, Transcript};
use crate::envelope::now_ms;
use crate::session::Session;
use crate::wire::{self, Bytes, CACHE_PROTOCOL, FRAME_OVERHEAD, Frame, Request, Response};
use crate::{Address, Node, SharedSecret};
use seaworthy_model::{Failure, Permit};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout_at};

/// An answer to hello or agree is small.
pub(crate) const SMALL: usize = FRAME_OVERHEAD;

/// What came of an agreement.
pub(crate) enum Agreement {
    /// Both hold the secret; the peer takes values of this many bytes.
    Same {
        max_value: usize,
    },
    Different,
}

/// What a peer says first.
pub(crate) struct Greeting {
    dialler_nonce: [u8; NONCE],
    listener_nonce: [u8; NONCE],
    /// Whether it has a secret at all.
    pub(crate) has_secret: bool,
    /// It takes values of this many bytes.
    pub(crate) max_value: usize,
    /// How far its clock is ahead of ours, in milliseconds.
    pub(crate) skew_ms: i64,
    /// By how much that may be wrong: half the time of the exchange.
    pub(crate) uncertainty_ms: u64,
}

/// Greets the peer of `session`. The greeting serves for one proof.
///
/// # Errors
/// Kind `unsupported` when the peer lacks the protocol; else as for a request.
pub(crate) async fn hello(session: &Session, deadline: Instant) -> Result<Greeting, Failure> {
    let dialler_nonce: [u8; NONCE] = rand::random();
    let hello = Request::Hello {
        nonce: Bytes(dialler_nonce.to_vec()),
        agent: concat!("seaworthy/", env!("CARGO_PKG_VERSION")).into(),
    };
    let (before, started) = (now_ms(), Instant::now());
    let answer = call(session, &hello, SMALL, deadline).await?;
    let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Response::Hello { nonce, secret, max_value, now_ms: theirs, .. } = answer else {
        return Err(unexpected("hello", &answer));
    };
    let Ok(listener_nonce) = <[u8; NONCE]>::try_from(nonce.0.as_slice()) else {
        return Err(Failure::new(
            "protocol",
            "agree",
            format!("the peer's nonce has {} bytes, not {NONCE}", nonce.0.len()),
        ));
    };
    // Somewhere between question and answer it looked at its clock.
    let ours = i128::from(before) + i128::from(took / 2);
    let skew = (i128::from(theirs) - ours).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    Ok(Greeting {
        dialler_nonce,
        listener_nonce,
        has_secret: secret,
        max_value: usize::try_from(max_value).unwrap_or(usize::MAX),
        skew_ms: i64::try_from(skew).unwrap_or_default(),
        uncertainty_ms: took.div_ceil(2).max(1),
    })
}

/// Proves our secret to the peer that greeted us, and has it prove its own.
///
/// # Errors
/// Those of a request.
pub(crate) async fn prove(
    node: &Node,
    session: &Session,
    greeting: &Greeting,
    secret: &SharedSecret,
    deadline: Instant,
) -> Result<Agreement, Failure> {
    if !greeting.has_secret {
        return Ok(Agreement::Different);
    }
    let transcript = Transcript {
        dialler: node.own_peer(),
        listener: session.peer,
        dialler_nonce: greeting.dialler_nonce,
        listener_nonce: greeting.listener_nonce,
    };
    let proof = Bytes(transcript.proof(Side::Dialler, secret).to_vec());
    match call(session, &Request::Agree { proof }, SMALL, deadline).await? {
        Response::Agreed { proof } if transcript.proves(Side::Listener, secret, &proof.0) => {
            Ok(Agreement::Same { max_value: greeting.max_value })
        }
        // It claims to hold the secret and cannot prove it: it does not.
        Response::Agreed { .. } | Response::Different => Ok(Agreement::Different),
        other => Err(unexpected("agree", &other)),
    }
}

/// Greets the peer of `session`, proves our secret to it, and has it prove its own.
///
/// # Errors
/// Kind `unsupported` when the peer lacks the protocol; else as for a request.
pub(crate) async fn agree(
    node: &Node,
    session: &Session,
    secret: &SharedSecret,
    deadline: Instant,
) -> Result<Agreement, Failure> {
    let greeting = hello(session, deadline).await?;
    prove(node, session, &greeting, secret, deadline).await
}

/// One request and its answer on `session`.
///
/// # Errors
/// Those of [`Session::ask`]; kind `protocol` when the answer is no frame; the
/// kind of a refusal.
pub(crate) async fn call(
    session: &Session,
    request: &Request,
    max_response: usize,
    deadline: Instant,
) -> Result<Response, Failure> {
    let frame = wire::encode(request).map_err(|e| Failure::new("other", "write", e.to_string()))?;
    let answer = session.ask(CACHE_PROTOCOL, &frame, max_response, deadline).await?;
    if answer.is_empty() {
        return Err(Failure::new("closed", "read", "the peer closed the stream without an answer"));
    }
    match wire::decode(&answer) {
        Frame::Message(Response::Refused { kind, message }) => {
            Err(Failure::new(&kind, "answer", format!("the peer refused: {message}")))
        }
        Frame::Message(response) => Ok(response),
        Frame::Version(version) => {
            Err(Failure::new("unsupported", "answer", format!("the peer speaks version {version} of {CACHE_PROTOCOL}")))
        }
        Frame::Malformed(reason) => {
            Err(Failure::new("protocol", "answer", format!("the answer cannot be read: {reason}")))
        }
        Frame::TooLarge(_) | Frame::Exhausted => Err(Failure::new("too-large", "answer", "the answer is too long")),
    }
}

/// The peer was asked and does not hold our secret.
pub(crate) fn other_secret() -> Failure {
    Failure::new("different-secret", "agree", "the peer holds another shared secret, or none")
}

/// The answer does not fit the question.
pub(crate) fn unexpected(question: &str, answer: &Response) -> Failure {
    let name: String = format!("{answer:?}").chars().take_while(char::is_ascii_alphabetic).collect();
    Failure::new("protocol", "answer", format!("the peer answered `{name}` to `{question}`"))
}

/// Requests on one connection at a time; others wait. A peer drops those beyond its own bound, twice this.
const CONCURRENT: usize = 32;

/// A peer that is dialled again when its connection is gone.
pub(crate) struct Link {
    pub(crate) address: Address,
    node: Node,
    secret: Arc<SharedSecret>,
    current: Mutex<Option<Agreed>>,
    slots: Semaphore,
}

/// A session that may be used.
#[derive(Clone)]
pub(crate) struct Agreed {
    session: Arc<Session>,
    pub(crate) max_value: usize,
}

impl Link {
    pub(crate) fn new(node: Node, address: Address, secret: Arc<SharedSecret>) -> Self {
        Self { address, node, secret, current: Mutex::new(None), slots: Semaphore::new(CONCURRENT) }
    }

    /// The agreed session; dials and agrees when there is none.
    ///
    /// # Errors
    /// Those of a dial, and kind `different-secret`.
    pub(crate) async fn agreed(&self, deadline: Instant, permit: &dyn Permit) -> Result<Agreed, Failure> {
        let mut current = self.current.lock().await;
        if let Some(agreed) = current.as_ref().filter(|a| !a.session.is_closed()) {
            return Ok(agreed.clone());
        }
        *current = None;
        let session = self.node.connect(&self.address, deadline, permit).await?;
        match agree(&self.node, &session, &self.secret, deadline).await? {
            Agreement::Same { max_value } => {
                let agreed = Agreed { session: Arc::new(session), max_value };
                *current = Some(agreed.clone());
                Ok(agreed)
            }
            Agreement::Different => Err(other_secret()),
        }
    }

    /// Asks; once more on a new connection when the old one turns out to be
    /// gone. Every request of this protocol may be repeated.
    ///
    /// # Errors
    /// Those of [`Link::agreed`] and [`call`].
    pub(crate) async fn ask(
        &self,
        request: &Request,
        deadline: Instant,
        permit: &dyn Permit,
    ) -> Result<Response, Failure> {
        let Ok(_slot) = timeout_at(deadline, self.slots.acquire()).await else {
            return Err(Failure::timeout("stream", "earlier requests to the peer took all of the time"));
        };
        let agreed = self.agreed(deadline, permit).await?;
        let room = agreed.max_value.saturating_add(FRAME_OVERHEAD);
        let answer = call(&agreed.session, request, room, deadline).await;
        let Err(failure) = &answer else { return answer };
        let (gone, silent) = (gone(failure), failure.kind == "timeout");
        if gone || silent {
            // A connection on which nothing came in time is not trusted again.
            self.current.lock().await.take_if(|c| Arc::ptr_eq(&c.session, &agreed.session));
        }
        if !gone {
            return answer;
        }
        drop(agreed);
        let agreed = self.agreed(deadline, permit).await?;
        call(&agreed.session, request, room, deadline).await
    }
}

fn gone(failure: &Failure) -> bool {
    matches!(failure.kind.as_str(), "closed" | "connection-reset" | "unauthenticated")
}

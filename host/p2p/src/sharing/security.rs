//! Which ways to secure a connection a peer offers. Each is proposed and none is used.

use crate::ladder::{NOISE, YAMUX, greet, secure};
use crate::reach::{self, Facts};
use crate::{Address, Node, multistream};
use futures::future::Either;
use futures::{AsyncRead, AsyncWrite};
use libp2p::tcp::tokio::TcpStream;
use seaworthy_model::{Failure, Permit};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const SECURITY: [&str; 4] = [NOISE, "/tls/1.0.0", "/plaintext/2.0.0", "/secio/1.0.0"];
const MUXERS: [&str; 2] = [YAMUX, "/mplex/6.7.0"];
/// For one connection and what is proposed on it.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is taken, and what got no answer; the others were refused.
#[derive(Default)]
struct Sorted {
    taken: Vec<&'static str>,
    unclear: Vec<&'static str>,
}

/// Proposes all of [`SECURITY`], and inside noise all of [`MUXERS`].
///
/// # Errors
/// Those of the two lowest rungs.
pub(super) async fn offered(
    node: &Node,
    address: &Address,
    deadline: Instant,
    permit: &dyn Permit,
) -> Result<((), Facts), Failure> {
    let (candidates, _) = reach::resolve(address, permit).await?;
    let question = Question { node, candidates: &candidates, deadline };
    let security = question.sort(&SECURITY, false).await?;
    let muxers = if security.taken.contains(&NOISE) { question.sort(&MUXERS, true).await? } else { Sorted::default() };
    let unclear = [security.unclear, muxers.unclear].concat();
    let facts = [("security", security.taken), ("muxers", muxers.taken), ("unclear", unclear)];
    Ok(((), facts.into_iter().map(|(key, names)| (key.to_owned(), names.join(","))).collect()))
}

struct Question<'a> {
    node: &'a Node,
    candidates: &'a [SocketAddr],
    deadline: Instant,
}

impl Question<'_> {
    /// Sorts protocols by what the peer says. A refused proposal leaves the
    /// connection as it was, so the next one follows on it; anything else takes a
    /// new connection.
    async fn sort(&self, protocols: &[&'static str], inside: bool) -> Result<Sorted, Failure> {
        let mut sorted = Sorted::default();
        let mut rest = protocols;
        while let Some(first) = rest.first() {
            let until = self.deadline.min(Instant::now() + PATIENCE);
            let (stream, _, _) = reach::connect(self.candidates, until).await?;
            let mut refused = 0;
            let taken = timeout_at(until, self.propose(TcpStream(stream), rest, inside, &mut refused)).await;
            let done = match taken {
                Ok(Some(taken)) => {
                    sorted.taken.push(taken);
                    refused + 1
                }
                // Some peers hang up after a refusal: the next one is proposed on its own.
                Ok(None) | Err(_) if refused > 0 => refused,
                Ok(None) | Err(_) => {
                    sorted.unclear.push(first);
                    1
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
        Ok(sorted)
    }

    /// Proposes in turn until one is taken, and counts the refusals before it.
    /// None when all were refused, or when the peer broke off.
    async fn propose(
        &self,
        mut stream: TcpStream,
        protocols: &[&'static str],
        inside: bool,
        refused: &mut usize,
    ) -> Option<&'static str> {
        greet(&mut stream, self.deadline).await.ok()?;
        if !inside {
            return each(&mut stream, protocols, refused).await;
        }
        let ((_, mut channel), _) = secure(Either::Left(stream), self.node.identity(), "security").await.ok()?;
        let whole = multistream::exchange_header(&mut channel, &mut Vec::new()).await.ok()?;
        if whole { each(&mut channel, protocols, refused).await } else { None }
    }
}

async fn each<S>(io: &mut S, protocols: &[&'static str], refused: &mut usize) -> Option<&'static str>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for protocol in protocols {
        if multistream::propose(io, &[protocol]).await.ok()?.is_some() {
            return Some(protocol);
        }
        *refused += 1;
    }
    None
}

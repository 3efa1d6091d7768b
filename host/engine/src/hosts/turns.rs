//! Batches of which only so much is under way at once.

use super::AT_ONCE;
use crate::scope::Scope;
use futures::StreamExt as _;
use futures::stream;
use seaworthy_model::Failure;
use std::time::Duration;

/// Does every part, at most [`AT_ONCE`] of them at a time, in their order. Each may
/// hold a socket, and a process may have few: one that could not be opened would
/// look like a fault of the network.
pub(super) async fn in_turn<F: Future>(parts: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(parts).buffered(AT_ONCE).collect().await
}

/// The time that one part of a batch is to have, from before it waits for its turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn(Duration);

impl Turn {
    /// Notes what a part that begins now would get of what it asked for.
    pub(super) fn wait(scope: &Scope, asked_ms: u32) -> Self {
        Self(scope.step.clamp(asked_ms))
    }

    /// What is left for the part, now that it begins.
    ///
    /// *Failures*: `exhausted` when the step's time ran out meanwhile. Who is given
    /// less than half of the time hears nothing, and that is nobody's silence.
    pub(super) fn begin(self, scope: &Scope, what: &str) -> Result<Duration, Failure> {
        let left = self.0.min(scope.step.remaining());
        if left < self.0 / 2 {
            let message = format!("{what} was not tried: the time of this check ran out before its turn");
            return Err(Failure::new("exhausted", "grant", message));
        }
        Ok(left)
    }
}

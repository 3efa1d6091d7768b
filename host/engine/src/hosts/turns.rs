//! Batches of which only so much is under way at once.

use crate::scope::Scope;
use futures::StreamExt as _;
use futures::stream;
use nix::sys::resource::{Resource, getrlimit};
use seaworthy_model::Failure;
use std::time::Duration;

/// Does every part, at most `most` of them at a time, in their order, and fewer where
/// this process may have few files. Each holds a socket: one that could not be opened
/// would look like a fault of the network.
pub(super) async fn in_turn<F: Future>(most: usize, parts: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(parts).buffered(at_once(most)).collect().await
}

/// How many parts are under way at once.
pub(super) fn at_once(most: usize) -> usize {
    let files = getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft);
    most.min(files.map_or(FEWEST, sockets))
}

/// Sockets that one batch may hold where the process may have so many files: several
/// checks run at once, and the rest of the program has some open as well.
fn sockets(files: u64) -> usize {
    usize::try_from(files / 8).unwrap_or(usize::MAX).max(FEWEST)
}

/// However few files there may be.
const FEWEST: usize = 8;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_leaves_files_for_the_others() {
        assert_eq!([0, 64, 256, 1024, u64::MAX].map(|files| sockets(files).min(128)), [8, 8, 32, 128, 128]);
        assert!(at_once(4) == 4 && at_once(usize::MAX) >= FEWEST);
    }
}

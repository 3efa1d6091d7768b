//! Whether an entry that is put at one peer can be read at another.

use super::Line;
use super::canary::{Canary, SMALL, millis};
use crate::ladder::{Rung, try_rung};
use crate::reach::Facts;
use futures::future::join_all;
use seaworthy_model::Failure;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks at first; it doubles up to [`SELDOM`].
const OFTEN: Duration = Duration::from_millis(20);
const SELDOM: Duration = Duration::from_millis(320);

/// What one peer saw of another one's entry.
enum Sight {
    Read(Duration),
    Never,
    /// It could not be asked.
    Failed(Failure),
}

/// One rung for each line, in their order; none when there is no other peer.
///
/// *Behaviour*: puts an entry at every peer at once and looks for all of them at
/// all others, for the lines' own time at most.
pub(super) async fn between(lines: &[&Line]) -> Vec<Rung> {
    if lines.len() < 2 {
        return Vec::new();
    }
    let rungs = lines.iter().enumerate().map(async |(at, line)| {
        let others = lines.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, line)| *line);
        let others: Vec<&Line> = others.collect();
        let (_, rung) = try_rung("propagation", line.end, from(line, &others)).await;
        rung
    });
    join_all(rungs).await
}

async fn from(line: &Line, others: &[&Line]) -> Result<((), Facts), Failure> {
    let canary = Canary::new(SMALL);
    let put = canary.put(line).await;
    let started = Instant::now();
    let until = line.deadline.min(started + line.propagation);
    let sights = match &put {
        Ok(()) => join_all(others.iter().map(|other| watch(&canary, other, started, until))).await,
        Err(_) => Vec::new(),
    };
    // It may be at all of them by now, and removal does not propagate.
    join_all(others.iter().chain([&line]).map(|line| canary.remove(line))).await;
    put?;
    let mut facts = Facts::from([("waited-ms".to_owned(), millis(started.elapsed()))]);
    for (other, sight) in others.iter().zip(sights) {
        let address = &other.address.canonical;
        let (key, text) = match sight {
            Sight::Read(after) => ("read-at", format!("{address}={}", millis(after))),
            Sight::Never => ("never-at", address.clone()),
            Sight::Failed(failure) => ("unread-at", format!("{address}={}", failure.kind)),
        };
        let list = facts.entry(key.into()).or_default();
        if !list.is_empty() {
            list.push(';');
        }
        list.push_str(&text);
    }
    Ok(((), facts))
}

async fn watch(canary: &Canary, other: &Line, started: Instant, until: Instant) -> Sight {
    let mut pause = OFTEN;
    loop {
        match canary.is_there(&other.session, other).await {
            Ok(true) => return Sight::Read(started.elapsed()),
            Ok(false) if Instant::now() + pause >= until => return Sight::Never,
            Ok(false) => sleep(pause).await,
            Err(failure) => return Sight::Failed(failure),
        }
        pause = (pause * 2).min(SELDOM);
    }
}

//! `seaworthy cache bench`: a closed loop of clients over the configured tiers.
//!
//! Each client asks, waits for the answer, checks it and asks again, so times are
//! those of a cache under that many requests at once, and a slow cache is asked less.

mod client;
mod popularity;
mod random;
mod sample;
mod summary;
mod trace;
mod workload;

use super::args::BenchArgs;
use super::opened::Opened;
use crate::args::Global;
use crate::error::CliError;
use crate::signals::Stop;
use crate::stdout;
use anyhow::Context as _;
use client::Shared;
use futures::future::join_all;
use seaworthy_cache::{StatsSnapshot, Tiers};
use seaworthy_engine::{CacheSession, SessionOptions, Through};
use seaworthy_model::{ExitCode, Tier};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use summary::Summary;
use workload::{Step, Workload};

/// Time for storing every key once, and for removing them at the end.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

pub(crate) async fn bench(global: &Global, arguments: &BenchArgs) -> Result<ExitCode, CliError> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let workload = Workload::new(arguments)?;
    let shared = Shared::default();
    let options = SessionOptions {
        through: if arguments.direct { Through::Peers } else { Through::Adapters },
        latencies: Some(shared.latencies.clone()),
    };
    let opened = Opened::new(global, &arguments.tiers, options).await?;
    if arguments.direct {
        only_peers(opened.session.planned())?;
    }
    let sessions = sessions(&opened, arguments).await?;
    let bench = Bench { arguments, workload, shared, sessions: sessions.iter().map(AsRef::as_ref).collect() };

    let mut measured = Duration::ZERO;
    tokio::select! {
        () = bench.measure(&mut measured) => {}
        () = stop.wait() => {}
    }
    let mut summary = bench.summary(measured);
    if !arguments.keep {
        tokio::select! {
            left = bench.clear() => summary.left_behind = left,
            // A second signal ends the process.
            () = tokio::time::sleep(HOUSEKEEPING) => summary.left_behind = bench.workload.stored().count() as u64,
        }
    }
    if arguments.json {
        stdout::print(&format!("{}\n", summary.json(arguments)))?;
    } else {
        let text = summary.lines(arguments).into_iter().map(|line| opened.plain(&line) + "\n");
        stdout::print(&text.collect::<String>())?;
    }
    Ok(stop.exit_code().unwrap_or_else(|| summary.exit_code()))
}

/// The protocol alone can only be measured where there is one.
fn only_peers(tiers: &[Tier]) -> Result<(), CliError> {
    let without = tiers.iter().find(|tier| tier.config.get("addresses").is_none());
    match without {
        Some(tier) => Err(CliError::Usage(format!(
            "tier `{}` has no peers to be reached directly; choose those that have with --tier",
            tier.label
        ))),
        None => Ok(()),
    }
}

/// The sessions, each opened. The first one is `opened`'s own.
async fn sessions<'a>(opened: &'a Opened, arguments: &BenchArgs) -> Result<Vec<Session<'a>>, CliError> {
    let count = arguments.sessions.unwrap_or(arguments.clients).min(arguments.clients);
    let mut sessions = vec![Session::Own(&opened.session)];
    sessions.extend((1..count).map(|_| Session::Sibling(Box::new(opened.session.sibling()))));
    for session in &sessions {
        let mut usable = false;
        let mut first = None;
        for tier in session.as_ref().tiers().open_all().await {
            match tier.outcome {
                Ok(_) => usable = true,
                Err(error) => {
                    opened.say(&format!("{}: {error}", tier.label));
                    first.get_or_insert(error);
                }
            }
        }
        if let (false, Some(error)) = (usable, &first) {
            return Err(opened.refused(error));
        }
    }
    Ok(sessions)
}

enum Session<'a> {
    Own(&'a CacheSession),
    Sibling(Box<CacheSession>),
}

impl AsRef<CacheSession> for Session<'_> {
    fn as_ref(&self) -> &CacheSession {
        match self {
            Session::Own(session) => session,
            Session::Sibling(session) => session,
        }
    }
}

struct Bench<'a> {
    arguments: &'a BenchArgs,
    workload: Workload,
    shared: Shared,
    sessions: Vec<&'a CacheSession>,
}

impl Bench<'_> {
    /// Fills, warms up and measures; `measured` grows as it does, so that an
    /// interruption leaves what was measured until then.
    async fn measure(&self, measured: &mut Duration) {
        if self.arguments.fill {
            let next = AtomicUsize::new(0);
            let fill = |random: &mut random::Random| self.workload.fill(next.fetch_add(1, Ordering::Relaxed), random);
            self.clients(HOUSEKEEPING, 1 << 32, fill).await;
        }
        if self.workload.is_endless() && !self.arguments.warmup.is_zero() {
            self.clients(self.arguments.warmup, 1 << 33, |random| self.workload.next(random)).await;
        }
        self.shared.tally.reset();
        self.shared.latencies.reset();
        let started = Instant::now();
        let clients = self.clients(self.arguments.duration, 0, |random| self.workload.next(random));
        tokio::pin!(clients);
        let mut clock = tokio::time::interval(Duration::from_millis(50));
        loop {
            tokio::select! {
                () = &mut clients => break,
                _ = clock.tick() => *measured = started.elapsed(),
            }
        }
        *measured = started.elapsed();
    }

    /// All clients at once, until `time` is over or there is nothing more to do. The
    /// operations that are then under way end.
    async fn clients(&self, time: Duration, part: u64, next: impl Fn(&mut random::Random) -> Option<Step>) {
        let end = Instant::now() + time;
        let next = &next;
        let loops =
            (0..u64::from(self.arguments.clients)).zip(self.sessions.iter().cycle()).map(async |(number, session)| {
                let mut random = self.workload.random(part + number);
                let tiers: &Tiers = session.tiers();
                while Instant::now() < end {
                    let Some(step) = next(&mut random) else { break };
                    self.shared.play(tiers, &step, self.arguments.ttl, &mut random).await;
                    // An answer that needed no waiting must not keep the others from theirs.
                    tokio::task::yield_now().await;
                }
            });
        join_all(loops).await;
    }

    /// Removes what was stored; the keys that may still be there.
    async fn clear(&self) -> u64 {
        let keys = std::sync::Mutex::new(self.workload.stored());
        let end = Instant::now() + HOUSEKEEPING / 2;
        let next = || keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
        let left = join_all(self.sessions.iter().map(async |session| {
            let mut left = 0;
            while let Some(key) = next() {
                let removed = Instant::now() < end && session.tiers().invalidate(&key).await.outcome.is_ok();
                left += u64::from(!removed);
            }
            left
        }))
        .await;
        left.iter().sum()
    }

    /// What each tier was asked by all sessions, from the start of the process.
    fn counted(&self) -> Vec<(String, StatsSnapshot)> {
        let planned = self.sessions.first().into_iter().flat_map(|session| session.planned());
        let sum = |label: &str| {
            let all = self.sessions.iter().filter_map(|session| session.counts(label));
            all.fold(StatsSnapshot::default(), |sum, seen| sum.plus(&seen))
        };
        planned.map(|tier| (tier.label.clone(), sum(&tier.label))).collect()
    }

    fn summary(&self, elapsed: Duration) -> Summary {
        let mut errors = self.shared.latencies.errors();
        errors.remove(client::ALL);
        Summary {
            counts: self.shared.tally.counts(),
            rows: self.shared.latencies.rows(),
            errors,
            tiers: self.counted(),
            together: self.sessions.iter().map(|session| session.tiers().snapshot()).collect(),
            elapsed,
            sessions: self.sessions.len(),
            left_behind: 0,
            peak_memory: summary::peak_memory(),
        }
    }
}

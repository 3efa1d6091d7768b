//! `seaworthy cache bench`: a closed loop of clients over the configured tiers.
//!
//! Each client asks, waits for the answer, checks it and asks again, so times are
//! those of a cache under that many requests at once, and a slow cache is asked less.

mod client;
mod comparison;
mod popularity;
mod random;
mod sample;
mod summary;
mod trace;
mod usage;
mod workload;

use super::args::BenchArgs;
use super::opened::{Configured, Opened};
use super::recording::Recording;
use crate::args::Global;
use crate::error::CliError;
use crate::signals::Stop;
use crate::stdout;
use anyhow::Context as _;
use client::{Rules, Shared};
use futures::future::join_all;
use seaworthy_cache::{Listener, StatsSnapshot, Tiers};
use seaworthy_engine::{CacheSession, SessionOptions, Through};
use seaworthy_model::{ExitCode, Tier};
use seaworthy_policy::Prices;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use summary::Summary;
use workload::{Step, Workload};

pub(crate) use trace::LONGEST_TRACE;
#[cfg(test)]
pub(crate) use trace::read as read_trace;

/// Time for storing every key once, and for removing them at the end.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

pub(crate) async fn bench(global: &Global, arguments: &BenchArgs) -> Result<ExitCode, CliError> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let configured = Configured::read(global, &arguments.tiers.config).await?;
    let sets: Vec<&[String]> = match arguments.compare.as_slice() {
        [] => vec![arguments.tiers.tier.as_slice()],
        sets => sets.iter().map(|labels| labels.0.as_slice()).collect(),
    };
    let mut summaries = Vec::new();
    for set in sets {
        summaries.push(measured(&configured, arguments, set, &mut stop).await?);
        if stop.exit_code().is_some() {
            break;
        }
    }
    let lines = match (summaries.as_slice(), arguments.json, arguments.compare.is_empty()) {
        ([only], true, true) => vec![only.json(arguments).to_string()],
        ([only], false, true) => only.lines(arguments),
        (all, true, _) => vec![comparison::json(all, arguments).to_string()],
        (all, false, _) => comparison::lines(all, arguments),
    };
    if arguments.json {
        stdout::print(&lines.into_iter().map(|line| line + "\n").collect::<String>())?;
    } else {
        stdout::print(&lines.into_iter().map(|line| configured.plain(&line) + "\n").collect::<String>())?;
    }
    let worst = summaries.iter().map(Summary::exit_code).max_by_key(|code| match code {
        ExitCode::Failed => 2,
        ExitCode::Passed => 0,
        _ => 1,
    });
    Ok(stop.exit_code().or(worst).unwrap_or(ExitCode::Indeterminate))
}

/// Measures one set of tiers, with everything of its own.
async fn measured(
    configured: &Configured,
    arguments: &BenchArgs,
    set: &[String],
    stop: &mut Stop,
) -> Result<Summary, CliError> {
    let workload = Workload::new(arguments)?;
    let recording = arguments.record.as_deref().map(|path| Recording::create(path, "seaworthy cache bench"));
    let recording = recording.transpose()?.map(Arc::new);
    if let Some(recording) = &recording {
        // What is measured, and neither the filling nor the clearing.
        recording.pause();
    }
    let shared = Shared::default();
    let options = SessionOptions {
        through: if arguments.direct { Through::Peers } else { Through::Adapters },
        latencies: Some(shared.latencies.clone()),
        listener: recording.clone().map(|recording| -> Arc<dyn Listener> { recording }),
    };
    let opened = configured.set(set, options)?;
    if arguments.direct {
        only_peers(opened.session.planned())?;
    }
    let sessions = sessions(&opened, arguments).await?;
    let sessions = sessions.iter().map(AsRef::as_ref).collect();
    let bench = Bench { arguments, workload, shared, sessions, recording };

    let mut taken = Taken::default();
    tokio::select! {
        () = bench.measure(&mut taken) => {}
        () = stop.wait() => {}
    }
    let recorded = bench.recording.as_ref().map(|recording| recording.finish());
    let mut summary = bench.summary(&taken, configured.prices());
    if !arguments.keep {
        tokio::select! {
            left = bench.clear() => summary.left_behind = left,
            // A second signal ends the process.
            () = tokio::time::sleep(HOUSEKEEPING) => summary.left_behind = bench.workload.stored().count() as u64,
        }
    }
    if let Some(recorded) = recorded {
        opened.say(&recorded?);
    }
    Ok(summary)
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
                    first.get_or_insert((tier.label, error));
                }
            }
        }
        if let (false, Some((label, error))) = (usable, &first) {
            return Err(opened.refused(Some(label), error));
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

/// What is known of a measurement while it lasts.
#[derive(Default)]
struct Taken {
    elapsed: Duration,
    /// The counts of the tiers when it began.
    before: Vec<StatsSnapshot>,
}

struct Bench<'a> {
    arguments: &'a BenchArgs,
    workload: Workload,
    shared: Shared,
    sessions: Vec<&'a CacheSession>,
    recording: Option<Arc<Recording>>,
}

impl Bench<'_> {
    /// Fills, warms up and measures; `taken` grows as it does, so that an interruption
    /// leaves what was measured until then.
    async fn measure(&self, taken: &mut Taken) {
        if self.arguments.fill {
            let next = AtomicUsize::new(0);
            let fill = |_: &mut random::Random| self.workload.fill(next.fetch_add(1, Ordering::Relaxed));
            self.clients(HOUSEKEEPING, 1 << 32, u64::MAX, fill).await;
        }
        // What reads through is warm after a while, which is what is to be measured.
        let endless = self.workload.is_endless() && self.arguments.miss_cost.is_none();
        if endless && !self.arguments.warmup.is_zero() {
            self.clients(self.arguments.warmup, 1 << 33, u64::MAX, |random| self.workload.next(random)).await;
        }
        self.shared.tally.reset();
        self.shared.latencies.reset();
        taken.before = usage::counts(&self.sessions);
        if let Some(recording) = &self.recording {
            recording.begin();
        }
        let started = Instant::now();
        let most = self.arguments.operations.unwrap_or(u64::MAX);
        let clients = self.clients(self.arguments.measured(), 0, most, |random| self.workload.next(random));
        tokio::pin!(clients);
        let mut clock = tokio::time::interval(Duration::from_millis(50));
        loop {
            tokio::select! {
                () = &mut clients => break,
                _ = clock.tick() => taken.elapsed = started.elapsed(),
            }
        }
        taken.elapsed = started.elapsed();
    }

    /// All clients at once, until `time` is over, `most` operations are done, or there is
    /// nothing more to do. The operations that are then under way end.
    async fn clients(&self, time: Duration, part: u64, most: u64, next: impl Fn(&mut random::Random) -> Option<Step>) {
        let end = Instant::now() + time;
        let next = &next;
        let clients = u64::from(self.arguments.clients);
        let rules = Rules { workload: &self.workload, ttl: self.arguments.ttl, miss_cost: self.arguments.miss_cost };
        let loops = (0..clients).zip(self.sessions.iter().cycle()).map(async |(number, session)| {
            let mut random = self.workload.random(part + number);
            let tiers: &Tiers = session.tiers();
            // Each its share, so that the same operations are done however fast each is.
            let mut left = most / clients + u64::from(number < most % clients);
            while left > 0 && Instant::now() < end {
                let Some(step) = next(&mut random) else { break };
                self.shared.play(tiers, &step, &rules).await;
                left -= 1;
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

    fn summary(&self, taken: &Taken, prices: BTreeMap<String, Prices>) -> Summary {
        let mut errors = self.shared.latencies.errors();
        errors.remove(client::ALL);
        let rows = self.shared.latencies.rows();
        let kept = self.workload.stored_bytes();
        let usage = self.sessions.first().map_or_else(Vec::new, |session| {
            usage::between(session, &taken.before, &usage::counts(&self.sessions), &rows, kept)
        });
        Summary {
            usage,
            prices,
            counts: self.shared.tally.counts(),
            rows,
            errors,
            tiers: self.counted(),
            together: self.sessions.iter().map(|session| session.tiers().snapshot()).collect(),
            elapsed: taken.elapsed,
            sessions: self.sessions.len(),
            left_behind: 0,
            peak_memory: summary::peak_memory(),
        }
    }
}

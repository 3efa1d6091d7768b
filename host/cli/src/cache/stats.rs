//! `seaworthy cache stats`.

use super::args::StatsArgs;
use super::opened::Opened;
use super::{counted, shown};
use crate::args::Global;
use crate::error::CliError;
use crate::stdout;
use futures::future::join_all;
use seaworthy_cache::{CacheError, Capability, Operation, StatsSnapshot};
use seaworthy_engine::{PeerCounts, SessionOptions};
use seaworthy_model::{ExitCode, Tier};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// Entries that are counted one by one in a tier that only lists.
const MOST_COUNTED: u32 = 10_000;

/// What is known of one tier.
struct TierStats<'a> {
    tier: &'a Tier,
    took: Duration,
    opened: Result<Capability, CacheError>,
    peers: Result<Option<PeerCounts>, CacheError>,
    listed: Option<Result<Listed, CacheError>>,
    counted: Option<StatsSnapshot>,
}

/// What a list of a tier's keys adds up to.
struct Listed {
    entries: usize,
    bytes: u64,
    /// There may be more.
    limited: bool,
}

/// *Behaviour*: opens every tier. Peers are asked for their counters over the tier's
/// own connections; a tier that can list is counted. A tier that cannot be used is
/// shown as such, and its error is that of the command, once all have been shown.
pub(crate) async fn stats(global: &Global, arguments: &StatsArgs) -> Result<ExitCode, CliError> {
    let opened = Opened::new(global, &arguments.tiers, SessionOptions::default()).await?;
    let tiers = opened.session.planned().iter().map(|tier| look(&opened, tier));
    let all: Vec<TierStats<'_>> = join_all(tiers).await;
    if arguments.json {
        let tiers: Map<String, Value> = all.iter().map(|one| (one.tier.label.clone(), one.json())).collect();
        let together = opened.session.tiers().snapshot();
        stdout::print(&format!("{}\n", json!({ "tiers": tiers, "together": together })))?;
    } else {
        let text = all.iter().flat_map(|one| one.lines(global.verbose > 0)).map(|line| opened.plain(&line) + "\n");
        stdout::print(&text.collect::<String>())?;
    }
    let failed = |one: &TierStats<'_>| one.opened.as_ref().err().or(one.peers.as_ref().err()).cloned();
    match all.iter().find_map(|one| Some((one.tier.label.as_str(), failed(one)?))) {
        Some((label, error)) => Err(opened.refused(Some(label), &error)),
        None => Ok(ExitCode::Passed),
    }
}

async fn look<'a>(opened: &'a Opened, planned: &'a Tier) -> TierStats<'a> {
    let session = &opened.session;
    let started = std::time::Instant::now();
    let mut stats = TierStats {
        tier: planned,
        took: Duration::ZERO,
        opened: Err(CacheError::configuration("open", "there is no such tier")),
        peers: Ok(None),
        listed: None,
        counted: None,
    };
    if let Some(tier) = session.tiers().tier(&planned.label) {
        stats.opened = tier.open().await;
        stats.took = started.elapsed();
        if let Ok(capability) = &stats.opened {
            stats.peers = session.peers(&planned.label).await;
            if capability.has(Operation::List) {
                stats.listed = Some(tier.list("", MOST_COUNTED).await.map(|entries| Listed {
                    bytes: entries.iter().filter_map(|entry| entry.size).sum(),
                    limited: u32::try_from(entries.len()).unwrap_or(u32::MAX) >= MOST_COUNTED,
                    entries: entries.len(),
                }));
            }
        }
    }
    stats.counted = session.counts(&planned.label);
    stats
}

impl TierStats<'_> {
    fn lines(&self, verbose: bool) -> Vec<String> {
        let mut lines = Vec::new();
        let name = format!("{} (adapter {})", self.tier.label, self.tier.adapter);
        let counted = self.counted.iter().filter(|_| verbose).flat_map(counted::lines).map(|line| format!("  {line}"));
        let capability = match &self.opened {
            Ok(capability) => capability,
            Err(error) => return [format!("{name}: {error}")].into_iter().chain(counted).collect(),
        };
        lines.push(format!("{name}: open, {}", shown::time(self.took)));
        let words = |items: Vec<String>| items.join(" ");
        lines.push(format!("  can: {}", words(capability.operations.iter().map(ToString::to_string).collect())));
        if !capability.properties.is_empty() {
            lines.push(format!("  is: {}", words(capability.properties.iter().cloned().collect())));
        }
        if !capability.limits.is_empty() {
            lines.push(format!(
                "  limits: {}",
                words(capability.limits.iter().map(|(k, v)| format!("{k}={v}")).collect())
            ));
        }
        match &self.listed {
            Some(Ok(listed)) => {
                let least = if listed.limited { "at least " } else { "" };
                lines.push(format!("  holds: {least}{} entries, {}", listed.entries, shown::bytes(listed.bytes)));
            }
            Some(Err(error)) => lines.push(format!("  holds: {error}")),
            None => {}
        }
        match &self.peers {
            Ok(Some(peers)) => lines.extend(peer_lines(peers)),
            Ok(None) => {}
            Err(error) => lines.push(format!("  peers: {error}")),
        }
        lines.extend(counted);
        lines
    }

    fn json(&self) -> Value {
        json!({
            "adapter": self.tier.adapter,
            "open_ms": self.took.as_secs_f64() * 1e3,
            "error": self.opened.as_ref().err(),
            "capability": self.opened.as_ref().ok().map(|c| json!({
                "operations": c.operations.iter().map(|o| o.as_str()).collect::<Vec<_>>(),
                "properties": c.properties, "limits": c.limits })),
            "holds": match &self.listed {
                Some(Ok(l)) => json!({ "entries": l.entries, "bytes": l.bytes, "limited": l.limited }),
                Some(Err(error)) => json!({ "error": error }),
                None => Value::Null,
            },
            "peers": match &self.peers {
                Ok(peers) => json!(peers.as_ref().map(|peers| &peers.counts)),
                Err(error) => json!({ "error": error }),
            },
            "unusable_peers": self.peers.as_ref().ok().and_then(|p| p.as_ref()).map(|peers| &peers.unusable),
            "this_process": self.counted.as_ref().map(counted::json),
        })
    }
}

fn peer_lines(peers: &PeerCounts) -> Vec<String> {
    let mut lines = Vec::new();
    for (address, counts) in &peers.counts {
        let mut line = format!(
            "  peer {address}: {} entries, {} of {}, {} hits, {} misses, {} puts, {} evicted",
            counts.entries,
            shown::bytes(counts.bytes),
            shown::bytes(counts.max_bytes),
            counts.hits,
            counts.misses,
            counts.puts,
            counts.evictions
        );
        let _ = write!(line, ", up {}", humantime::format_duration(Duration::from_secs(counts.uptime_s)));
        lines.push(line);
    }
    lines.extend(
        peers.unusable.iter().map(|(address, why)| format!("  peer {address}: cannot be used: {}", why.message)),
    );
    lines
}

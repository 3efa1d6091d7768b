//! The command line of `seaworthy cache`.

use crate::args::{ConfigArgs, duration, name_value, positive};
use clap::{Args, Subcommand};
use seaworthy_model::{Size, SizeError};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Write a value to stdout or a file; exit code 6 when the key is not there
    Get(GetArgs),
    /// Store a value in every tier that stores
    Put(PutArgs),
    /// Remove a key from every tier
    Rm(KeyArgs),
    /// Say what each tier knows of a key, without its value
    Stat(StatArgs),
    /// List keys, from the tiers that can
    List(ListArgs),
    /// Say what each tier can do and holds
    Stats(StatsArgs),
    /// Load the cache and measure throughput, hit rate and latency
    Bench(Box<BenchArgs>),
    /// Serve an HTTP API from the cache: a caching proxy for clients that know nothing of it
    Proxy(Box<ProxyArgs>),
}

/// Labels of tiers, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels(pub(crate) Vec<String>);

/// Which cache.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TierArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Only this tier; may be repeated. Keeps the configured order, but for `bench`,
    /// which takes the tiers as they are given, configured in the order or not
    #[arg(long, value_name = "NAME")]
    pub(crate) tier: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GetArgs {
    /// The key
    pub(crate) key: String,
    /// Write the value to this file; `-` writes even binary values to a terminal
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PutArgs {
    /// The key
    pub(crate) key: String,
    /// File that holds the value; `-` is stdin
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// How long it may be served, e.g. 5m; without it the tier's own default
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) ttl: Option<Duration>,
    /// Something to keep with the value; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_value)]
    pub(crate) meta: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct KeyArgs {
    /// The key
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StatArgs {
    /// The key
    pub(crate) key: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// Only keys that begin with this
    #[arg(default_value = "")]
    pub(crate) prefix: String,
    /// At most so many from each tier
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StatsArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    /// Operations at once: clients that each wait for an answer before they ask again
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) clients: u16,
    /// Sessions that the clients share, each with connections and adapter instances of
    /// its own, as a runner has them [default: one a client]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) sessions: Option<u16>,
    /// How long to measure [default: 10s, or what the operations take]; a trace ends
    /// earlier when it has been played
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Measure so many operations, however long they take: the same work for every tier
    #[arg(long, value_name = "N", conflicts_with = "trace", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) operations: Option<u64>,
    /// How long to run before measuring
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = positive)]
    pub(crate) warmup: Duration,
    /// Store every key once before anything else
    #[arg(long, conflicts_with = "trace")]
    pub(crate) fill: bool,
    /// Different keys
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) keys: u32,
    /// Bytes of a value, or the bounds between which each size is chosen
    #[arg(long, value_name = "SIZE|LO-HI", default_value = "1KiB", value_parser = sizes)]
    pub(crate) value_size: (usize, usize),
    /// The part of operations that read, 0 to 1 [default: 0.9, or 1 with --miss-cost]
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub(crate) read_ratio: Option<f64>,
    /// Read through: a read that finds nothing asks an origin that takes so long, and
    /// stores what it answers
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) miss_cost: Option<Duration>,
    /// Measure this set of tiers, best first, and compare it with the others given;
    /// may be repeated
    #[arg(long, value_name = "TIER[,TIER...]", conflicts_with = "tier", value_parser = labels)]
    pub(crate) compare: Vec<Labels>,
    /// How unevenly keys are asked for: 0 is evenly, 1 is the law of Zipf
    #[arg(long, value_name = "EXPONENT", default_value_t = 1.0, value_parser = exponent)]
    pub(crate) zipf: f64,
    /// The same seed makes the same keys, values and order
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Life of the values, so that nothing stays behind for ever
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) ttl: Duration,
    /// Play recorded operations instead: lines `get KEY`, `put KEY [SIZE]`, `rm KEY`
    #[arg(long, visible_alias = "workload", value_name = "FILE", conflicts_with_all = ["keys", "read_ratio", "zipf"])]
    pub(crate) trace: Option<PathBuf>,
    /// Write what is measured into this new file, as a trace for --trace; keys as digests
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    pub(crate) record: Option<PathBuf>,
    /// Reach the peers without the adapter component, to tell the protocol's cost from its own
    #[arg(long)]
    pub(crate) direct: bool,
    /// Leave what was stored in the cache
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Where clients ask; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8470")]
    pub(crate) listen: SocketAddr,
    /// The API that answers come from
    #[arg(long, value_name = "URL", env = "GITHUB_API_URL", default_value = "https://api.github.com")]
    pub(crate) origin: String,
    /// Trust the certificates in this PEM file too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Longer bodies go through and are not kept
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = body_size)]
    pub(crate) max_body: u64,
    /// For an answer of the origin to begin
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) origin_timeout: Duration,
    /// For looking into the tiers, before the origin is asked
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub(crate) tier_budget: Duration,
    /// How long past its life an answer may stand in for an origin that fails, where it says nothing of that itself
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = positive)]
    pub(crate) stale_if_error: Duration,
    /// How long past its life an answer is kept, to be confirmed by the origin
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = positive)]
    pub(crate) keep_stale: Duration,
    /// Write what is asked of the tiers into this new file, as a trace for `cache bench --trace`; keys as digests
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Print the address as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tiers: TierArgs,
}

/// The longest body that fits into a tier, with room for its head.
const MOST_BODY: u64 = 7 << 20;

fn body_size(text: &str) -> Result<u64, String> {
    match crate::peer::size(text)? {
        size if size > MOST_BODY => Err(format!("takes at most {MOST_BODY} bytes, as much as a tier takes")),
        size => Ok(size),
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("takes a number from 0 to 1".into()),
    }
}

impl BenchArgs {
    /// The longest that is measured.
    pub(crate) fn measured(&self) -> Duration {
        const ALONE: Duration = Duration::from_secs(10);
        const FOR_OPERATIONS: Duration = Duration::from_secs(600);
        self.duration.unwrap_or(if self.operations.is_some() { FOR_OPERATIONS } else { ALONE })
    }

    /// The part of operations that read.
    pub(crate) fn reads(&self) -> f64 {
        self.read_ratio.unwrap_or(if self.miss_cost.is_some() { 1.0 } else { 0.9 })
    }
}

/// `p2p`, or `disk,p2p`.
fn labels(text: &str) -> Result<Labels, String> {
    let labels: Vec<String> = text.split(',').map(|label| label.trim().to_owned()).collect();
    if labels.iter().any(String::is_empty) {
        return Err("write the tiers with commas between them: disk,p2p".into());
    }
    Ok(Labels(labels))
}

fn exponent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(exponent) if (0.0..=5.0).contains(&exponent) => Ok(exponent),
        _ => Err("takes a number from 0 to 5".into()),
    }
}

/// `4KiB`, or `64B-1MiB`.
fn sizes(text: &str) -> Result<(usize, usize), String> {
    let (low, high) = match text.split_once('-') {
        Some((low, high)) => (size(low)?, size(high)?),
        None => (size(text)?, size(text)?),
    };
    if low > high {
        return Err("the first size is larger than the second".into());
    }
    Ok((low, high))
}

/// A size as checks.toml has it; a number alone is bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let size = Size::parse(text).map_err(|error| error.to_string())?;
    usize::try_from(size.bytes).map_err(|_| SizeError::TooLarge.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("4KiB"), Ok(4096));
        assert_eq!(sizes("64B-1MiB"), Ok((64, 1 << 20)));
        for wrong in ["", "KiB", "4 parsecs", "1MiB-1KiB", "-5", "99999999999999999999"] {
            assert!(sizes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sets_of_tiers_are_read() {
        assert_eq!(labels("disk, p2p"), Ok(Labels(vec!["disk".into(), "p2p".into()])));
        assert!(labels("").is_err() && labels("disk,").is_err());
    }

    #[test]
    fn ratios_are_bounded() {
        assert_eq!(ratio("0.9"), Ok(0.9));
        assert!(ratio("1.1").is_err() && ratio("NaN").is_err() && exponent("inf").is_err());
    }
}

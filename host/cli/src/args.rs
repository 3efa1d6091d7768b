//! The command line, as clap sees it. `run` is the default command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Says why a container cannot reach its cache, with evidence, and what to change.
#[derive(Debug, Parser)]
#[command(name = "seaworthy", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// For every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// More: evidence of passed checks, guest logs (-vv: debug log on stderr)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Only the result on stdout, only errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Format of the log on stderr; SEAWORTHY_LOG says what is logged, e.g. debug
    #[arg(long, global = true, env = "SEAWORTHY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line of text an event
    Text,
    /// An object of JSON a line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run checks and judge them (the default command)
    Run(Box<RunArgs>),
    /// Run a P2P cache peer on this machine until it is told to stop
    Peer(Box<PeerArgs>),
    /// For each cause the concrete change; writes nothing without --apply
    Fix(Box<crate::fix::FixArgs>),
    /// Write a support archive: reports, evidence, versions, policy; without secrets
    Bundle(Box<crate::bundle::BundleArgs>),
    /// Use the configured cache by hand: get, put, rm, stat, list, stats, bench, proxy
    Cache(crate::cache::CacheArgs),
    /// Write checks and adapters of your own: new, build, test, inspect, share
    Plugin(crate::plugin::PluginArgs),
    /// Read two recorded reports together: host and container, or before and after a change
    Compare(CompareArgs),
    /// Check the policy file, its plugins and settings, and say everything that is wrong
    Validate(ConfigArgs),
    /// Print the merged policy, each value with where it comes from
    ShowConfig(ConfigArgs),
    /// List checks, plugins, finding codes or targets
    List(ListArgs),
    /// Explain a finding code, a cause, a check or the exit codes
    Explain(ExplainArgs),
    /// Write a commented checks.toml
    Init(InitArgs),
    /// Print a JSON Schema
    Schema(SchemaArgs),
    /// Write a copy of this program with the bundled components precompiled
    Pack(PackArgs),
    /// Print a shell completion script
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Which policy.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConfigArgs {
    /// Policy file; without it the nearest checks.toml, .config/checks.toml or
    /// .github/checks.toml, else the embedded suite
    #[arg(short, long, env = "SEAWORTHY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Profile of the policy file
    #[arg(short = 'P', long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Set or replace an environment variable for the checks
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_value)]
    pub(crate) vars: Vec<(String, String)>,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Checks to run, ids or globs; all when none is given
    #[arg(value_name = "ID|GLOB")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Start a peer on loopback for this run and use it: real without any set-up
    #[arg(long)]
    pub(crate) embedded: bool,
    /// Only checks with this tag
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Only checks on this target
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    /// Leave these out (ids or globs)
    #[arg(long, value_name = "ID|GLOB")]
    pub(crate) skip: Vec<String>,
    /// Checks at once
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<u64>,
    /// Time for one attempt of one check, e.g. 5s
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Time for the whole run, e.g. 60s
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) deadline: Option<Duration>,
    /// Further attempts after a failure that may pass by itself
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u64>,
    /// What fails the gate: a severity (critical, major, minor, info), statuses, or both
    #[arg(long, value_name = "SEVERITY|STATUS,..")]
    pub(crate) fail_on: Option<String>,
    /// Judge and report, but exit 0 where the gate fails or cannot tell
    #[arg(long)]
    pub(crate) report_only: bool,
    /// Let checks write (to the cache, under keys of their own)
    #[arg(long)]
    pub(crate) allow_writes: bool,
    /// Run only what needs no network
    #[arg(long)]
    pub(crate) offline: bool,
    /// Name of this vantage point in the report
    #[arg(long, value_name = "NAME")]
    pub(crate) vantage: Option<String>,
    /// A JSON report recorded on the Docker host, read together with this run
    #[arg(long, env = "SEAWORTHY_HOST_REPORT", value_name = "FILE")]
    pub(crate) host_report: Option<PathBuf>,
    /// Run as this container sees it, or a new one of an image, after a run on this machine;
    /// both are read together: docker:CONTAINER, docker:IMAGE, podman:...
    #[arg(long = "in", value_name = "ENGINE:NAME", value_parser = crate::inside::Place::read, conflicts_with = "embedded")]
    pub(crate) inside: Option<crate::inside::Place>,
    /// Network of the container that is made of an image given with --in
    #[arg(long, value_name = "NETWORK", requires = "inside")]
    pub(crate) network: Option<String>,
    /// Write every host call with its answer to a file, without secrets, for --replay
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inside", "replay"])]
    pub(crate) record: Option<PathBuf>,
    /// Answer every host call from a recording: the same run again, without a network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inside", "embedded"])]
    pub(crate) replay: Option<PathBuf>,
    /// Leave out the policy's reports that go to files: whoever started this run writes them
    #[arg(long, hide = true)]
    pub(crate) only_stdout: bool,
    /// Format on stdout
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Also write a report to a file; may be repeated
    #[arg(short, long, value_name = "FORMAT=PATH", value_parser = format_path)]
    pub(crate) output: Vec<(Format, PathBuf)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
    Junit,
    Github,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CompareArgs {
    /// JSON report of the host, or from before
    #[arg(value_name = "FIRST")]
    pub(crate) first: PathBuf,
    /// JSON report of the container, or from after
    #[arg(value_name = "SECOND")]
    pub(crate) second: PathBuf,
    /// What the two are to each other; without it that is told from where they were recorded
    #[arg(long = "as", value_enum, value_name = "RELATION")]
    pub(crate) relation: Option<ComparedAs>,
    /// Format on stdout
    #[arg(short, long, value_enum, default_value_t = ComparedFormat::Human, value_name = "FORMAT")]
    pub(crate) format: ComparedFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ComparedAs {
    HostContainer,
    BeforeAfter,
    TwoPlaces,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ComparedFormat {
    Human,
    Json,
}

#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PeerArgs {
    #[command(subcommand)]
    pub(crate) action: Option<crate::peer::PeerAction>,
    #[command(flatten)]
    pub(crate) service: crate::peer::ServiceArgs,
    /// Where to listen; may be repeated
    #[arg(long, value_name = "MULTIADDR", default_values = ["/ip4/0.0.0.0/tcp/9100", "/ip4/0.0.0.0/udp/9100/quic-v1"])]
    pub(crate) listen: Vec<String>,
    /// Folder for the identity and the entries [default: the user's state folder]
    #[arg(long, env = "SEAWORTHY_STATE", value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Address to tell others instead of the interfaces' own; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) announce: Vec<String>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Variable that holds the shared secret
    #[arg(long, value_name = "NAME", default_value = "CACHE_P2P_SHARED_SECRET")]
    pub(crate) secret_env: String,
    /// Print one line of JSON with peer id and addresses instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a peer is found and reached beyond its own addresses.
#[derive(Clone, Debug, Args)]
pub(crate) struct NetworkArgs {
    /// Pass connections on for peers that cannot be dialled
    #[arg(long)]
    pub(crate) relay_server: bool,
    /// Relay through which others reach this peer, with its /p2p/ID; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) relay: Vec<String>,
    /// Let other peers dial back, and tell nobody of addresses that they cannot reach
    #[arg(long)]
    pub(crate) autonat: bool,
    /// Turn relayed connections into direct ones where both sides can
    #[arg(long)]
    pub(crate) dcutr: bool,
    /// Find peers on the same network segment, and be found there
    #[arg(long)]
    pub(crate) mdns: bool,
    /// Find peers of peers
    #[arg(long)]
    pub(crate) kademlia: bool,
    /// Connections of others at a time
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) max_connections: u32,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// What to list
    #[arg(value_enum, default_value_t = Listed::Checks)]
    pub(crate) what: Listed,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    Checks,
    Plugins,
    Codes,
    Targets,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A finding or cause code, a fault by number (F53), a check id, or `exit-codes`
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct InitArgs {
    /// Look at this machine and its environment first
    #[arg(long)]
    pub(crate) detect: bool,
    /// Where to write; `-` for stdout
    #[arg(default_value = "checks.toml")]
    pub(crate) path: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which format
    #[arg(value_enum, default_value_t = SchemaOf::Checks)]
    pub(crate) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// checks.toml
    Checks,
    /// The JSON report
    Report,
    /// What `compare -f json` prints
    Comparison,
    /// What a component's `describe` returns
    Descriptor,
    /// What `run --record` writes
    Recording,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PackArgs {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match positive(text) {
        Ok(duration) if duration.is_zero() => Err("takes a duration longer than zero".into()),
        other => other,
    }
}

pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| format!("{e}; write a number with a unit, e.g. 5s or 250ms"))
}

pub(crate) fn name_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE".into()),
    }
}

fn format_path(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("write FORMAT=PATH, e.g. json=report.json")?;
    let format = Format::from_str(format, true).map_err(|_| "the format is one of human, json, junit, github")?;
    if path.is_empty() {
        return Err("the path is missing".into());
    }
    Ok((format, path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_is_the_default() {
        let arguments = Arguments::try_parse_from(["seaworthy", "net.*", "--embedded"]).unwrap();
        assert!(arguments.command.is_none() && arguments.run.embedded);
        assert_eq!(arguments.run.ids, ["net.*"]);
        let arguments = Arguments::try_parse_from(["seaworthy", "run", "-o", "json=a/b.json"]).unwrap();
        assert!(
            matches!(arguments.command, Some(Command::Run(run)) if run.output == [(Format::Json, "a/b.json".into())])
        );
    }
}

use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::time::Duration;

/// What only a peer that runs as a service needs.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServiceArgs {
    /// Serve OpenMetrics at /metrics, and /healthz and /readyz, on this address; it
    /// is not protected, so keep it on loopback or a network of your own
    #[arg(long, env = "SEAWORTHY_METRICS", value_name = "ADDR:PORT")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Most that the store may hold, e.g. 512MiB or 20GB; beyond it the least
    /// recently used entries go
    #[arg(long, env = "SEAWORTHY_MAX_BYTES", value_name = "SIZE", value_parser = super::size::parse, default_value = "1GiB")]
    pub(crate) max_bytes: u64,
    /// Longest value that is taken
    #[arg(long, env = "SEAWORTHY_MAX_VALUE", value_name = "SIZE", value_parser = super::size::parse, default_value = "8MiB")]
    pub(crate) max_value: u64,
    /// Another peer, whose entries this one copies; may be repeated. Without the
    /// flag, the comma list of CACHE_BOOTSTRAP_PEERS; this peer's own address in it
    /// is skipped
    #[arg(long = "peer", value_name = "MULTIADDR")]
    pub(crate) peers: Vec<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PeerAction {
    /// Ask a running peer whether it does its work: exit code 0 for yes, 1 for no
    Health(HealthArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct HealthArgs {
    /// Its /readyz or /healthz, e.g. http://127.0.0.1:9464/readyz
    #[arg(long, value_name = "URL", conflicts_with = "address")]
    pub(crate) url: Option<String>,
    /// Its libp2p address, which is dialled, identified and pinged [default: the URL
    /// of SEAWORTHY_METRICS where that is set, else /ip4/127.0.0.1/tcp/9100]
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) address: Option<String>,
    /// Time for all of it
    #[arg(long, value_name = "DURATION", value_parser = crate::args::duration, default_value = "3s")]
    pub(crate) timeout: Duration,
}

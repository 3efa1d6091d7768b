use crate::args::ConfigArgs;
use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub(crate) struct BundleArgs {
    /// JSON reports to put in; without one the checks are run now
    #[arg(value_name = "REPORT.json")]
    pub(crate) reports: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The file to write
    #[arg(long, value_name = "FILE.tar.gz", default_value = "seaworthy-bundle.tar.gz")]
    pub(crate) out: PathBuf,
    /// Write it without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// A JSON report recorded on the Docker host, read together with this run
    #[arg(long, env = "SEAWORTHY_HOST_REPORT", value_name = "FILE")]
    pub(crate) host_report: Option<PathBuf>,
}

use crate::args::ConfigArgs;
use clap::{Args, ValueEnum};
use seaworthy_remedy::Kind;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub(crate) struct FixArgs {
    /// A JSON report whose causes are to be mended; without one the checks are run now
    #[arg(value_name = "REPORT.json")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Only the cause with this code
    #[arg(long, value_name = "CODE")]
    pub(crate) cause: Option<String>,
    /// Only changes of these kinds; may be repeated
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<KindArg>,
    /// Write the files whose change has risk none or config, with a backup beside, and
    /// prove it
    #[arg(long)]
    pub(crate) apply: bool,
    /// Folder for the files [default: the working folder]; files of the system are put
    /// below it, to be copied
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the file of a kind is to be, e.g. daemon=/etc/docker/daemon.json; may be repeated
    #[arg(long, value_name = "KIND=PATH", value_parser = kind_path)]
    pub(crate) file: Vec<(Kind, String)>,
    /// The compose service, or job of a workflow, that runs here
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// A JSON report recorded on the Docker host, read together with this run
    #[arg(long, env = "SEAWORTHY_HOST_REPORT", value_name = "FILE")]
    pub(crate) host_report: Option<PathBuf>,
    /// Format on stdout
    #[arg(short, long, value_enum, default_value_t = FixFormat::Human, value_name = "FORMAT")]
    pub(crate) format: FixFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FixFormat {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    /// Variables, in a file for `docker run --env-file`
    Env,
    /// Options of `docker run`
    Docker,
    /// A compose file, put over yours
    Compose,
    /// A workflow of GitHub Actions
    Workflow,
    /// /etc/docker/daemon.json
    Daemon,
    /// /etc/sysctl.d
    Sysctl,
    /// Commands for a Kubo node
    Kubo,
}

impl KindArg {
    pub(crate) fn kind(self) -> Kind {
        match self {
            KindArg::Env => Kind::Env,
            KindArg::Docker => Kind::Docker,
            KindArg::Compose => Kind::Compose,
            KindArg::Workflow => Kind::Workflow,
            KindArg::Daemon => Kind::Daemon,
            KindArg::Sysctl => Kind::Sysctl,
            KindArg::Kubo => Kind::Kubo,
        }
    }
}

fn kind_path(text: &str) -> Result<(Kind, String), String> {
    let (kind, path) = text.split_once('=').ok_or("write KIND=PATH, e.g. env=ci.env")?;
    let files = [Kind::Env, Kind::Compose, Kind::Workflow, Kind::Daemon, Kind::Sysctl];
    let kind = files.into_iter().find(|known| known.as_str() == kind);
    let kind = kind.ok_or("the kind is one of env, compose, workflow, daemon, sysctl")?;
    if path.is_empty() {
        return Err("the path is missing".into());
    }
    Ok((kind, path.to_owned()))
}

//! `seaworthy run`: the one straight line from a policy to an exit code.

use crate::args::{Global, RunArgs};
use crate::configuration::Purpose;
use crate::error::CliError;
use crate::progress::Progress;
use crate::signals::Stop;
use crate::{configuration, embedded, output, vantage};
use anyhow::Context as _;
use seaworthy_model::{Environment, ExitCode, Report, ToolInfo, VantageInfo};
use seaworthy_p2p::Peer;
use seaworthy_policy::Policy;
use seaworthy_report::{Redactions, Redactor};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(global: &Global, arguments: &RunArgs) -> Result<ExitCode, CliError> {
    configuration::on_runtime(line(global, arguments))
}

async fn line(global: &Global, arguments: &RunArgs) -> Result<ExitCode, CliError> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let mut environment = configuration::environment();
    let policy = configuration::load_policy(&arguments.config, &environment, &configuration::overrides(arguments))?;
    let outputs = output::Outputs::decide(&policy, arguments)?;
    let run = Run { global, arguments, policy: &policy };
    let announce = |redactor: &Redactor, environment: &Environment| outputs.announce(redactor, environment);
    let examined = examine(&run, &mut environment, &stop, announce).await?;
    outputs.write(&examined.report, global, &environment)?;
    examined.end(&mut stop).await
}

/// What is to be run.
pub(crate) struct Run<'a> {
    pub(crate) global: &'a Global,
    pub(crate) arguments: &'a RunArgs,
    pub(crate) policy: &'a Policy,
}

/// A run, judged and redacted.
pub(crate) struct Examined {
    pub(crate) report: Report,
    pub(crate) redactor: Arc<Redactor>,
    /// What the redaction of the report hid.
    pub(crate) hidden: Redactions,
    exit: ExitCode,
    peer: Option<Peer>,
}

impl Examined {
    /// Ends what was started for the run.
    pub(crate) async fn end(self, stop: &mut Stop) -> Result<ExitCode, CliError> {
        if let Some(peer) = self.peer {
            // The entries were in memory; a second signal need not wait for the peer.
            tokio::select! {
                () = peer.shutdown() => {}
                () = stop.wait() => {}
            }
        }
        Ok(self.exit)
    }
}

/// Runs the checks of a policy and judges them. `ready` is called before anything of
/// the run is printed.
pub(crate) async fn examine(
    run: &Run<'_>,
    environment: &mut Environment,
    stop: &Stop,
    ready: impl FnOnce(&Redactor, &Environment) -> Result<(), CliError>,
) -> Result<Examined, CliError> {
    let Run { global, arguments, policy } = run;
    let flags = configuration::overrides(arguments);
    let peer = match arguments.embedded {
        true => Some(embedded::start(environment).await?),
        false => None,
    };
    let catalog = configuration::open_catalog(policy, Purpose::Run(environment)).await?;
    let mut facts = vantage::facts(environment);
    facts.insert("embedded".into(), peer.is_some().to_string());
    let host_report = match arguments.host_report.clone().or_else(|| policy.host_report(environment)) {
        Some(path) => Some(Box::new(read_report(&path, "the host's report")?)),
        None => None,
    };
    let plan = configuration::make_plan(policy, &catalog, environment, &facts, &flags, host_report)?;
    let redactor = Arc::new(output::redactor(policy, &plan.environment)?);
    ready(&redactor, environment)?;

    let progress = Arc::new(Progress::new(global.verbose, global.quiet, redactor.clone()));
    let host_report = plan.host_report.clone();
    let vantage = VantageInfo {
        name: vantage::name(policy.vantage_name.as_ref().map(|v| v.value.as_str()), &facts),
        facts: plan.vantage.clone(),
    };
    let started = jiff::Timestamp::now().to_string();
    let record = seaworthy_engine::run(plan, &catalog, progress.clone(), started, stop.flag.clone()).await;
    progress.finish();

    let mut diagnosis = seaworthy_diagnose::explain(record, host_report.as_deref());
    let (gate, waivers) =
        seaworthy_diagnose::judge(&mut diagnosis, &policy.gate_rules(), &configuration::today().to_string());
    let gate_exit = gate.exit;
    let tool = ToolInfo { name: "seaworthy".into(), version: configuration::VERSION.into() };
    let mut report = seaworthy_report::assemble(diagnosis, gate, waivers, tool, policy.config_info(), vantage);
    let exit = match stop.exit_code() {
        Some(signal) if report.interrupted => signal,
        _ => gate_exit,
    };
    report.gate.exit_code = exit.code();
    let (report, hidden) = redactor.apply_counted(report);
    Ok(Examined { report, redactor, hidden, exit, peer })
}

/// A report that was recorded, here or elsewhere; `what` it is, for errors.
pub(crate) fn read_report(path: &Path, what: &str) -> Result<Report, CliError> {
    let text = configuration::read_file(path)
        .map_err(|error| CliError::Config(format!("cannot read {what} {}: {error}", path.display())))?;
    seaworthy_report::read(&text).map_err(|error| CliError::Config(format!("{what} {}: {error}", path.display())))
}

//! `seaworthy run`: the one straight line from a policy to an exit code.

use crate::args::{Global, RunArgs};
use crate::compare::read as read_report;
use crate::configuration::Purpose;
use crate::error::CliError;
use crate::progress::Progress;
use crate::signals::Stop;
use crate::{configuration, embedded, inside, output, vantage};
use anyhow::Context as _;
use seaworthy_engine::Playback;
use seaworthy_model::{Environment, ExitCode, Recording, Report, ToolInfo, VantageInfo};
use seaworthy_policy::{Overrides, Policy};
use seaworthy_report::{Redactions, Redactor};
use std::sync::Arc;

pub(crate) fn run(global: &Global, arguments: &RunArgs) -> Result<ExitCode, CliError> {
    configuration::on_runtime(line(global, arguments))
}

async fn line(global: &Global, arguments: &RunArgs) -> Result<ExitCode, CliError> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let flags = configuration::overrides(arguments);
    if let Some(place) = &arguments.inside {
        return two_places(global, arguments, place, &stop).await;
    }
    let mut environment = configuration::environment();
    let policy = configuration::load_policy(&arguments.config, &environment, &flags)?;
    let outputs = output::Outputs::decide(&policy, arguments)?;
    let peer = match arguments.embedded {
        true => Some(embedded::start(&mut environment).await?),
        false => None,
    };
    let host_report = match arguments.host_report.clone().or_else(|| policy.host_report(&environment)) {
        Some(path) => Some(Box::new(read_report(&path)?)),
        None => None,
    };
    let playback = playback(arguments)?;
    let sight = Sight { playback, embedded: peer.is_some(), ..Sight::live(&policy, &flags, &environment) };
    let seen = sight.report(global, host_report, Some(&outputs), &stop).await?;
    let report = seen.report;
    outputs.write(&report, global, &environment)?;
    if let (Some(path), Some(recording)) = (&arguments.record, &seen.recording) {
        let text = serde_json::to_string_pretty(recording).context("the recording cannot be written as JSON")?;
        output::write_file(path, text + "\n")?;
        if !global.quiet {
            eprintln!("recorded {} checks in {}", recording.steps.len(), path.display());
        }
    }
    if let Some(peer) = peer {
        // The entries were in memory; a second signal need not wait for the peer.
        tokio::select! {
            () = peer.shutdown() => {}
            () = stop.wait() => {}
        }
    }
    Ok(report.gate.exit)
}

/// What the flags make of host calls.
fn playback(arguments: &RunArgs) -> Result<Playback, CliError> {
    if arguments.record.is_some() {
        return Ok(Playback::Record(Arc::default()));
    }
    let Some(path) = &arguments.replay else { return Ok(Playback::Live) };
    let shown = path.display();
    let text = configuration::read_file(path)
        .map_err(|error| CliError::Config(format!("cannot read the recording {shown}: {error}")))?;
    let recording = Recording::read(&text).map_err(|error| CliError::Config(format!("{shown}: {error}")))?;
    eprintln!("replaying what was recorded at {}; nothing of this machine is looked at", recording.started);
    Ok(Playback::Replay(Arc::new(recording)))
}

/// `--in`: first here, on the host, then in the container, which is told what was seen here.
async fn two_places(
    global: &Global,
    arguments: &RunArgs,
    place: &inside::Place,
    stop: &Stop,
) -> Result<ExitCode, CliError> {
    let described = inside::describe(place).await?;
    let environment = inside::host_environment(&described);
    let flags = Overrides { vantage: Some("host".into()), ..configuration::overrides(arguments) };
    let policy = configuration::load_policy(&arguments.config, &environment, &flags)?;
    let outputs = output::Outputs::decide(&policy, arguments)?;
    let host = match &arguments.host_report {
        Some(path) => read_report(path)?,
        None => {
            let sight = Sight::live(&policy, &flags, &environment);
            sight.report(global, None, Some(&outputs), stop).await?.report
        }
    };
    let report = inside::run(global, arguments, place, described, &policy, &host).await?;
    outputs.write(&report, global, &environment)?;
    Ok(report.gate.exit)
}

/// What a run looks at, and with which eyes.
pub(crate) struct Sight<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) flags: &'a Overrides,
    pub(crate) environment: &'a Environment,
    pub(crate) embedded: bool,
    /// Whether host calls look at the world.
    pub(crate) playback: Playback,
}

impl<'a> Sight<'a> {
    /// Of this machine as it is.
    pub(crate) fn live(policy: &'a Policy, flags: &'a Overrides, environment: &'a Environment) -> Self {
        Self { policy, flags, environment, embedded: false, playback: Playback::Live }
    }
}

/// What was seen.
pub(crate) struct Seen {
    /// Judged and redacted.
    pub(crate) report: Report,
    pub(crate) redactor: Arc<Redactor>,
    /// What was hidden in the report.
    pub(crate) hidden: Redactions,
    /// Where host calls were written down, redacted too.
    pub(crate) recording: Option<Recording>,
}

impl Sight<'_> {
    /// From the policy to a report, redacted. `outputs` are told what a log must mask.
    pub(crate) async fn report(
        &self,
        global: &Global,
        host_report: Option<Box<Report>>,
        outputs: Option<&output::Outputs>,
        stop: &Stop,
    ) -> Result<Seen, CliError> {
        let Self { policy, flags, environment, embedded, ref playback } = *self;
        let catalog = stop.before(configuration::open_catalog(policy, Purpose::Run(environment))).await?;
        let mut facts = vantage::facts(environment);
        facts.insert("embedded".into(), embedded.to_string());
        if let Playback::Replay(recording) = playback {
            facts.insert("replay-of".into(), recording.started.clone());
        }
        let plan = configuration::make_plan(policy, &catalog, environment, &facts, flags, host_report)?;
        let redactor = Arc::new(output::redactor(policy, &plan.environment)?);
        if let Some(outputs) = outputs {
            outputs.announce(&redactor, environment)?;
        }

        let progress = Arc::new(Progress::new(global.verbose, global.quiet, redactor.clone()));
        let host_report = plan.host_report.clone();
        let vantage = VantageInfo {
            name: vantage::name(policy.vantage_name.as_ref().map(|v| v.value.as_str()), &facts),
            facts: plan.vantage.clone(),
        };
        let started = jiff::Timestamp::now().to_string();
        let (sink, stopped) = (progress.clone(), stop.flag.clone());
        let record = seaworthy_engine::run(plan, &catalog, sink, started, stopped, playback.clone()).await;
        progress.finish();
        let recording = match playback {
            Playback::Record(recorder) => Some(redactor.recording(recorder.take(&record, configuration::VERSION)).0),
            _ => None,
        };

        let mut diagnosis = seaworthy_diagnose::explain(record, host_report.as_deref());
        let (gate, waivers) =
            seaworthy_diagnose::judge(&mut diagnosis, &policy.gate_rules(), &configuration::today().to_string());
        let tool = ToolInfo { name: "seaworthy".into(), version: configuration::VERSION.into() };
        let mut report = seaworthy_report::assemble(diagnosis, gate, waivers, tool, policy.config_info(), vantage);
        if let Some(signal) = stop.exit_code().filter(|_| report.interrupted) {
            report.gate.exit = signal;
        }
        report.gate.exit_code = report.gate.exit.code();
        let (report, hidden) = redactor.apply_counted(report);
        Ok(Seen { report, redactor, hidden, recording })
    }
}

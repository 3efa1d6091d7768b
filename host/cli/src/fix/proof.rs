//! Whether a cause is gone once its change is made.

use super::files::{Outcome, State};
use crate::args::{ConfigArgs, Global};
use crate::error::CliError;
use crate::run::Sight;
use crate::signals::Stop;
use seaworthy_model::{Environment, Origin, Report, Status};
use seaworthy_policy::Overrides;
use seaworthy_remedy::{Fix, Kind, Proposal};
use serde::Serialize;
use std::collections::BTreeMap;

/// What the check that proves a fix says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// The check passes and the cause is not found any more.
    Gone,
    /// It is still there, or the check fails for another reason.
    Remains,
    /// The check could not tell.
    Unknown,
    /// It cannot be seen from this process.
    Elsewhere,
    /// Nothing was changed for it.
    Left,
}

/// A fix and its proof.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Proof {
    /// Code of the cause.
    pub(super) cause: String,
    /// The check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<String>,
    /// What it says.
    pub(super) verdict: Verdict,
    /// In words.
    pub(super) text: String,
}

/// Facts by which a place is known again.
const PLACE: [&str; 4] = ["container-id", "network-mode", "address", "in-container"];

/// Whether a report was made where this process is.
pub(super) fn is_here(report: &Report, facts: &BTreeMap<String, String>) -> bool {
    PLACE.iter().all(|key| report.vantage.facts.get(*key) == facts.get(*key))
}

/// Runs the checks that prove what was written, with the new variables, and says of
/// each cause whether it is gone.
pub(super) async fn prove(
    global: &Global,
    config: &ConfigArgs,
    proposal: &Proposal,
    outcomes: &[Outcome],
    here: bool,
    stop: &Stop,
) -> Result<Vec<Proof>, CliError> {
    let ready: Vec<&Fix> = proposal.fixes.iter().filter(|fix| here && sets_variables(fix, outcomes)).collect();
    let mut ids: Vec<String> = ready.iter().filter_map(|fix| fix.verified_by.clone()).collect();
    ids.sort();
    ids.dedup();
    let report = if ids.is_empty() { None } else { Some(again(global, config, ids, proposal, outcomes, stop).await?) };
    Ok(proposal.fixes.iter().map(|fix| proof(fix, outcomes, report.as_ref(), here)).collect())
}

/// Whether a fix's variables are in place, so that a process of this environment shows it.
fn sets_variables(fix: &Fix, outcomes: &[Outcome]) -> bool {
    written(fix, outcomes).any(|outcome| outcome.change.kind == Kind::Env)
}

fn written<'a>(fix: &'a Fix, outcomes: &'a [Outcome]) -> impl Iterator<Item = &'a Outcome> {
    outcomes.iter().filter(move |outcome| {
        outcome.change.causes.contains(&fix.cause) && matches!(outcome.state, State::Written { .. } | State::Unchanged)
    })
}

async fn again(
    global: &Global,
    config: &ConfigArgs,
    ids: Vec<String>,
    proposal: &Proposal,
    outcomes: &[Outcome],
    stop: &Stop,
) -> Result<Report, CliError> {
    let mut environment = crate::configuration::environment();
    let hold = |cause: &str| {
        let fix = proposal.fixes.iter().find(|fix| fix.cause == cause);
        fix.is_some_and(|fix| sets_variables(fix, outcomes))
    };
    let files: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.change.kind == Kind::Env && outcome.change.causes.iter().any(|cause| hold(cause)))
        .filter_map(|outcome| outcome.change.after.as_deref().ok())
        .collect();
    for line in files.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#')) {
        if let Some((name, value)) = line.split_once('=') {
            environment.set(name.to_owned(), value.to_owned(), Origin::Flag);
        }
    }
    let environment = without(environment, &unset(proposal));
    let flags =
        Overrides { profile: config.profile.clone(), vars: config.vars.clone(), select: ids, ..Overrides::default() };
    // Once more, as the policy takes values from the environment.
    let policy = crate::configuration::load_policy(config, &environment, &flags)?;
    let sight = Sight::live(&policy, &flags, &environment);
    Ok(sight.report(global, None, None, stop).await?.report)
}

/// Variables that a change takes away.
fn unset(proposal: &Proposal) -> Vec<String> {
    let mut names = Vec::new();
    for change in proposal.fixes.iter().flat_map(|fix| &fix.changes).filter(|change| change.kind == Kind::Env) {
        if let seaworthy_remedy::Content::Command(command) = &change.content {
            names.extend(command.lines().filter_map(|line| line.strip_prefix("unset ")).map(str::to_owned));
        }
    }
    names
}

fn without(environment: Environment, names: &[String]) -> Environment {
    if names.is_empty() {
        return environment;
    }
    let mut kept = Environment::default();
    for (name, variable) in environment.iter().filter(|(name, _)| !names.iter().any(|gone| gone == name)) {
        kept.set(name.to_owned(), variable.value.expose().to_owned(), variable.origin);
    }
    kept
}

fn proof(fix: &Fix, outcomes: &[Outcome], report: Option<&Report>, here: bool) -> Proof {
    let check = fix.verified_by.clone();
    let say = |verdict, text: String| Proof { cause: fix.cause.clone(), check: check.clone(), verdict, text };
    let rerun = check.as_deref().map_or_else(|| "seaworthy run".to_owned(), |check| format!("seaworthy run {check}"));
    if written(fix, outcomes).next().is_none() {
        return say(Verdict::Left, format!("nothing was written for it; once it is done: {rerun}"));
    }
    if !here {
        return say(Verdict::Elsewhere, format!("the report was made in another place; prove it there: {rerun}"));
    }
    let Some(report) = report.filter(|_| sets_variables(fix, outcomes)) else {
        let text = format!("it holds from the next start on, which this process cannot see; then: {rerun}");
        return say(Verdict::Elsewhere, text);
    };
    let found = check.as_deref().and_then(|id| report.checks.iter().find(|known| known.id == id));
    let Some(found) = found else {
        return say(Verdict::Unknown, "no check of this policy proves it".into());
    };
    let same = |cause: &&seaworthy_model::Cause| cause.code == fix.cause;
    match (report.causes.iter().find(same), found.status) {
        (Some(cause), _) => say(Verdict::Remains, format!("it is still there: {}", cause.message)),
        (None, Status::Pass | Status::Warn) => say(Verdict::Gone, format!("{} passes now", found.id)),
        (None, Status::Fail) => {
            let next = report
                .causes
                .first()
                .map_or_else(|| found.message.clone(), |next| format!("{}: {}", next.code, next.message));
            say(Verdict::Remains, format!("it is gone, and {} fails for another reason: {next}", found.id))
        }
        (None, Status::Error | Status::Skip) => {
            say(Verdict::Unknown, format!("{} could not tell: {}", found.id, found.message))
        }
    }
}

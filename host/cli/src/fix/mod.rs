//! `seaworthy fix`: for each cause the concrete change. What is to be changed is
//! decided by `seaworthy-remedy`; this reads and writes the files, and proves it.

mod args;
mod files;
mod proof;
mod shown;
mod surroundings;

pub(crate) use args::FixArgs;

use crate::args::Global;
use crate::compare;
use crate::error::CliError;
use crate::run::Sight;
use crate::signals::Stop;
use crate::{configuration, vantage};
use anyhow::Context as _;
use args::FixFormat;
use files::Outcome;
use proof::{Proof, Verdict};
use seaworthy_model::{ExitCode, Report};
use seaworthy_policy::Overrides;
use seaworthy_remedy::{Proposal, propose};
use serde_json::{Value, json};

pub(crate) fn fix(global: &Global, arguments: &FixArgs) -> Result<ExitCode, CliError> {
    configuration::on_runtime(line(global, arguments))
}

async fn line(global: &Global, arguments: &FixArgs) -> Result<ExitCode, CliError> {
    let stop = Stop::listen().context("cannot listen for signals")?;
    let environment = configuration::environment();
    let config = &arguments.config;
    let flags = Overrides { profile: config.profile.clone(), vars: config.vars.clone(), ..Overrides::default() };
    let policy = configuration::load_policy(config, &environment, &flags)?;
    let (report, here) = match &arguments.report {
        Some(path) => {
            let report = compare::read(path)?;
            let here = proof::is_here(&report, &vantage::facts(&environment));
            (report, here)
        }
        None => {
            let host_report = match arguments.host_report.clone().or_else(|| policy.host_report(&environment)) {
                Some(path) => Some(Box::new(compare::read(&path)?)),
                None => None,
            };
            let sight = Sight::live(&policy, &flags, &environment);
            (sight.report(global, host_report, None, &stop).await?.report, true)
        }
    };
    if let Some(signal) = stop.exit_code() {
        return Ok(signal);
    }
    known(arguments, &report)?;
    let around = surroundings::look(arguments, &environment);
    let proposal = propose(&report, &around, arguments.cause.as_deref());
    let outcomes = files::handle(&proposal, arguments);
    let proofs = match arguments.apply {
        true => Some(proof::prove(global, config, &proposal, &outcomes, here, &stop).await?),
        false => None,
    };
    let text = match arguments.format {
        FixFormat::Human => {
            let text = seaworthy_report::safe::text(&shown::human(&proposal, &outcomes, proofs.as_deref()));
            match environment.text("GITHUB_ACTIONS") {
                Some("true") => seaworthy_report::github::neutralise(&text),
                _ => text,
            }
        }
        FixFormat::Json => machine(&proposal, &outcomes, proofs.as_deref())?,
    };
    crate::stdout::print(&text)?;
    Ok(stop.exit_code().unwrap_or_else(|| exit(proofs.as_deref())))
}

/// The code that was asked for is one of the report's.
fn known(arguments: &FixArgs, report: &Report) -> Result<(), CliError> {
    let Some(code) = &arguments.cause else { return Ok(()) };
    let codes = || report.causes.iter().map(|cause| cause.code.as_str());
    if codes().any(|known| known == code) {
        return Ok(());
    }
    let mut all: Vec<&str> = codes().collect();
    all.dedup();
    let there = if all.is_empty() { "it names no cause".to_owned() } else { format!("there are {}", all.join(", ")) };
    let hint = seaworthy_policy::nearest(code, codes()).map_or(there, |name| format!("did you mean `{name}`?"));
    Err(CliError::Usage(seaworthy_report::safe::line(&format!("no cause `{code}` is in this report; {hint}"))))
}

fn machine(proposal: &Proposal, outcomes: &[Outcome], proofs: Option<&[Proof]>) -> Result<String, CliError> {
    let cannot = |error: serde_json::Error| CliError::CannotWrite(error.to_string());
    let files: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let state = serde_json::to_value(&outcome.state)?;
            let mut file = json!({
                "path": outcome.change.path,
                "target": outcome.target.display().to_string(),
                "kind": outcome.change.kind,
                "causes": outcome.change.causes,
                "exists": outcome.change.before.is_some(),
                "diff": outcome.change.diff(),
            });
            if let (Value::Object(file), Value::Object(state)) = (&mut file, state) {
                file.extend(state);
            }
            Ok(file)
        })
        .collect::<Result<_, serde_json::Error>>()
        .map_err(cannot)?;
    let mut whole = serde_json::to_value(proposal).map_err(cannot)?;
    if let Value::Object(whole) = &mut whole {
        whole.insert("files".into(), Value::Array(files));
        if let Some(proofs) = proofs {
            whole.insert("proofs".into(), serde_json::to_value(proofs).map_err(cannot)?);
        }
    }
    let text = serde_json::to_string_pretty(&whole).map_err(cannot)?;
    Ok(text + "\n")
}

/// *Behaviour*: a look changes nothing and is no failure. After `--apply` it counts
/// what became of the causes: one that remains or was left is 1, else one that
/// nothing here can tell is 5.
fn exit(proofs: Option<&[Proof]>) -> ExitCode {
    let has =
        |verdicts: &[Verdict]| proofs.is_some_and(|all| all.iter().any(|proof| verdicts.contains(&proof.verdict)));
    if has(&[Verdict::Remains, Verdict::Left]) {
        ExitCode::Failed
    } else if has(&[Verdict::Unknown, Verdict::Elsewhere]) {
        ExitCode::Indeterminate
    } else {
        ExitCode::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::files::State;
    use super::*;

    #[test]
    fn the_exit_code_says_what_became_of_the_causes() {
        let all = |verdicts: &[Verdict]| -> Vec<Proof> {
            let proof =
                |verdict: &Verdict| Proof { cause: "x".into(), check: None, verdict: *verdict, text: String::new() };
            verdicts.iter().map(proof).collect()
        };
        assert_eq!(exit(None), ExitCode::Passed);
        assert_eq!(exit(Some(&all(&[Verdict::Gone]))), ExitCode::Passed);
        assert_eq!(exit(Some(&all(&[Verdict::Gone, Verdict::Elsewhere]))), ExitCode::Indeterminate);
        assert_eq!(exit(Some(&all(&[Verdict::Unknown, Verdict::Left]))), ExitCode::Failed);
        assert_eq!(exit(Some(&all(&[Verdict::Remains]))), ExitCode::Failed);
        let left = State::Left { because: vec!["x".into()] };
        assert_eq!(serde_json::to_value(&left).unwrap(), json!({ "state": "left", "because": ["x"] }));
    }
}

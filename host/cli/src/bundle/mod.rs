//! `seaworthy bundle`: what somebody who helps has to see, in one file, and nothing
//! that they must not. It is shown before it is written.

mod archive;
mod args;
mod content;

pub(crate) use args::BundleArgs;

use crate::args::Global;
use crate::compare;
use crate::error::CliError;
use crate::run::Sight;
use crate::signals::Stop;
use crate::{configuration, output};
use anyhow::Context as _;
use content::{Content, Entry};
use seaworthy_model::ExitCode;
use seaworthy_policy::Overrides;
use seaworthy_report::{Redactions, safe};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

pub(crate) fn bundle(global: &Global, arguments: &BundleArgs) -> Result<ExitCode, CliError> {
    configuration::on_runtime(line(global, arguments))
}

async fn line(global: &Global, arguments: &BundleArgs) -> Result<ExitCode, CliError> {
    let stop = Stop::listen().context("cannot listen for signals")?;
    let environment = configuration::environment();
    let config = &arguments.config;
    let flags = Overrides { profile: config.profile.clone(), vars: config.vars.clone(), ..Overrides::default() };
    let policy = configuration::load_policy(config, &environment, &flags)?;
    let seen = if arguments.reports.is_empty() {
        let host_report = match arguments.host_report.clone().or_else(|| policy.host_report(&environment)) {
            Some(path) => Some(Box::new(compare::read(&path)?)),
            None => None,
        };
        let sight = Sight::live(&policy, &flags, &environment);
        Some(sight.report(global, host_report, None, &stop).await?)
    } else {
        None
    };
    // The run's own, so that the same secret is the same token in every file.
    let redactor = match &seen {
        Some(seen) => seen.redactor.clone(),
        None => Arc::new(output::redactor(&policy, &policy.environment(&environment))?),
    };
    let mut content = Content::new(&redactor);
    if let Some(seen) = seen {
        content.report("report", &seen.report, &seen.hidden)?;
    }
    for (number, path) in arguments.reports.iter().enumerate() {
        let report = compare::read(path)?;
        content.report(&format!("report-{}", number + 1), &report, &Redactions::default())?;
    }
    if let Some(signal) = stop.exit_code() {
        return Ok(signal);
    }
    content.surroundings(&policy, &environment).await?;
    content.manifest()?;
    let bytes = archive::packed(&content.entries)
        .map_err(|error| CliError::CannotWrite(format!("the archive cannot be made: {error}")))?;
    eprint!("{}", preview(&content.entries, arguments, bytes.len()));
    if !agreed(arguments)? {
        return Err(CliError::Usage(format!("{} was not written", arguments.out.display())));
    }
    archive::write(&arguments.out, &bytes)
        .map_err(|error| CliError::CannotWrite(format!("cannot write {}: {error}", arguments.out.display())))?;
    eprintln!("wrote {}", arguments.out.display());
    Ok(ExitCode::Passed)
}

/// Every file with its size and what was hidden in it.
fn preview(entries: &[Entry], arguments: &BundleArgs, packed: usize) -> String {
    let mut text = format!("{} ({packed} bytes) would hold:\n", arguments.out.display());
    let width = entries.iter().map(|entry| entry.path.len()).max().unwrap_or(0);
    let mut all = Redactions::default();
    for entry in entries {
        all.merge(&entry.hidden);
        let hidden = match entry.hidden.total() {
            0 => String::new(),
            count => format!("  {count} hidden"),
        };
        let _ = writeln!(text, "  {:width$}  {:>9} bytes{hidden}", entry.path, entry.text.len());
    }
    if all.total() == 0 {
        text.push_str("hidden: nothing was found that had to be\n");
    } else {
        text.push_str("hidden:\n");
        for (class, count) in all.iter() {
            let _ = writeln!(text, "  {count} times: {class}");
        }
    }
    safe::text(&text)
}

/// Whether it may be written: said with `--yes`, else asked for on a terminal.
fn agreed(arguments: &BundleArgs) -> Result<bool, CliError> {
    if arguments.yes {
        return Ok(true);
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(CliError::Usage(format!(
            "{} was not written: nobody can be asked here; look at the list above and add --yes",
            arguments.out.display()
        )));
    }
    eprint!("write it? [y/N] ");
    std::io::stderr().flush().context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

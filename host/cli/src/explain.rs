//! `seaworthy explain`: the page of a code, a cause, a fault by its number, a check or
//! the exit codes.

use crate::args::ExplainArgs;
use crate::configuration::{self, Purpose};
use crate::error::CliError;
use seaworthy_diagnose::{CauseDescriptor, Number};
use seaworthy_model::{CheckDescriptor, CodeDescriptor, ExitCode};
use seaworthy_policy::{Overrides, Policy};
use std::fmt::Write as _;

pub(crate) fn explain(arguments: &ExplainArgs) -> Result<ExitCode, CliError> {
    if arguments.subject == "exit-codes" {
        let lines = ExitCode::ALL.map(|code| format!("{:>3}  {}\n", code.code(), code.meaning()));
        crate::stdout::print(&lines.concat())?;
        return Ok(ExitCode::Passed);
    }
    if let Some(number) = number(&arguments.subject) {
        crate::stdout::print(&seaworthy_report::safe::text(&number_page(number)))?;
        return Ok(ExitCode::Passed);
    }
    let environment = configuration::environment();
    let config = &arguments.config;
    let flags = Overrides { profile: config.profile.clone(), vars: config.vars.clone(), ..Overrides::default() };
    let policy = configuration::load_policy(config, &environment, &flags)?;
    configuration::on_runtime(async {
        let catalog = configuration::open_catalog(&policy, Purpose::Show).await?;
        let checks: Vec<&CheckDescriptor> =
            catalog.entries().values().flat_map(|entry| &entry.descriptor.checks).collect();
        let subject = arguments.subject.as_str();
        let used = policy
            .checks
            .iter()
            .find(|check| check.value.id.value == subject)
            .map(|check| check.value.used_as.value.as_str());
        let used = used.and_then(|used| used.split_once(':')).map_or(subject, |(_, id)| id);
        let code = checks
            .iter()
            .flat_map(|check| check.codes.iter().map(move |code| (*check, code)))
            .find(|(_, code)| code.code == subject);
        let cause = seaworthy_diagnose::catalogue().iter().find(|cause| cause.code == subject);
        let page = match (cause, code, checks.iter().find(|check| check.id == used)) {
            (Some(cause), code, _) => {
                let mut page = cause_page(cause);
                if let Some((check, code)) = code {
                    page.push('\n');
                    page.push_str(&code_page(check, code));
                }
                page
            }
            (None, Some((check, code)), _) => code_page(check, code),
            (None, None, Some(check)) => check_page(check),
            (None, None, None) => return Err(unknown(subject, &checks, &policy)),
        };
        crate::stdout::print(&seaworthy_report::safe::text(&page))?;
        Ok(ExitCode::Passed)
    })
}

fn cause_page(cause: &CauseDescriptor) -> String {
    format!("# {}: {}\n\n{}", cause.code, cause.title, cause.page())
}

/// A fault by its number in the knowledge base, as people write it: `F53`, `f7`.
fn number(subject: &str) -> Option<&'static Number> {
    let digits = subject.strip_prefix(['F', 'f'])?;
    let wanted: u16 = digits.parse().ok()?;
    seaworthy_diagnose::numbers().iter().find(|number| number.id[1..].parse() == Ok(wanted))
}

/// What is known of a number: the pages of the causes that name it.
fn number_page(number: &Number) -> String {
    let mut page = format!("# {}: {}\n", number.id, number.title);
    if number.causes.is_empty() {
        page.push_str("\nNo cause of this tool names it yet.\n");
    }
    for cause in seaworthy_diagnose::catalogue().iter().filter(|cause| number.causes.contains(&cause.code)) {
        page.push('\n');
        page.push_str(&cause_page(cause));
    }
    page
}

fn code_page(check: &CheckDescriptor, code: &CodeDescriptor) -> String {
    let mut page = format!(
        "# {}: {}\n\nFound by {} ({}); layer {}, at most {}, {}.\n\n{}\n\n## What to do\n\n{}\n",
        code.code,
        code.title,
        check.id,
        check.title,
        code.layer.as_str(),
        format!("{:?}", code.level).to_lowercase(),
        format!("{:?}", code.severity).to_lowercase(),
        code.explain.trim(),
        code.remedy.trim()
    );
    // A cause under the finding's own code is shown already.
    let takes = |cause: &&CauseDescriptor| cause.code != code.code && cause.findings.contains(&code.code.as_str());
    for cause in seaworthy_diagnose::catalogue().iter().filter(takes) {
        let _ = write!(page, "\nA diagnosis calls it `{}`: {}.\n", cause.code, cause.title);
    }
    page
}

fn check_page(check: &CheckDescriptor) -> String {
    let mut page = format!("# {}: {}\n\n{}\n", check.id, check.title, check.summary.trim());
    page.push_str("\n## Asks for\n\n");
    for request in &check.requests {
        let _ = writeln!(page, "- {} {}: {}", request.capability, request.scope.join(", "), request.reason);
    }
    page.push_str("\n## Finds\n\n");
    for code in &check.codes {
        let _ = writeln!(page, "- {}: {}", code.code, code.title);
    }
    page.push_str("\n## Reports\n\n");
    for fact in &check.facts {
        let _ = writeln!(page, "- {}: {}", fact.key, fact.description);
    }
    page
}

/// Names what is near.
fn unknown(subject: &str, checks: &[&CheckDescriptor], policy: &Policy) -> CliError {
    let causes = seaworthy_diagnose::catalogue().iter().map(|cause| cause.code);
    let codes = checks.iter().flat_map(|check| check.codes.iter().map(|code| code.code.as_str()));
    let ids = checks.iter().map(|check| check.id.as_str());
    let own = policy.checks.iter().map(|check| check.value.id.value.as_str());
    // Where two are as near the later one is named: the ids of this policy, as `run` takes them.
    let known = causes.chain(codes).chain(["exit-codes"]).chain(ids).chain(own);
    let hint = seaworthy_policy::nearest(subject, known)
        .map_or("`seaworthy list codes` has all of them".to_owned(), |name| format!("did you mean `{name}`?"));
    CliError::Usage(format!("there is no code, cause or check `{subject}`; {hint}"))
}

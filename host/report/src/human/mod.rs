mod compared;
mod page;
mod problem;

pub use compared::compared_human;
pub(crate) use problem::explained;

use crate::asked::Asked;
use crate::observed::{duration, line};
use crate::safe;
use page::Page;
use seaworthy_model::{CheckResult, Level, Report, Status, Verdict};

/// Whether text is coloured. Which of the two is for the caller to know: it
/// depends on the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// With ANSI colours. Words never depend on them.
    Colour,
}

/// How a report is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HumanOptions {
    /// Colours or not.
    pub style: Style,
    /// Characters in a line; long words and commands are never broken.
    pub width: usize,
    /// Also the evidence of what passed, facts, and every step of every remedy.
    pub verbose: bool,
    /// Only the result.
    pub quiet: bool,
}

/// A report for people: causes first, each with its evidence, its remedy and how to
/// prove it; then every check; then the result.
#[must_use]
pub fn human(report: &Report, options: &HumanOptions) -> String {
    let report = &safe::report(report);
    let mut page = Page::new(options);
    if !options.quiet {
        heading(&mut page, report);
        for cause in &report.causes {
            problem::cause(&mut page, report, cause, options.verbose);
        }
        for check in report.checks.iter().filter(|check| check.status == Status::Error) {
            problem::error(&mut page, check);
        }
        checks(&mut page, &Asked::of(report), options.verbose);
    }
    result(&mut page, report);
    page.end()
}

fn heading(page: &mut Page, report: &Report) {
    let tool = format!("{} {}", report.tool.name, report.tool.version);
    let policy = format!("policy {}, profile {}", report.config.path, report.config.profile);
    page.item("", 0, &safe::line(&format!("{tool}: {}, {policy}", report.vantage.name)));
    page.blank();
}

fn checks(page: &mut Page, asked: &Asked<'_>, verbose: bool) {
    let width = |text: fn(&CheckResult) -> &String| {
        asked.checks.iter().map(|check| text(check).chars().count()).max().unwrap_or(0)
    };
    let (titles, ids) = (width(|check| &check.title), width(|check| &check.id));
    for check in &asked.checks {
        let word = page.word(check.status);
        let flaky = if check.flaky { " (flaky)" } else { "" };
        let start = format!("{word}  {:titles$}  {:ids$}  ", safe::line(&check.title), safe::line(&check.id));
        let about = match (check.status, &check.caused_by) {
            (Status::Fail | Status::Skip, Some(cause)) => format!("{} (because of {cause})", check.message),
            _ => check.message.clone(),
        };
        page.item(
            &start,
            9 + titles + ids + 2,
            &format!("{}{flaky} ({})", safe::line(&about), duration(check.duration_s)),
        );
        if verbose {
            for seen in &check.evidence {
                page.line(7, &line(seen, page.width().saturating_sub(40).max(40)));
            }
            for fact in &check.facts {
                page.line(7, &format!("{} = {}", safe::line(&fact.key), safe::line(&fact.value)));
            }
            for entry in &check.log {
                page.line(7, &format!("| {}", safe::line(entry)));
            }
        }
        for finding in check.findings.iter().filter(|finding| verbose && finding.level == Level::Info) {
            page.item("       note  ", 13, &format!("{}: {}", finding.code, safe::line(&finding.message)));
        }
    }
    if let Some(others) = asked.others() {
        page.line(0, &format!("{}  {others}", page.word(Status::Skip)));
    }
    page.blank();
}

fn result(page: &mut Page, report: &Report) {
    let counts = &report.summary;
    let asked = Asked::of(report);
    let mut words = Vec::new();
    for (count, word) in [
        (counts.warn, "with warnings"),
        (counts.fail, "failed"),
        (counts.error, "could not tell"),
        (asked.skipped, "skipped"),
        (counts.waived, if counts.waived == 1 { "finding waived" } else { "findings waived" }),
    ] {
        if count > 0 {
            words.push(format!("{count} {word}"));
        }
    }
    let more = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
    page.line(0, &format!("Test Results: {}{more}", asked.result()));
    if report.interrupted {
        page.line(0, "Interrupted: checks that had not ended are in this report as ERROR, error/interrupted.");
    }
    let (word, status) = match report.gate.verdict {
        Verdict::Pass => ("PASS", Status::Pass),
        Verdict::Fail => ("FAIL", Status::Fail),
        Verdict::Indeterminate => ("INDETERMINATE", Status::Error),
    };
    let word = page.paint(status, word);
    page.line(0, &format!("Gate: {word}, exit code {}", report.gate.exit_code));
    for reason in &report.gate.reasons {
        page.item("  - ", 4, &safe::line(reason));
    }
}

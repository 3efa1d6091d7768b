use super::escape::{data_within, property, without_old_form};
use crate::advice::{EMBEDDED, headline, rerun};
use crate::human::explained;
use crate::safe;
use seaworthy_model::{Cause, CheckResult, Disposition, Level, Report, SourceLocation, Status};
use std::fmt::Write;

/// The runner keeps no more of one annotation.
const LONGEST: usize = 4096;

/// One annotation a cause, worst first, and one for each check that could not tell,
/// at most `each` of a level: the runner drops what exceeds ten a level and step.
/// A cause whose findings are all waived is a notice.
#[must_use]
pub fn annotations(report: &Report, each: usize) -> String {
    let report = safe::report(report);
    let mut all: Vec<Annotation> = report.causes.iter().map(|cause| of_cause(&report, cause)).collect();
    all.extend(report.checks.iter().filter(|check| check.status == Status::Error).map(of_error));
    let mut text = String::new();
    for kind in ["error", "warning", "notice"] {
        let of_kind = || all.iter().filter(|annotation| annotation.kind == kind);
        let count = of_kind().count();
        for (number, annotation) in of_kind().take(each).enumerate() {
            // What does not fit is counted in the last one that does.
            let more = if number + 1 == each && count > each {
                format!("\n(and {} more)", count - each)
            } else {
                String::new()
            };
            text.push_str(&annotation.line(&more));
        }
    }
    text
}

struct Annotation {
    kind: &'static str,
    title: String,
    message: String,
    place: Option<SourceLocation>,
}

impl Annotation {
    fn line(&self, more: &str) -> String {
        let title = safe::cut(&safe::line(&self.title), 200);
        let mut line = format!("::{} title={}", self.kind, property(&without_old_form(&title)));
        if let Some(place) = &self.place {
            // Writing to a string cannot fail.
            let _ = write!(
                line,
                ",file={},line={},col={}",
                property(&without_old_form(&safe::line(&place.file))),
                place.line,
                place.column
            );
        }
        let message = without_old_form(&self.message);
        let room = LONGEST.saturating_sub(more.chars().count() + 2);
        let _ = writeln!(line, "::{}{}", data_within(&message, room), data_within(more, LONGEST));
        line
    }
}

fn of_cause(report: &Report, cause: &Cause) -> Annotation {
    let explained = explained(report, cause);
    let fails = explained.iter().any(|(_, finding)| finding.level == Level::Fail);
    let waived =
        !explained.is_empty() && explained.iter().all(|(_, finding)| finding.disposition == Disposition::Waived);
    let kind = match (waived, fails) {
        (true, _) => "notice",
        (false, true) => "error",
        (false, false) => "warning",
    };
    let mut message = cause.message.clone();
    if let Some(fix) = cause.remediations.first() {
        let _ = write!(message, "\nfix: {}", headline(cause, fix));
        for command in fix.steps.iter().filter_map(|step| step.command.as_ref()) {
            let _ = write!(message, "\n  {command}");
        }
        if let Some(proof) = &fix.verified_by {
            let _ = write!(message, "\nthen: {}", rerun(report, proof));
        }
    }
    let place = explained.first().and_then(|(check, _)| place(check));
    Annotation { kind, title: format!("{}: {}", cause.code, cause.title), message, place }
}

fn of_error(check: &CheckResult) -> Annotation {
    Annotation {
        kind: "error",
        title: format!("{}: could not tell", check.id),
        message: check.message.clone(),
        place: place(check),
    }
}

/// Where a check is written, where that is a file of the repository.
fn place(check: &CheckResult) -> Option<SourceLocation> {
    check.source.clone().filter(|source| source.file != EMBEDDED)
}

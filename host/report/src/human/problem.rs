use super::page::Page;
use crate::advice::{headline, repeats, rerun};
use crate::observed;
use crate::safe;
use seaworthy_model::{
    Cause, CheckResult, Confidence, Disposition, Finding, Level, Observation, Remediation, Report, Risk, Status,
};

/// More than these are counted, not shown, unless everything is asked for.
const SHOWN: usize = 6;

/// Observations shown for a cause, unless everything is asked for.
const SEEN: usize = 4;

/// A cause: what it is, what it rests on, what follows from it, what to do, how to prove it.
pub(super) fn cause(page: &mut Page, report: &Report, cause: &Cause, verbose: bool) {
    let explained = explained(report, cause);
    let fails = explained.iter().any(|(_, finding)| finding.level == Level::Fail);
    let waived =
        !explained.is_empty() && explained.iter().all(|(_, finding)| finding.disposition == Disposition::Waived);
    let word = page.word(if fails { Status::Fail } else { Status::Warn });
    let title = page.strong(&safe::line(&cause.title));
    page.line(0, &format!("{word}  {title}"));
    let sure = match cause.confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    let waived = if waived { ", waived" } else { "" };
    page.line(7, &format!("{} ({sure}{waived})", safe::line(&cause.code)));
    page.paragraph(7, &cause.message);
    let max = if verbose { usize::MAX } else { SHOWN };
    // The root's own kind is evidence, what else is explained follows from it.
    let root = explained.first().map(|(_, finding)| finding.code.clone());
    let (roots, others): (Vec<_>, Vec<_>) =
        explained.into_iter().partition(|(_, finding)| Some(&finding.code) == root.as_ref());
    page.line(7, "evidence:");
    for (check, finding) in roots.iter().take(max) {
        let text =
            if verbose { format!("{}: {}: {}", check.id, finding.code, told(finding)) } else { named(check, finding) };
        page.item("         - ", 11, &text);
    }
    more(page, roots.len(), max);
    let seen = supporting(report, cause);
    let max = if verbose { usize::MAX } else { SEEN };
    for observation in seen.iter().take(max) {
        page.line(11, &observed::line(observation, page.width().saturating_sub(45).max(40)));
    }
    more(page, seen.len(), max);
    if !others.is_empty() || !cause.blocks.is_empty() {
        page.line(7, "from it follow:");
        for (check, finding) in others.iter().take(max) {
            page.item("         - ", 11, &named(check, finding));
        }
        more(page, others.len(), max);
        for check in &cause.blocks {
            page.item("         - ", 11, &format!("{}: not run", safe::line(check)));
        }
    }
    for (number, fix) in cause.remediations.iter().enumerate() {
        remedy(page, cause, number, fix, verbose);
    }
    let mut proofs: Vec<&str> = cause.remediations.iter().filter_map(|fix| fix.verified_by.as_deref()).collect();
    proofs.dedup();
    if let Some(proof) = proofs.first() {
        page.line(7, &format!("then: {}", rerun(report, proof)));
    }
    page.blank();
}

/// Which check found what, and about what. The cause's own message has the values.
fn named(check: &CheckResult, finding: &Finding) -> String {
    let target = finding.target.as_ref().map(|target| format!(" at {}", safe::line(target))).unwrap_or_default();
    format!("{}: {}{target}", check.id, finding.code)
}

/// A finding in full. What its message says already is not said again.
fn told(finding: &Finding) -> String {
    let mut text = safe::line(&finding.message);
    for (word, value) in [("Seen", &finding.observed), ("Wanted", &finding.expected)] {
        let value = value.as_deref().map(|value| value.trim().trim_end_matches('.')).unwrap_or_default();
        if !value.is_empty() && !finding.message.contains(value) {
            let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
            text.push_str(&format!("{end} {word}: {}.", safe::line(value)));
        }
    }
    text
}

fn more(page: &mut Page, all: usize, shown: usize) {
    if all > shown {
        page.line(11, &format!("and {} more", all - shown));
    }
}

/// The first remedy in full; of the others what they change and what they cost.
fn remedy(page: &mut Page, cause: &Cause, number: usize, fix: &Remediation, verbose: bool) {
    let risk = match fix.risk {
        Risk::None => "changes nothing",
        Risk::Config => "changes configuration",
        Risk::Security => "opens access",
        Risk::Data => "may lose data",
    };
    let start = if number == 0 { "fix:" } else { "or: " };
    page.item(&format!("       {start} "), 12, &format!("{} ({risk})", headline(cause, fix)));
    let full = number == 0 || verbose;
    if full {
        page.paragraph(12, &fix.why);
    }
    for (at, step) in fix.steps.iter().enumerate() {
        let said = at == 0 && repeats(cause, fix);
        if full && !said {
            page.item("          - ", 12, &safe::line(&step.text));
        }
        if let Some(command) = &step.command {
            page.line(14, command);
        }
        if let Some(snippet) = step.snippet.as_ref().filter(|_| full) {
            if let Some(file) = &snippet.file {
                page.line(14, &format!("{}:", safe::line(file)));
            }
            page.line(16, &snippet.text);
        }
    }
    if let Some(tradeoff) = &fix.tradeoff {
        page.item("            cost: ", 18, &safe::line(tradeoff));
    }
}

/// A check that could not tell.
pub(super) fn error(page: &mut Page, check: &CheckResult) {
    let word = page.word(Status::Error);
    let title = page.strong(&safe::line(&check.title));
    page.line(0, &format!("{word}  {title}"));
    let reason = check.error_reason.and_then(|reason| serde_json::to_value(reason).ok());
    let reason = reason.as_ref().and_then(|reason| reason.as_str()).unwrap_or("error");
    page.line(7, &format!("{} (error/{reason}: could not tell)", safe::line(&check.id)));
    page.paragraph(7, &check.message);
    for line in check.log.iter().rev().take(SHOWN).rev() {
        page.line(9, &format!("| {}", safe::line(line)));
    }
    page.blank();
}

/// The findings of a cause, in its order, each with its check.
pub(crate) fn explained<'a>(report: &'a Report, cause: &Cause) -> Vec<(&'a CheckResult, &'a Finding)> {
    let all = || report.checks.iter().flat_map(|check| check.findings.iter().map(move |finding| (check, finding)));
    cause
        .explains
        .iter()
        .filter_map(|fingerprint| all().find(|(_, finding)| finding.fingerprint == *fingerprint))
        .collect()
}

fn supporting<'a>(report: &'a Report, cause: &Cause) -> Vec<&'a Observation> {
    let mut seen: Vec<&Observation> = report
        .checks
        .iter()
        .flat_map(|check| &check.evidence)
        .filter(|seen| cause.supported_by.contains(&seen.id))
        .collect();
    seen.sort_by_key(|seen| seen.id);
    seen.dedup_by_key(|seen| seen.id);
    seen
}

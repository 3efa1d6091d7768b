use super::escape::neutralise;
use crate::advice::{headline, repeats, rerun};
use crate::asked::Asked;
use crate::human::explained;
use crate::safe;
use seaworthy_model::{Cause, Report, Verdict};
use std::fmt::Write;

/// A summary of more than 1 MiB is dropped by GitHub as a whole.
const LARGEST: usize = 900 * 1024;

/// The step summary: markdown for the file that `GITHUB_STEP_SUMMARY` names, at most
/// 900 KiB. *Behaviour*: what comes from outside stands as text, never as markup.
#[must_use]
pub fn step_summary(report: &Report) -> String {
    let report = safe::report(report);
    let mut text = String::new();
    let verdict = match report.gate.verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Indeterminate => "INDETERMINATE",
    };
    let asked = Asked::of(&report);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "## seaworthy: {verdict}\n");
    let _ = writeln!(text, "{}, exit code {}.\n", asked.result(), report.gate.exit_code);
    for cause in &report.causes {
        write_cause(&mut text, &report, cause);
    }
    text.push_str("| | check | id | result |\n|---|---|---|---|\n");
    for check in &asked.checks {
        let row = [check.status.word(), &check.title, &check.id, &check.message].map(inline);
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    if let Some(others) = asked.others() {
        let _ = writeln!(text, "\n{others}.");
    }
    if !report.gate.reasons.is_empty() {
        text.push_str("\n### Gate\n\n");
        for reason in &report.gate.reasons {
            let _ = writeln!(text, "- {}", inline(reason));
        }
    }
    // The file is no log, and yet what a later step prints of it would be.
    within(neutralise(&text))
}

fn write_cause(text: &mut String, report: &Report, cause: &Cause) {
    let _ = writeln!(text, "### {}\n\n`{}`\n", inline(&cause.title), code(&cause.code));
    for line in cause.message.lines() {
        let _ = writeln!(text, "{}\n", inline(line));
    }
    for (check, finding) in explained(report, cause) {
        let _ = writeln!(text, "- {} {}: {}", inline(&check.id), inline(&finding.code), inline(&finding.message));
    }
    for check in &cause.blocks {
        let _ = writeln!(text, "- {}: not run", inline(check));
    }
    for fix in &cause.remediations {
        let _ = writeln!(text, "\n**{}** {}\n", inline(&headline(cause, fix)), inline(&fix.why));
        for (at, step) in fix.steps.iter().enumerate() {
            if at > 0 || !repeats(cause, fix) {
                let _ = writeln!(text, "{}\n", inline(&step.text));
            }
            let block = step.command.as_deref().or(step.snippet.as_ref().map(|snippet| snippet.text.as_str()));
            if let Some(block) = block {
                let fence = fence(block);
                let _ = writeln!(text, "{fence}\n{}\n{fence}\n", block.trim_end());
            }
        }
        if let Some(proof) = &fix.verified_by {
            let _ = writeln!(text, "then: `{}`", code(&rerun(report, proof)));
        }
    }
    text.push('\n');
}

/// Text inside a line or a table cell: nothing in it is markup, a link or a mention.
fn inline(text: &str) -> String {
    let mut shown = String::new();
    for c in safe::line(text).chars() {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            // As an entity it is shown and makes no mention and no link.
            '@' => shown.push_str("&#64;"),
            ':' => shown.push_str("&#58;"),
            c => shown.push(c),
        }
    }
    shown
}

/// Text inside a code span of one backtick.
fn code(text: &str) -> String {
    safe::line(text).replace('`', "'")
}

/// More backticks than any run of them inside.
fn fence(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(longest.max(2) + 1)
}

fn within(mut text: String) -> String {
    if text.len() <= LARGEST {
        return text;
    }
    let note = "\n\n(cut: the whole is in the JSON report)\n";
    let mut end = LARGEST - note.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Between two lines, so that no markup is left open in one.
    let end = text[..end].rfind('\n').unwrap_or(end);
    text.truncate(end);
    text.push_str(note);
    text
}

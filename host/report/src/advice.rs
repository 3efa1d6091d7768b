use crate::safe;
use seaworthy_model::{Cause, Remediation, Report};

/// What the policy that is built into the binary is called where a file is named.
pub(crate) const EMBEDDED: &str = "embedded";

/// The command that runs one check again as this run was made, ready to paste.
pub(crate) fn rerun(report: &Report, check: &str) -> String {
    let mut command = "seaworthy run".to_owned();
    let mut add = |text: &str| {
        command.push(' ');
        command.push_str(text);
    };
    if report.config.path != EMBEDDED {
        add("-c");
        add(&word(&report.config.path));
    }
    if report.config.profile != "default" {
        add("-P");
        add(&word(&report.config.profile));
    }
    if report.vantage.facts.get("embedded").is_some_and(|embedded| embedded == "true") {
        add("--embedded");
    }
    add(&word(check));
    command
}

/// Whether a remedy says under its title only what its cause says: it is the one
/// that a check declares for a code, and its first step is what it advises.
pub(crate) fn repeats(cause: &Cause, fix: &Remediation) -> bool {
    fix.title == cause.title && !fix.steps.is_empty()
}

/// What to do, on one line: the title of a remedy, or what it advises where the
/// title repeats that of the cause.
pub(crate) fn headline(cause: &Cause, fix: &Remediation) -> String {
    let text = match fix.steps.first() {
        Some(step) if repeats(cause, fix) => &step.text,
        _ => &fix.title,
    };
    safe::line(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// One word for the shell, quoted where it has to be.
fn word(text: &str) -> String {
    let text = safe::line(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.,:_-=@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

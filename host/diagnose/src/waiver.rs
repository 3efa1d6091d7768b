use jiff::civil::Date;
use seaworthy_model::glob_matches;
use seaworthy_model::{
    Disposition, Finding, Level, RunRecord, Severity, Status, StepRecord, Waiver, WaiverRules, WaiverUse,
};

/// What a finding weighs at the gate: its own severity, capped by that of its
/// check, so that `severity` in checks.toml can only ever soften a check.
pub(crate) fn weight(step: &StepRecord, finding: &Finding) -> Severity {
    finding.severity.min(step.severity)
}

/// What became of the waivers.
pub(crate) struct Waived {
    pub(crate) uses: Vec<WaiverUse>,
    /// Waivers past their day, that would have forgiven something.
    pub(crate) expired: Vec<String>,
    /// Waivers that would forgive, were a finding not above their `max-severity`.
    pub(crate) outweighed: Vec<String>,
    /// Waivers that forgive nothing any more.
    pub(crate) unused: Vec<String>,
    /// Waivers that end soon.
    pub(crate) ending: Vec<String>,
}

/// Sets the disposition of every finding.
pub(crate) fn apply(record: &mut RunRecord, waivers: &[Waiver], rules: &WaiverRules, today: &str) -> Waived {
    let mut uses: Vec<WaiverUse> = waivers.iter().map(|waiver| usage(waiver, rules, today)).collect();
    let mut would_forgive = vec![0_usize; waivers.len()];
    let mut too_heavy: Vec<Option<String>> = vec![None; waivers.len()];
    for step in &mut record.steps {
        let severity = step.severity;
        let id = step.id.clone();
        for finding in &mut step.findings {
            finding.waiver = None;
            finding.disposition = if finding.level == Level::Info || finding.disposition == Disposition::Advisory {
                // The engine says so of what a run that was cut short could not see to its end.
                Disposition::Advisory
            } else {
                Disposition::Counted
            };
            if finding.level == Level::Info {
                continue;
            }
            let weight = finding.severity.min(severity);
            for (at, waiver) in waivers.iter().enumerate() {
                if !covers(waiver, &id, finding) {
                    continue;
                }
                if let Some(max) = waiver.max_severity.filter(|max| weight > *max) {
                    let (is, max) = (severity_word(weight), severity_word(max));
                    too_heavy[at].get_or_insert_with(|| {
                        format!(
                            "does not forgive {id}: {}: its severity, {is}, is above the waiver's max-severity, {max}",
                            finding.code
                        )
                    });
                    continue;
                }
                would_forgive[at] += 1;
                if !uses[at].expired && finding.disposition == Disposition::Counted {
                    finding.disposition = Disposition::Waived;
                    finding.waiver = Some(waiver.reason.clone());
                    uses[at].used += 1;
                }
            }
        }
    }
    let mut waived =
        Waived { uses, expired: Vec::new(), outweighed: Vec::new(), unused: Vec::new(), ending: Vec::new() };
    for (at, waiver) in waivers.iter().enumerate() {
        let name = format!("waiver of {} for {} ({}, {})", waiver.code, waiver.check, waiver.owner, waiver.reason);
        let usage = &waived.uses[at];
        if would_forgive[at] == 0 {
            if let Some(line) = too_heavy[at].as_ref().filter(|_| !usage.expired) {
                waived.outweighed.push(format!("{name} {line}"));
            } else if looked_at(record, waiver) {
                waived.unused.push(format!("{name} forgives nothing any more: remove it"));
            }
        } else if usage.expired {
            waived.expired.push(format!("{name} expired on {}: what it forgave counts again", waiver.expires));
        } else if usage.ends_soon {
            waived.ending.push(format!("{name} ends on {}", waiver.expires));
        }
    }
    waived
}

/// The name of a severity in checks.toml.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    }
}

/// Whether a finding is what a waiver is for, whatever it weighs.
fn covers(waiver: &Waiver, check: &str, finding: &Finding) -> bool {
    glob_matches(&waiver.check, check)
        && glob_matches(&waiver.code, &finding.code)
        && glob_matches(&waiver.target, finding.target.as_deref().unwrap_or_default())
}

/// A waiver whose checks were all left out says nothing about its use; one whose
/// checks do not exist is of no use.
fn looked_at(record: &RunRecord, waiver: &Waiver) -> bool {
    let mut steps = record.steps.iter().filter(|step| glob_matches(&waiver.check, &step.id)).peekable();
    steps.peek().is_none() || steps.any(|step| matches!(step.status, Status::Pass | Status::Warn | Status::Fail))
}

fn usage(waiver: &Waiver, rules: &WaiverRules, today: &str) -> WaiverUse {
    let days_left = days_left(&waiver.expires, today);
    WaiverUse {
        check: waiver.check.clone(),
        code: waiver.code.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        expires: waiver.expires.clone(),
        used: 0,
        // A day that cannot be read forgives nothing.
        expired: days_left.is_none_or(|days| days < 0),
        ends_soon: days_left.is_some_and(|days| (0..=i64::from(rules.notice_days)).contains(&days)),
    }
}

fn days_left(expires: &str, today: &str) -> Option<i64> {
    let (expires, today): (Date, Date) = (expires.parse().ok()?, today.parse().ok()?);
    Some(i64::from((expires - today).get_days()))
}

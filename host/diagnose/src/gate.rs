use crate::waiver::{self, severity_word, weight};
use seaworthy_model::glob_matches;
use seaworthy_model::{
    Diagnosis, Disposition, ErrorRule, ExitCode, Finding, Gate, GateRules, Level, RunRecord, Severity, Status,
    StepRecord, Verdict, WaiverUse,
};

/// Judges a diagnosis. `today` is `YYYY-MM-DD`.
///
/// *Behaviour*: sets the disposition of every finding, and changes nothing else
/// in the diagnosis. A finding weighs its own severity, capped by its check's.
/// A step that ended in error counts as evaluated unless `on_error` is `Ignore`,
/// for then nothing else would account for it. When several exit codes hold, the
/// first of 1, 4, 5, 0 wins; 70, 3 and an interruption are the caller's.
/// `report_only` turns the exit codes 1 and 5 into 0 and leaves the verdict.
#[must_use]
pub fn judge(diagnosis: &mut Diagnosis, rules: &GateRules, today: &str) -> (Gate, Vec<WaiverUse>) {
    let waived = waiver::apply(&mut diagnosis.record, &rules.waivers, &rules.waiver_rules, today);
    let record = &diagnosis.record;
    let mut tally = Tally::default();
    failures(record, rules, &mut tally);
    errors(record, rules, &mut tally);
    warnings(record, rules, &mut tally);
    evaluation(record, rules, &mut tally);
    for line in waived.expired.into_iter().chain(waived.outweighed) {
        tally.note(line);
    }
    for line in waived.unused {
        match rules.waiver_rules.unused {
            Status::Fail | Status::Error => tally.fails(Severity::Minor, line),
            Status::Warn => tally.note(line),
            Status::Pass | Status::Skip => {}
        }
    }
    for line in waived.ending {
        tally.note(line);
    }
    (tally.gate(rules.report_only), waived.uses)
}

/// The reasons found so far, by what they do to the gate.
#[derive(Default)]
struct Tally {
    failed: Vec<(Severity, String)>,
    unevaluated: Vec<String>,
    indeterminate: Vec<String>,
    notes: Vec<String>,
}

impl Tally {
    fn fails(&mut self, severity: Severity, reason: String) {
        self.failed.push((severity, reason));
    }

    fn note(&mut self, reason: String) {
        self.notes.push(reason);
    }

    fn gate(mut self, report_only: bool) -> Gate {
        let (verdict, exit) = if !self.failed.is_empty() {
            (Verdict::Fail, ExitCode::Failed)
        } else if !self.unevaluated.is_empty() {
            (Verdict::Fail, ExitCode::NothingEvaluated)
        } else if !self.indeterminate.is_empty() {
            (Verdict::Indeterminate, ExitCode::Indeterminate)
        } else {
            (Verdict::Pass, ExitCode::Passed)
        };
        let exit = match exit {
            ExitCode::Failed | ExitCode::Indeterminate if report_only => ExitCode::Passed,
            other => other,
        };
        // Stable: findings of one severity stay in the order of the policy.
        self.failed.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        let mut reasons: Vec<String> = self.failed.into_iter().map(|(_, reason)| reason).collect();
        reasons.extend(self.unevaluated);
        reasons.extend(self.indeterminate);
        reasons.extend(self.notes);
        Gate { verdict, exit_code: exit.code(), reasons, exit }
    }
}

fn failures(record: &RunRecord, rules: &GateRules, tally: &mut Tally) {
    for step in &record.steps {
        let mut fails = 0;
        for finding in &step.findings {
            fails += usize::from(finding.level == Level::Fail);
            let status = match finding.level {
                Level::Fail => Status::Fail,
                Level::Warn => Status::Warn,
                Level::Info => continue,
            };
            let counts = finding.disposition == Disposition::Counted
                && rules.fail_on.status.contains(&status)
                && weight(step, finding) >= rules.fail_on.severity;
            if counts {
                tally.fails(weight(step, finding), reason(step, finding));
            }
        }
        // A failure that brought no finding must not slip through.
        let bare = step.status == Status::Fail && fails == 0 && rules.fail_on.status.contains(&Status::Fail);
        if bare && step.severity >= rules.fail_on.severity {
            tally.fails(step.severity, format!("{}: {}", step.id, step.message));
        }
    }
}

fn reason(step: &StepRecord, finding: &Finding) -> String {
    let target = finding.target.as_ref().map(|target| format!(" at {target}")).unwrap_or_default();
    let cause = finding.caused_by.as_ref().map(|cause| format!(", because of {cause}")).unwrap_or_default();
    let severity = severity_word(weight(step, finding));
    format!("{}: {}{target} ({severity}){cause}", step.id, finding.code)
}

fn errors(record: &RunRecord, rules: &GateRules, tally: &mut Tally) {
    let listed = rules.fail_on.status.contains(&Status::Error);
    for step in record.steps.iter().filter(|step| step.status == Status::Error) {
        let line = format!("{}: could not tell: {}", step.id, step.message);
        match rules.on_error {
            _ if listed && step.severity >= rules.fail_on.severity => tally.fails(step.severity, line),
            ErrorRule::Fail => tally.fails(step.severity, line),
            ErrorRule::Indeterminate => tally.indeterminate.push(line),
            ErrorRule::Ignore => {}
        }
    }
}

fn warnings(record: &RunRecord, rules: &GateRules, tally: &mut Tally) {
    let counted = |finding: &&Finding| finding.level == Level::Warn && finding.disposition == Disposition::Counted;
    let warnings = record.steps.iter().flat_map(|step| &step.findings).filter(counted).count();
    if let Some(max) = rules.max_warnings.filter(|max| warnings > *max) {
        tally.fails(Severity::Minor, format!("{}, and at most {max} allowed", counted_as(warnings, "warning")));
    }
}

/// `1 check`, `2 checks`.
fn counted_as(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn evaluation(record: &RunRecord, rules: &GateRules, tally: &mut Tally) {
    let evaluated = |step: &&StepRecord| match step.status {
        Status::Pass | Status::Warn | Status::Fail => true,
        Status::Error => rules.on_error != ErrorRule::Ignore,
        Status::Skip => false,
    };
    let count = record.steps.iter().filter(evaluated).count();
    if count < rules.min_evaluated {
        let evaluated = counted_as(count, "check");
        tally.unevaluated.push(format!("{evaluated} evaluated, and at least {} must be", rules.min_evaluated));
    }
    for required in &rules.require {
        let steps: Vec<&StepRecord> = record.steps.iter().filter(|step| glob_matches(required, &step.id)).collect();
        if steps.is_empty() {
            tally.unevaluated.push(format!("required check {required} is not part of this run"));
        }
        for step in steps.into_iter().filter(|step| !evaluated(step)) {
            tally.unevaluated.push(format!("required check {} was not evaluated: {}", step.id, step.message));
        }
    }
}

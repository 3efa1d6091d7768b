use crate::explain;
use seaworthy_model::{Cause, CheckResult, Diagnosis, Report, RunRecord, StepRecord};

/// The causes that a recorded report tells when it is read together with one from
/// its container's host.
///
/// *Behaviour*: a report holds everything that a diagnosis looks at, redacted; the
/// causes are the same that the run itself would have named with that host report.
#[must_use]
pub fn reread(report: &Report, host: Option<&Report>) -> Vec<Cause> {
    let Diagnosis { causes, .. } = explain(record(report), host);
    causes
}

fn record(report: &Report) -> RunRecord {
    let mut observations: Vec<_> = report.checks.iter().flat_map(|check| check.evidence.iter().cloned()).collect();
    observations.sort_by_key(|seen| seen.id);
    observations.dedup_by_key(|seen| seen.id);
    RunRecord {
        run_id: report.run_id.clone(),
        started: report.started.clone(),
        duration_s: report.duration_s,
        interrupted: report.interrupted,
        steps: report.checks.iter().map(|check| step(report, check)).collect(),
        observations,
        plugins: report.plugins.clone(),
        vantage: report.vantage.facts.clone(),
    }
}

fn step(report: &Report, check: &CheckResult) -> StepRecord {
    // Which of the blocking check's findings it was is not in a report; its worst is as good.
    let worst = |id: &String| {
        let blocker = report.checks.iter().find(|other| other.id == *id)?;
        blocker.findings.iter().max_by_key(|finding| finding.level).map(|finding| finding.code.clone())
    };
    StepRecord {
        id: check.id.clone(),
        title: check.title.clone(),
        used_as: check.used_as.clone(),
        target: check.target.clone(),
        severity: check.severity,
        status: check.status,
        skip: check.skip_reason,
        error: check.error_reason,
        blocked_by: check.blocked_by.as_ref().map(|id| (id.clone(), worst(id))),
        message: check.message.clone(),
        findings: check.findings.clone(),
        facts: check.facts.clone(),
        evidence: check.evidence.iter().map(|seen| seen.id).collect(),
        attempts: check.attempts.clone(),
        flaky: check.flaky,
        duration_s: check.duration_s,
        needs: check.needs.clone(),
        tags: Vec::new(),
        owner: check.owner.clone(),
        docs: check.docs.clone(),
        source: check.source.clone(),
        log: check.log.clone(),
    }
}

use seaworthy_model::{
    Cause, CheckResult, ConfigInfo, Diagnosis, Disposition, Gate, Level, Observation, REPORT_SCHEMA_VERSION, Report,
    Status, StepRecord, Summary, ToolInfo, VantageInfo, WaiverUse,
};

/// Puts a judged diagnosis into a report. *Behaviour*: nothing is redacted yet,
/// and nothing is decided here: statuses, causes and the gate are taken as they are.
#[must_use]
pub fn assemble(
    diagnosis: Diagnosis,
    gate: Gate,
    waivers: Vec<WaiverUse>,
    tool: ToolInfo,
    config: ConfigInfo,
    vantage: VantageInfo,
) -> Report {
    let Diagnosis { record, causes } = diagnosis;
    let summary = summary(&record.steps, record.observations.len());
    let checks = record.steps.into_iter().map(|step| check(step, &causes, &record.observations)).collect();
    Report {
        schema_version: REPORT_SCHEMA_VERSION.into(),
        run_id: record.run_id,
        started: record.started,
        duration_s: record.duration_s,
        interrupted: record.interrupted,
        tool,
        config,
        vantage,
        plugins: record.plugins,
        gate,
        summary,
        causes,
        checks,
        waivers,
    }
}

fn summary(steps: &[StepRecord], observations: usize) -> Summary {
    let count = |status: Status| steps.iter().filter(|step| step.status == status).count();
    let findings = steps.iter().flat_map(|step| &step.findings);
    Summary {
        total: steps.len(),
        pass: count(Status::Pass),
        warn: count(Status::Warn),
        fail: count(Status::Fail),
        error: count(Status::Error),
        skip: count(Status::Skip),
        waived: findings.filter(|finding| finding.disposition == Disposition::Waived).count(),
        observations,
    }
}

fn check(step: StepRecord, causes: &[Cause], observations: &[Observation]) -> CheckResult {
    let caused_by = cause_of(&step, causes);
    let evidence =
        observations.iter().filter(|seen| seen.check == step.id || step.evidence.contains(&seen.id)).cloned().collect();
    CheckResult {
        caused_by,
        evidence,
        id: step.id,
        title: step.title,
        used_as: step.used_as,
        target: step.target,
        status: step.status,
        skip_reason: step.skip,
        error_reason: step.error,
        blocked_by: step.blocked_by.map(|(check, _)| check),
        message: step.message,
        severity: step.severity,
        duration_s: step.duration_s,
        flaky: step.flaky,
        attempts: step.attempts,
        findings: step.findings,
        facts: step.facts,
        needs: step.needs,
        owner: step.owner,
        docs: step.docs,
        source: step.source,
        log: step.log,
    }
}

/// The first, so the most explaining, cause that blocks a check or explains one of its failures.
fn cause_of(step: &StepRecord, causes: &[Cause]) -> Option<String> {
    let fails = |cause: &Cause| {
        let mut fails = step.findings.iter().filter(|finding| finding.level == Level::Fail);
        fails.any(|finding| cause.explains.contains(&finding.fingerprint))
    };
    causes.iter().find(|cause| cause.blocks.contains(&step.id) || fails(cause)).map(|cause| cause.code.clone())
}

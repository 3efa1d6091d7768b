use crate::advice::{headline, rerun};
use crate::safe;
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestRerun, TestSuite};
use seaworthy_model::{Attempt, CheckResult, Level, Report, Status};
use std::time::Duration;

/// What a check with warnings is in JUnit, which has no word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarnAs {
    /// A passed test; the warning is in its output.
    Pass,
    /// A failed test.
    Failure,
    /// A skipped test.
    Skipped,
}

/// Why no JUnit report could be made.
#[derive(Debug, thiserror::Error)]
#[error("the JUnit report cannot be written: {0}")]
pub struct JunitError(#[from] quick_junit::SerializeError);

/// A report as JUnit XML, one test case a check. *Behaviour*: a check that found its
/// target wrong is a failure, one that could not tell an error, one that passed on
/// a later attempt a flaky failure.
///
/// # Errors
/// [`JunitError`], when it cannot be serialised.
pub fn junit(report: &Report, warn_as: WarnAs) -> Result<String, JunitError> {
    let report = safe::report(report);
    let mut suite = TestSuite::new("seaworthy");
    suite.timestamp = report.started.parse().ok();
    suite.set_time(seconds(report.duration_s));
    for (key, value) in
        [("run-id", &report.run_id), ("vantage", &report.vantage.name), ("profile", &report.config.profile)]
    {
        suite.add_property(Property::new(key, value));
    }
    for cause in &report.causes {
        suite.add_property(Property::new("cause", format!("{}: {}", cause.code, cause.message)));
    }
    for check in &report.checks {
        suite.add_test_case(case(&report, check, warn_as));
    }
    let mut root = quick_junit::Report::new("seaworthy");
    root.timestamp = report.started.parse().ok();
    root.set_time(seconds(report.duration_s));
    root.add_test_suite(suite);
    Ok(root.to_string()?)
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn case(report: &Report, check: &CheckResult, warn_as: WarnAs) -> TestCase {
    let mut case = TestCase::new(check.title.as_str(), status(report, check, warn_as));
    case.set_classname(check.id.as_str());
    case.set_time(seconds(check.duration_s));
    let mut out = vec![check.message.clone()];
    out.extend(check.findings.iter().map(|finding| {
        let target = finding.target.as_ref().map(|target| format!(" at {target}")).unwrap_or_default();
        format!("{} {}{target}: {}", word(finding.level), finding.code, finding.message)
    }));
    case.set_system_out(out.join("\n"));
    if !check.log.is_empty() {
        case.set_system_err(check.log.join("\n"));
    }
    case
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Fail => "FAIL",
        Level::Warn => "WARN",
        Level::Info => "INFO",
    }
}

fn status(report: &Report, check: &CheckResult, warn_as: WarnAs) -> TestCaseStatus {
    let mut status = match check.status {
        Status::Pass => passed(check),
        Status::Warn => match warn_as {
            WarnAs::Pass => return passed(check),
            WarnAs::Failure => non_success(NonSuccessKind::Failure, check, Level::Warn),
            WarnAs::Skipped => TestCaseStatus::skipped(),
        },
        Status::Fail => non_success(NonSuccessKind::Failure, check, Level::Fail),
        Status::Error => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            if let Some(reason) = check.error_reason {
                status.set_type(name(&reason));
            }
            status
        }
        Status::Skip => {
            let mut status = TestCaseStatus::skipped();
            if let Some(reason) = check.skip_reason {
                status.set_type(name(&reason));
            }
            status
        }
    };
    if check.status != Status::Pass {
        status.set_message(check.message.as_str());
        if let Some(advice) = advice(report, check) {
            status.set_description(advice);
        }
    }
    status
}

/// The name that a reason has in reports.
fn name<T: serde::Serialize>(reason: &T) -> String {
    serde_json::to_value(reason).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn non_success(kind: NonSuccessKind, check: &CheckResult, level: Level) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    if let Some(finding) = check.findings.iter().find(|finding| finding.level == level) {
        status.set_type(finding.code.as_str());
    }
    status
}

fn passed(check: &CheckResult) -> TestCaseStatus {
    let mut status = TestCaseStatus::success();
    if check.flaky {
        let failed = |attempt: &&Attempt| matches!(attempt.status, Status::Fail | Status::Error);
        status.add_reruns(check.attempts.iter().filter(failed).map(|attempt| {
            let kind = if attempt.status == Status::Error { NonSuccessKind::Error } else { NonSuccessKind::Failure };
            let mut rerun = TestRerun::new(kind);
            rerun.set_time(seconds(attempt.duration_s));
            if let Some(reason) = &attempt.reason {
                rerun.set_message(reason.as_str());
            }
            rerun
        }));
    }
    status
}

/// The findings of a check, and what the causes behind them say to do.
fn advice(report: &Report, check: &CheckResult) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for finding in check.findings.iter().filter(|finding| finding.level >= Level::Warn) {
        lines.push(format!("{}: {}", finding.code, finding.message));
    }
    let about = |cause: &&seaworthy_model::Cause| {
        cause.blocks.contains(&check.id)
            || check.findings.iter().any(|finding| cause.explains.contains(&finding.fingerprint))
    };
    for cause in report.causes.iter().filter(about) {
        lines.push(format!("cause: {}: {}", cause.code, cause.message));
        let Some(fix) = cause.remediations.first() else { continue };
        lines.push(format!("fix: {}", headline(cause, fix)));
        lines.extend(fix.steps.iter().filter_map(|step| step.command.as_ref()).map(|command| format!("  $ {command}")));
        lines.extend(fix.verified_by.as_ref().map(|proof| format!("then: {}", rerun(report, proof))));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

//! The gate's rules, one case each.

use crate::record::{self, *};
use seaworthy_diagnose::{explain, judge};
use seaworthy_model::{
    Disposition, ErrorReason, ErrorRule, ExitCode, FailOn, Gate, GateRules, Layer, RunRecord, Severity, SkipReason,
    Status, StepRecord, Verdict, Waiver, WaiverRules, WaiverUse,
};

fn rules() -> GateRules {
    GateRules {
        fail_on: FailOn { status: vec![Status::Fail], severity: Severity::Major },
        max_warnings: None,
        on_error: ErrorRule::Indeterminate,
        require: vec![],
        min_evaluated: 1,
        report_only: false,
        waivers: vec![],
        waiver_rules: WaiverRules { unused: Status::Warn, notice_days: 14 },
    }
}

fn waiver(code: &str, expires: &str) -> Waiver {
    Waiver {
        check: "a*".into(),
        code: code.into(),
        target: "*".into(),
        reason: "TICKET-1".into(),
        owner: "@me".into(),
        expires: expires.into(),
        max_severity: None,
    }
}

fn verdict(record: RunRecord, rules: &GateRules) -> (Gate, Vec<WaiverUse>, RunRecord) {
    let mut diagnosis = explain(record, None);
    let (gate, uses) = judge(&mut diagnosis, rules, "2026-06-10");
    assert_eq!(gate.exit_code, gate.exit.code());
    (gate, uses, diagnosis.record)
}

fn one(findings: Vec<F>) -> RunRecord {
    record::record(vec![step("a.check", "x/y", findings)])
}

fn bad() -> F {
    finding("x.bad", Layer::Tcp).at("/ip4/1.2.3.4/tcp/1")
}

fn with_status(status: Status) -> StepRecord {
    let mut step = step("b.check", "x/z", vec![]);
    step.status = status;
    match status {
        Status::Error => step.error = Some(ErrorReason::Trap),
        Status::Skip => step.skip = Some(SkipReason::NotConfigured),
        _ => {}
    }
    step
}

#[test]
fn severities_count_from_the_threshold_and_are_capped_by_the_check() {
    assert_eq!(verdict(one(vec![bad()]), &rules()).0.exit, ExitCode::Failed);
    assert_eq!(verdict(one(vec![bad().severity(Severity::Minor)]), &rules()).0.exit, ExitCode::Passed);
    let mut soft = one(vec![bad().severity(Severity::Critical)]);
    soft.steps[0].severity = Severity::Minor;
    assert_eq!(verdict(soft, &rules()).0.exit, ExitCode::Passed);
    assert_eq!(verdict(one(vec![bad().warn()]), &rules()).0.exit, ExitCode::Passed);
    let mut warn_too = rules();
    warn_too.fail_on.status.push(Status::Warn);
    assert_eq!(verdict(one(vec![bad().warn()]), &warn_too).0.exit, ExitCode::Failed);
}

#[test]
fn a_failure_without_a_finding_still_fails() {
    let (gate, ..) = verdict(record::record(vec![with_status(Status::Fail)]), &rules());
    assert_eq!((gate.verdict, gate.exit), (Verdict::Fail, ExitCode::Failed));
    assert_eq!(gate.reasons, ["b.check: message of b.check"]);
}

#[test]
fn worst_reasons_come_first() {
    let findings = vec![bad(), finding("x.worse", Layer::Tcp).at("t").severity(Severity::Critical)];
    let (gate, ..) = verdict(one(findings), &rules());
    assert_eq!(gate.reasons, ["a.check: x.worse at t (critical)", "a.check: x.bad at /ip4/1.2.3.4/tcp/1 (major)"]);
}

#[test]
fn waivers_forgive_at_the_gate_and_nowhere_else() {
    let mut waived = rules();
    waived.waivers = vec![waiver("x.*", "2026-12-31")];
    let (gate, uses, record) = verdict(one(vec![bad()]), &waived);
    assert_eq!((gate.verdict, gate.reasons.len()), (Verdict::Pass, 0));
    assert_eq!((uses[0].used, uses[0].expired, uses[0].ends_soon), (1, false, false));
    assert_eq!(record.steps[0].status, Status::Fail, "a waiver never changes a status");
    assert_eq!(record.steps[0].findings[0].disposition, Disposition::Waived);
    assert_eq!(record.steps[0].findings[0].waiver.as_deref(), Some("TICKET-1"));

    // Another finding of the same check still counts.
    let (gate, ..) = verdict(one(vec![bad(), finding("y.bad", Layer::Tcp)]), &waived);
    assert_eq!(gate.reasons, ["a.check: y.bad (major)"]);
    // Another target, another check, a weightier finding: not forgiven.
    let change = |edit: &dyn Fn(&mut Waiver)| {
        let mut changed = waived.clone();
        edit(&mut changed.waivers[0]);
        verdict(one(vec![bad()]), &changed).0.exit
    };
    assert_eq!(change(&|w| w.target = "/ip4/1.2.*".into()), ExitCode::Passed);
    assert_eq!(change(&|w| w.target = "/ip4/9.*".into()), ExitCode::Failed);
    assert_eq!(change(&|w| w.check = "b*".into()), ExitCode::Failed);
    assert_eq!(change(&|w| w.max_severity = Some(Severity::Minor)), ExitCode::Failed);
    assert_eq!(change(&|w| w.max_severity = Some(Severity::Major)), ExitCode::Passed);
}

#[test]
fn waivers_end() {
    let mut ending = rules();
    for (expires, expired, soon, exit) in [
        ("2026-06-09", true, false, ExitCode::Failed),
        ("2026-06-10", false, true, ExitCode::Passed),
        ("2026-06-24", false, true, ExitCode::Passed),
        ("2026-06-25", false, false, ExitCode::Passed),
        ("soon", true, false, ExitCode::Failed),
    ] {
        ending.waivers = vec![waiver("x.bad", expires)];
        let (gate, uses, _) = verdict(one(vec![bad()]), &ending);
        assert_eq!((uses[0].expired, uses[0].ends_soon, gate.exit), (expired, soon, exit), "{expires}");
        assert_eq!(gate.reasons.iter().any(|reason| reason.contains("counts again")), expired);
        assert_eq!(gate.reasons.iter().any(|reason| reason.contains("ends on")), soon);
    }
}

#[test]
fn waivers_that_forgive_nothing() {
    let mut unused = rules();
    unused.waivers = vec![waiver("y.other", "2026-12-31")];
    for (rule, exit, lines) in
        [(Status::Fail, ExitCode::Failed, 1), (Status::Warn, ExitCode::Passed, 1), (Status::Pass, ExitCode::Passed, 0)]
    {
        unused.waiver_rules.unused = rule;
        let (gate, ..) = verdict(one(vec![]), &unused);
        assert_eq!((gate.exit, gate.reasons.len()), (exit, lines), "{rule:?}");
    }
    // Its check was left out, so nothing is known about its use.
    unused.waiver_rules.unused = Status::Fail;
    let mut left_out = with_status(Status::Skip);
    left_out.id = "a.check".into();
    let record = record::record(vec![left_out, step("c", "x/c", vec![])]);
    assert_eq!(verdict(record, &unused).0.exit, ExitCode::Passed);
}

#[test]
fn a_waiver_that_is_outweighed_is_not_called_useless() {
    let mut light = rules();
    light.waiver_rules.unused = Status::Fail;
    light.waivers = vec![Waiver { max_severity: Some(Severity::Minor), ..waiver("x.bad", "2026-12-31") }];
    let (gate, uses, _) = verdict(one(vec![bad()]), &light);
    assert_eq!((gate.exit, uses[0].used, gate.reasons.len()), (ExitCode::Failed, 0, 2), "{:?}", gate.reasons);
    assert_eq!(
        gate.reasons[1],
        "waiver of x.bad for a* (@me, TICKET-1) does not forgive a.check: x.bad: its severity, major, is above the waiver's \
         max-severity, minor"
    );
    // Past its day it is of no use, whatever the finding weighs.
    light.waivers[0].expires = "2026-06-09".into();
    let (gate, ..) = verdict(one(vec![bad()]), &light);
    assert!(gate.reasons[1].ends_with("forgives nothing any more: remove it"), "{:?}", gate.reasons);
}

#[test]
fn one_is_not_many() {
    let few = GateRules { max_warnings: Some(0), min_evaluated: 3, ..rules() };
    let (gate, ..) = verdict(one(vec![bad().warn()]), &few);
    assert_eq!(gate.reasons, ["1 warning, and at most 0 allowed", "1 check evaluated, and at least 3 must be"]);
}

#[test]
fn errors_by_rule() {
    let record = || record::record(vec![with_status(Status::Error), step("a", "x/a", vec![])]);
    let mut by = rules();
    for (rule, exit, word) in [
        (ErrorRule::Indeterminate, ExitCode::Indeterminate, Verdict::Indeterminate),
        (ErrorRule::Fail, ExitCode::Failed, Verdict::Fail),
        (ErrorRule::Ignore, ExitCode::Passed, Verdict::Pass),
    ] {
        by.on_error = rule;
        let (gate, ..) = verdict(record(), &by);
        assert_eq!((gate.exit, gate.verdict), (exit, word));
    }
}

#[test]
fn what_must_be_evaluated() {
    let mut strict = rules();
    strict.require = vec!["b.*".into()];
    let with = |status| record::record(vec![with_status(status), step("a", "x/a", vec![])]);
    assert_eq!(verdict(with(Status::Pass), &strict).0.exit, ExitCode::Passed);
    assert_eq!(verdict(with(Status::Skip), &strict).0.exit, ExitCode::NothingEvaluated);
    assert_eq!(verdict(with(Status::Error), &strict).0.exit, ExitCode::Indeterminate);
    assert_eq!(verdict(one(vec![]), &strict).0.exit, ExitCode::NothingEvaluated, "a required check that is not there");
    strict.on_error = ErrorRule::Ignore;
    assert_eq!(verdict(with(Status::Error), &strict).0.exit, ExitCode::NothingEvaluated);
    assert_eq!(verdict(record::record(vec![]), &rules()).0.exit, ExitCode::NothingEvaluated);
    assert_eq!(verdict(record::record(vec![with_status(Status::Skip)]), &rules()).0.exit, ExitCode::NothingEvaluated);
}

#[test]
fn too_many_warnings() {
    let mut few = rules();
    few.max_warnings = Some(1);
    assert_eq!(verdict(one(vec![bad().warn()]), &few).0.exit, ExitCode::Passed);
    assert_eq!(verdict(one(vec![bad().warn(), bad().warn()]), &few).0.exit, ExitCode::Failed);
    few.waivers = vec![waiver("x.bad", "2026-12-31")];
    assert_eq!(
        verdict(one(vec![bad().warn(), bad().warn()]), &few).0.exit,
        ExitCode::Passed,
        "waived ones do not count"
    );
}

#[test]
fn several_codes_at_once_and_report_only() {
    let mut all = rules();
    all.require = vec!["nowhere".into()];
    let record = || record::record(vec![step("a", "x/a", vec![bad()]), with_status(Status::Error)]);
    let (gate, ..) = verdict(record(), &all);
    assert_eq!(
        (gate.exit, gate.reasons.len()),
        (ExitCode::Failed, 3),
        "failed before not evaluated before indeterminate"
    );
    all.report_only = true;
    let (gate, ..) = verdict(record(), &all);
    assert_eq!((gate.exit, gate.verdict), (ExitCode::Passed, Verdict::Fail), "the verdict stays");
    let (gate, ..) = verdict(
        record::record(vec![with_status(Status::Error), step("a", "x/a", vec![])]),
        &GateRules { report_only: true, ..rules() },
    );
    assert_eq!((gate.exit, gate.verdict), (ExitCode::Passed, Verdict::Indeterminate));
    // Nothing evaluated is no result that could be reported.
    let (gate, ..) = verdict(record::record(vec![]), &GateRules { report_only: true, ..rules() });
    assert_eq!(gate.exit, ExitCode::NothingEvaluated);
}

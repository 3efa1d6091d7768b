//! What every format says alike: what to do, how to prove it, what was asked for.

use crate::built::{failing, finding, mixed, own_cause, passing};
use seaworthy_model::{ErrorReason, Layer, RemedyStep, Report, SkipReason, SourceLocation, Status};
use seaworthy_report::{HumanOptions, Style, WarnAs, github, human, json, junit, read};

const PLAIN: HumanOptions = HumanOptions { style: Style::Plain, width: 200, verbose: false, quiet: false };

/// A report in the four formats that give advice.
fn formats(report: &Report) -> [String; 4] {
    [
        human(report, &PLAIN),
        junit(report, WarnAs::Pass).unwrap().replace("&apos;", "'"),
        github::annotations(report, 10),
        github::step_summary(report),
    ]
}

#[test]
fn the_proof_can_be_pasted() {
    for (path, profile, embedded, command) in [
        ("embedded", "default", "false", "seaworthy run net.connectivity"),
        ("embedded", "default", "true", "seaworthy run --embedded net.connectivity"),
        ("ci/checks.toml", "default", "false", "seaworthy run -c ci/checks.toml net.connectivity"),
        (
            "my checks.toml",
            "it's",
            "true",
            r"seaworthy run -c 'my checks.toml' -P 'it'\''s' --embedded net.connectivity",
        ),
    ] {
        let mut report = failing();
        report.config.path = path.into();
        report.config.profile = profile.into();
        report.vantage.facts.insert("embedded".into(), embedded.into());
        for text in formats(&report) {
            let said = text.contains(&format!("then: {command}")) || text.contains(&format!("then: `{command}`"));
            assert!(said, "{command}: {text}");
        }
    }
}

#[test]
fn what_a_check_declares_is_advice_and_not_its_title_again() {
    let mut report = passing();
    let found = finding("acme.bad", Layer::Tls, "proxy");
    let mut cause = own_cause(&found, "net.connectivity");
    cause.remediations[0].title = cause.title.clone();
    cause.remediations[0].why = String::new();
    cause.remediations[0].steps = vec![RemedyStep {
        text: "Ask the proxy's\nowner.".into(),
        command: Some("mail --proxy".into()),
        snippet: None,
    }];
    report.checks[3].status = Status::Fail;
    report.checks[3].findings = vec![found];
    report.causes = vec![cause];
    for (text, fix) in formats(&report).iter().zip(["fix: ", "fix: ", "fix: ", "**"]) {
        assert!(text.contains(&format!("{fix}Ask the proxy's owner.")), "{text}");
        assert_eq!(text.matches("Ask the proxy").count(), text.matches("mail --proxy").count(), "{text}");
        assert!(!text.contains(&format!("{fix}About acme.bad")), "{text}");
    }
}

#[test]
fn what_was_not_asked_for_is_one_line() {
    let mut report = passing();
    for check in report.checks.iter_mut().filter(|check| check.id != "net.connectivity") {
        check.status = Status::Skip;
        check.skip_reason = Some(SkipReason::Filtered);
        check.message = "not named".into();
    }
    (report.summary.pass, report.summary.skip) = (1, 7);
    let text = human(&report, &PLAIN);
    assert!(text.contains("SKIP   7 checks were not asked for\n"), "{text}");
    assert!(text.contains("Test Results: 1/1 checks passed\n") && !text.contains("not named"), "{text}");
    let summary = github::step_summary(&report);
    assert!(summary.contains("1/1 checks passed, exit code 0.") && !summary.contains("not named"), "{summary}");
    assert!(summary.contains("7 checks were not asked for."), "{summary}");
    assert_eq!(read(&json(&report).unwrap()).unwrap().checks.len(), 8, "machines get everything");
    // One that was asked for and skipped is still told.
    report.checks[0].skip_reason = Some(SkipReason::NotConfigured);
    let text = human(&report, &PLAIN);
    assert!(text.contains("6 checks were not asked for") && text.contains("1/2 checks passed (1 skipped)"), "{text}");
}

#[test]
fn an_interruption_is_told_as_it_is() {
    let mut report = passing();
    report.interrupted = true;
    report.checks[4].status = Status::Error;
    report.checks[4].error_reason = Some(ErrorReason::Interrupted);
    let text = human(&report, &PLAIN);
    assert!(text.contains("cache.operations (error/interrupted"), "{text}");
    assert!(text.contains("checks that had not ended are in this report as ERROR, error/interrupted."), "{text}");
}

#[test]
fn values_are_said_once_and_one_is_not_many() {
    let mut report = mixed();
    let found = &mut report.checks[5].findings[0];
    (found.observed, found.expected) = (Some("6 characters".into()), Some("32 random bytes.".into()));
    let verbose = human(&report, &HumanOptions { verbose: true, ..PLAIN });
    assert!(verbose.contains("The secret is 6 characters long. Wanted: 32 random bytes.\n"), "{verbose}");
    assert!(!verbose.contains("Seen:"), "{verbose}");
    report.checks[5].findings[0].message = "The secret is short".into();
    let verbose = human(&report, &HumanOptions { verbose: true, ..PLAIN });
    assert!(verbose.contains("The secret is short. Seen: 6 characters. Wanted: 32 random bytes.\n"), "{verbose}");
    assert!(verbose.contains("1 finding waived)"), "{verbose}");
    report.summary.waived = 2;
    assert!(human(&report, &PLAIN).contains("2 findings waived)"));
}

#[test]
fn annotations_point_at_files_only() {
    let mut report = mixed();
    let at = |file: &str| Some(SourceLocation { file: file.into(), line: 9, column: 1 });
    for check in &mut report.checks {
        check.source = at("embedded");
    }
    let text = github::annotations(&report, 10);
    assert!(text.lines().count() == 3 && !text.contains("file=") && !text.contains("line="), "{text}");
    for check in &mut report.checks {
        check.source = at("checks.toml");
    }
    assert_eq!(github::annotations(&report, 10).matches(",file=checks.toml,line=9,col=1::").count(), 3);
}

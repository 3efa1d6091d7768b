//! Evidence comes from probed servers. Whatever they say, no format obeys it.

use crate::built::{failing, finding, own_cause};
use seaworthy_model::{Layer, Report, SourceLocation};
use seaworthy_report::{HumanOptions, Style, WarnAs, github, human, junit};

const HOSTILE: &str = "\x1b]0;t\x07\x1b[2Jx\n::error file=a::injected\r::set-output name=verdict::pass\n ##[error]old ]]></failure><script>alert(1)</script> `x` | @team <img src=x>\u{202e}\u{0}%0A::warning::x";

/// Hostile text in every place that evidence reaches.
fn hostile() -> Report {
    let mut report = failing();
    for check in &mut report.checks {
        check.message = HOSTILE.into();
        check.title = HOSTILE.into();
        check.id = HOSTILE.into();
        check.log = vec![HOSTILE.into()];
        check.source = Some(SourceLocation { file: HOSTILE.into(), line: 1, column: 1 });
        for finding in &mut check.findings {
            finding.message = HOSTILE.into();
            finding.observed = Some(HOSTILE.into());
            finding.target = Some(HOSTILE.into());
        }
        for seen in &mut check.evidence {
            seen.probe = HOSTILE.into();
            seen.asked = serde_json::json!({"target": HOSTILE});
        }
    }
    let cause = &mut report.causes[0];
    cause.code = HOSTILE.into();
    cause.title = HOSTILE.into();
    cause.message = HOSTILE.into();
    cause.blocks = vec![HOSTILE.into()];
    for fix in &mut cause.remediations {
        fix.title = HOSTILE.into();
        fix.why = HOSTILE.into();
        fix.verified_by = Some(HOSTILE.into());
        fix.steps[0].text = HOSTILE.into();
        fix.steps[0].command = Some(format!("```\n{HOSTILE}"));
    }
    report.gate.reasons = vec![HOSTILE.into()];
    report.vantage.name = HOSTILE.into();
    report
}

/// The lines in which the runner would see a command.
fn commands(text: &str) -> Vec<&str> {
    text.split(['\n', '\r']).filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect()
}

#[test]
fn a_terminal_gets_only_text() {
    for verbose in [false, true] {
        let text = human(&hostile(), &HumanOptions { style: Style::Plain, width: 80, verbose, quiet: false });
        let control = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(control, None);
        assert!(text.contains("\\x1b[2J"), "it is shown, not dropped");
        // Nothing that was said begins a line of its own at the margin.
        assert!(text.lines().all(|line| !line.starts_with("::")));
        assert!(commands(&github::neutralise(&text)).is_empty());
    }
}

#[test]
fn annotations_are_the_only_commands() {
    let text = github::annotations(&hostile(), 10);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].starts_with("::error title="));
    assert!(!text.contains("##[") && !text.contains('\r'));
    // The properties end where they should: at the second `::`.
    let properties = lines[0].strip_prefix("::error ").unwrap().split("::").next().unwrap();
    let names: Vec<&str> = properties.split(',').map(|property| property.split('=').next().unwrap()).collect();
    assert_eq!(names, ["title", "file", "line", "col"]);
}

#[test]
fn annotations_are_few_and_short() {
    let mut report = failing();
    let mut found = finding("x.bad", Layer::Tcp, "t");
    found.message = "%".repeat(10_000);
    let cause = own_cause(&found, "net.connectivity");
    report.checks[0].findings = vec![found];
    report.causes = vec![cause; 25];
    let text = github::annotations(&report, 10);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 10);
    assert!(lines[9].ends_with("(and 15 more)"), "{}", &lines[9][lines[9].len() - 60..]);
    for line in lines {
        let message = line.splitn(3, "::").nth(2).unwrap();
        assert!(message.chars().count() <= 4096);
        let escapes = message.match_indices('%').all(|(at, _)| matches!(message.get(at..at + 3), Some("%25" | "%0A")));
        assert!(escapes, "an escape was cut");
    }
}

#[test]
fn a_summary_has_no_markup_but_its_own() {
    let text = github::step_summary(&hostile());
    assert!(commands(&text).is_empty());
    // What is pasted stands in a fence that it cannot close; all else is escaped.
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line),
            None => {
                let code: String = line.split('`').step_by(2).collect();
                assert!(!code.contains("<script") && !code.contains("<img") && !code.contains("@team"), "{line}");
            }
        }
    }
    assert_eq!(fence, None);
}

#[test]
fn a_summary_stays_below_the_limit() {
    let mut report = failing();
    report.gate.reasons = vec!["ü".repeat(1000); 2000];
    let text = github::step_summary(&report);
    assert!(text.len() <= 900 * 1024, "{}", text.len());
    assert!(text.ends_with("(cut: the whole is in the JSON report)\n"));
    assert!(text.contains("| FAIL |"), "what matters stands first");
}

#[test]
fn junit_stays_xml() {
    let text = junit(&hostile(), WarnAs::Failure).unwrap();
    assert!(!text.contains("<script") && !text.contains('\u{0}') && !text.contains('\x1b'));
    assert_eq!(text.matches("<testcase ").count(), 8);
    assert_eq!(text.matches("</failure>").count(), 2);
    assert!(quick_junit::Report::deserialize_from_str(&text).is_ok(), "it reads back");
}

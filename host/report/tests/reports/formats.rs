//! What people and machines read, as snapshots.

use crate::built::{failing, mixed, passing};
use seaworthy_report::{HumanOptions, Style, WarnAs, github, human, json, junit, read, schema};

const PLAIN: HumanOptions = HumanOptions { style: Style::Plain, width: 100, verbose: false, quiet: false };

#[test]
fn for_people() {
    insta::assert_snapshot!("human_failing", human(&failing(), &PLAIN));
    insta::assert_snapshot!("human_passing", human(&passing(), &PLAIN));
    insta::assert_snapshot!("human_mixed", human(&mixed(), &HumanOptions { verbose: true, ..PLAIN }));
    let quiet = human(&passing(), &HumanOptions { quiet: true, ..PLAIN });
    assert_eq!(quiet, "Test Results: 8/8 checks passed\nGate: PASS, exit code 0\n");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let coloured = human(&mixed(), &HumanOptions { style: Style::Colour, ..PLAIN });
    assert!(coloured.contains("\x1b["));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(format!("{plain}{rest}"), human(&mixed(), &PLAIN));
}

#[test]
fn lines_keep_to_the_width_except_for_what_is_pasted() {
    // A title, a command and an observation are one line each, whatever the width.
    let whole = |line: &str| {
        let line = line.trim_start();
        line.starts_with("export ")
            || line.starts_with("docker run ")
            || line.starts_with("o40 ")
            || line.starts_with("FAIL   A peer's")
    };
    for width in [70, 100, 140] {
        let text = human(&failing(), &HumanOptions { width, ..PLAIN });
        for line in text.lines().filter(|line| !whole(line)) {
            // A single word that does not fit stands alone on its line.
            let words = line.trim_start().trim_start_matches("- ").split_whitespace().count();
            assert!(line.chars().count() <= width || words == 1, "{width}: {line}");
        }
    }
}

#[test]
fn for_test_viewers() {
    insta::assert_snapshot!("junit_failing", junit(&failing(), WarnAs::Pass).unwrap());
    let [pass, failure, skipped] =
        [WarnAs::Pass, WarnAs::Failure, WarnAs::Skipped].map(|warn| junit(&mixed(), warn).unwrap());
    insta::assert_snapshot!("junit_mixed", pass);
    assert!(pass.contains("failures=\"1\" errors=\"1\"") && !pass.contains("<skipped"), "{pass}");
    assert!(failure.contains("failures=\"2\""), "{failure}");
    assert!(skipped.contains("<skipped message=\"one warning\""), "{skipped}");
}

#[test]
fn for_github() {
    insta::assert_snapshot!("github_failing", github::annotations(&failing(), 10));
    insta::assert_snapshot!("github_mixed", github::annotations(&mixed(), 10));
    insta::assert_snapshot!("github_summary", github::step_summary(&failing()));
    assert_eq!(github::annotations(&passing(), 10), "");
}

#[test]
fn outputs_stand_between_their_delimiters() {
    let mut report = failing();
    report.checks[3].id = "a\nverdict<<X\npass\nX".into();
    let text = github::outputs(&report, Some("target/report.json"));
    let mut lines = text.lines();
    let mut outputs = Vec::new();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.push((name, value.join("\n")));
    }
    let names: Vec<&str> = outputs.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["verdict", "exit-code", "failed", "report"]);
    assert_eq!(
        (outputs[0].1.as_str(), outputs[1].1.as_str(), outputs[3].1.as_str()),
        ("fail", "1", "target/report.json")
    );
    assert_eq!(outputs[2].1, "a\nverdict<<X\npass\nX,docker.network-mode");
}

#[test]
fn json_reads_back() {
    for report in [passing(), failing(), mixed()] {
        let text = json(&report).unwrap();
        assert!(text.ends_with("}\n"));
        assert_eq!(read(&text).unwrap(), report);
        assert_eq!(text, json(&report).unwrap());
    }
}

#[test]
fn other_formats_are_refused_with_the_reason() {
    let text = json(&passing()).unwrap();
    let error = |text: &str| read(text).unwrap_err().to_string();
    assert!(error(&text.replacen("\"1.0\"", "\"2.0\"", 1)).contains("format 2.0"));
    assert!(error("{}").contains("schema_version"));
    assert!(error("[").contains("not a seaworthy report"));
    let newer = text.replacen("\"1.0\"", "\"1.7\"", 1);
    assert!(read(&newer).is_ok(), "a later minor version that adds nothing can be read");
    let added = newer.replacen("\"run_id\"", "\"added\": 1, \"run_id\"", 1);
    assert!(error(&added).contains("1.7") && error(&added).contains("added"));
}

/// `SEAWORTHY_UPDATE=1 cargo test -p seaworthy-report` writes the file anew.
#[test]
fn the_published_schema_is_the_type() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/report.v1.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("SEAWORTHY_UPDATE").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == current,
        "schema/report.v1.json is not what the types say; run this test with SEAWORTHY_UPDATE=1"
    );
}

use data_encoding::HEXLOWER;
use seaworthy_model::{Report, Status, Verdict};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Lines for the file that `GITHUB_OUTPUT` names: `verdict`, `exit-code`, `failed`
/// (ids of failed checks, separated by commas) and `report` (the path of the JSON
/// report, where one was written). *Behaviour*: each value stands between delimiters
/// that do not occur in any of them, so no value can begin another output.
#[must_use]
pub fn outputs(report: &Report, report_path: Option<&str>) -> String {
    let verdict = match report.gate.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Indeterminate => "indeterminate",
    };
    let failed: Vec<&str> =
        report.checks.iter().filter(|check| check.status == Status::Fail).map(|check| check.id.as_str()).collect();
    let values = [
        ("verdict", verdict.to_owned()),
        ("exit-code", report.gate.exit_code.to_string()),
        ("failed", failed.join(",")),
        ("report", report_path.unwrap_or_default().to_owned()),
    ];
    let delimiter = delimiter(&values);
    let mut text = String::new();
    for (name, value) in &values {
        // Writing to a string cannot fail.
        let _ = write!(text, "{name}<<{delimiter}\n{value}\n{delimiter}\n");
    }
    text
}

/// A hash of the values cannot be put into them by whoever makes them.
fn delimiter(values: &[(&str, String)]) -> String {
    let mut hash = Sha256::new();
    for (_, value) in values {
        hash.update(value);
        hash.update([0]);
    }
    format!("seaworthy_{}", HEXLOWER.encode(&hash.finalize()[..16]))
}

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Cases of one component as JUnit XML: name, how long it took, and what differs.
///
/// # Errors
/// It cannot be written as XML.
pub fn junit(
    component: &str,
    cases: &[(String, Duration, Vec<String>)],
) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(component);
    for (name, took, differences) in cases {
        let status = if differences.is_empty() {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(differences.first().cloned().unwrap_or_default());
            status.set_description(differences.join("\n"));
            status
        };
        let mut case = TestCase::new(name.as_str(), status);
        case.set_classname(component);
        case.set_time(*took);
        suite.add_test_case(case);
    }
    let mut report = Report::new("seaworthy plugin test");
    report.add_test_suite(suite);
    report.to_string()
}

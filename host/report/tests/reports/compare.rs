//! Two reports, read together.

use crate::built::{failing, observation, passing};
use seaworthy_model::{Found, Relation, Report, Status};
use seaworthy_report::{HumanOptions, Style, compare, compared_human, relation};
use serde_json::json;

fn at(mut report: Report, in_container: &str, mode: &str) -> Report {
    report.vantage.facts.insert("in-container".into(), in_container.into());
    report.vantage.facts.insert("network-mode".into(), mode.into());
    report
}

#[test]
fn where_reports_were_recorded_tells_what_they_are_to_each_other() {
    let host = at(passing(), "false", "not-a-container");
    let container = at(passing(), "true", "bridge");
    assert_eq!(relation(&host, &container), Relation::HostAndContainer);
    assert_eq!(relation(&container, &container), Relation::BeforeAndAfter);
    assert_eq!(relation(&container, &host), Relation::TwoPlaces);
    assert_eq!(relation(&container, &at(passing(), "true", "user-defined")), Relation::TwoPlaces);
}

#[test]
fn a_cause_that_is_gone_is_better_and_one_that_came_is_worse() {
    let (before, after) = (failing(), passing());
    let compared = compare(&before, &after, Relation::BeforeAndAfter, &after.causes);
    assert!(!compared.worse);
    assert_eq!(compared.causes.iter().map(|cause| cause.found).collect::<Vec<_>>(), [Found::First]);
    let net = compared.checks.iter().find(|check| check.id == "net.connectivity").unwrap();
    assert_eq!((net.first, net.second), (Some(Status::Fail), Some(Status::Pass)));

    let back = compare(&after, &before, Relation::BeforeAndAfter, &before.causes);
    assert!(back.worse);
    assert_eq!(back.causes[0].found, Found::Second);

    let same = compare(&before, &before, Relation::BeforeAndAfter, &before.causes);
    assert!(!same.worse && same.checks.is_empty() && same.addresses.is_empty() && same.facts.is_empty());
    assert_eq!(same.causes[0].found, Found::Both);
}

#[test]
fn an_address_that_is_open_in_one_place_only_is_told() {
    let container = failing();
    let mut host = passing();
    host.checks[3].evidence =
        vec![observation(1, "net.connectivity", "tcp.connect", json!({"target": "127.0.0.1:9100"}))];
    let compared = compare(&host, &container, Relation::HostAndContainer, &container.causes);
    let [address] = compared.addresses.as_slice() else { panic!("{:?}", compared.addresses) };
    assert_eq!((address.address.as_str(), address.first.as_deref()), ("127.0.0.1:9100", None));
    assert_eq!(address.second.as_deref(), Some("connection-refused (connect)"));
    let options = HumanOptions { style: Style::Plain, width: 200, verbose: false, quiet: false };
    let text = compared_human(&compared, &options);
    assert!(text.contains("127.0.0.1:9100: open from docker container (first)"), "{text}");
}

#[test]
fn what_a_report_says_cannot_move_the_cursor() {
    let mut hostile = failing();
    hostile.causes[0].message = "\u{1b}[2J\u{202e}gone".into();
    hostile.causes[0].title = "\u{1b}]0;owned\u{7}".into();
    hostile.vantage.name = "\u{1b}[1Ahost".into();
    let compared = compare(&passing(), &hostile, Relation::TwoPlaces, &hostile.causes);
    let options = HumanOptions { style: Style::Plain, width: 100, verbose: true, quiet: false };
    let text = compared_human(&compared, &options);
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
}

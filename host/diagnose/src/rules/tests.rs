//! What must hold of every record and its rule. A record that needs no Rust is tried
//! here by itself: its finding, with what must hold beside it, is its cause.

use super::rules;
use crate::explain;
use crate::fault::{Act, Also, Condition, Cure, CureStep, Fault, Fold, Part};
use crate::faults;
use crate::rule::Rule;
use crate::scene::Scene;
use seaworthy_model::{Cause, Layer, Risk, RunRecord};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A finding with some details.
fn finding(code: &str, layer: Layer, target: Option<&str>, details: &[(&str, &str)]) -> Value {
    let details: BTreeMap<&str, &str> = details.iter().copied().collect();
    let mut finding = json!({
        "code": code, "title": "title", "message": format!("message of {code}."), "level": "fail", "severity": "major",
        "confidence": "likely", "layer": layer.as_str(), "evidence_ids": [1], "details": details,
        "fingerprint": format!("{code}/{target:?}"), "disposition": "counted",
    });
    if let Some(target) = target {
        finding["target"] = target.into();
    }
    finding
}

/// A run of one check that found and learned this.
fn run(findings: &[Value], facts: &[(&str, &str)]) -> RunRecord {
    let fact = |(key, value): &(&str, &str)| json!({"key": key, "value": value, "evidence_ids": [1]});
    let facts: Vec<Value> = facts.iter().map(fact).collect();
    let step = json!({
        "id": "some.check", "title": "t", "used_as": "bundled:some/check", "target": null, "severity": "major",
        "status": "fail", "skip": null, "error": null, "blocked_by": null, "message": "m", "findings": findings,
        "facts": facts, "evidence": [1], "attempts": [], "flaky": false, "duration_s": 0.0, "needs": [], "tags": [],
        "owner": null, "docs": null, "source": null, "log": [],
    });
    let record = json!({
        "run_id": "r", "started": "2026-01-01T00:00:00Z", "duration_s": 0.0, "interrupted": false, "steps": [step],
        "observations": [], "plugins": [], "vantage": {},
    });
    serde_json::from_value(record).unwrap()
}

/// A value that a condition accepts.
fn accepted(condition: &Condition) -> &'static str {
    condition.is.first().copied().unwrap_or("neither-of-these")
}

/// Keys of a kind that a record's conditions ask for, each with a value that holds.
fn asked(fault: &Fault, key: fn(&Condition) -> Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    fault.when.iter().filter_map(|condition| Some((key(condition)?, accepted(condition)))).collect()
}

/// A record's finding, and the findings that must be there beside it.
fn findings_of(fault: &Fault, code: &str, target: Option<&str>) -> Vec<Value> {
    let mut findings = vec![finding(code, fault.layer, target, &asked(fault, |condition| condition.detail))];
    let beside = fault.when.iter().filter_map(|condition| condition.finding);
    findings.extend(beside.map(|code| finding(code, Layer::Cache, Some("beside"), &[])));
    findings
}

/// A run in which a record's finding is there, and all that must hold beside it.
fn scene_of(fault: &Fault, code: &str, target: Option<&str>) -> RunRecord {
    run(&findings_of(fault, code, target), &asked(fault, |condition| condition.fact))
}

fn texts(cause: &Cause) -> Vec<&str> {
    let mut texts = vec![cause.message.as_str()];
    for remedy in &cause.remediations {
        texts.extend([remedy.title.as_str(), remedy.why.as_str()]);
        texts.extend(remedy.tradeoff.as_deref());
        for step in &remedy.steps {
            texts.extend([step.text.as_str()]);
            texts.extend(step.command.as_deref());
            texts.extend(step.snippet.as_ref().map(|snippet| snippet.text.as_str()));
        }
    }
    texts
}

/// A record without a rule would never be a cause, one with two would have two texts.
#[test]
fn every_record_has_one_rule() {
    for fault in faults::ALL {
        let of: Vec<_> = rules().filter(|rule| rule.fault.code == fault.code).collect();
        assert_eq!(of.len(), 1, "{} has {} rules", fault.code, of.len());
        assert!(of[0].is_reachable(), "{}: neither its record nor its rule says what it is told by", fault.code);
        assert_eq!(of[0].has_words(), fault.remedies.is_empty(), "{}: its words are in one place", fault.code);
    }
    assert_eq!(rules().count(), faults::ALL.len());
}

/// Of two records with one finding, only those with conditions can be told apart.
#[test]
fn a_finding_belongs_to_one_record() {
    for (at, fault) in faults::ALL.iter().enumerate() {
        for other in &faults::ALL[at + 1..] {
            let shared = fault.findings.iter().find(|code| other.findings.contains(code));
            let apart = !fault.when.is_empty() || !other.when.is_empty();
            assert!(shared.is_none() || apart, "{} and {} both take {shared:?}", fault.code, other.code);
        }
    }
}

#[test]
fn a_record_is_the_cause_of_its_findings() {
    for rule in faults::RULES {
        let fault = rule.fault;
        for code in fault.findings {
            for target in [Some("192.0.2.7:9999"), Some("/ip4/192.0.2.7/tcp/9999/p2p/A"), None] {
                let causes = explain(scene_of(fault, code, target), None).causes;
                let cause = causes.iter().find(|cause| cause.code == fault.code);
                let cause = cause.unwrap_or_else(|| panic!("{code} is not {}: {causes:#?}", fault.code));
                assert!(!cause.message.is_empty() && !cause.remediations.is_empty(), "{}", fault.code);
                for remedy in &cause.remediations {
                    assert_eq!(remedy.verified_by.as_deref(), Some("some.check"), "{}", fault.code);
                }
                for text in texts(cause) {
                    let left = ["{detail:", "{fact:", "{target", "]]."].iter().find(|part| text.contains(**part));
                    assert!(left.is_none(), "{}: {left:?} is left in {text}", fault.code);
                }
            }
        }
    }
}

/// Two records with their findings in one run; none where they cannot hold together,
/// or one of them says that it brings the other about.
fn both(one: &Fault, other: &Fault, targets: [&str; 2]) -> Option<Vec<String>> {
    let mut facts = asked(one, |condition| condition.fact);
    for (key, value) in asked(other, |condition| condition.fact) {
        match facts.iter().find(|(known, _)| *known == key) {
            Some((_, same)) if *same != value => return None,
            Some(_) => {}
            None => facts.push((key, value)),
        }
    }
    let mut findings = findings_of(one, one.findings[0], Some(targets[0]));
    findings.extend(findings_of(other, other.findings[0], Some(targets[1])));
    let record = run(&findings, &facts);
    let scene = Scene::of(&record, None);
    let follows =
        |fault: &Fault| fault.also.iter().any(|also| scene.symptoms.iter().any(|symptom| also.covers(symptom)));
    let shared = one.findings.iter().any(|code| other.findings.contains(code));
    if shared || follows(one) || follows(other) {
        return None;
    }
    Some(explain(record.clone(), None).causes.into_iter().map(|cause| cause.code).collect())
}

#[test]
fn two_faults_at_once_are_both_found() {
    let mut pairs = 0;
    for (at, one) in faults::RULES.iter().enumerate() {
        for other in &faults::RULES[at + 1..] {
            let (one, other) = (one.fault, other.fault);
            let Some(causes) = both(one, other, ["a.test:1", "b.test:2"]) else { continue };
            pairs += 1;
            for fault in [one, other] {
                assert!(causes.iter().any(|code| code == fault.code), "{} and {}: {causes:?}", one.code, other.code);
            }
        }
    }
    assert!(pairs > 100, "only {pairs} pairs were tried");
}

/// On one target the lower layer explains what it can bring about; on one layer both stay.
#[test]
fn the_lower_layer_explains_and_siblings_stay() {
    for one in faults::RULES {
        for other in faults::RULES {
            let (one, other) = (one.fault, other.fault);
            if one.code == other.code || one.layer > other.layer {
                continue;
            }
            let Some(causes) = both(one, other, ["a.test:1"; 2]) else { continue };
            let has = |fault: &Fault| causes.iter().any(|code| code == fault.code);
            let explained = one.layer < other.layer && one.explains_from <= other.layer;
            assert!(has(one), "{} is not found beside {}: {causes:?}", one.code, other.code);
            assert_eq!(has(other), !explained, "{} beside {}: {causes:?}", other.code, one.code);
        }
    }
}

#[test]
fn what_is_not_known_is_no_condition_that_holds() {
    for rule in faults::RULES.iter().filter(|rule| !rule.fault.when.is_empty()) {
        let bare = run(&[finding(rule.fault.findings[0], rule.fault.layer, Some("t"), &[])], &[]);
        let causes = explain(bare, None).causes;
        assert!(causes.iter().all(|cause| cause.code != rule.fault.code), "{}", rule.fault.code);
    }
}

const fn value(name: &'static str, key: &'static str, word: Option<&'static str>) -> Part {
    Part::Value { name, key, word }
}

/// A record with one of everything.
const SPECIMEN: Fault = Fault {
    code: "some.cause",
    faults: &[],
    title: "Something is wrong",
    symptom: "It fails.",
    explain: "It is wrong.",
    remedy: "Mend it.",
    confidence: "certain: it is.",
    proof: "some.check",
    sources: &[],
    layer: Layer::Tcp,
    explains_from: Layer::Tcp,
    fold: Fold::Together,
    findings: &["some.finding"],
    when: &[
        Condition { fact: None, detail: Some("kind"), finding: None, is: &["timeout", "reset"], not: &[] },
        Condition { fact: Some("network-mode"), detail: None, finding: None, is: &[], not: &["host"] },
    ],
    also: &[Also { code: Some("cache.*"), layers: &[], detail: Some("adapter"), is: &["s3"] }],
    message: Some(&[
        value("targets", "", None),
        Part::Text(" in "),
        value("fact", "network-mode", None),
        Part::Optional(&[Part::Text(" from "), value("own", "", None)]),
        Part::Optional(&[Part::Text(" by "), value("detail", "server", None)]),
        Part::Text(" through "),
        value("gateway", "", None),
    ]),
    remedies: &[Cure {
        id: "mend",
        title: &[Part::Text("Mend it")],
        why: &[Part::Text("It is wrong.")],
        risk: Risk::Security,
        cost: None,
        steps: &[
            CureStep {
                text: &[Part::Text("Do.")],
                act: Act::Run(&[
                    Part::Text("do "),
                    value("detail", "server", Some("SERVER_ADDRESS")),
                    Part::Text(" "),
                    value("port", "", None),
                    Part::Text(" "),
                    value("detail", "way-out", None),
                    Part::Text(" "),
                    value("proof", "", None),
                ]),
            },
            CureStep { text: &[Part::Text("See.")], act: Act::Nothing },
        ],
    }],
};

fn told(findings: &[Value], facts: &[(&str, &str)]) -> (String, String) {
    let record = run(findings, facts);
    let scene = Scene::of(&record, None);
    let told = Rule::of(&SPECIMEN).told(&scene, &scene.symptoms.iter().collect::<Vec<_>>());
    let fix = &told.remediations[0];
    assert_eq!((fix.risk, fix.steps.len(), fix.tradeoff.as_ref()), (Risk::Security, 2, None));
    (told.message, fix.steps[0].command.clone().unwrap())
}

#[test]
fn texts_say_what_is_known_and_leave_out_what_is_not() {
    let bare = |target, details: &[(&str, &str)]| finding("some.finding", Layer::Tcp, target, details);
    let (message, command) = told(&[bare(None, &[])], &[]);
    assert_eq!(message, "some.check in the network mode through the gateway");
    assert_eq!(command, "do SERVER_ADDRESS PORT WAY_OUT some.check");
    let facts = [("network-mode", "bridge"), ("gateway", "172.17.0.1"), ("own-address", "172.17.0.2")];
    let two = [
        bare(Some("a.test:53"), &[("server", "10.0.0.1; rm -rf /")]),
        bare(Some("b.test:54"), &[("server", "10.0.0.2")]),
    ];
    let (message, command) = told(&two, &facts);
    assert_eq!(
        message,
        "a.test:53 and b.test:54 in bridge from 172.17.0.2 by 10.0.0.1; rm -rf / and 10.0.0.2 through 172.17.0.1"
    );
    assert_eq!(command, "do '10.0.0.1; rm -rf /' 53 WAY_OUT some.check", "a command takes one value, quoted");
}

#[test]
fn conditions_hold_on_what_is_known_only() {
    let rule = Rule::of(&SPECIMEN);
    let holds = |details: &[(&str, &str)], facts: &[(&str, &str)]| {
        let record = run(&[finding("some.finding", Layer::Tcp, None, details)], facts);
        let scene = Scene::of(&record, None);
        rule.matches(&scene, &scene.symptoms[0]).is_some()
    };
    assert!(holds(&[("kind", "reset")], &[("network-mode", "bridge")]));
    assert!(!holds(&[("kind", "refused")], &[("network-mode", "bridge")]));
    assert!(!holds(&[("kind", "reset")], &[("network-mode", "host")]));
    for unknown in [&[][..], &[("network-mode", "unknown")], &[("network-mode", "")]] {
        assert!(!holds(&[("kind", "reset")], unknown), "{unknown:?} says nothing");
    }
    let record = run(
        &[
            finding("cache.open-failed", Layer::Cache, None, &[("adapter", "s3")]),
            finding("cache.open-failed", Layer::Cache, None, &[("adapter", "disk")]),
            finding("peer.refused", Layer::Tcp, None, &[("adapter", "s3")]),
        ],
        &[],
    );
    let brought: Vec<bool> = Scene::of(&record, None).symptoms.iter().map(|symptom| rule.brings(symptom)).collect();
    assert_eq!(brought, [true, false, false]);
}

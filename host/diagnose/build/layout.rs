//! Records as Rust.

use super::index::Number;
use super::record::{Also, Condition, Record, Remedy, Step};
use super::template::{self, Part};
use std::fmt::Write as _;

/// One constant a record, so that a rule cannot refer to one that is not there;
/// then all of them, and the rules that need no Rust.
pub(crate) fn records(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records {
        let _ = writeln!(
            text,
            "/// {}.\npub(crate) const {}: &Fault = &{};",
            record.title,
            constant(&record.code),
            fault(record)
        );
    }
    let all: Vec<String> = records.iter().map(|record| constant(&record.code)).collect();
    let _ = writeln!(text, "/// Every record, by file.\npub(crate) const ALL: &[&Fault] = &[{}];", all.join(", "));
    let mut whole: Vec<&Record> = records.iter().filter(|record| record.is_whole()).collect();
    // The more a record asks for, the more it knows of a finding. The sort is stable.
    whole.sort_by_key(|record| std::cmp::Reverse(record.when.len()));
    let rules: Vec<String> = whole.iter().map(|record| format!("Rule::of({})", constant(&record.code))).collect();
    let _ = writeln!(
        text,
        "/// Causes that a finding alone tells.\npub(crate) const RULES: &[Rule] = &[{}];",
        rules.join(", ")
    );
    text
}

/// The numbers of the knowledge base.
pub(crate) fn numbers(numbers: &[Number]) -> String {
    let each = |number: &Number| {
        format!(
            "Number {{ id: {:?}, title: {:?}, causes: &{:?}, scene: {:?}, not_injected: {:?} }}",
            number.id, number.title, number.causes, number.scene, number.not_injected
        )
    };
    let all: Vec<String> = numbers.iter().map(each).collect();
    format!("const NUMBERS: &[Number] = &[{}];\n", all.join(", "))
}

fn fault(record: &Record) -> String {
    let from = record.explains_from.as_ref().unwrap_or(&record.layer);
    format!(
        "Fault {{ code: {:?}, faults: &{:?}, title: {:?}, symptom: {:?}, explain: {:?}, remedy: {:?}, confidence: {:?}, \
         proof: {:?}, sources: &{:?}, layer: Layer::{}, explains_from: Layer::{}, fold: Fold::{}, findings: &{:?}, \
         when: &[{}], also: &[{}], message: {}, remedies: &[{}] }}",
        record.code,
        record.faults,
        record.title,
        flow(&record.symptom),
        flow(&record.explain),
        flow(&record.remedy),
        record.confidence,
        record.proof,
        record.sources,
        camel(&record.layer),
        camel(from),
        camel(&record.fold),
        record.findings,
        join(&record.when, condition),
        join(&record.also, also),
        record.message.as_ref().map_or("None".into(), |text| format!("Some({})", parts(&flow(text)))),
        join(&record.remedies, remedy),
    )
}

fn condition(condition: &Condition) -> String {
    format!(
        "crate::fault::Condition {{ fact: {:?}, detail: {:?}, finding: {:?}, is: &{:?}, not: &{:?} }}",
        condition.fact, condition.detail, condition.finding, condition.is, condition.not
    )
}

fn also(also: &Also) -> String {
    let layers = join(&also.layers, |layer| format!("Layer::{}", camel(layer)));
    format!("Also {{ code: {:?}, layers: &[{layers}], detail: {:?}, is: &{:?} }}", also.code, also.detail, also.is)
}

fn remedy(remedy: &Remedy) -> String {
    format!(
        "Cure {{ id: {:?}, title: {}, why: {}, risk: Risk::{}, cost: {}, steps: &[{}] }}",
        remedy.id,
        parts(&remedy.title),
        parts(&remedy.why),
        camel(&remedy.risk),
        remedy.cost.as_ref().map_or("None".into(), |text| format!("Some({})", parts(text))),
        join(&remedy.steps, step)
    )
}

fn step(step: &Step) -> String {
    let act = match (&step.run, &step.file, &step.write) {
        (Some(run), ..) => format!("Act::Run({})", parts(run.trim())),
        (_, Some(file), Some(write)) => format!("Act::Write({file:?}, {})", parts(write)),
        _ => "Act::Nothing".into(),
    };
    format!("CureStep {{ text: {}, act: {act} }}", parts(&step.text))
}

/// Texts were read once already, to find what is wrong with them.
fn parts(text: &str) -> String {
    template::read(text).map_or_else(|_| "&[]".into(), |parts| format!("&[{}]", join(&parts, part)))
}

fn part(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("Part::Text({text:?})"),
        Part::Value(name, key, word) => {
            format!("Part::Value {{ name: {name:?}, key: {:?}, word: {word:?} }}", key.as_deref().unwrap_or_default())
        }
        Part::Optional(parts) => format!("Part::Optional(&[{}])", join(parts, self::part)),
    }
}

fn join<T>(items: &[T], each: impl Fn(&T) -> String) -> String {
    items.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// As it is shown. Lines of one paragraph become one, so that a file may break
/// them where it likes; lists, tables and code keep theirs.
fn flow(text: &str) -> String {
    let own_lines = |line: &str| line.starts_with(['-', '*', '|', '#', ' ', '>']) || line.starts_with("```");
    let paragraph = |paragraph: &str| match paragraph.lines().any(own_lines) {
        true => paragraph.to_owned(),
        false => paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" "),
    };
    text.trim().split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

fn camel(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// `dns.tcp-filtered` as `DNS_TCP_FILTERED`.
fn constant(code: &str) -> String {
    code.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

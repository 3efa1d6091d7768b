//! The numbers of the knowledge base, the records and the documentation say the same.

use seaworthy_diagnose::{CauseDescriptor, Number, catalogue, numbers};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How many numbers may lack a cause, and how many may lack both a scene and a reason
/// for having none. These may only go down.
const WITHOUT_CAUSE: usize = 5;
const WITHOUT_SCENE: usize = 0;

const INDEX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/faults/index.toml");
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults.md");

fn blessed() -> bool {
    std::env::var_os("SEAWORTHY_BLESS").is_some()
}

/// For each number the codes of the records that name it.
fn by_number() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cause in catalogue() {
        for number in cause.faults {
            all.entry(number).or_default().push(cause.code);
        }
    }
    all
}

#[test]
fn every_number_is_there_once() {
    let expected: Vec<String> = (1..=101).map(|number| format!("F{number:02}")).collect();
    let found: Vec<&str> = numbers().iter().map(|number| number.id).collect();
    assert_eq!(found, expected);
    let titles: BTreeSet<&str> = numbers().iter().map(|number| number.title).collect();
    assert_eq!(titles.len(), numbers().len(), "two numbers have one title");
    assert!(titles.iter().all(|title| !title.is_empty() && !title.ends_with('.')));
}

#[test]
fn numbers_and_records_name_each_other() {
    let named = by_number();
    let unknown: Vec<_> = named.keys().filter(|id| numbers().iter().all(|number| number.id != **id)).collect();
    assert!(unknown.is_empty(), "records name {unknown:?}, which faults/index.toml does not have");
    if blessed() {
        bless(&named);
        return;
    }
    for number in numbers() {
        let records = named.get(number.id).cloned().unwrap_or_default();
        let listed: BTreeSet<&str> = number.causes.iter().copied().collect();
        assert_eq!(
            listed,
            records.into_iter().collect(),
            "faults/index.toml and the records differ about {}; run this test with SEAWORTHY_BLESS=1",
            number.id
        );
    }
}

/// Writes the causes of each number as the records have them; the rest stays.
fn bless(named: &BTreeMap<&str, Vec<&str>>) {
    let text = std::fs::read_to_string(INDEX).unwrap();
    let mut id = String::new();
    let line = |line: &str| {
        if let Some(rest) = line.strip_prefix("id = ") {
            id = rest.trim_matches('"').to_owned();
        }
        match line.strip_prefix("causes = ") {
            Some(_) => format!("causes = {:?}\n", named.get(id.as_str()).cloned().unwrap_or_default()),
            None => format!("{line}\n"),
        }
    };
    std::fs::write(INDEX, text.lines().map(line).collect::<String>()).unwrap();
}

/// A code that no check declares would never be found, and a check that is not there
/// proves nothing.
#[test]
fn records_name_codes_and_checks_that_are_there() {
    let (mut codes, mut checks) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../checks")).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path().join("check.toml")) else { continue };
        let table: toml::Table = text.parse().unwrap();
        let list =
            |value: &toml::Value, key: &str| value.get(key).and_then(|v| v.as_array()).cloned().unwrap_or_default();
        let name = |value: &toml::Value, key: &str| value[key].as_str().unwrap().to_owned();
        for check in list(&toml::Value::Table(table), "check") {
            checks.insert(name(&check, "id").replace('/', "."));
            codes.extend(list(&check, "code").iter().map(|code| name(code, "code")));
        }
    }
    assert!(codes.len() > 100 && checks.len() > 10, "{} codes of {} checks", codes.len(), checks.len());
    for cause in catalogue() {
        let unknown = cause.findings.iter().find(|code| !codes.contains(**code));
        assert!(unknown.is_none(), "{}: no check declares {unknown:?}", cause.code);
        assert!(checks.contains(cause.proof), "{}: there is no check {}", cause.code, cause.proof);
    }
}

#[test]
fn what_is_open_only_becomes_less() {
    let ids = |open: fn(&Number) -> bool| -> Vec<&str> {
        numbers().iter().filter(|number| open(number)).map(|number| number.id).collect()
    };
    let causes = ids(|number| number.causes.is_empty());
    let scenes = ids(|number| number.scene.is_none() && number.not_injected.is_none());
    println!("open: {} numbers without a cause: {}", causes.len(), causes.join(" "));
    println!("open: {} numbers without a scene or a reason: {}", scenes.len(), scenes.join(" "));
    for (name, open, most) in
        [("WITHOUT_CAUSE", causes.len(), WITHOUT_CAUSE), ("WITHOUT_SCENE", scenes.len(), WITHOUT_SCENE)]
    {
        assert!(open <= most, "{open} numbers are open, {name} allows {most}");
        if open < most {
            println!("{name} can be lowered to {open}");
        }
    }
}

#[test]
fn the_page_of_faults_is_this_one() {
    let fresh = page();
    if blessed() {
        std::fs::write(DOCS, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(DOCS).unwrap_or_default();
    assert!(committed == fresh, "docs/faults.md is out of date; run this test with SEAWORTHY_BLESS=1");
}

/// `docs/faults.md`.
fn page() -> String {
    let mut text = String::from(
        "# Faults\n\n\
         What can be wrong between a runner and its cache, and what is known of it. This page is made from\n\
         `host/diagnose/faults/`; `SEAWORTHY_BLESS=1 cargo test -p seaworthy-diagnose` makes it anew.\n\
         `seaworthy explain CODE` and `seaworthy explain F53` show the same.\n\n\
         ## By number\n\n\
         | number | fault | causes | shown by |\n|---|---|---|---|\n",
    );
    let named = by_number();
    for number in numbers() {
        let causes = named.get(number.id).into_iter().flatten();
        let causes: Vec<String> = causes.map(|code| format!("[{code}](#{})", anchor(code))).collect();
        let shown = match (number.scene, number.not_injected) {
            (Some(scene), _) => format!("`{scene}`"),
            (None, Some(reason)) => format!("not injected: {reason}"),
            (None, None) => "open".into(),
        };
        let _ = writeln!(text, "| {} | {} | {} | {} |", number.id, number.title, causes.join(", "), cell(&shown));
    }
    text.push_str("\n## By cause\n");
    for cause in catalogue() {
        let _ = write!(text, "\n### {}\n\n**{}**", cause.code, cause.title);
        let _ = writeln!(text, " ({})\n", marks(cause));
        // Sections of a cause are below it.
        text.push_str(&cause.page().replace("\n## ", "\n#### "));
    }
    text
}

fn marks(cause: &CauseDescriptor) -> String {
    let layer = format!("layer {}", cause.layer.as_str());
    let numbers = cause.faults.join(", ");
    let found = cause.findings.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    let found = if found.is_empty() { found } else { format!("found as {found}") };
    [numbers, layer, found].into_iter().filter(|mark| !mark.is_empty()).collect::<Vec<_>>().join("; ")
}

/// As GitHub makes it from a heading.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

//! The build script's own modules: what makes a record wrong, and how texts are read.

#[path = "../../build/index.rs"]
mod index;
#[path = "../../build/layout.rs"]
mod layout;
#[path = "../../build/record.rs"]
mod record;
#[path = "../../build/template.rs"]
mod template;

use template::Part;

const GOOD: &str = r#"
[[fault]]
code = "some.cause"
title = "Something is wrong"
layer = "tcp"
symptom = "It fails."
explain = "It is wrong, and is told from what looks like it by how it fails, which is in another way."
confidence = "certain: it cannot be otherwise."
proof = "net.some"
fold = "target"
findings = ["some.finding"]
remedy = "Mend it."

[[fault.remedies]]
id = "mend"
title = "Mend it"
why = "It is wrong."
risk = "none"
steps = [{ text = "Do.", run = "do {target|TARGET}" }]
"#;

fn read(text: &str) -> Result<usize, String> {
    record::read(&[("some.toml".into(), text.into())]).map(|records| records.len())
}

#[test]
fn a_wrong_record_is_named_with_its_file_and_code() {
    assert_eq!(read(GOOD), Ok(1));
    for (old, new, says) in [
        ("title = \"Something", "titel = \"Something", "titel"),
        ("layer = \"tcp\"", "layer = \"ip\"", "`layer` is one of config"),
        ("in another way.", "in another way", "`explain` does not end with a full stop"),
        ("symptom = \"It fails.\"", "symptom = \"It fails\"", "`symptom` does not end"),
        ("Something is wrong\"", "Something is wrong.\"", "without a full stop"),
        ("\"certain: it", "\"sure: it", "`confidence` is one line"),
        ("\"net.some\"", "\"net/some\"", "`proof` is the id of a check"),
        ("\"target\"", "\"machine\"", "`fold` is one of"),
        ("risk = \"none\"", "risk = \"no\"", "`risk` is one of"),
        ("run = \"do", "command = \"do", "command"),
        ("run = \"do", "file = \"a\", run = \"do", "`file` and `write`"),
        ("{target|TARGET}", "{tarqet|TARGET}", "there is no placeholder `{tarqet|TARGET}`"),
        ("{target|TARGET}", "{detail}", "there is no placeholder"),
        ("fold = \"target\"", "fold = \"target\"\nfaults = [\"53\"]", "no number of a fault"),
        ("fold = \"target\"", "fold = \"target\"\nremedy-in-code = true", "in Rust, and not here too"),
        (
            "fold = \"target\"",
            "fold = \"target\"\nwhen = [{ fact = \"a\", detail = \"b\", is = [\"c\"] }]",
            "names one of",
        ),
        ("fold = \"target\"", "fold = \"target\"\nwhen = [{ fact = \"a\" }]", "one of `is` and `not`"),
        (
            "fold = \"target\"",
            "fold = \"target\"\nalso = [{ detail = \"a\", is = [\"b\"] }]",
            "one of `code` and `layers`",
        ),
        ("fold = \"target\"", "fold = \"target\"\nalso = [{ layers = [\"ip\"] }]", "`layers` is one of"),
        ("[[fault.remedies]]\nid", "[[fault.more]]\nid", "more"),
    ] {
        assert!(GOOD.contains(old), "{old}");
        let error = read(&GOOD.replacen(old, new, 1)).unwrap_err();
        assert!(error.contains(says), "{new}: {error}");
        assert!(error.starts_with("faults/some.toml: some.cause: "), "{error}");
    }
    let bare = &GOOD[..GOOD.find("[[fault.remedies]]").unwrap()];
    assert!(read(bare).unwrap_err().contains("remedy-in-code = true"));
    assert_eq!(read(&format!("{bare}remedy-in-code = true")), Ok(1));
    assert!(read(&format!("{GOOD}{GOOD}")).unwrap_err().contains("has this code already"));
    assert!(read("[[cause]]").unwrap_err().contains("there is no `cause`"));
    assert!(read("[[fault]]\ntitle = \"T\"").unwrap_err().contains("fault 1 without a code"));
    assert!(read("[[fault").unwrap_err().starts_with("faults/some.toml: "));
}

#[test]
fn records_with_more_conditions_come_first() {
    let narrow =
        GOOD.replace("some.cause", "some.narrow").replace("remedy = ", "when = [{ finding = \"a.b\" }]\nremedy = ");
    let in_rust = &GOOD[..GOOD.find("[[fault.remedies]]").unwrap()].replace("some.cause", "some.rust");
    let files = [("a.toml".to_owned(), format!("{GOOD}{narrow}{in_rust}remedy-in-code = true\n"))];
    let rust = layout::records(&record::read(&files).unwrap());
    assert!(rust.contains("pub(crate) const ALL: &[&Fault] = &[SOME_CAUSE, SOME_NARROW, SOME_RUST];"), "{rust}");
    let rules = "pub(crate) const RULES: &[Rule] = &[Rule::of(SOME_NARROW), Rule::of(SOME_CAUSE)];";
    assert!(rust.contains(rules), "{rust}");
}

#[test]
fn an_index_is_read_as_strictly() {
    let one = index::read("[[number]]\nid = \"F01\"\ntitle = \"t\"\ncauses = [\"a.b\"]").unwrap();
    assert!(layout::numbers(&one).contains("id: \"F01\", title: \"t\", causes: &[\"a.b\"], scene: None"));
    for (text, says) in [
        ("[[number]]\nid = \"1\"\ntitle = \"t\"", "is no number"),
        ("[[number]]\nid = \"F01\"\ntitle = \"t\"\nscenes = \"a\"", "unknown field"),
        ("[[number]]\nid = \"F01\"\ntitle = \"t\"\nscene = \"a\"\nnot-injected = \"b\"", "a reason to have none"),
    ] {
        let error = index::read(text).unwrap_err();
        assert!(error.starts_with("faults/index.toml") && error.contains(says), "{error}");
    }
}

/// A text with its placeholders in angle brackets and its optional parts in round ones.
fn shape(text: &str) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Value(name, key, word) => {
            format!(
                "<{name}{}{}>",
                key.as_ref().map_or_else(String::new, |key| format!(" {key}")),
                word.as_ref().map_or_else(String::new, |word| format!(" or {word}"))
            )
        }
        Part::Optional(parts) => format!("({})", parts.len()),
    };
    template::read(text).unwrap().iter().map(part).collect()
}

#[test]
fn placeholders_are_told_from_other_braces() {
    for (text, expected) in [
        ("ask {detail:server|the name server} for {target}", "ask <detail server or the name server> for <target>"),
        ("{fact:network-mode}[[ from {own}]].", "<fact network-mode>(2)."),
        (
            "docker inspect -f '{{.State.Pid}}' {{range .X}}{{end}}",
            "docker inspect -f '{{.State.Pid}}' {{range .X}}{{end}}",
        ),
        ("export A=\"${target:+$target,}\"{host}", "export A=\"${target:+$target,}\"<host>"),
        ("curl -w '%{port}' {}", "curl -w '%{port}' {}"),
        ("{\"dns\": [\"{detail:server}\"]}", "{\"dns\": [\"<detail server>\"]}"),
        ("mkdir {a,b} && awk '{print $1}'", "mkdir {a,b} && awk '{print $1}'"),
        ("[[check]]\nid = \"{proof}\"", "[[check]]\nid = \"<proof>\""),
        ("if [[ -f x ]]; then", "if [[ -f x ]]; then"),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
    assert!(template::read("{gatway}").unwrap_err().contains("{gatway}"));
    assert!(template::read("[[ {detail:} ]]").is_err());
}

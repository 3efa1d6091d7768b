//! What is known of this place before any check runs: the facts that `when`
//! expressions and every check's context start from.

use seaworthy_model::Environment;
use std::collections::BTreeMap;

/// Facts by name, from the same probe that checks use.
pub(crate) fn facts(environment: &Environment) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([
        ("os".to_owned(), std::env::consts::OS.to_owned()),
        ("arch".to_owned(), std::env::consts::ARCH.to_owned()),
    ]);
    let rows = seaworthy_probe::system::inspect(
        "container",
        &[],
        &seaworthy_probe::system::Context { environment: environment.clone() },
    )
    .unwrap_or_default();
    for (key, value) in rows.into_iter().flatten() {
        match key.as_str() {
            "kind" => {
                facts.insert("in-container".into(), (value != "none").to_string());
                facts.insert("container-kind".into(), value);
            }
            "network-mode" | "rootless" | "gateway" | "address" | "subnet" | "container-id" => {
                facts.insert(key, value);
            }
            _ => {}
        }
    }
    let ci = match (environment.text("GITHUB_ACTIONS"), environment.text("CI")) {
        (Some("true"), _) => "github-actions",
        (_, Some("true" | "1")) => "other",
        _ => "none",
    };
    facts.insert("ci".into(), ci.into());
    facts
}

/// The name of this vantage point: what was asked for, else what was found.
pub(crate) fn name(asked: Option<&str>, facts: &BTreeMap<String, String>) -> String {
    match (asked, facts.get("container-kind").map(String::as_str)) {
        (Some(name), _) => name.to_owned(),
        (None, None | Some("none")) => "host".into(),
        (None, Some(kind)) => format!("{kind} container"),
    }
}

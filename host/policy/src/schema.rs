use crate::file::PolicyFile;
use serde_json::{Map, Value};

/// The JSON Schema of checks.toml, for editors and for other tools.
///
/// *Behaviour*: made from the types that the file is read into, so the two cannot
/// differ; committed as schema/checks.v1.json, where a test compares them.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(PolicyFile).to_value();
    without_null(&mut schema);
    if let Value::Object(root) = &mut schema {
        root.insert("title".into(), "checks.toml, version 1".into());
    }
    schema
}

/// TOML has no null: an optional key is left out.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(without_null),
        Value::Object(map) => {
            if map.get("default") == Some(&Value::Null) {
                map.remove("default");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(any)) = map.get_mut("anyOf") {
                any.retain(|s| s.get("type") != Some(&Value::from("null")));
                if let [Value::Object(only)] = any.as_slice() {
                    let only: Map<String, Value> = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            map.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

#[cfg(test)]
pub(crate) use drift::asked;

#[cfg(test)]
mod drift {
    use super::*;
    use crate::origin::Layer;
    use crate::source::Source;
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    thread_local! {
        static ASKED: RefCell<BTreeMap<String, BTreeSet<String>>> = RefCell::default();
    }

    /// Remembers which keys the reader asked of a block.
    pub(crate) fn asked(block: &str, keys: &[&'static str]) {
        ASKED.with_borrow_mut(|all| all.entry(block.into()).or_default().extend(keys.iter().map(|k| (*k).to_owned())));
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/checks.v1.json");
        let fresh = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
        if std::env::var_os("SEAWORTHY_BLESS").is_some() {
            std::fs::write(path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == fresh, "schema/checks.v1.json is out of date; run this test with SEAWORTHY_BLESS=1");
    }

    /// What the reader accepts and what the schema allows are the same keys.
    #[test]
    fn the_reader_and_the_schema_know_the_same_keys() {
        const EVERYTHING: &str = r#"
            version = 1
            vars.a = { type = "string" }
            targets.a = { kind = "x" }
            fallback.a = { order = ["a"] }
            tiers.a = { adapter = "a", retries = {}, breaker = {} }
            cache = { retries = {}, breaker = {} }
            prices.a = { currency = "X" }
            plugins.a = { source = "file:a", grant = {}, limits = {} }
            signatures = {}
            run = { retries = {} }
            gate = { fail-on = {} }
            check = [{ id = "a", use = "bundled:a", expect = { f = {} } }]
            waiver = [{ check = "a", code = "a", reason = "a", owner = "a", expires = 2026-01-01 }]
            waivers = {}
            vantage.a = { report = { env = "A" } }
            redact = {}
            output = [{ format = "json", path = "-" }]
            profile.a = {}
        "#;
        let source = Source::new("x", EVERYTHING);
        crate::file::read(&source, Layer::File, &semver::Version::new(1, 0, 0)).unwrap();
        let schema = schema();
        let blocks = [
            ("[vars.a]", "VarBlock"),
            ("[targets.a]", "TargetBlock"),
            ("[fallback.a]", "FallbackBlock"),
            ("[tiers.a]", "TierBlock"),
            ("`retries` in [tiers.a]", "CacheRetryBlock"),
            ("`breaker` in [tiers.a]", "BreakerBlock"),
            ("[cache]", "CacheBlock"),
            ("`retries` in [cache]", "CacheRetryBlock"),
            ("`breaker` in [cache]", "BreakerBlock"),
            ("[prices.a]", "PricesBlock"),
            ("[plugins.a]", "PluginBlock"),
            ("`grant` in [plugins.a]", "GrantBlock"),
            ("`limits` in [plugins.a]", "LimitsBlock"),
            ("[signatures]", "SignaturesBlock"),
            ("[run]", "RunBlock"),
            ("`retries` in [run]", "RetryBlock"),
            ("[gate]", "GateBlock"),
            ("`fail-on` in [gate]", "FailOnBlock"),
            ("[[check]]", "CheckBlock"),
            ("`expect.f`", "Expectation"),
            ("[[waiver]]", "WaiverBlock"),
            ("[waivers]", "WaiversBlock"),
            ("[vantage.a]", "VantageBlock"),
            ("`report` in [vantage.a]", "ReportBlock"),
            ("[redact]", "RedactBlock"),
            ("[[output]]", "OutputBlock"),
            ("[profile.a]", "ProfileBlock"),
        ];
        let keys = |schema: &Value| schema["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        ASKED.with_borrow(|all| {
            assert_eq!(all[""], keys(&schema), "top of the file");
            for (block, definition) in blocks {
                assert_eq!(all[block], keys(&schema["$defs"][definition]), "{block}");
            }
            assert_eq!(all.len(), blocks.len() + 1, "a block without a definition: {:?}", all.keys());
        });
    }

    #[test]
    fn the_embedded_suite_fits_the_schema() {
        let text: toml::Value = toml::from_str(crate::EMBEDDED).unwrap();
        let json = serde_json::to_value(text).unwrap();
        let errors =
            jsonschema::validator_for(&schema()).unwrap().iter_errors(&json).map(|e| e.to_string()).collect::<Vec<_>>();
        assert_eq!(errors, Vec::<String>::new());
    }
}

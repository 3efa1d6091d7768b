//! `cache/module-import`: every configured adapter loads.
//!
//! [`tiers`] reads the answers; it does not call the host.

pub mod tiers;

use seaworthy_check_sdk::cache::caches::{self, Tier};
use seaworthy_check_sdk::env::system;
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome, argument, query, row_value};
use tiers::{Import, brings, import, short_digest};

seaworthy_check_sdk::descriptor!();

/// The check.
pub struct ModuleImport;

impl Check for ModuleImport {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let tiers = caches::open();
        let mut findings = Findings::new();
        let mut parts = Vec::new();
        let mut seen: Vec<u32> = tiers.iter().map(|tier| tier.id).collect();
        if let Ok(evidence) = Evidence::of(seen.iter().copied()) {
            parts.push(adapters(&mut findings, &tiers, &evidence));
        }
        if let Some(module) = context.setting("python-module") {
            let package = context.setting("python-distribution").unwrap_or(module);
            let answers = system::inspect(&[query("python", vec![argument("names", package)])]);
            let answer = answers.first().ok_or("the host answered no topic")?;
            seen.push(answer.id);
            match &answer.outcome {
                Ok(rows) => parts.push(python(&mut findings, module, rows, answer.id)),
                Err(failure) => {
                    let reason = format!("could not look for the Python module: {}", failure.message);
                    return Ok(findings.inconclusive(reason, Evidence::of(seen)?));
                }
            }
        }
        if parts.is_empty() {
            // No tier and no module: the variables tell why, and are the evidence.
            let backends = seaworthy_check_sdk::env::vars::read(&["CACHE_BACKENDS".into(), "CACHE_BACKEND".into()]);
            return Ok(findings.not_configured("no cache tier is configured", Evidence::one(backends.id)));
        }
        Ok(findings.conclude(parts.join("; "), Evidence::of(seen)?))
    }
}

/// Why a tier did not open; a trap is marked by a key of its own.
fn reason(context: &[(String, String)]) -> Option<&str> {
    row_value(context, "trap").map(|_| "trap").or_else(|| row_value(context, "reason"))
}

/// Reports every tier; answers a part of the summary.
fn adapters(findings: &mut Findings, tiers: &[Tier], evidence: &Evidence) -> String {
    let detail = |tier: &Tier, key: &str| row_value(&tier.details, key).unwrap_or("?").to_owned();
    let (mut loaded, mut digests, mut abilities, mut said) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for tier in tiers {
        let state = match &tier.outcome {
            Ok(_) => Import::Loaded,
            Err(error) => import(&error.kind, reason(&error.context)),
        };
        if let (Err(error), Import::Unknown | Import::Failed) = (&tier.outcome, state) {
            let finding = if state == Import::Unknown {
                let here = ["available", "known", "adapters"].iter().find_map(|key| row_value(&error.context, key));
                let message = match here {
                    Some(list) => format!("this build has no adapter `{}`; it has {list}", tier.adapter),
                    None => format!("this build has no adapter `{}`: {}", tier.adapter, error.message),
                };
                let finding = codes::CACHE_ADAPTER_UNKNOWN.at(&tier.label).message(message).observed(&tier.adapter);
                here.into_iter().fold(finding, |finding, list| finding.expected(format!("one of {list}")))
            } else {
                codes::CACHE_ADAPTER_LOAD_FAILED
                    .at(&tier.label)
                    .message(format!("the adapter `{}` does not load: {}", tier.adapter, error.message))
                    .observed(&error.kind)
            };
            findings.add(finding.detail("adapter", &tier.adapter).cite(tier.id));
            said.push(format!("{} not loaded", tier.label));
            continue;
        }
        let digest = detail(tier, "digest");
        said.push(format!(
            "{} ({} {}, WIT {}, {}{})",
            tier.label,
            tier.adapter,
            detail(tier, "version"),
            detail(tier, "wit-version"),
            short_digest(&digest),
            match &tier.outcome {
                Ok(able) => format!(", {}", able.operations.join("/")),
                // Loaded, though its backend is not usable: Cache Initialization says why.
                Err(error) => format!(", loads; opening it is Cache Initialization's business: {}", error.kind),
            }
        ));
        loaded.push(tier.label.clone());
        digests.push(format!("{}={digest}", tier.label));
        if let Ok(able) = &tier.outcome {
            let what = format!("{}={}({})", tier.label, able.operations.join("/"), able.properties.join("/"));
            abilities.push(what);
        }
    }
    findings.fact(facts::ADAPTERS, loaded.join(","), evidence);
    findings.fact(facts::ADAPTER_DIGESTS, digests.join(","), evidence);
    findings.fact(facts::CAPABILITIES, abilities.join(","), evidence);
    format!("{} of {} adapters load: {}", loaded.len(), tiers.len(), said.join(", "))
}

/// Looks for the module in the packages found; answers a part of the summary.
fn python(findings: &mut Findings, module: &str, rows: &[Vec<(String, String)>], id: u32) -> String {
    let of_kind = |kind: &'static str| rows.iter().filter(move |row| row_value(row, "row-kind") == Some(kind));
    let value = |row: &[(String, String)], key: &str| row_value(row, key).unwrap_or_default().to_owned();
    let found = of_kind("distribution").find(|row| brings(module, &value(row, "name"), &value(row, "modules")));
    if let Some(row) = found {
        return format!("Python module {module} comes with {} {}", value(row, "name"), value(row, "version"));
    }
    let interpreters: Vec<String> = of_kind("interpreter").map(|row| value(row, "path")).collect();
    let observed = match interpreters.as_slice() {
        [] => "no interpreter found".to_owned(),
        paths => format!("not in {}", paths.join(", ")),
    };
    let message = format!("no installed package brings the Python module {module}");
    let finding = codes::CACHE_PYTHON_MODULE_MISSING.at(module).message(&message).observed(observed);
    findings.add(finding.cite(id));
    message
}

seaworthy_check_sdk::export_check!(ModuleImport);

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_check_sdk::cache::types::{CacheError, Capability};

    fn tier(label: &str, outcome: Result<Capability, CacheError>) -> Tier {
        let details = vec![argument("wit-version", "0.1.0"), argument("digest", "sha256:0123456789abcdef")];
        Tier { id: 1, label: label.into(), adapter: label.into(), elapsed: 1, details, outcome }
    }

    fn error(kind: &str, context: &[(&str, &str)]) -> CacheError {
        CacheError {
            kind: kind.into(),
            retry: "permanent".into(),
            operation: "open".into(),
            message: "no".into(),
            context: context.iter().map(|(key, value)| argument(key, *value)).collect(),
            retry_after: None,
        }
    }

    #[test]
    fn only_what_does_not_load_is_a_finding() {
        let able = Capability { operations: vec!["get".into()], properties: vec![], limits: vec![] };
        let tiers = [
            tier("memory", Ok(able)),
            tier("p2p", Err(error("unreachable", &[]))),
            tier("ifps", Err(error("configuration", &[("reason", "unknown-adapter"), ("available", "p2p, disk")]))),
            tier("acme", Err(error("other", &[("trap", "true")]))),
        ];
        let mut findings = Findings::new();
        let summary = adapters(&mut findings, &tiers, &Evidence::one(1));
        assert_eq!(findings.count(codes::CACHE_ADAPTER_UNKNOWN), 1);
        assert_eq!(findings.count(codes::CACHE_ADAPTER_LOAD_FAILED), 1);
        assert!(
            summary.starts_with("2 of 4 adapters load")
                && summary.contains("loads; opening it is Cache Initialization's business: unreachable"),
            "{summary}"
        );
        assert!(summary.contains("0123456789ab,") && !summary.contains("cdef"), "{summary}");
    }

    #[test]
    fn a_module_that_no_package_brings_is_missing() {
        let rows = [vec![argument("row-kind", "interpreter"), argument("path", "/usr/bin/python3")]];
        let mut findings = Findings::new();
        python(&mut findings, "ipfs_accelerate_py", &rows, 1);
        assert_eq!(findings.count(codes::CACHE_PYTHON_MODULE_MISSING), 1);
    }
}

use seaworthy_model::{
    CapabilityRequest, CheckDescriptor, CodeDescriptor, ComponentDescriptor, ComponentKind, ComponentSource,
    Environment, FactDescriptor, Layer, Level, Plan, Severity,
};
use seaworthy_policy::{Catalog, Filters, LoadRequest, Overrides, PlanRequest, Policy, PolicyErrors};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

pub(crate) fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// A run of the tool as far as this crate goes.
pub(crate) struct Case<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) lock: Option<&'a str>,
    pub(crate) environment: Environment,
    pub(crate) flags: Overrides,
    pub(crate) vantage: BTreeMap<String, String>,
    pub(crate) catalog: Catalog,
}

impl<'a> Case<'a> {
    pub(crate) fn embedded() -> Self {
        Self {
            text: None,
            lock: None,
            environment: Environment::default(),
            flags: Overrides::default(),
            vantage: BTreeMap::new(),
            catalog: catalog(),
        }
    }

    pub(crate) fn file(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::embedded() }
    }

    pub(crate) fn lock(mut self, text: &'a str) -> Self {
        self.lock = Some(text);
        self
    }

    pub(crate) fn env(mut self, pairs: &[(&str, &str)]) -> Self {
        self.environment = environment(pairs);
        self
    }

    pub(crate) fn flags(mut self, flags: Overrides) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) fn vantage(mut self, pairs: &[(&str, &str)]) -> Self {
        self.vantage = facts(pairs);
        self
    }

    pub(crate) fn plugin(mut self, name: &str, descriptor: ComponentDescriptor) -> Self {
        let source = ComponentSource::File(format!("/repo/plugins/{name}.wasm").into());
        self.catalog.insert(name.into(), (descriptor.into(), format!("sha256:{}", "a".repeat(64)), source));
        self
    }

    pub(crate) fn load(&self) -> Result<Policy, PolicyErrors> {
        Policy::load(&LoadRequest {
            file: self.text.map(|text| ("checks.toml", text)),
            lock: self.lock.map(|text| ("checks.lock", text)),
            tool_version: "0.1.0",
            environment: &self.environment,
            flags: &self.flags,
            today: "2026-06-01".parse().unwrap(),
        })
    }

    pub(crate) fn plan(&self) -> Result<Plan, PolicyErrors> {
        let filters: Filters = self.flags.filters();
        let request = PlanRequest {
            catalog: &self.catalog,
            environment: &self.environment,
            vantage: &self.vantage,
            filters: &filters,
            run_id: "run-1",
            cache_dir: Path::new("/home/ci/.cache/seaworthy"),
            unusable: &BTreeMap::new(),
            host_report: None,
        };
        seaworthy_policy::plan(&self.load()?, &request)
    }

    pub(crate) fn load_error(&self) -> String {
        self.load().unwrap_err().to_string()
    }

    pub(crate) fn plan_error(&self) -> String {
        self.plan().unwrap_err().to_string()
    }
}

pub(crate) fn request(capability: &str, scope: &[&str]) -> CapabilityRequest {
    let scope = scope.iter().map(|s| (*s).to_owned()).collect();
    CapabilityRequest { capability: capability.into(), scope, reason: format!("needs {capability}") }
}

pub(crate) fn check(id: &str, requests: Vec<CapabilityRequest>) -> CheckDescriptor {
    CheckDescriptor {
        id: id.into(),
        title: format!("Title of {id}"),
        summary: "s".into(),
        settings: json!({ "type": "object", "properties": { "budget": { "type": "integer" } }, "additionalProperties": false }),
        requests,
        facts: vec![FactDescriptor { key: "connect-ms".into(), description: "d".into() }],
        codes: vec![CodeDescriptor {
            code: "peer.refused".into(),
            title: "t".into(),
            level: Level::Fail,
            severity: Severity::Major,
            layer: Layer::Tcp,
            explain: "e".into(),
            remedy: "r".into(),
        }],
        mutates: id == "cache/operations",
    }
}

pub(crate) fn component(name: &str, checks: Vec<CheckDescriptor>) -> ComponentDescriptor {
    ComponentDescriptor {
        schema_version: 1,
        kind: ComponentKind::Check,
        name: name.into(),
        version: "1.0.0".into(),
        wit: "0.1.0".into(),
        checks,
        summary: String::new(),
        settings: Value::Null,
        requests: Vec::new(),
    }
}

pub(crate) fn adapter(name: &str, requests: Vec<CapabilityRequest>) -> ComponentDescriptor {
    ComponentDescriptor { kind: ComponentKind::Adapter, requests, ..component(name, Vec::new()) }
}

/// The bundled suite in miniature.
fn catalog() -> Catalog {
    let net = || vec![request("net", &["{target}", "{gateway}:*"]), request("p2p", &["dial"])];
    let all = [
        component("dependencies", vec![check("p2p/dependencies", vec![request("system", &["python"])])]),
        component("module-import", vec![check("cache/module-import", vec![])]),
        component("initialization", vec![check("cache/initialization", vec![request("cache", &["read"])])]),
        component("connectivity", vec![check("net/connectivity", net())]),
        component("operations", vec![check("cache/operations", vec![request("cache", &["read", "write"])])]),
        component("encryption", vec![check("p2p/encryption", vec![request("secret", &["cache"])])]),
        component("variables", vec![check("env/variables", vec![request("env", &["CACHE_*"])])]),
        component("network-mode", vec![check("docker/network-mode", vec![request("dns", &["host.docker.internal"])])]),
        component(
            "net",
            vec![
                check("net/tcp", vec![request("net", &["{target}"])]),
                check("net/dns", vec![request("dns", &["{target-host}"])]),
            ],
        ),
        adapter("p2p", vec![]),
        adapter("disk", vec![request("read", &["{directory}"])]),
        adapter("memory", vec![]),
    ];
    let entry = |d: ComponentDescriptor| {
        (d.name.clone(), (Arc::new(d.clone()), format!("sha256:{}", "b".repeat(64)), ComponentSource::Builtin(d.name)))
    };
    all.into_iter().map(entry).collect()
}

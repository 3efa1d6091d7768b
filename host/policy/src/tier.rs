//! The cache tiers of a run: which, in which order, opened how.

use crate::endpoint::Endpoint;
use crate::error::{ErrorKind, PolicyError};
use crate::file::{GrantBlock, TierBlock};
use crate::grant::{Asking, Granted, add};
use crate::origin::{At, Layer};
use crate::plan::{Catalog, PlanRequest};
use crate::policy::Policy;
use crate::settings;
use seaworthy_model::{ComponentKind, Environment, Grants, RefusedGrant, Secret, Tier};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The fallback whose order is the order of the tiers.
pub(crate) const CACHE_FALLBACK: &str = "cache";

/// The adapter that `CACHE_ENABLE_P2P` switches.
const P2P: &str = "p2p";

/// What a tier that connects to libp2p peers may do there.
const P2P_GRANTS: [&str; 3] = ["dial", "/seaworthy/cache/1.0.0", "/github-cache/1.0.0"];

/// The secrets that are set, by label, each with its variable.
type Secrets = BTreeMap<String, (String, Secret)>;

/// The tiers, and what was refused to the components behind them.
pub(crate) struct Tiers {
    pub(crate) tiers: Vec<Tier>,
    pub(crate) refused: Vec<(String, RefusedGrant)>,
}

/// Resolves the order of `[fallback.cache]`, each name once.
///
/// *Behaviour*: a name with a `[tiers]` block is opened as that says; any other
/// name is an adapter of that name, with the addresses of the target of that name
/// where there is one. An adapter that the catalog does not have stays in the list
/// without a component, for a check to report. A p2p tier is left out where
/// `CACHE_ENABLE_P2P` switches it off: it would not be used either.
pub(crate) fn plan(
    policy: &Policy,
    request: &PlanRequest<'_>,
    environment: &Environment,
    secrets: &Secrets,
    errors: &mut Vec<PolicyError>,
) -> Tiers {
    let mut all = Tiers { tiers: Vec::new(), refused: Vec::new() };
    for label in order(policy, environment) {
        let tier = tier(policy, request, (environment, secrets), &label, errors, &mut all.refused);
        all.tiers.push(tier);
    }
    all
}

/// The labels of the tiers in use, in the order of trying.
fn order(policy: &Policy, environment: &Environment) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    if let Some(fallback) = policy.fallback.get(CACHE_FALLBACK) {
        add(&mut order, policy.expand_texts(&fallback.value.order.value, environment));
    }
    order.retain(|label| adapter(policy, label) != P2P || !switched_off(environment));
    order
}

/// The adapters of the tiers in use, by name.
pub(crate) fn adapters(policy: &Policy, environment: &Environment) -> Vec<String> {
    order(policy, environment).iter().map(|label| adapter(policy, label).to_owned()).collect()
}

/// The name of a tier's adapter: what its block says, else its own label.
fn adapter<'a>(policy: &'a Policy, label: &'a str) -> &'a str {
    policy.tiers.get(label).map_or(label, |t| t.value.adapter.value.as_str())
}

/// Whether the peer-to-peer cache is off: as for the cache itself, everything but
/// the word true means off, and a variable that is not set means on.
fn switched_off(environment: &Environment) -> bool {
    environment.text("CACHE_ENABLE_P2P").is_some_and(|word| !word.eq_ignore_ascii_case("true"))
}

fn tier(
    policy: &Policy,
    request: &PlanRequest<'_>,
    (environment, secrets): (&Environment, &Secrets),
    label: &str,
    errors: &mut Vec<PolicyError>,
    refused: &mut Vec<(String, RefusedGrant)>,
) -> Tier {
    let block = policy.tiers.get(label).map(|t| &t.value);
    let adapter = adapter(policy, label).to_owned();
    let component = find(request.catalog, &adapter);
    let schema = component.as_ref().map(|(_, (descriptor, _, _))| &descriptor.settings);
    let (config, own, endpoints) = configure(policy, request, (environment, secrets), label, (&adapter, schema), block);
    let mut grants = Grants::default();
    if let Some((key, (descriptor, _, source))) = &component {
        let nothing = GrantBlock::default();
        let plugin = match source.is_builtin() {
            true => None,
            false => Some((*key, policy.plugins.get(*key).map_or(&nothing, |p| &p.value.grant))),
        };
        let directory = config.get("directory").and_then(Value::as_str);
        let Granted { grants: judged, refused: more, nonsense } =
            Asking { plugin, endpoints: &endpoints, proxies: &Endpoint::proxies(environment), directory }
                .judge(&descriptor.requests);
        let place = block.and_then(|b| b.adapter.place());
        for what in nonsense {
            let message = format!("adapter `{adapter}` asks for {what}, which is not a capability");
            errors.push(PolicyError::new(ErrorKind::Component, place, message));
        }
        grants = judged;
        // The tier's own place is granted by the tier, to a plugin only as far as it asks.
        let asked =
            |capability: &str| plugin.is_none() || descriptor.requests.iter().any(|r| r.capability == capability);
        let refused_here =
            more.into_iter().filter(|r| !(r.denial.capability == "secret" && own.secret.contains(&r.denial.wanted)));
        refused.extend(refused_here.map(|r| ((*key).to_owned(), r)));
        if asked("net") {
            add(&mut grants.net, own.net);
        }
        if asked("p2p") {
            add(&mut grants.p2p, own.p2p);
        }
        if asked("secret") {
            add(&mut grants.secret, own.secret);
        }
        if asked("read") {
            add(&mut grants.read, own.read);
        }
        // What the environment says is for a check to judge; what the file says is judged here.
        let written = block.and_then(|b| b.with.as_ref()).filter(|w| w.origin.layer != Layer::Embedded);
        if let Some(with) = written {
            let subject = format!("`with` of tier `{label}`");
            errors.extend(settings::check(
                &subject,
                &descriptor.settings,
                &Value::Object(config.clone()),
                with.place(),
            ));
        }
    }
    Tier {
        label: label.to_owned(),
        component: component.map(|(key, _)| key.to_owned()),
        adapter,
        config: Value::Object(config),
        grants,
        rules: policy.tier_rules(block),
    }
}

impl Policy {
    /// The target that a tier connects to: what its block says, else the one of its own name.
    pub(crate) fn target_of_tier<'a>(&'a self, label: &'a str) -> Option<&'a str> {
        match self.tiers.get(label) {
            Some(block) => block.value.target.as_ref().map(|t| t.value.as_str()),
            None => self.targets.contains_key(label).then_some(label),
        }
    }
}

/// Configuration of a tier, what it may do by itself, and where it leads.
///
/// *Behaviour*: what the target says is taken as far as the adapter has a setting for
/// it: `addresses` of libp2p peers or the `url` of anything else, its details by their
/// names, and under `credentials` the labels of those of its secrets that are set.
/// `with` is put over that.
fn configure(
    policy: &Policy,
    request: &PlanRequest<'_>,
    (environment, secrets): (&Environment, &Secrets),
    label: &str,
    (adapter, schema): (&str, Option<&Value>),
    block: Option<&TierBlock>,
) -> (Map<String, Value>, Grants, Vec<Endpoint>) {
    let with = block.and_then(|b| b.with.as_ref()).and_then(|w| policy.expand(&w.value, environment));
    let with = with.and_then(|w| w.as_object().cloned()).unwrap_or_default();
    let mut config = Map::new();
    let mut own = Grants::default();
    let mut endpoints = Vec::new();
    if let Some(target) = policy.target_of_tier(label).and_then(|name| policy.target(name, environment)) {
        endpoints = Endpoint::all_of(&target);
        own.net = endpoints.iter().filter_map(Endpoint::exact).collect();
        let takes = |key: &str| schema.is_none_or(|schema| schema.pointer(&format!("/properties/{key}")).is_some());
        if target.kind == "libp2p" {
            own.p2p = P2P_GRANTS.map(str::to_owned).to_vec();
            config.insert("addresses".into(), target.addresses.into());
        } else if let Some(url) = target.addresses.first().filter(|_| takes("url")) {
            config.insert("url".into(), url.clone().into());
        }
        let mut credentials = Map::new();
        for (key, value) in target.details {
            match key.strip_prefix("credentials.") {
                Some(role) if secrets.contains_key(&value) => {
                    own.secret.push(value.clone());
                    credentials.insert(role.into(), value.into());
                }
                Some(_) => {}
                None if takes(&key) => {
                    config.insert(key, value.into());
                }
                None => {}
            }
        }
        if !credentials.is_empty() {
            config.insert("credentials".into(), credentials.into());
        }
    }
    config.extend(with);
    // A bucket may also be a name of its own below its store's.
    if let Some(bucket) = config.get("bucket").and_then(Value::as_str) {
        own.net.extend(Endpoint::of_bucket(bucket, &endpoints));
    }
    if let Some(secret) = block.and_then(|b| b.secret.as_ref()).map(|s: &At<String>| s.value.clone()) {
        config.insert("secret".into(), secret.clone().into());
        own.secret.push(secret);
    }
    let keeps = adapter == "disk" || schema.is_some_and(|schema| schema.pointer("/properties/directory").is_some());
    if keeps && !config.contains_key("directory") {
        // The disk tier's own files, and beside them what another adapter keeps of its own.
        let own = if adapter == "disk" { request.cache_dir.to_owned() } else { request.cache_dir.join(adapter) };
        config.insert("directory".into(), own.to_string_lossy().into());
    }
    if let Some(directory) = config.get("directory").and_then(Value::as_str) {
        own.read = vec![directory.to_owned(), format!("{}/**", directory.trim_end_matches('/'))];
    }
    (config, own, endpoints)
}

/// The adapter of that name: by its key in the catalog, else by what it calls itself.
fn find<'a>(catalog: &'a Catalog, adapter: &str) -> Option<(&'a str, &'a crate::plan::Component)> {
    let mut adapters = catalog.iter().filter(|(_, (d, _, _))| d.kind == ComponentKind::Adapter);
    let by_key = adapters.clone().find(|(key, _)| *key == adapter);
    by_key.or_else(|| adapters.find(|(_, (d, _, _))| d.name == adapter)).map(|(key, entry)| (key.as_str(), entry))
}

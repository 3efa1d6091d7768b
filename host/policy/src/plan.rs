//! From a policy, the components and the place to the plan that the engine carries out.

use crate::endpoint::Endpoint;
use crate::error::{ErrorKind, PolicyError, PolicyErrors};
use crate::file::{CheckBlock, GrantBlock};
use crate::filter::Selection;
use crate::grant::{Asking, Granted, add};
use crate::origin::{At, Place};
use crate::overrides::Filters;
use crate::policy::Policy;
use crate::when::When;
use crate::{settings, tier, trust, usage};
use seaworthy_model::{
    CheckDescriptor, ComponentDescriptor, ComponentSource, Environment, Grants, Limits, Need, Plan, PlannedComponent,
    RefusedGrant, Report, SkipReason, Status, Step, Target,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A component as the catalog has it: what it says about itself, its digest, its source.
pub type Component = (Arc<ComponentDescriptor>, String, ComponentSource);

/// Components by name: bundled ones under their own, files under the plugin's name in checks.toml.
pub type Catalog = BTreeMap<String, Component>;

/// What a plan is made from, besides the policy.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// Every component that could be loaded.
    pub catalog: &'a Catalog,
    /// The environment of the process.
    pub environment: &'a Environment,
    /// Facts of the place, as the container probe gives them.
    pub vantage: &'a BTreeMap<String, String>,
    /// Which checks to run.
    pub filters: &'a Filters,
    /// Id of the run.
    pub run_id: &'a str,
    /// Folder of a disk tier that names none; absolute.
    pub cache_dir: &'a Path,
    /// Plugins that are there but broke when they were asked to describe
    /// themselves, with what happened: their checks are steps that cannot run.
    pub unusable: &'a BTreeMap<String, String>,
    /// A report recorded on the host.
    pub host_report: Option<Box<Report>>,
}

/// Makes the plan.
///
/// *Behaviour*: every check of the policy becomes a step, in the policy's order,
/// so that a report always shows the whole suite; what is not to run carries its
/// reason (`filtered`, `not-applicable`, `denied-write`, `offline`). A need on a
/// check that was filtered out is waited for but no condition: whoever asks for
/// one check gets it. A target whose variable is not set has no addresses; the
/// check says itself that it is not configured.
///
/// # Errors
/// Everything that does not fit together: unknown checks and plugins, digests,
/// settings, facts in `expect`, codes in waivers, unknown names in the filters.
pub fn plan(policy: &Policy, request: &PlanRequest<'_>) -> Result<Plan, PolicyErrors> {
    let environment = policy.environment(request.environment);
    let mut planner = Planner {
        policy,
        request,
        vantage: vantage(policy, request.vantage),
        facts: BTreeMap::new(),
        components: BTreeMap::new(),
        judged: BTreeSet::new(),
        errors: Vec::new(),
        proxies: Endpoint::proxies(&environment),
        environment,
    };
    planner.facts = policy.variable_facts(&planner.environment);
    planner.facts.extend(planner.vantage.clone());
    let secrets = policy.secrets(&planner.environment);
    let tiers = tier::plan(policy, request, &planner.environment, &secrets, &mut planner.errors);
    for tier in &tiers.tiers {
        if let Some(name) = &tier.component {
            planner.component(name);
        }
    }
    for (name, refused) in tiers.refused {
        planner.refuse(&name, refused);
    }
    let remote = tiers.tiers.iter().any(|t| !t.grants.net.is_empty() || !t.grants.p2p.is_empty());
    let selection = Selection::read(policy, request.filters, &mut planner.errors);
    let mut steps = policy.checks.iter().filter_map(|c| planner.step(c, &selection, remote)).collect::<Vec<_>>();
    planner.components_are_pinned();
    planner.waivers_name_codes();
    planner.somebody_judges_the_fallback();
    if !planner.errors.is_empty() {
        return Err(policy.errors(planner.errors));
    }
    release_needs(&mut steps);
    let trust = trust::trust(policy, &planner.environment, &tiers.tiers);
    Ok(Plan {
        run_id: request.run_id.to_owned(),
        steps,
        components: planner.components,
        tiers: tiers.tiers,
        trust,
        cache: policy.cache_rules(),
        rules: policy.run_rules(),
        secrets,
        environment: planner.environment,
        vantage: planner.vantage,
        host_report: request.host_report.clone(),
    })
}

/// What a check's own targets grant, as far as it asks: the secrets that they name, the
/// names that their buckets have, and the files among their details.
fn own(targets: &[Target], endpoints: &[Endpoint], descriptor: &CheckDescriptor, judged: &mut Granted) {
    let asks = |capability: &str| descriptor.requests.iter().any(|r| r.capability == capability);
    let details = targets.iter().flat_map(|target| &target.details);
    if asks("secret") {
        let labels: Vec<String> = details
            .clone()
            .filter(|(key, _)| key.starts_with("credentials."))
            .map(|(_, label)| label.clone())
            .collect();
        judged.refused.retain(|r| r.denial.capability != "secret" || !labels.contains(&r.denial.wanted));
        add(&mut judged.grants.secret, labels);
    }
    let asks_own = |capability: &str| {
        descriptor.requests.iter().any(|r| r.capability == capability && r.scope.iter().any(|s| s == "{target}"))
    };
    if asks_own("read") {
        add(&mut judged.grants.read, details.clone().filter_map(|(key, path)| file_of(key, path)).collect());
    }
    if asks_own("net") {
        let buckets = details.filter(|(key, _)| *key == "bucket");
        for (_, bucket) in buckets {
            add(&mut judged.grants.net, Endpoint::of_bucket(bucket, endpoints));
        }
    }
}

/// The file that a detail names: an absolute path, taken literally.
fn file_of(key: &str, path: &str) -> Option<String> {
    let is_file = path.starts_with('/') && !path.ends_with("/**") && !path.split('/').any(|part| part == "..");
    (is_file && !key.starts_with("credentials.")).then(|| path.to_owned())
}

/// Needs on checks that were filtered out no longer decide.
fn release_needs(steps: &mut [Step]) {
    let filtered = |step: &Step| matches!(step.skip, Some((SkipReason::Filtered, _)));
    let left_out = steps.iter().filter(|s| filtered(s)).map(|s| s.id.clone()).collect::<Vec<_>>();
    for need in steps.iter_mut().flat_map(|s| &mut s.needs) {
        need.optional |= left_out.contains(&need.check);
    }
}

/// Facts of the place, with those that the policy decides.
fn vantage(policy: &Policy, seen: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut facts = seen.clone();
    let kind = facts.get("kind").or(facts.get("container-kind")).cloned();
    if let Some(kind) = kind.filter(|k| k != "unknown") {
        facts.entry("in-container".into()).or_insert_with(|| (kind != "none").to_string());
    }
    facts.entry("os".into()).or_insert_with(|| std::env::consts::OS.into());
    facts.entry("arch".into()).or_insert_with(|| std::env::consts::ARCH.into());
    facts.insert("allow-writes".into(), policy.run_rules().allow_writes.to_string());
    facts.insert("offline".into(), policy.offline().to_string());
    let inside = facts.get("in-container").is_some_and(|v| v == "true");
    match &policy.vantage_name {
        Some(name) => facts.insert("vantage".into(), name.value.clone()),
        None => Some(
            facts.entry("vantage".into()).or_insert_with(|| if inside { "container" } else { "host" }.into()).clone(),
        ),
    };
    facts
}

/// Values of the policy that a check can ask for.
const NEED: &str = "fallback.cache.need";
const PREFER: &str = "fallback.cache.prefer";

struct Planner<'a> {
    policy: &'a Policy,
    request: &'a PlanRequest<'a>,
    environment: Environment,
    vantage: BTreeMap<String, String>,
    facts: BTreeMap<String, String>,
    components: BTreeMap<String, PlannedComponent>,
    /// Places of the policy that some check gets as a setting.
    judged: BTreeSet<String>,
    errors: Vec<PolicyError>,
    proxies: Vec<Endpoint>,
}

impl Planner<'_> {
    fn step(&mut self, at: &At<CheckBlock>, selection: &Selection<'_>, remote_tiers: bool) -> Option<Step> {
        let (policy, check) = (self.policy, &at.value);
        let (plugin, name) = check.used_as.value.split_once(':').unwrap_or((&check.used_as.value, ""));
        if let Some(reason) = self.request.unusable.get(plugin) {
            return Some(self.unusable(check, plugin, name, reason, selection));
        }
        let found = match usage::find(policy, self.request.catalog, &check.used_as) {
            Ok(found) => found,
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        let (name, descriptor) = (found.component, found.check);
        let source = &self.request.catalog.get(name)?.2;
        self.component(name);
        let targets = self.targets(check);
        let endpoints = targets.iter().flat_map(Endpoint::all_of).collect::<Vec<_>>();
        let nothing = GrantBlock::default();
        let plugin = match source.is_builtin() {
            true => None,
            false => Some((name, policy.plugins.get(name).map_or(&nothing, |p| &p.value.grant))),
        };
        let asking = Asking { plugin, endpoints: &endpoints, proxies: &self.proxies, directory: None };
        let mut judged = asking.judge(&descriptor.requests);
        own(&targets, &endpoints, descriptor, &mut judged);
        for what in judged.nonsense {
            let message = format!("`{}` asks for {what}, which is not a capability", check.used_as.value);
            self.errors.push(PolicyError::new(ErrorKind::Component, check.used_as.place(), message));
        }
        for refused in judged.refused {
            self.refuse(name, refused);
        }
        let mut with =
            check.with.as_ref().and_then(|w| policy.expand(&w.value, &self.environment)).unwrap_or_else(|| json!({}));
        let place = check.with.as_ref().and_then(At::place).or(check.used_as.place());
        match settings::from_policy(&descriptor.settings, |place| policy.place_of(place), &mut with) {
            Ok(asked) => self.judged.extend(asked),
            Err(unknown) => self.errors.extend(unknown.into_iter().map(|name| {
                let message = format!("`{}` asks for `{name}` of the policy, which there is not", check.used_as.value);
                PolicyError::new(ErrorKind::Component, check.used_as.place(), message)
            })),
        }
        self.errors.extend(settings::check(
            &format!("`with` of `{}`", check.id.value),
            &descriptor.settings,
            &with,
            place,
        ));
        let mutates = descriptor.mutates || check.mutates.as_ref().is_some_and(|m| m.value);
        let online =
            uses_network(descriptor) || (remote_tiers && descriptor.requests.iter().any(|r| r.capability == "cache"));
        Some(Step {
            id: check.id.value.clone(),
            title: descriptor.title.clone(),
            component: name.to_owned(),
            check: descriptor.id.clone(),
            used_as: check.used_as.value.clone(),
            severity: Policy::severity(check),
            skip: selection.refuse(check).or_else(|| self.skip(check, mutates, online)),
            settings: with,
            grants: judged.grants,
            limits: self.limits(name),
            needs: check.needs.iter().map(|n| need(&n.value)).collect(),
            timeout: policy.timeout(check),
            retries: policy.retries(check),
            expect: self.expectations(check, descriptor),
            mutates,
            tags: check.tags.iter().map(|t| t.value.clone()).collect(),
            owner: check.owner.as_ref().map(|o| o.value.clone()),
            docs: check.docs.as_ref().map(|d| d.value.clone()),
            source: check.id.place().map(Place::location),
            targets,
            unusable: None,
        })
    }

    /// A step of a plugin that broke when it was described.
    fn unusable(&self, check: &CheckBlock, plugin: &str, name: &str, reason: &str, selection: &Selection<'_>) -> Step {
        Step {
            id: check.id.value.clone(),
            title: check.id.value.clone(),
            component: plugin.to_owned(),
            check: name.to_owned(),
            used_as: check.used_as.value.clone(),
            severity: Policy::severity(check),
            skip: selection.refuse(check),
            unusable: Some(format!("plugin `{plugin}` cannot be used: {reason}")),
            targets: Vec::new(),
            settings: json!({}),
            grants: Grants::default(),
            limits: self.limits(plugin),
            needs: check.needs.iter().map(|n| need(&n.value)).collect(),
            timeout: self.policy.timeout(check),
            retries: self.policy.retries(check),
            expect: Vec::new(),
            mutates: false,
            tags: check.tags.iter().map(|t| t.value.clone()).collect(),
            owner: check.owner.as_ref().map(|o| o.value.clone()),
            docs: check.docs.as_ref().map(|d| d.value.clone()),
            source: check.id.place().map(Place::location),
        }
    }

    fn targets(&self, check: &CheckBlock) -> Vec<Target> {
        let mut names = Vec::new();
        for name in check.target.iter().flat_map(|t| &t.value) {
            match name.strip_prefix("fallback:").and_then(|f| self.policy.fallback.get(f)) {
                Some(fallback) => {
                    names.extend(self.policy.expand_texts(&fallback.value.order.value, &self.environment))
                }
                None => names.push(name.clone()),
            }
        }
        names.iter().filter_map(|name| self.policy.target(name, &self.environment)).collect()
    }

    /// Why a check that was asked for does not run all the same.
    fn skip(&self, check: &CheckBlock, mutates: bool, online: bool) -> Option<(SkipReason, String)> {
        let when = check.when.as_ref().and_then(|w| When::parse(&w.value).ok());
        if let Some(when) = when.filter(|w| !w.holds(&self.facts)) {
            let facts = when.names().into_iter().map(|(name, _)| {
                let value = self.facts.get(name).map_or("", String::as_str);
                format!("{name} is {}", if value.is_empty() { "not known" } else { value })
            });
            let facts = facts.collect::<Vec<_>>().join(", ");
            return Some((SkipReason::NotApplicable, format!("applies only when {}; {facts}", when.as_str())));
        }
        let rules = self.policy.run_rules();
        if mutates && !rules.allow_writes {
            let text = "it writes; allow that with --allow-writes, or `allow-writes = true` under [run] or a profile";
            return Some((SkipReason::DeniedWrite, text.into()));
        }
        (self.policy.offline() && online)
            .then(|| (SkipReason::Offline, "it uses the network, and this run is offline".into()))
    }

    fn limits(&self, name: &str) -> Limits {
        let (mut limits, Some(plugin)) = (Limits::default(), self.policy.plugins.get(name)) else {
            return Limits::default();
        };
        let block = &plugin.value.limits;
        let size = |at: &At<u64>| usize::try_from(at.value).unwrap_or(usize::MAX);
        limits.memory = block.memory.as_ref().map_or(limits.memory, size);
        limits.output = block.output.as_ref().map_or(limits.output, size);
        limits.findings = block.findings.as_ref().map_or(limits.findings, size);
        limits.cpu = block.cpu.as_ref().map_or(limits.cpu, |at| at.value);
        limits.host_calls =
            block.host_calls.as_ref().map_or(limits.host_calls, |at| u32::try_from(at.value).unwrap_or(u32::MAX));
        limits
    }

    fn expectations(
        &mut self,
        check: &CheckBlock,
        descriptor: &CheckDescriptor,
    ) -> Vec<(String, Status, seaworthy_model::Threshold)> {
        let mut all = Vec::new();
        for (key, at) in &check.expect {
            if !descriptor.facts.iter().any(|f| f.key == *key) {
                let message =
                    format!("`expect` of `{}` names `{key}`, which is no fact of {}", check.id.value, descriptor.id);
                let help = crate::suggestion::hint(key, descriptor.facts.iter().map(|f| f.key.as_str()));
                self.errors.push(PolicyError::new(ErrorKind::Reference, at.place(), message).maybe_help(help));
            }
            let limits = [(Status::Warn, &at.value.warn), (Status::Fail, &at.value.fail)];
            all.extend(limits.into_iter().filter_map(|(status, t)| Some((key.clone(), status, t.as_ref()?.value))));
        }
        all
    }

    fn component(&mut self, name: &str) {
        let Some((descriptor, digest, source)) = self.request.catalog.get(name) else { return };
        self.components.entry(name.to_owned()).or_insert_with(|| PlannedComponent {
            name: name.to_owned(),
            source: source.clone(),
            descriptor: descriptor.clone(),
            digest: digest.clone(),
            refused: Vec::new(),
        });
    }

    fn refuse(&mut self, name: &str, refused: RefusedGrant) {
        if let Some(component) = self.components.get_mut(name)
            && !component.refused.contains(&refused)
        {
            component.refused.push(refused);
        }
    }

    fn components_are_pinned(&mut self) {
        for (name, plugin) in &self.policy.plugins {
            let Some((_, digest, source)) = self.request.catalog.get(name) else { continue };
            if source.is_builtin() {
                let message = format!("plugin `{name}` has the name of a bundled component");
                let error = PolicyError::new(ErrorKind::Duplicate, plugin.place(), message);
                self.errors.push(error.help("call it otherwise"));
            } else if let Some(pin) = plugin.value.digest.as_ref().filter(|pin| pin.value != *digest) {
                let message = format!("plugin `{name}` is not the one that is pinned: it has {digest}");
                let error = PolicyError::new(ErrorKind::Component, pin.place(), message);
                self.errors.push(error.help("find out why it changed before changing the pin"));
            }
        }
    }

    /// What the file demands of the fallback and no check looks at would hold without a look.
    fn somebody_judges_the_fallback(&mut self) {
        let Some(fallback) = self.policy.fallback.get(tier::CACHE_FALLBACK).map(|f| &f.value) else { return };
        let need = fallback.need.as_ref().filter(|need| need.value > 1).map(|need| (NEED, need.place()));
        let prefer = fallback.prefer.as_ref().map(|prefer| (PREFER, prefer.place()));
        for (name, place) in need.into_iter().chain(prefer).filter(|(name, _)| !self.judged.contains(*name)) {
            let message = format!("`{name}` is set, and no check of this policy judges it");
            let help = "list one that does: `[[check]]`, `id = \"cache.initialization\"`, `use = \"bundled:cache/initialization\"`";
            self.errors.push(PolicyError::new(ErrorKind::Reference, place, message).help(help));
        }
    }

    /// A waiver for a code that nothing reports forgives nothing, silently.
    fn waivers_name_codes(&mut self) {
        let checks = self.components.values().flat_map(|c| &c.descriptor.checks);
        let codes = checks.flat_map(|c| &c.codes).map(|c| c.code.as_str()).collect::<Vec<_>>();
        for waiver in self.policy.waivers.iter().map(|w| &w.value.code) {
            // Findings of the host itself carry these first parts.
            let host = ["expect.", "host.", "waiver."].iter().any(|p| waiver.value.starts_with(p));
            if !host && !codes.iter().any(|code| seaworthy_model::glob_matches(&waiver.value, code)) {
                let message = format!("the waiver forgives `{}`, which no check of this policy reports", waiver.value);
                let near = crate::suggestion::nearest(&waiver.value, codes.iter().copied());
                let help = near.map_or("`seaworthy list codes` lists them".into(), |n| format!("did you mean `{n}`?"));
                self.errors.push(PolicyError::new(ErrorKind::Reference, waiver.place(), message).help(help));
            }
        }
    }
}

/// Whether a check is about the network. Looking up a fixed name (of the machine
/// itself, say) is not.
fn uses_network(check: &CheckDescriptor) -> bool {
    check.requests.iter().any(|r| match r.capability.as_str() {
        "net" | "p2p" => true,
        "dns" => r.scope.iter().any(|s| s == "*" || s.starts_with("{target")),
        _ => false,
    })
}

fn need(text: &str) -> Need {
    Need { check: text.trim_end_matches('?').to_owned(), optional: text.ends_with('?') }
}

impl Policy {
    /// What a check may ask for: none where there is no such place, and nothing in it where
    /// it is not set.
    fn place_of(&self, name: &str) -> Option<Option<Value>> {
        let fallback = self.fallback.get(tier::CACHE_FALLBACK).map(|f| &f.value);
        match name {
            NEED => Some(fallback.and_then(|f| f.need.as_ref()).map(|need| need.value.into())),
            PREFER => Some(fallback.and_then(|f| f.prefer.as_ref()).map(|prefer| prefer.value.clone().into())),
            _ => None,
        }
    }

    /// A target with its variables replaced.
    pub(crate) fn target(&self, name: &str, environment: &Environment) -> Option<Target> {
        let block = &self.targets.get(name)?.value;
        let list = |texts: Option<&[String]>| texts.map_or_else(Vec::new, |t| self.expand_texts(t, environment));
        let mut addresses = list(block.addresses.as_ref().map(|a| a.value.as_slice()));
        addresses.extend(list(block.url.as_ref().map(|u| std::slice::from_ref(&u.value))));
        let mut details = BTreeMap::new();
        if let Some(Value::Object(all)) = block.details.as_ref().and_then(|d| self.expand(&d.value, environment)) {
            details.extend(all.iter().map(|(k, v)| (k.clone(), crate::values::text_of(v, ","))));
        }
        for (role, reference) in &block.credentials {
            if let Some(label) = self.secret_label(&reference.value) {
                details.insert(format!("credentials.{role}"), label.to_owned());
            }
        }
        Some(Target { label: name.to_owned(), kind: block.kind.value.clone(), addresses, details })
    }
}

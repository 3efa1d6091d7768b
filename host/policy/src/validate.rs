//! What can be wrong with a merged policy although every value in it reads well.

use crate::error::{ErrorKind, PolicyError};
use crate::file::CheckBlock;
use crate::origin::{At, Place};
use crate::policy::Policy;
use crate::scalar::variable;
use crate::suggestion::hint;
use crate::tier::CACHE_FALLBACK;
use crate::when::{KNOWN_FACTS, When};
use seaworthy_model::{RegistryReference, Status, glob_matches};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The bundled adapters that need no block of their own to be a tier: they have
/// settings for everything, or a target of their name in the reference policy.
const ADAPTERS: [&str; 7] = ["disk", "ipfs", "memory", "origin", "p2p", "s3", "storacha"];

/// Everything wrong with a policy that can be seen without its components.
pub(crate) fn policy(policy: &Policy, today: jiff::civil::Date) -> Vec<PolicyError> {
    let mut all = Findings { policy, errors: Vec::new() };
    all.checks();
    all.circles();
    all.places();
    all.plugins();
    all.prices();
    all.gate();
    all.waivers(today);
    all.redaction();
    all.errors
}

struct Findings<'a> {
    policy: &'a Policy,
    errors: Vec<PolicyError>,
}

impl Findings<'_> {
    fn push(&mut self, kind: ErrorKind, place: Option<&Place>, message: String, help: Option<String>) {
        self.errors.push(PolicyError::new(kind, place, message).maybe_help(help));
    }

    fn checks(&mut self) {
        let policy = self.policy;
        let ids = || policy.checks.iter().map(|c| c.value.id.value.as_str());
        let mut seen = BTreeMap::new();
        for check in &policy.checks {
            let check = &check.value;
            if let Some(first) = seen.insert(check.id.value.as_str(), &check.id) {
                let message =
                    format!("two checks are called `{}`; the other one is at {}", check.id.value, first.origin);
                self.push(ErrorKind::Duplicate, check.id.place(), message, Some("give one of them another id".into()));
            }
            for need in &check.needs {
                let name = need.value.trim_end_matches('?');
                if !ids().any(|id| id == name) {
                    let message = format!("`{}` needs `{name}`, which is no check of this file", check.id.value);
                    self.push(ErrorKind::Reference, need.place(), message, hint(name, ids()));
                }
            }
            for target in check.target.iter().flat_map(|t| &t.value) {
                self.target(target, check.target.as_ref().and_then(At::place));
            }
            if let Some(when) = &check.when {
                self.when(when);
            }
            if let Some(with) = &check.with {
                self.variables(&with.value, with.place(), false);
            }
            for (key, expectation) in &check.expect {
                if expectation.value.warn.is_none() && expectation.value.fail.is_none() {
                    let help = format!("write `{key} = {{ fail = \"> 2000\" }}`");
                    self.push(
                        ErrorKind::MissingKey,
                        expectation.place(),
                        format!("`expect.{key}` says nothing"),
                        Some(help),
                    );
                }
            }
            self.used_as(check);
        }
    }

    fn used_as(&mut self, check: &CheckBlock) {
        let plugin = check.used_as.value.split(':').next().unwrap_or("");
        if plugin != "bundled" && !self.policy.plugins.contains_key(plugin) {
            let message = format!("`{}` uses plugin `{plugin}`, which [plugins] does not name", check.id.value);
            let known = self.policy.plugins.keys().map(String::as_str).chain(["bundled"]);
            let help = hint(plugin, known);
            self.push(ErrorKind::Reference, check.used_as.place(), message, help);
        }
    }

    /// What is said of a registry is said of a plugin that comes from one; and whoever must have
    /// signed has a key.
    fn plugins(&mut self) {
        let policy = self.policy;
        for (name, at) in &policy.plugins {
            let plugin = &at.value;
            let registry = RegistryReference::is_meant(&plugin.source.value);
            let signed_by = plugin.signed_by.as_ref().map(|by| ("signed-by", by.place()));
            let plain_http = plugin.plain_http.as_ref().map(|plain| ("plain-http", plain.place()));
            for (key, place) in signed_by.into_iter().chain(plain_http).filter(|_| !registry) {
                let message = format!("`{key}` of plugin `{name}` is said of a registry, which it does not come from");
                self.push(
                    ErrorKind::BadValue,
                    place,
                    message,
                    Some("leave it out, or write `source = \"oci://..\"`".into()),
                );
            }
            let keyless = registry && plugin.signed_by.as_ref().is_none_or(|by| by.value.is_empty());
            if let Some(require) = policy.signatures.require.as_ref().filter(|require| require.value)
                && policy.signatures.keys().is_empty()
                && keyless
            {
                let message = format!("plugin `{name}` must be signed, and nothing says by whom");
                let help = "write `keys = [\"cosign.pub\"]` under [signatures], or `signed-by` under the plugin";
                self.push(ErrorKind::MissingKey, require.place(), message, Some(help.into()));
            }
        }
    }

    fn target(&mut self, name: &str, place: Option<&Place>) {
        let policy = self.policy;
        let (what, name, help) = match name.strip_prefix("fallback:") {
            Some(name) if policy.fallback.contains_key(name) => return,
            Some(name) => ("fallback", name, hint(name, policy.fallback.keys().map(String::as_str))),
            None if policy.targets.contains_key(name) => return,
            None => ("target", name, hint(name, policy.targets.keys().map(String::as_str))),
        };
        self.push(ErrorKind::Reference, place, format!("no {what} `{name}`"), help);
    }

    fn when(&mut self, when: &At<String>) {
        let inside = |offset: usize, width: usize| {
            let mut place = when.place()?.clone();
            // One for the quote; a text with escapes or over several lines keeps its own place.
            if place.width == when.value.chars().count() + 2 {
                place.column += 1 + when.value.get(..offset).map_or(0, |t| t.chars().count());
                place.width = width;
            }
            Some(place)
        };
        match When::parse(&when.value) {
            Err(e) => {
                let help = Some("for example `in-container && network-mode != 'host'`".into());
                let place = inside(e.offset, 1);
                self.push(ErrorKind::Expression, place.as_ref(), format!("`when` {e}"), help);
            }
            Ok(read) => {
                let known = || KNOWN_FACTS.iter().copied().chain(self.policy.vars.keys().map(String::as_str));
                let unknown = read.names().into_iter().filter(|(name, _)| !known().any(|k| k == *name));
                let errors = unknown.map(|(name, span)| {
                    let place = inside(span.start, span.len());
                    let message = format!("`when` names `{name}`, which is neither a fact nor a variable");
                    PolicyError::new(ErrorKind::Expression, place.as_ref(), message).maybe_help(hint(name, known()))
                });
                let errors = errors.collect::<Vec<_>>();
                self.errors.extend(errors);
            }
        }
    }

    /// References to variables: they exist, and secrets are named only where they may be.
    fn variables(&mut self, value: &Value, place: Option<&Place>, secret: bool) {
        match value {
            Value::String(text) => {
                let Some(name) = variable(text) else {
                    if text.contains("${") {
                        let message = format!("\"{text}\" mixes text and a variable");
                        let help = "a variable stands alone: \"${name}\"".to_owned();
                        self.push(ErrorKind::BadValue, place, message, Some(help));
                    }
                    return;
                };
                let policy = self.policy;
                if !policy.vars.contains_key(name) {
                    let help = hint(name, policy.vars.keys().map(String::as_str));
                    self.push(ErrorKind::Reference, place, format!("no variable `{name}`"), help);
                } else if !secret && policy.secret_label(name).is_some() {
                    let message = format!("`{name}` is a secret and cannot be handed to a component");
                    let help = "name it under `credentials` of a target, or as `secret` of a tier".to_owned();
                    self.push(ErrorKind::BadValue, place, message, Some(help));
                } else if secret && policy.secret_label(name).is_none() {
                    let message = format!("`{name}` is used as a secret but is not of `type = \"secret\"`");
                    self.push(ErrorKind::BadValue, place, message, None);
                }
            }
            Value::Array(all) => all.iter().for_each(|v| self.variables(v, place, secret)),
            Value::Object(all) => all.values().for_each(|v| self.variables(v, place, secret)),
            _ => {}
        }
    }

    fn texts(&mut self, at: Option<&At<Vec<String>>>) {
        for text in at.iter().flat_map(|a| &a.value) {
            self.variables(&Value::from(text.as_str()), at.and_then(At::place), false);
        }
    }

    fn places(&mut self) {
        let policy = self.policy;
        for target in policy.targets.values().map(|t| &t.value) {
            self.texts(target.addresses.as_ref());
            for one in target.url.iter().chain(&target.ca_file) {
                self.variables(&Value::from(one.value.as_str()), one.place(), false);
            }
            if let Some(details) = &target.details {
                self.variables(&details.value, details.place(), false);
            }
            for credential in target.credentials.values() {
                self.variables(&Value::from(format!("${{{}}}", credential.value)), credential.place(), true);
            }
        }
        for (name, fallback) in policy.fallback.iter().map(|(name, at)| (name, &at.value)) {
            self.texts(Some(&fallback.order));
            let order = &fallback.order.value;
            // A bundled adapter is a tier with its defaults.
            let named = policy.tiers.keys().chain(policy.targets.keys()).map(String::as_str);
            let known = || named.clone().chain(ADAPTERS);
            for name in order.iter().filter(|n| variable(n).is_none() && !known().any(|k| k == *n)) {
                self.push(
                    ErrorKind::Reference,
                    fallback.order.place(),
                    format!("no tier or target `{name}`"),
                    hint(name, known()),
                );
            }
            let literal = order.iter().all(|name| variable(name).is_none());
            if let Some(need) = fallback.need.as_ref()
                && literal
                && need.value > order.len() as u64
            {
                let message = format!("`need` is {}, and `order` names {}", need.value, order.len());
                self.push(ErrorKind::BadValue, need.place(), message, Some("name more, or need fewer".into()));
            }
            if let Some(prefer) = &fallback.prefer
                && literal
                && !order.contains(&prefer.value)
            {
                let message = format!("`prefer` is `{}`, which `order` does not name", prefer.value);
                let help = hint(&prefer.value, order.iter().map(String::as_str));
                self.push(ErrorKind::Reference, prefer.place(), message, help);
            }
            // Only the cache's tiers are opened, and so only they can be counted.
            let demanded = fallback.need.as_ref().filter(|need| need.value != 1).and_then(At::place);
            let demanded = demanded.or(fallback.prefer.as_ref().and_then(At::place));
            if name != CACHE_FALLBACK
                && let Some(place) = demanded
            {
                let message = format!("`need` and `prefer` are judged of the cache's tiers, not of [fallback.{name}]");
                self.push(ErrorKind::Unsupported, Some(place), message, Some("write them in [fallback.cache]".into()));
            }
        }
        let labels = policy.vars.keys().filter_map(|name| policy.secret_label(name)).collect::<BTreeSet<_>>();
        for tier in policy.tiers.values().map(|t| &t.value) {
            if let Some(target) = &tier.target {
                self.target(&target.value, target.place());
            }
            if let Some(with) = &tier.with {
                self.variables(&with.value, with.place(), false);
            }
            if let Some(secret) = tier.secret.as_ref().filter(|s| !labels.contains(s.value.as_str())) {
                // It may be the secret itself, so the text is not repeated.
                let message = "`secret` takes the label of a secret of [vars], never a secret".to_owned();
                let known = labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", ");
                self.push(ErrorKind::SecretLiteral, secret.place(), message, Some(format!("known: {known}")));
            }
        }
    }

    /// Prices are of tiers, and can be added up.
    fn prices(&mut self) {
        let policy = self.policy;
        let ordered = || policy.fallback.values().flat_map(|f| &f.value.order.value).filter(|n| variable(n).is_none());
        let known = || policy.tiers.keys().chain(policy.plugins.keys()).chain(ordered()).map(String::as_str);
        let first = policy.prices.values().next().map(|at| &at.value.currency);
        for (label, at) in &policy.prices {
            if !known().any(|name| name == label) {
                let help = hint(label, known());
                let message = format!("`{label}` has prices and is no tier");
                self.push(ErrorKind::Reference, at.place(), message, help);
            }
            let currency = &at.value.currency;
            if let Some(first) = first.filter(|first| first.value != currency.value) {
                let message = format!(
                    "`currency` in [prices.{label}] is {}, others are in {}; costs are added up",
                    currency.value, first.value
                );
                let help = Some("give all prices in one currency".into());
                self.push(ErrorKind::BadValue, currency.place(), message, help);
            }
        }
    }

    fn gate(&mut self) {
        let policy = self.policy;
        for wanted in policy.gate.require.iter().flat_map(|r| &r.value) {
            self.pattern(wanted, "`require`");
        }
        let odd = policy.gate.fail_on.status.as_ref();
        if let Some(odd) = odd.filter(|s| s.value.iter().any(|s| matches!(s, Status::Pass | Status::Skip))) {
            let message = "`fail-on.status` takes \"fail\", \"warn\" and \"error\"".to_owned();
            self.push(ErrorKind::BadValue, odd.place(), message, None);
        }
    }

    /// An id or glob that must match a check.
    fn pattern(&mut self, wanted: &At<String>, subject: &str) {
        let ids = || self.policy.checks.iter().map(|c| c.value.id.value.as_str());
        if !ids().any(|id| glob_matches(&wanted.value, id)) {
            let help = hint(&wanted.value, ids());
            self.push(
                ErrorKind::Reference,
                wanted.place(),
                format!("{subject} names `{}`, which is no check", wanted.value),
                help,
            );
        }
    }

    fn waivers(&mut self, today: jiff::civil::Date) {
        let policy = self.policy;
        let rule = policy.waiver_rules.max_age.as_ref();
        for waiver in policy.waivers.iter().map(|w| &w.value) {
            self.pattern(&waiver.check, "the waiver");
            let Some(rule) = rule else { continue };
            let days = i64::try_from(rule.value.as_secs() / 86_400).unwrap_or(i64::MAX);
            let ahead = (waiver.expires.value - today).get_days();
            if i64::from(ahead) > days {
                let message = format!("the waiver ends in {ahead} days; `max-age` allows {days}");
                let latest = i32::try_from(days).ok().and_then(|d| today.checked_add(jiff::Span::new().days(d)).ok());
                let help = latest.map(|day| format!("at most `expires = {day}`; renew it when it is still needed"));
                self.push(ErrorKind::BadValue, waiver.expires.place(), message, help);
            }
        }
    }

    fn redaction(&mut self) {
        let redact = &self.policy.redact;
        for pattern in redact.patterns.iter().flat_map(|p| &p.value) {
            if let Err(e) = regex::Regex::new(&pattern.value) {
                let reason = e.to_string().lines().last().unwrap_or("").trim().to_owned();
                let message = format!("`patterns` in [redact] holds a bad regular expression: {reason}");
                self.push(ErrorKind::BadValue, pattern.place(), message, None);
            }
        }
    }

    /// Every circle of `needs`, once.
    fn circles(&mut self) {
        let checks = &self.policy.checks;
        let by_id = checks.iter().map(|c| (c.value.id.value.as_str(), &c.value)).collect::<BTreeMap<_, _>>();
        let mut done = BTreeSet::new();
        for check in checks {
            let mut path = Vec::new();
            if let Some((circle, place)) = circle(&check.value, &by_id, &mut path, &mut done) {
                let help = "take one of these needs away; a trailing `?` does not break a circle".to_owned();
                self.push(
                    ErrorKind::Cycle,
                    place.as_ref(),
                    format!("checks need each other in a circle: {circle}"),
                    Some(help),
                );
            }
        }
    }
}

/// Walks what `check` needs; a circle is told with the need that closes it.
fn circle<'a>(
    check: &'a CheckBlock,
    by_id: &BTreeMap<&str, &'a CheckBlock>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<(String, Option<Place>)> {
    let id = check.id.value.as_str();
    if !done.insert(id) {
        return None;
    }
    path.push(id);
    for need in &check.needs {
        let name = need.value.trim_end_matches('?');
        if let Some(start) = path.iter().position(|p| *p == name) {
            let names = path[start..].iter().copied().chain([name]).collect::<Vec<_>>();
            return Some((names.join(" -> "), need.place().cloned()));
        }
        if let Some(next) = by_id.get(name)
            && let Some(found) = circle(next, by_id, path, done)
        {
            return Some(found);
        }
    }
    path.pop();
    None
}

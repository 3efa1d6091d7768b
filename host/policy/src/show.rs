//! `show-config`: the merged policy, and where each value comes from.

use crate::file::{BreakerBlock, CacheRetryBlock, CheckBlock, RetryBlock, VarType};
use crate::origin::{At, Layer, Origin};
use crate::policy::Policy;
use crate::scalar::Choice;
use seaworthy_model::{Environment, Status};
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;

impl Policy {
    /// The merged policy, one value a line, each with its origin.
    ///
    /// *Behaviour*: variables are shown with what they hold in `environment`; of a
    /// secret only whether it is set and by which variable. Passwords inside URLs
    /// are hidden.
    #[must_use]
    pub fn show_config(&self, environment: &Environment) -> String {
        let environment = self.environment(environment);
        let mut page = Page { text: String::new() };
        page.line(&format!("# {} (profile {}: {})", self.path, self.profile.value, self.profile.origin));
        page.vars(self, &environment);
        page.places(self);
        page.cache(self);
        page.run(self);
        page.gate(self);
        page.checks(self);
        page.rest(self);
        page.text
    }
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn head(&mut self, name: &str) {
        let _ = writeln!(self.text, "\n[{name}]");
    }

    fn value(&mut self, key: &str, value: &str, origin: &dyn std::fmt::Display) {
        let _ = writeln!(self.text, "{key} = {value}  # {origin}");
    }

    fn show<T>(&mut self, key: &str, at: Option<&At<T>>, toml: impl Fn(&T) -> String) {
        if let Some(at) = at {
            self.value(key, &toml(&at.value), &at.origin);
        }
    }

    fn vars(&mut self, policy: &Policy, environment: &Environment) {
        self.head("vars");
        for (name, at) in &policy.vars {
            let Some(resolved) = policy.resolve(name, environment) else { continue };
            let var = &at.value;
            let origin = match &resolved.from {
                Some(env) => {
                    let place = environment.get(env).map_or("process", |v| v.origin.as_str());
                    let refused = resolved
                        .refused
                        .map(|w| format!("; it does not hold {w}, so the default is used"))
                        .unwrap_or_default();
                    format!("{env} ({place}){refused}")
                }
                None => var.default.as_ref().map_or_else(|| "not set".to_owned(), |d| format!("default, {}", d.origin)),
            };
            let value = match (&resolved.value, var.kind.value) {
                (_, VarType::Secret) if resolved.from.is_some() => quote("(secret, set)"),
                (_, VarType::Secret) => quote("(secret, not set)"),
                (Some(value), _) => json(value),
                (None, _) => quote("(not set)"),
            };
            self.value(name, &value, &origin);
        }
    }

    fn places(&mut self, policy: &Policy) {
        for (name, at) in &policy.targets {
            let target = &at.value;
            self.head(&format!("targets.{name}"));
            self.show("kind", Some(&target.kind), text);
            self.show("addresses", target.addresses.as_ref(), strings);
            self.show("url", target.url.as_ref(), text);
            self.show("ca-file", target.ca_file.as_ref(), text);
            self.show("details", target.details.as_ref(), json);
            for (role, credential) in &target.credentials {
                self.show(&format!("credentials.{role}"), Some(credential), |name| quote(&format!("${{{name}}}")));
            }
        }
        for (name, at) in &policy.fallback {
            self.head(&format!("fallback.{name}"));
            self.show("order", Some(&at.value.order), strings);
            self.show("need", at.value.need.as_ref(), number);
            self.show("prefer", at.value.prefer.as_ref(), text);
        }
        for (name, at) in &policy.tiers {
            self.head(&format!("tiers.{name}"));
            self.show("adapter", Some(&at.value.adapter), text);
            self.show("target", at.value.target.as_ref(), text);
            self.show("secret", at.value.secret.as_ref(), text);
            self.show("with", at.value.with.as_ref(), json);
            self.show("timeout", at.value.timeout.as_ref(), time);
            self.patience(&at.value.retries, &at.value.breaker);
            self.show("hedge", at.value.hedge.as_ref(), delay);
        }
        for (name, at) in &policy.prices {
            let prices = &at.value;
            self.head(&format!("prices.{name}"));
            self.show("currency", Some(&prices.currency), text);
            self.show("as-of", prices.as_of.as_ref(), ToString::to_string);
            self.show("get-per-1000", prices.get_per_1000.as_ref(), ToString::to_string);
            self.show("put-per-1000", prices.put_per_1000.as_ref(), ToString::to_string);
            self.show("gb-in", prices.gb_in.as_ref(), ToString::to_string);
            self.show("gb-out", prices.gb_out.as_ref(), ToString::to_string);
            self.show("gb-month", prices.gb_month.as_ref(), ToString::to_string);
        }
        for (name, at) in &policy.plugins {
            let plugin = &at.value;
            self.head(&format!("plugins.{name}"));
            self.show("source", Some(&plugin.source), text);
            self.show("digest", plugin.digest.as_ref(), text);
            if let Some(locked) = policy.lock.plugins.get(name).filter(|locked| locked.source == plugin.source.value) {
                self.line(&format!(
                    "# manifest {}, component {}  # {}",
                    locked.manifest, locked.component, policy.lock_name
                ));
            }
            self.show("signed-by", plugin.signed_by.as_ref(), each);
            self.show("plain-http", plugin.plain_http.as_ref(), truth);
            for capability in ["net", "dns", "env", "system", "read", "p2p", "cache", "secret"] {
                let granted = plugin.grant.of(capability);
                if !granted.is_empty() {
                    self.value(&format!("grant.{capability}"), &list(granted), &at.origin);
                }
            }
            self.show("limits.memory", plugin.limits.memory.as_ref(), |n| quote(&format!("{n}B")));
            self.show("limits.cpu", plugin.limits.cpu.as_ref(), time);
            self.show("limits.output", plugin.limits.output.as_ref(), |n| quote(&format!("{n}B")));
            self.show("limits.host-calls", plugin.limits.host_calls.as_ref(), number);
            self.show("limits.findings", plugin.limits.findings.as_ref(), number);
        }
        self.head("signatures");
        self.show("keys", policy.signatures.keys.as_ref(), each);
        self.show("require", policy.signatures.require.as_ref(), truth);
    }

    fn cache(&mut self, policy: &Policy) {
        let cache = &policy.cache;
        self.head("cache");
        self.show("write", cache.write.as_ref(), word);
        self.show("timeout", cache.timeout.as_ref(), time);
        self.show("budget", cache.budget.as_ref(), time);
        self.patience(&cache.retries, &cache.breaker);
        self.show("hedge", cache.hedge.as_ref(), delay);
        self.show("back-fill", cache.back_fill.as_ref(), time);
    }

    fn patience(&mut self, retries: &CacheRetryBlock, breaker: &BreakerBlock) {
        self.show("retries.count", retries.count.as_ref(), number);
        self.show("retries.delay", retries.delay.as_ref(), time);
        self.show("retries.max-delay", retries.max_delay.as_ref(), time);
        self.show("breaker.failures", breaker.failures.as_ref(), number);
        self.show("breaker.open", breaker.open.as_ref(), time);
        self.show("breaker.max-open", breaker.max_open.as_ref(), time);
    }

    fn run(&mut self, policy: &Policy) {
        let run = &policy.run;
        self.head("run");
        self.show("concurrency", run.concurrency.as_ref(), number);
        self.show("timeout", run.timeout.as_ref(), time);
        self.show("deadline", run.deadline.as_ref(), time);
        self.retries(&run.retries);
        self.show("fail-fast", run.fail_fast.as_ref(), truth);
        self.show("order", run.order.as_ref(), word);
        let off = At { value: false, origin: Origin { layer: Layer::BuiltIn, place: None } };
        self.show("allow-writes", Some(run.allow_writes.as_ref().unwrap_or(&off)), truth);
        self.show("offline", Some(run.offline.as_ref().unwrap_or(&off)), truth);
    }

    fn retries(&mut self, retries: &RetryBlock) {
        self.show("retries.count", retries.count.as_ref(), number);
        self.show("retries.backoff", retries.backoff.as_ref(), word);
        self.show("retries.delay", retries.delay.as_ref(), time);
        self.show("retries.max-delay", retries.max_delay.as_ref(), time);
        self.show("retries.jitter", retries.jitter.as_ref(), truth);
        self.show("retries.on", retries.on.as_ref(), each);
    }

    fn gate(&mut self, policy: &Policy) {
        let gate = &policy.gate;
        self.head("gate");
        let words = |s: &Vec<Status>| list(s.iter().map(|s| s.as_str()).collect());
        self.show("fail-on.status", gate.fail_on.status.as_ref(), words);
        self.show("fail-on.severity", gate.fail_on.severity.as_ref(), word);
        self.show("max-warnings", gate.max_warnings.as_ref(), number);
        self.show("on-error", gate.on_error.as_ref(), word);
        self.show("on-flaky", gate.on_flaky.as_ref(), word);
        self.show("on-skip", gate.on_skip.as_ref(), word);
        self.show("require", gate.require.as_ref(), each);
        self.show("min-evaluated", gate.min_evaluated.as_ref(), number);
        self.show("report-only", gate.report_only.as_ref(), truth);
    }

    fn checks(&mut self, policy: &Policy) {
        for at in &policy.checks {
            let check: &CheckBlock = &at.value;
            let _ = writeln!(self.text, "\n[[check]]  # {}", at.origin);
            self.show("id", Some(&check.id), text);
            self.show("use", Some(&check.used_as), text);
            self.show("target", check.target.as_ref(), strings);
            for (key, values) in [("needs", &check.needs), ("tags", &check.tags)] {
                if let Some(first) = values.first() {
                    self.value(key, &each(values), &first.origin);
                }
            }
            self.show("when", check.when.as_ref(), text);
            self.show("with", check.with.as_ref(), json);
            for (fact, expectation) in &check.expect {
                let limit = |t: &seaworthy_model::Threshold| quote(&t.to_string());
                self.show(&format!("expect.{fact}.warn"), expectation.value.warn.as_ref(), limit);
                self.show(&format!("expect.{fact}.fail"), expectation.value.fail.as_ref(), limit);
            }
            self.show("severity", check.severity.as_ref(), word);
            let given = policy.run.timeout.as_ref().filter(|t| t.origin.is_for_this_run());
            self.show("timeout", given.or(check.timeout.as_ref()), time);
            self.retries(&check.retries);
            self.show("owner", check.owner.as_ref(), text);
            self.show("docs", check.docs.as_ref(), text);
            self.show("mutates", check.mutates.as_ref(), truth);
        }
    }

    fn rest(&mut self, policy: &Policy) {
        for at in &policy.waivers {
            let _ = writeln!(self.text, "\n[[waiver]]  # {}", at.origin);
            let waiver = &at.value;
            self.show("check", Some(&waiver.check), text);
            self.show("code", Some(&waiver.code), text);
            self.show("target", waiver.target.as_ref(), text);
            self.show("reason", Some(&waiver.reason), text);
            self.show("owner", Some(&waiver.owner), text);
            self.show("expires", Some(&waiver.expires), ToString::to_string);
            self.show("max-severity", waiver.max_severity.as_ref(), word);
        }
        self.head("waivers");
        self.show("max-age", policy.waiver_rules.max_age.as_ref(), time);
        self.show("unused", policy.waiver_rules.unused.as_ref(), word);
        self.show("notice", policy.waiver_rules.notice.as_ref(), time);
        for (name, at) in &policy.vantage {
            self.head(&format!("vantage.{name}"));
            self.show("label", at.value.label.as_ref(), text);
            self.show("report.env", at.value.report.as_ref().map(|r| &r.env), strings);
        }
        self.head("redact");
        self.show("mode", policy.redact.mode.as_ref(), word);
        self.show("env", policy.redact.env.as_ref(), each);
        self.show("patterns", policy.redact.patterns.as_ref(), each);
        self.show("keep", policy.redact.keep.as_ref(), each);
        for at in &policy.outputs {
            let _ = writeln!(self.text, "\n[[output]]  # {}", at.origin);
            self.show("format", Some(&at.value.format), word);
            self.show("path", Some(&at.value.path), text);
            self.show("warn-as", at.value.warn_as.as_ref(), word);
            self.show("annotations", at.value.annotations.as_ref(), number);
        }
    }
}

#[expect(clippy::ptr_arg, reason = "passed as the reader of an `At` of exactly this type")]
fn text(text: &String) -> String {
    quote(text)
}

fn number(number: &u64) -> String {
    number.to_string()
}

fn truth(truth: &bool) -> String {
    truth.to_string()
}

fn time(time: &Duration) -> String {
    quote(&humantime::format_duration(*time).to_string())
}

fn delay(delay: &Option<Duration>) -> String {
    delay.as_ref().map_or_else(|| quote("off"), time)
}

fn word<T: Choice>(choice: &T) -> String {
    quote(choice.word())
}

#[expect(clippy::ptr_arg, reason = "passed as the reader of an `At` of exactly this type")]
fn strings(texts: &Vec<String>) -> String {
    list(texts.iter().map(String::as_str).collect())
}

#[expect(clippy::ptr_arg, reason = "passed as the reader of an `At` of exactly this type")]
fn each(texts: &Vec<At<String>>) -> String {
    list(texts.iter().map(|t| t.value.as_str()).collect())
}

fn list(texts: Vec<&str>) -> String {
    format!("[{}]", texts.into_iter().map(quote).collect::<Vec<_>>().join(", "))
}

fn json(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(all) => format!("[{}]", all.iter().map(json).collect::<Vec<_>>().join(", ")),
        Value::Object(all) => {
            let entries = all.iter().map(|(k, v)| format!("{} = {}", key(k), json(v))).collect::<Vec<_>>();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.to_owned() } else { quote(name) }
}

/// A TOML string; the password of a URL is hidden.
fn quote(text: &str) -> String {
    let hidden = url::Url::parse(text).ok().filter(|u| u.password().is_some()).and_then(|mut url| {
        url.set_password(Some("***")).ok()?;
        Some(url.to_string())
    });
    toml::Value::String(hidden.unwrap_or_else(|| text.to_owned())).to_string()
}

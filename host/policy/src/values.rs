//! What the variables of a policy hold, and what becomes of `${name}`.

use crate::file::{VarBlock, VarType};
use crate::origin::{At, Layer};
use crate::policy::Policy;
use crate::scalar::variable;
use seaworthy_model::{Environment, Origin, Secret};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a variable holds in one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Its value; `None` when nothing sets it, and for secrets.
    pub value: Option<Value>,
    /// The environment variable that it comes from, if it does.
    pub from: Option<String>,
    /// What would have been accepted, when the environment holds something else.
    /// The default holds then; the checks report the wrong value.
    pub refused: Option<&'static str>,
}

impl Policy {
    /// What a variable holds. *Behaviour*: the first of its environment variables
    /// that is set and not empty, else its default; a secret has no value.
    #[must_use]
    pub fn resolve(&self, name: &str, environment: &Environment) -> Option<Resolved> {
        let var = &self.vars.get(name)?.value;
        let from = source_of(name, var, environment);
        let default = || var.default.as_ref().map(|d| d.value.clone());
        let Some((env, text)) = from else {
            return Some(Resolved { value: default(), from: None, refused: None });
        };
        let from = Some(env.to_owned());
        if var.kind.value == VarType::Secret {
            return Some(Resolved { value: None, from, refused: None });
        }
        Some(match var.kind.value.read(text, separator(var)) {
            Ok(value) => Resolved { value: Some(value), from, refused: None },
            Err(wanted) => Resolved { value: default(), from, refused: Some(wanted) },
        })
    }

    /// The environment as the steps see it: with `--var`, with what the policy
    /// file sets and the process does not, and with its secrets marked.
    #[must_use]
    pub fn environment(&self, process: &Environment) -> Environment {
        let mut environment = process.clone();
        for (name, value) in &self.set {
            let name = self.vars.get(name).and_then(|v| first_env(&v.value)).unwrap_or(name);
            environment.set(name.to_owned(), value.clone(), Origin::Flag);
        }
        for (name, at) in &self.vars {
            let var = &at.value;
            // The embedded suite's own defaults are what unset means, not settings.
            let written = var.default.as_ref().filter(|d| d.origin.layer != Layer::Embedded);
            if let (None, Some(env), Some(default)) = (source_of(name, var, &environment), first_env(var), written) {
                let text = text_of(&default.value, separator(var));
                if !text.is_empty() {
                    environment.set(env.to_owned(), text, Origin::File);
                }
            }
            if var.kind.value == VarType::Secret {
                var.env.iter().flat_map(|e| &e.value).for_each(|env| environment.mark_secret(env));
            }
        }
        let hidden = self.redact.env.iter().flat_map(|g| &g.value).map(|g| g.value.as_str()).collect::<Vec<_>>();
        let names = environment.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        for name in names.iter().filter(|n| hidden.iter().any(|g| seaworthy_model::glob_matches(g, n))) {
            environment.mark_secret(name);
        }
        environment
    }

    /// Secrets by label, each with the environment variable that holds it.
    pub(crate) fn secrets(&self, environment: &Environment) -> BTreeMap<String, (String, Secret)> {
        let secrets = self.vars.iter().filter(|(_, v)| v.value.kind.value == VarType::Secret);
        let found = secrets.filter_map(|(name, at)| {
            let (env, text) = source_of(name, &at.value, environment)?;
            Some((label(name, &at.value).to_owned(), (env.to_owned(), Secret::new(text.to_owned()))))
        });
        found.collect()
    }

    /// The label under which a secret variable may be used.
    pub(crate) fn secret_label(&self, name: &str) -> Option<&str> {
        let (name, at) = self.vars.get_key_value(name)?;
        (at.value.kind.value == VarType::Secret).then(|| label(name, &at.value))
    }

    /// A JSON value with every `${name}` replaced. *Behaviour*: a reference to a
    /// variable that nothing sets disappears together with its key or element.
    pub(crate) fn expand(&self, value: &Value, environment: &Environment) -> Option<Value> {
        Some(match value {
            Value::String(text) => match variable(text) {
                Some(name) => self.resolve(name, environment)?.value?,
                None => value.clone(),
            },
            Value::Array(all) => Value::Array(all.iter().filter_map(|v| self.expand(v, environment)).collect()),
            Value::Object(all) => {
                let kept = all.iter().filter_map(|(k, v)| Some((k.clone(), self.expand(v, environment)?)));
                Value::Object(kept.collect())
            }
            other => other.clone(),
        })
    }

    /// Texts with every `${name}` replaced by the texts that it holds.
    pub(crate) fn expand_texts(&self, texts: &[String], environment: &Environment) -> Vec<String> {
        let mut all = Vec::new();
        for text in texts {
            match variable(text) {
                None => all.push(text.clone()),
                Some(name) => match self.resolve(name, environment).and_then(|r| r.value) {
                    Some(Value::Array(held)) => all.extend(held.iter().filter_map(|v| v.as_str().map(str::to_owned))),
                    Some(value) => all.push(text_of(&value, ",")),
                    None => {}
                },
            }
        }
        all
    }

    /// Variables as facts for `when`: lists joined, secrets as `true` when they are set.
    pub(crate) fn variable_facts(&self, environment: &Environment) -> BTreeMap<String, String> {
        let facts = self.vars.iter().filter_map(|(name, at)| {
            let resolved = self.resolve(name, environment)?;
            let secret = at.value.kind.value == VarType::Secret;
            let text = if secret {
                resolved.from.map(|_| "true".to_owned())
            } else {
                resolved.value.map(|v| text_of(&v, ","))
            };
            Some((name.clone(), text?))
        });
        facts.collect()
    }
}

/// The name under which `--var` finds a variable's place in the environment.
fn first_env(var: &VarBlock) -> Option<&str> {
    var.env.as_ref()?.value.first().map(String::as_str)
}

fn separator(var: &VarBlock) -> &str {
    var.separator.as_ref().map_or(",", |s: &At<String>| s.value.as_str())
}

fn label<'a>(name: &'a str, var: &'a VarBlock) -> &'a str {
    var.label.as_ref().map_or(name, |l| l.value.as_str())
}

/// Which environment variable sets it, and its text.
fn source_of<'a>(name: &'a str, var: &'a VarBlock, environment: &'a Environment) -> Option<(&'a str, &'a str)> {
    let Some(env) = &var.env else {
        // A constant of the file: only `--var` may replace it.
        let set = environment.get(name).filter(|v| v.origin == Origin::Flag)?;
        return Some((name, set.value.expose()));
    };
    env.value.iter().find_map(|e| environment.text(e).filter(|t| !t.is_empty()).map(|t| (e.as_str(), t)))
}

/// A value as one text, as an environment variable would hold it.
pub(crate) fn text_of(value: &Value, separator: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(|v| text_of(v, separator)).collect::<Vec<_>>().join(separator),
        other => other.to_string(),
    }
}

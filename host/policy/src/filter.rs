use crate::error::{ErrorKind, PolicyError};
use crate::file::CheckBlock;
use crate::overrides::Filters;
use crate::policy::Policy;
use crate::suggestion::hint;
use seaworthy_model::SkipReason;
use seaworthy_model::glob_matches;

/// Filters that were compared with the policy.
pub(crate) struct Selection<'a> {
    filters: &'a Filters,
    policy: &'a Policy,
}

impl<'a> Selection<'a> {
    /// *Errors*: names that no check has. A filter that takes nothing away, or
    /// everything, because of a typing error must not go unnoticed.
    pub(crate) fn read(policy: &'a Policy, filters: &'a Filters, errors: &mut Vec<PolicyError>) -> Self {
        let checks = || policy.checks.iter().map(|c| &c.value);
        let ids = checks().map(|c| c.id.value.as_str()).collect::<Vec<_>>();
        let tags = checks().flat_map(|c| &c.tags).map(|t| t.value.as_str()).collect::<Vec<_>>();
        let targets = policy.targets.keys().map(String::as_str).collect::<Vec<_>>();
        let named = [
            (&filters.select, &ids, "no check"),
            (&filters.skip, &ids, "--skip: no check"),
            (&filters.tags, &tags, "--tag: no check has the tag"),
            (&filters.targets, &targets, "--target: no target"),
        ];
        for (wanted, known, message) in named {
            for name in wanted.iter().filter(|n| !known.iter().any(|k| glob_matches(n, k))) {
                let error = PolicyError::new(ErrorKind::Flag, None, format!("{message} `{name}`"));
                errors.push(error.maybe_help(hint(name, known.iter().copied())));
            }
        }
        Self { filters, policy }
    }

    /// Why a check is left out, if it is.
    pub(crate) fn refuse(&self, check: &CheckBlock) -> Option<(SkipReason, String)> {
        let any = |wanted: &[String], name: &str| wanted.iter().any(|w| glob_matches(w, name));
        let filters = self.filters;
        let out = |text: &str| Some((SkipReason::Filtered, text.to_owned()));
        if !filters.select.is_empty() && !any(&filters.select, &check.id.value) {
            return out("not among the checks asked for");
        }
        if any(&filters.skip, &check.id.value) {
            return out("left out by --skip");
        }
        if !filters.tags.is_empty() && !check.tags.iter().any(|t| any(&filters.tags, &t.value)) {
            return out("left out by --tag");
        }
        if !filters.targets.is_empty() && !self.targets(check).iter().any(|t| any(&filters.targets, t)) {
            return out("left out by --target");
        }
        None
    }

    fn targets(&self, check: &CheckBlock) -> Vec<String> {
        let names = check.target.iter().flat_map(|t| &t.value);
        let all =
            names.flat_map(|name| match name.strip_prefix("fallback:").and_then(|f| self.policy.fallback.get(f)) {
                Some(fallback) => fallback.value.order.value.clone(),
                None => vec![name.clone()],
            });
        all.collect()
    }
}
